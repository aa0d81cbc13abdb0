"""Helpers of Airflow's command line that providers decorate their commands with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from tradewind.hints import F


def action_cli(func: Any = None, check_db: bool = True) -> Any:
    """The function as it is."""
    return func if func is not None else (lambda f: f)


action_logging = action_cli


def suppress_logs_and_warning(f: F) -> F:
    """The function as it is."""
    return f
