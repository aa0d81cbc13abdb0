"""What a task instance can ask about other runs (Airflow's RuntimeTaskInstance has the same names)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.xcom import from_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Any

_TIMES = (
    "logical_date",
    "data_interval_start",
    "data_interval_end",
    "run_after",
    "start_date",
    "end_date",
)


class OtherRun:
    """A run as it is in the store: its times, state, conf."""

    def __init__(self, dag_id: str, found: dict[str, Any]) -> None:
        self.dag_id = dag_id
        self.run_id, self.state = found["run_id"], found["state"]
        self.run_type, self.conf = found.get("run_type"), found.get("conf") or {}
        self.clear_number = found.get("clear_number", 0)
        for name in _TIMES:
            setattr(self, name, timezone.coerce_datetime(found.get(name)))

    def __repr__(self) -> str:
        return f"<DagRun {self.dag_id} {self.run_id} [{self.state}]>"


def text_of(moment: Any) -> Any:
    """A moment as the engine takes it; text stays."""
    if moment is None or isinstance(moment, str):
        return moment
    return dt.datetime.isoformat(timezone.coerce_datetime(moment))


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _words(states: Iterable[Any] | None) -> list[str] | None:
    return None if states is None else [getattr(s, "value", s) for s in states]


def _moments(dates: Iterable[Any] | None) -> list[str] | None:
    return None if dates is None else [text_of(date) for date in dates]


class World:
    """Mixed into TaskInstance."""

    dag_id: str
    _engine: Any

    @property
    def has_engine(self) -> bool:
        """False for a task that was started by itself: it can ask nobody."""
        return bool(self._engine.path)

    def ask(self, kind: str, **members: Any) -> Any:
        """A question to the engine's socket (docs/internals/wire.md): the answer's result."""
        return self._engine.ask(kind, **members)

    def get_previous_dagrun(self, state: str | None = None) -> OtherRun | None:
        """The run with the nearest earlier logical date (in that state), or None."""
        state = getattr(state, "value", state) or "any"
        found = self.ask("previous_run", state=state)
        return OtherRun(self.dag_id, found) if found["found"] else None

    def get_dagrun_of(self, dag_id: str, run_id: str) -> OtherRun | None:
        """A run of a DAG, or None."""
        found = self.ask("dag_run_get", dag_id=dag_id, run_id=run_id)
        return OtherRun(dag_id, found) if found["found"] else None

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str | None:
        """The state of a run; None without one."""
        return self.ask("dag_run_state", dag_id=dag_id, run_id=run_id)["state"]

    def get_dr_count(
        self,
        dag_id: str,
        logical_dates: Iterable[Any] | None = None,
        run_ids: Iterable[str] | None = None,
        states: Iterable[str] | None = None,
    ) -> int:
        """How many runs of the DAG there are so."""
        asked = _given(
            logical_dates=_moments(logical_dates), run_ids=run_ids, states=_words(states)
        )
        return self.ask("dag_run_count", dag_id=dag_id, **asked)["count"]

    def get_task_states(
        self,
        dag_id: str,
        map_index: int | None = None,
        task_ids: Collection[str] | None = None,
        task_group_id: str | None = None,
        logical_dates: Iterable[Any] | None = None,
        run_ids: Iterable[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Run id to {task id: state}."""
        runs = self._other_tasks(dag_id, task_ids, task_group_id, logical_dates, run_ids)
        return {run["run_id"]: _of_index(run["tasks"], map_index) for run in runs}

    def get_ti_count(
        self,
        dag_id: str,
        map_index: int | None = None,
        task_ids: Collection[str] | None = None,
        task_group_id: str | None = None,
        logical_dates: Iterable[Any] | None = None,
        run_ids: Iterable[str] | None = None,
        states: Iterable[str] | None = None,
    ) -> int:
        """How many instances of these tasks in these runs are in one of the states."""
        states = _words(states)
        runs = self._other_tasks(dag_id, task_ids, task_group_id, logical_dates, run_ids)
        found = [s for run in runs for s in _of_index(run["tasks"], map_index).values()]
        return sum(1 for state in found if state is not None and (not states or state in states))

    def _other_tasks(
        self,
        dag_id: str,
        task_ids: Collection[str] | None,
        task_group_id: str | None,
        logical_dates: Iterable[Any] | None,
        run_ids: Iterable[str] | None,
    ) -> list[dict[str, Any]]:
        asked = _given(
            task_ids=None if task_ids is None else list(task_ids),
            task_group_id=task_group_id,
            logical_dates=_moments(logical_dates),
            run_ids=run_ids,
        )
        return self.ask("ti_states", dag_id=dag_id, **asked)["runs"]

    def _pull_prior(self, task_id: str, key: str, map_index: Any, default: Any) -> Any:
        """include_prior_dates: of this run, else of the nearest earlier one that has it."""
        asked = _given(map_index=map_index)
        found = self.ask("xcom_prior", task_id=task_id, key=key, **asked)
        return from_stored(found["value"], key) if found["found"] else default


def _of_index(tasks: dict[str, Any], map_index: int | None) -> dict[str, Any]:
    if map_index is None or map_index < 0:
        return tasks
    return {name: state for name, state in tasks.items() if name.endswith(f"[{map_index}]")}


def previous_values(ti: Any) -> dict[str, Callable[[], Any]]:
    """prev_* of the context: makers by name. The engine is asked once, when one is used."""
    memo: list[Any] = []

    def found() -> Any:
        if not memo:
            # A task that was started by itself, without an engine, has no runs before it.
            memo.append(ti.get_previous_dagrun("success") if ti._engine.path else None)
        return memo[0]

    def maker(name: str) -> Callable[[], Any]:
        return lambda: getattr(found(), name, None)

    return {
        "prev_data_interval_start_success": maker("data_interval_start"),
        "prev_data_interval_end_success": maker("data_interval_end"),
        "prev_start_date_success": maker("start_date"),
        "prev_end_date_success": maker("end_date"),
    }
