"""Pools: made by the command line, `tradewind pools`."""

from __future__ import annotations

from airflow.models.dag import _Table


class Pool(_Table):
    """Airflow's table of pools: for annotations and its constant only."""

    DEFAULT_POOL_NAME = "default_pool"
