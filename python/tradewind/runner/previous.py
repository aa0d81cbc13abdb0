"""prev_* of the context: the newest successful run of the DAG before this one."""

from __future__ import annotations

from tradewind import timezone
from tradewind.exceptions import AirflowRuntimeError, TradewindError

_NAMES = {
    "prev_start_date_success": "start_date",
    "prev_end_date_success": "end_date",
    "prev_data_interval_start_success": "data_interval_start",
    "prev_data_interval_end_success": "data_interval_end",
}


def previous_success(engine, with_interval):
    """
    Name to function: each value when it is asked for, None without such a run. The engine is asked
    once. The intervals only for a run with a logical date (with_interval).
    """
    answers = []

    def value(member):
        if not answers:
            answers.append(_ask(engine))
        return timezone.coerce_datetime(answers[0].get(member))

    return {
        name: lambda member=member: value(member)
        for name, member in _NAMES.items()
        if with_interval or "interval" not in name
    }


def _ask(engine):
    """The engine's answer; nothing where it has none to give."""
    try:
        return engine.ask("previous_run") or {}
    except AirflowRuntimeError:
        return {}
    except TradewindError:
        if engine.path:
            raise
        return {}
