"""Arguments of Airflow 2 that Airflow 3 calls otherwise, or has no use for: taken, with a warning."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING

from tradewind import defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from tradewind.baseoperator import BaseOperator
    from tradewind.hints import F, P

_DAG_RENAMED = {
    "schedule_interval": "schedule",
    "timetable": "schedule",
    "concurrency": "max_active_tasks",
    "fail_stop": "fail_fast",
}
_DAG_DROPPED = ("default_view", "orientation", "full_filepath")
TASK_RENAMED = {"task_concurrency": "max_active_tis_per_dag"}
TASK_DROPPED = ("provide_context",)


class RemovedInAirflow3Warning(DeprecationWarning):
    """Something that Airflow 3 does not have."""


def _translate(
    kwargs: dict[str, Any], renamed: Mapping[str, str], dropped: Iterable[str], what: str
) -> None:
    for name in (*renamed, *dropped):
        if name not in kwargs:
            continue
        value = kwargs.pop(name)
        new = renamed.get(name)
        text = f"{what}: {name} is Airflow 2's" + (f", use {new}" if new else " and has no effect")
        warnings.warn(text, RemovedInAirflow3Warning, stacklevel=4)
        if new is not None:
            if new in kwargs:
                raise TypeError(f"{what}: give either {new} or {name}, not both")
            kwargs[new] = value


def dag_arguments(init: F) -> F:
    """Wraps DAG.__init__."""

    @functools.wraps(init)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        _translate(kwargs, _DAG_RENAMED, _DAG_DROPPED, "DAG")
        self.changed_defaults = defaults.of_dags()
        self.filled_defaults = defaults.fill(self.changed_defaults, kwargs)
        self.task_defaults = defaults.of_tasks()
        init(self, *args, **kwargs)

    return wrapper  # type: ignore[return-value]


def task_arguments(operator: BaseOperator, kwargs: dict[str, Any]) -> None:
    """Changes an operator's arguments in place."""
    _translate(kwargs, TASK_RENAMED, TASK_DROPPED, type(operator).__name__)
