"""SkipMixin, and the key under which Airflow keeps what was skipped."""

from __future__ import annotations

from tradewind.operators.python import SkipMixin as SkipMixin  # noqa: F401

XCOM_SKIPMIXIN_KEY = "skipmixin_key"
XCOM_SKIPMIXIN_SKIPPED = "skipped"
XCOM_SKIPMIXIN_FOLLOWED = "followed"
