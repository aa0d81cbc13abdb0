"""
What user code sees of its own run: the task instance (`ti`), the run (`dag_run`), and the context
made of them.
"""

from __future__ import annotations

import datetime as dt
import socket
import sys
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.connection import ConnectionAccessor
from tradewind.context import LazyContext
from tradewind.exceptions import AirflowRuntimeError, TradewindError
from tradewind.runner import wire
from tradewind.runner.engine import QuestionUnknown
from tradewind.runner.events import InletEvents, OutletEvents, TriggeringEvents
from tradewind.runner.world import World, previous_values
from tradewind.types import NOTSET, XCOM_RETURN_KEY
from tradewind.variable import VariableAccessor
from tradewind.xcom import from_stored, to_stored

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any

    from pendulum import DateTime

    from tradewind.runner.engine import Engine


class DagRun:
    """The run. Times are pendulum's where it is installed; all may be None."""

    def __init__(self, start: dict[str, Any]) -> None:
        self._start = start
        self.dag_id = start["dag_id"]
        self.run_id = start["run_id"]
        self.run_type = start.get("run_type") or "manual"
        self.conf = start.get("conf") or {}
        self.partition_key = start.get("partition_key")
        self.state = "running"
        self.dag = None
        self.clear_number = start.get("clear_number") or 0
        self.triggering_user_name = None
        self.consumed_asset_events: list[Any] = start.get("consumed_asset_events") or []

    def _time(self, name: str) -> Any:
        return timezone.coerce_datetime(self._start.get(name))

    @property
    def logical_date(self) -> DateTime:
        """What the run is for; None for runs made by assets or by hand without one."""
        return self._time("logical_date")

    @property
    def data_interval_start(self) -> DateTime:
        """The beginning of its data interval."""
        return self._time("data_interval_start")

    @property
    def data_interval_end(self) -> DateTime:
        """The end of its data interval."""
        return self._time("data_interval_end")

    @property
    def run_after(self) -> Any:
        """
        The earliest time of the run: the end of its interval, else its logical date, else now.
        """
        known = self._time("run_after")
        return known or self.data_interval_end or self.logical_date or timezone.utcnow()

    @property
    def start_date(self) -> DateTime:
        """When the run began."""
        return self._time("run_start")

    @property
    def end_date(self) -> Any:
        """When it ended; None while it runs."""
        return self._time("run_end")

    @property
    def queued_at(self) -> Any:
        """When it was made."""
        return self._time("run_queued")

    def get_state(self) -> Any:
        """Its state."""
        return self.state

    def __getattr__(self, name: str) -> Any:
        # Only what is not there. What Airflow's row of a run can, and this cannot, says so.
        if name in _OF_THE_ROW:
            raise AttributeError(
                f"DagRun.{name}: a run is data here, without a connection to the store; its tasks are"
                f" told by `tradewind runs show {self.dag_id} {self.run_id} --json` and the REST API"
            )
        raise AttributeError(f"'DagRun' object has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"<DagRun {self.dag_id} {self.run_id}>"


_OF_THE_ROW = frozenset(
    """
    fetch_task_instance fetch_task_instances get_last_ti get_log_template get_previous_dagrun
    get_previous_scheduled_dagrun get_task_instance get_task_instances refresh_from_db schedule_tis set_state
    task_instance_scheduling_decisions task_instances update_state
    """.split()
)


class TaskInstance(World):
    """The task in this run. XComs that it pushes are stored at the latest when it ends."""

    def __init__(self, start: dict[str, Any], task: Any, engine: Engine) -> None:
        self.task = task
        self.dag_id, self.task_id, self.run_id = start["dag_id"], start["task_id"], start["run_id"]
        self.map_index = start.get("map_index", -1)
        self.try_number = start.get("try_number", 1)
        self.max_tries = start.get("max_tries", 0)
        self.id = start.get("attempt")
        self.hostname = socket.gethostname()
        self.state = "running"
        self.start_date = _moment(start.get("first_start_us"))
        self.end_date = None
        self.rendered_map_index = None
        self.dag_version_id = None
        # As the task has them: where it runs is decided before it has a process.
        self.operator, self.queue, self.pool = task.task_type, task.queue, task.pool
        self.pool_slots, self.priority_weight = task.pool_slots, task.priority_weight
        self.executor, self.executor_config = task.executor, task.executor_config
        self.pushed: dict[str, Any] = {}
        self._engine = engine
        self._has_ended = start.get("kind") == "callback"
        self._dag_run = DagRun(start)

    @property
    def dag_run(self) -> DagRun:
        """The run."""
        return self._dag_run

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What names it: DAG, task, run, try, map index."""
        return (self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    def get_dagrun(self) -> DagRun:
        """The run."""
        return self._dag_run

    @property
    def is_mapped(self) -> bool:
        """True for an instance of a mapped task."""
        return self.map_index >= 0

    @property
    def is_eligible_to_retry(self) -> bool:
        """True if a failure of this try is followed by another."""
        return self.try_number <= self.max_tries

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,
        *,
        map_indexes: Any = NOTSET,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """
        The XCom of a task (None: this one), `default` without one; for several task ids, several
        map indexes, or a mapped task a list. Waits while the engine is away. AirflowRuntimeError
        if the engine refuses.
        """
        wanted: Any = self.task_id if task_ids is None else task_ids
        several, values = not isinstance(wanted, str), []
        for one in wanted if several else [wanted]:
            if include_prior_dates and dag_id in (None, self.dag_id):
                index = None if map_indexes is NOTSET else map_indexes
                values.append(self._pull_prior(one, key, index, default))
                continue
            if map_indexes is NOTSET:
                found = self._pull(dag_id, run_id, one, None, key, NOTSET)
                if found is not NOTSET:
                    values.append(found)
                else:
                    listed = self._list(dag_id, run_id, one, key)
                    several = several or listed is not None
                    values.extend([default] if listed is None else listed)
                continue
            each = isinstance(map_indexes, (list, tuple, set, range))
            several = several or each
            for index in map_indexes if each else [map_indexes]:
                values.append(self._pull(dag_id, run_id, one, index, key, default))
        return values if several else values[0]

    def _is_mapped(self, dag_id: str | None, task_id: str) -> bool:
        dag = self.task.get_dag()
        if dag_id not in (None, self.dag_id) or not hasattr(dag, "task_dict"):
            return True  # Only the engine knows.
        task = dag.task_dict.get(task_id)
        return task is not None and (task.is_mapped or task.mapped_group is not None)

    def xcom_list(
        self,
        task_id: str,
        key: str = XCOM_RETURN_KEY,
        *,
        dag_id: str | None = None,
        run_id: str | None = None,
    ) -> list[Any]:
        """The XComs of all instances of a mapped task that succeeded, by map index."""
        return self._list(dag_id, run_id, task_id, key) or []

    def _list(
        self, dag_id: str | None, run_id: str | None, task_id: str, key: str
    ) -> list[Any] | None:
        """The XComs of a mapped task; None if it is not mapped."""
        if not self._is_mapped(dag_id, task_id):
            return None
        where: dict[str, Any] = {"dag_id": dag_id, "run_id": run_id}
        where = {name: value for name, value in where.items() if value is not None}
        values: list[Any] = []
        more = True
        while more:
            try:
                found = self._engine.ask(
                    "xcom_list", task_id=task_id, key=key, offset=len(values), limit=1000, **where
                )
            except QuestionUnknown:
                return None
            if not found.get("mapped"):
                return None
            page = found.get("values") or []
            values.extend(page)
            more = bool(page) and bool(found.get("more"))
        return [from_stored(one.get("value"), key) for one in values]

    def _pull(
        self,
        dag_id: str | None,
        run_id: str | None,
        task_id: str,
        map_index: Any,
        key: str,
        default: Any,
    ) -> Any:
        own = (
            dag_id in (None, self.dag_id)
            and run_id in (None, self.run_id)
            and task_id == self.task_id
        )
        if own and map_index is None and self.map_index >= 0:
            map_index = self.map_index
        if own and map_index in (None, self.map_index) and key in self.pushed:
            return from_stored(self.pushed[key], key)
        where = {"dag_id": dag_id, "run_id": run_id, "map_index": map_index}
        where = {name: value for name, value in where.items() if value is not None}
        found = self._engine.ask("xcom_get", task_id=task_id, key=key, **where)
        if not found or not found.get("found"):
            return default
        return from_stored(found.get("value"), key)

    def xcom_push(self, key: str, value: Any) -> None:
        """
        Stores an XCom of this task: at once if the engine is there, and again with the task's end.
        NotStorable if the value cannot be stored.
        """
        if not isinstance(key, str) or not key:
            raise TypeError(f"the key of an XCom must be a string that is not empty, not {key!r}")
        if self._has_ended:
            raise AirflowRuntimeError(
                f"xcom_push: {self.task_id} has ended; callbacks and listeners in a process of their"
                " own cannot change its XComs"
            )
        what = f"the XCom {key!r} of task {self.task_id!r}"
        self.pushed[key] = to_stored(value, what, self, key)
        try:
            self._engine.ask("xcom_set", wait_s=0.0, key=key, value=self.pushed[key])
        except (TradewindError, AirflowRuntimeError, wire.ProtocolError):
            # It is in the result, which is committed with the task's end.
            pass

    def states(self, task_ids: Iterable[str]) -> Any:
        """The states of tasks of this run: task id → state or None."""
        return self._engine.ask("ti_states", task_ids=list(task_ids))

    @property
    def log_url(self) -> str:
        """There is no page of it yet: an empty text."""
        return ""

    @property
    def mark_success_url(self) -> str:
        """There is no page of it yet: an empty text."""
        return ""

    def __repr__(self) -> str:
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{self.state}]>"


def _moment(microseconds: int | None) -> dt.datetime:
    """When the try began first (a deferred or rescheduled one goes on); now without a number."""
    if microseconds is None:
        return dt.datetime.now(dt.timezone.utc)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    return epoch + dt.timedelta(microseconds=microseconds)


class _Vars:
    value = VariableAccessor(False)
    json = VariableAccessor(True)


def _nodash(text: str) -> str:
    return text.replace("-", "").replace(":", "")


def make_context(start: dict[str, Any], task: Any, dag: Any, ti: TaskInstance) -> Any:
    """The context of an attempt (Airflow's names). Times are made when they are first asked for."""
    run = ti.dag_run
    params = dict(start.get("params") or {})
    values = {
        "conn": ConnectionAccessor(),
        "dag": dag,
        "dag_run": run,
        "exception": None,
        "inlet_events": InletEvents(task.inlets, ti),
        "inlets": task.inlets,
        "outlet_events": OutletEvents(task.outlets, ti),
        "outlets": task.outlets,
        "map_index_template": task.map_index_template,
        "params": params,
        "reason": None,
        "run_id": ti.run_id,
        "start_date": ti.start_date,
        "task": task,
        "task_instance": ti,
        "task_reschedule_count": start.get("reschedule_count", 0),
        "templates_dict": None,
        "test_mode": False,
        "ti": ti,
        "triggering_asset_events": TriggeringEvents(ti, run.consumed_asset_events),
        "try_number": ti.try_number,
        "var": _Vars,
    }
    lazy: dict[str, Any] = {"macros": _macros}
    dated = bool(start.get("logical_date"))
    for name, make in previous_values(ti).items():
        if dated or "interval" not in name:
            lazy[name] = make
    lazy["expanded_ti_count"] = lambda: _instance_count(context)
    if start.get("logical_date"):
        moment = timezone.from_text(start["logical_date"]).astimezone(dt.timezone.utc)
        day, text = moment.strftime("%Y-%m-%d"), moment.isoformat()
        values.update(
            ds=day,
            ds_nodash=_nodash(day),
            ts=text,
            ts_nodash=moment.strftime("%Y%m%dT%H%M%S"),
            ts_nodash_with_tz=_nodash(text),
        )
        for name in ("logical_date", "data_interval_start", "data_interval_end"):
            lazy[name] = lambda name=name: getattr(run, name)
    stamp = values.get("ds_nodash") or ti.run_id
    values["task_instance_key_str"] = f"{ti.dag_id}__{ti.task_id}__{stamp}"
    context: Any = LazyContext(values, lazy)
    if not task.is_mapped:
        merge_params(context, task)
    return context


def merge_params(context: Any, task: Any) -> None:
    """Adds the task's own params: they win over the DAG's, and the run's conf over them."""
    for name, param in task.params.params():
        if name not in context["dag_run"].conf:
            context["params"][name] = param.resolve()


def _instance_count(context: Any) -> int | None:
    """How many instances the task, or its mapped group, has in this run; None if not mapped."""
    ti, dag = context["ti"], context["dag"]
    if ti.map_index < 0 or not hasattr(dag, "task_dict"):
        return None
    task = dag.task_dict.get(ti.task_id)
    node = task if task is not None and task.is_mapped else getattr(task, "mapped_group", None)
    return node.expand_input.length(context) if node is not None else None


def _macros() -> ModuleType:
    from tradewind import macros

    return macros


def exported_environment(start: dict[str, Any], task: Any) -> dict[str, str]:
    """AIRFLOW_CTX_*: what child processes of the task may want to know."""
    out = {
        "AIRFLOW_CTX_DAG_OWNER": task.owner or "",
        "AIRFLOW_CTX_DAG_ID": start["dag_id"],
        "AIRFLOW_CTX_TASK_ID": start["task_id"],
        "AIRFLOW_CTX_DAG_RUN_ID": start["run_id"],
        "AIRFLOW_CTX_TRY_NUMBER": str(start.get("try_number", 1)),
    }
    if start.get("logical_date"):
        out["AIRFLOW_CTX_LOGICAL_DATE"] = timezone.from_text(start["logical_date"]).isoformat()
    if task.email:
        email = task.email
        out["AIRFLOW_CTX_DAG_EMAIL"] = email if isinstance(email, str) else ",".join(email)
    return out


def warn(text: str) -> None:
    """One line of ours in the task's log."""
    print(f"tradewind: {text}", file=sys.stderr, flush=True)
