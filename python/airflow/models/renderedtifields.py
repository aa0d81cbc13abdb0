"""Rendered fields: `tradewind tasks render`."""

from __future__ import annotations

from airflow.models.dag import _Table


class RenderedTaskInstanceFields(_Table):
    """Airflow's table of rendered fields: for annotations only."""
