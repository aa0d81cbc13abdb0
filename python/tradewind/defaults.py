"""
What DAGs and tasks have that do not say it, where the installation's settings differ from what is
built in. The engine applies them whenever it reads a document; a document has only what was said
(and the time zone, since dates follow from it).
"""

from __future__ import annotations

import datetime as dt
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _duration(text: str) -> dt.timedelta | None:
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw]?)", text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return dt.timedelta(seconds=seconds)


def _timeout(text: str) -> dt.timedelta | None:
    return _duration(text) or None


def _flag(text: str) -> bool:
    return text.lower() in ("t", "true", "1", "yes", "on")


# Of an argument: the setting, how it is read, what is built in.
_OF_DAGS = {
    "max_active_tasks": ("CORE", "MAX_ACTIVE_TASKS_PER_DAG", int, 16),
    "max_active_runs": ("CORE", "MAX_ACTIVE_RUNS_PER_DAG", int, 16),
    "max_consecutive_failed_dag_runs": (
        "CORE",
        "MAX_CONSECUTIVE_FAILED_DAG_RUNS_PER_DAG",
        int,
        0,
    ),
    "catchup": ("SCHEDULER", "CATCHUP_BY_DEFAULT", _flag, False),
}
_OF_TASKS = {
    "retries": ("CORE", "DEFAULT_TASK_RETRIES", int, 0),
    "retry_delay": ("CORE", "DEFAULT_TASK_RETRY_DELAY", _duration, dt.timedelta(seconds=300)),
    "execution_timeout": ("CORE", "DEFAULT_TASK_EXECUTION_TIMEOUT", _timeout, None),
    "weight_rule": ("CORE", "DEFAULT_TASK_WEIGHT_RULE", str, "downstream"),
}


def _text(section: str, key: str) -> str:
    """What is set, "" if nothing: the engine puts what its file says into the environment."""
    name = f"__{section}__{key}"
    return os.environ.get("TRADEWIND" + name) or os.environ.get("AIRFLOW" + name) or ""


def _changed(rows: dict[str, Any]) -> dict[str, Any]:
    out = {}
    for name, (section, key, read, built_in) in rows.items():
        text = _text(section, key)
        value = read(text) if text else built_in
        if value != built_in:
            out[name] = value
    return out


def of_dags() -> dict[str, Any]:
    """Arguments of DAGs whose default is not the built-in one, with that."""
    return _changed(_OF_DAGS)


def of_tasks() -> dict[str, Any]:
    """The same of operators."""
    return _changed(_OF_TASKS)


def fill(changed: dict[str, Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Adds to the arguments what they do not say; returns that."""
    filled = {name: value for name, value in changed.items() if name not in kwargs}
    kwargs.update(filled)
    return filled


def zone_name() -> str | None:
    """The time zone of what names none; None: UTC."""
    name = _text("CORE", "DEFAULT_TIMEZONE")
    return None if name.lower() in ("", "utc") else name


def zone() -> dt.tzinfo:
    """The same as one."""
    from tradewind import timezone

    name = zone_name()
    return timezone.utc if name is None else timezone.parse_timezone(name)
