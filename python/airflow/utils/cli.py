"""Helpers of Airflow's command line that providers decorate their commands with."""

from __future__ import annotations


def action_cli(func=None, check_db=True):
    """The function as it is."""
    return func if func is not None else (lambda f: f)


action_logging = action_cli


def suppress_logs_and_warning(f):
    """The function as it is."""
    return f
