"""DAG, and names beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind import scope
from tradewind.dags import DAG as DAG, dag as dag  # noqa: F401

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from tradewind.taskgroup import TaskGroup

TAG_MAX_LEN = 100
ScheduleArg = ScheduleInterval = DagStateChangeCallback = object


class _Table:
    def __init__(self, *_: Any, **__: Any) -> None:
        raise RuntimeError(
            f"{type(self).__name__} is a table of Airflow's database, to which tasks and DAG files"
            " have no access (as in Airflow 3)"
        )

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    @classmethod
    def get_current(cls, *_: Any, **__: Any) -> None:
        """RuntimeError."""
        cls()


class DagModel(_Table):
    """Airflow's table of DAGs: for annotations only."""


class DagTag(_Table):
    """Airflow's table of tags: for annotations only."""


class DagContext:
    """The open DAGs."""

    @staticmethod
    def get_current_dag() -> DAG | None:
        """The innermost open DAG, or None."""
        return scope.current_dag()

    get_current = get_current_dag


class TaskGroupContext:
    """The open groups."""

    @staticmethod
    def get_current_task_group(dag: DAG | None = None) -> TaskGroup | None:
        """The innermost open group, or None."""
        return scope.current_group(dag)

    get_current = get_current_task_group
