"""What tells a trigger's log apart."""

from __future__ import annotations

from contextvars import ContextVar

ctx_indiv_trigger: ContextVar = ContextVar("_trigger")
