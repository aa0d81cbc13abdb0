"""The context of a task: what `get_current_context` returns and templates see (Airflow's names)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, TypedDict

    from pendulum import DateTime
    from typing_extensions import NotRequired

    from tradewind.baseoperator import BaseOperator
    from tradewind.dags import DAG
    from tradewind.runner.events import InletEvents, OutletEvents
    from tradewind.runner.instance import DagRun, TaskInstance

_current: list[Any] = []


class LazyContext(dict):
    """What a Context is. Name to value. Values that cost something to make are made when they are first asked for."""

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        lazy: Mapping[str, Callable[[], Any]] | None = None,
    ) -> None:
        super().__init__(values or {})
        self._lazy = dict(lazy or {})

    def __missing__(self, name: Any) -> Any:
        if name not in self._lazy:
            from tradewind.templates import name_hint

            raise KeyError(name + name_hint(name) if isinstance(name, str) else name)
        make = self._lazy.pop(name)
        value = make()
        self[name] = value
        return value

    def resolve(self) -> LazyContext:
        """All lazy values made; the context itself."""
        for name in list(self._lazy):
            self[name]
        return self

    def names(self) -> set[str]:
        """All names, made or not, in no particular order."""
        return set(super().keys()) | set(self._lazy)

    def get(self, name: Any, default: Any = None) -> Any:
        return self[name] if name in self else default

    def __contains__(self, name: Any) -> bool:
        return super().__contains__(name) or name in self._lazy

    def keys(self) -> Any:
        return super(LazyContext, self.resolve()).keys()

    def values(self) -> Any:
        return super(LazyContext, self.resolve()).values()

    def items(self) -> Any:
        return super(LazyContext, self.resolve()).items()

    def __iter__(self) -> Iterator[Any]:
        return super(LazyContext, self.resolve()).__iter__()

    def __len__(self) -> int:
        return len(self.names())

    def copy(self) -> LazyContext:
        return LazyContext(self, self._lazy)


if TYPE_CHECKING:

    class Context(TypedDict):
        """
        The names of a context. Those of the logical date (`ds`, `ts` ...) are absent of a run without one; None stands for times that
        a run does not have.
        """

        conn: Any
        dag: DAG
        dag_run: DagRun
        data_interval_end: DateTime
        data_interval_start: DateTime
        ds: str
        ds_nodash: str
        exception: NotRequired[Any]
        expanded_ti_count: int | None
        inlet_events: InletEvents
        inlets: list[Any]
        logical_date: DateTime
        macros: Any
        map_index_template: NotRequired[Any]
        outlet_events: OutletEvents
        outlets: list[Any]
        params: dict[str, Any]
        prev_data_interval_end_success: DateTime | None
        prev_data_interval_start_success: DateTime | None
        prev_end_date_success: DateTime | None
        prev_start_date_success: DateTime | None
        reason: NotRequired[Any]
        run_id: str
        start_date: dt.datetime
        task: BaseOperator
        task_instance: TaskInstance
        task_instance_key_str: str
        task_reschedule_count: int
        templates_dict: NotRequired[Any]
        test_mode: bool
        ti: TaskInstance
        triggering_asset_events: Any
        try_number: int
        ts: str
        ts_nodash: str
        ts_nodash_with_tz: str
        var: Any

else:
    Context = LazyContext


def get_current_context() -> Context:
    """The context of the running task. RuntimeError outside of a running task."""
    if not _current:
        raise RuntimeError(
            "there is no current context: get_current_context works only while a task runs"
        )
    return _current[-1]


def set_current_context(context: Any) -> None:
    """For the runner: makes `context` the current one of this process."""
    _current.append(context)


def get_parsing_context() -> ParsingContext:
    """
    Which DAG and task are wanted from a file: none in particular; files are always imported whole.
    """
    return ParsingContext()


class ParsingContext:
    """The answer of get_parsing_context."""

    dag_id = None
    task_id = None
