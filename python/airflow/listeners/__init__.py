"""Listeners: `hookimpl` marks their functions; pluggy's where it is installed."""

from __future__ import annotations

from tradewind.plugins import hookimpl

__all__ = ["hookimpl"]
