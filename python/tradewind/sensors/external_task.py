"""ExternalTaskSensor and ExternalTaskMarker: tasks and runs of other DAGs."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.exceptions import AirflowException, AirflowSkipException
from tradewind.operators.empty import EmptyOperator
from tradewind.runner.world import text_of
from tradewind.sensors.base import BaseSensorOperator
from tradewind.triggers.external_task import WorkflowTrigger, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Any

    from tradewind.context import Context


class ExternalDagNotFoundError(AirflowException):
    """check_existence: there is no such DAG."""


class ExternalTaskNotFoundError(AirflowException):
    """check_existence: the DAG has no such task."""


class ExternalTaskGroupNotFoundError(AirflowException):
    """check_existence: the DAG has no such task group."""


class ExternalDagFailedError(AirflowException):
    """The run is in one of failed_states."""


class ExternalTaskFailedError(AirflowException):
    """A task is in one of failed_states."""


class ExternalTaskGroupFailedError(AirflowException):
    """A task of the group is in one of failed_states."""


_STATES = {
    "removed",
    "scheduled",
    "queued",
    "running",
    "success",
    "restarting",
    "failed",
    "up_for_retry",
    "up_for_reschedule",
    "upstream_failed",
    "skipped",
    "deferred",
}


def _words(states: Iterable[Any] | None) -> list[str]:
    return [getattr(state, "value", state) for state in states or ()]


class ExternalTaskSensor(BaseSensorOperator):
    """
    Waits for a task, several, a group, or a whole run of a DAG, in the run with this run's logical
    date, less execution_delta, or with the dates that execution_date_fn gives.
    """

    template_fields: Collection[str] = ("external_dag_id", "external_task_id", "external_task_ids", "external_task_group_id")
    ui_color = "#4db7db"

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        execution_delta: dt.timedelta | None = None,
        execution_date_fn: Callable[..., Any] | None = None,
        check_existence: bool = False,
        poll_interval: float = 2.0,
        deferrable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.allowed_states = _words(allowed_states) or ["success"]
        self.skipped_states, self.failed_states = _words(skipped_states), _words(failed_states)
        total = self.allowed_states + self.skipped_states + self.failed_states
        if len(set(total)) != len(total):
            raise AirflowException(
                "Duplicate values provided across allowed_states, skipped_states and failed_states."
            )
        if external_task_id is not None and external_task_ids is not None:
            raise ValueError(
                "Only one of `external_task_id` or `external_task_ids` may be provided to"
                " ExternalTaskSensor; use external_task_id or external_task_ids or"
                " external_task_group_id."
            )
        if external_task_group_id is not None and (external_task_id or external_task_ids):
            raise ValueError(
                "Only one of `external_task_group_id` or `external_task_ids` may be provided to"
                " ExternalTaskSensor; use external_task_id or external_task_ids or"
                " external_task_group_id."
            )
        of_tasks = external_task_id or external_task_ids or external_task_group_id
        if of_tasks and not set(total) <= _STATES:
            raise ValueError(
                "Valid values for `allowed_states`, `skipped_states` and `failed_states` when"
                " `external_task_id` or `external_task_ids` or `external_task_group_id` is not"
                f" `None`: {sorted(_STATES)}"
            )
        if not of_tasks and not set(total) <= {"queued", "running", "success", "failed"}:
            raise ValueError(
                "Valid values for `allowed_states`, `skipped_states` and `failed_states` when"
                " `external_task_id` and `external_task_group_id` is `None`: ['queued', 'running',"
                " 'success', 'failed']"
            )
        if execution_delta is not None and execution_date_fn is not None:
            raise ValueError(
                "Only one of `execution_delta` or `execution_date_fn` may be provided to"
                " ExternalTaskSensor; not both."
            )
        if isinstance(external_task_ids, (list, tuple, set)):
            if len(set(external_task_ids)) != len(external_task_ids):
                raise ValueError("Duplicate task_ids passed in external_task_ids parameter")
            external_task_ids = list(external_task_ids)
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        self.external_task_ids = external_task_ids
        self.external_task_group_id = external_task_group_id
        self.execution_delta, self.execution_date_fn = execution_delta, execution_date_fn
        self.check_existence, self.poll_interval = check_existence, poll_interval
        self.deferrable = deferrable
        self._checked = False

    def _task_ids(self) -> list[str] | None:
        if self.external_task_id:
            return [self.external_task_id]
        return list(self.external_task_ids) if self.external_task_ids else None

    def _dates(self, context: Context) -> list[Any]:
        date = context.get("logical_date") or context["dag_run"].run_after
        if self.execution_delta is not None:
            return [date - self.execution_delta]
        if self.execution_date_fn is not None:
            from tradewind.operators.python import call_with_context

            found = call_with_context(self.execution_date_fn, [date], {}, context)
            return list(found) if isinstance(found, (list, tuple)) else [found]
        return [date]

    def _check(self, ti: Any) -> None:
        """
        check_existence, once for each process. Airflow's API fails when it is asked for a group that
        it does not know, so a missing group is an error without check_existence, too.
        """
        if not (self.check_existence or self.external_task_group_id) or self._checked:
            return
        asked = {"task_ids": self._task_ids(), "task_group_id": self.external_task_group_id}
        asked = {name: value for name, value in asked.items() if value is not None}
        found = ti.ask("dag_get", dag_id=self.external_dag_id, **asked)
        if not found["found"]:
            raise ExternalDagNotFoundError(
                f"The external DAG {self.external_dag_id} does not exist."
            )
        if found["missing"]:
            raise ExternalTaskNotFoundError(
                f"The external task {found['missing'][0]} in DAG {self.external_dag_id} does not"
                " exist."
            )
        if not found["has_group"]:
            raise ExternalTaskGroupNotFoundError(
                f"The external task group '{self.external_task_group_id}' in DAG"
                f" '{self.external_dag_id}' does not exist."
            )
        self._checked = True

    def poke(self, context: Context) -> bool:
        ti, dates = context["ti"], self._dates(context)
        self._check(ti)
        asked = {"task_ids": self._task_ids(), "task_group_id": self.external_task_group_id}
        asked = {name: value for name, value in asked.items() if value is not None}
        if not asked:
            asked = {"task_ids": []}
        moments = [text_of(timezone.coerce_datetime(date)) for date in dates]
        self.log.info("asking for %s of %s", asked, ", ".join(moments))
        runs = ti.ask(
            "ti_states", dag_id=self.external_dag_id, logical_dates=moments, **asked
        )["runs"]
        verdict = judge(
            runs,
            len(dates),
            bool(self._task_ids() or self.external_task_group_id),
            self.allowed_states,
            self.failed_states,
            self.skipped_states,
        )
        return self._decide(verdict)

    def _decide(self, verdict: str | None) -> bool:
        """True, False, or what the verdict raises."""
        if verdict == "failed":
            if self.soft_fail:
                raise AirflowSkipException(self._text("failed", "Skipping due to soft_fail."))
            kind: type[AirflowException] = ExternalDagFailedError
            if self.external_task_group_id:
                kind = ExternalTaskGroupFailedError
            elif self._task_ids():
                kind = ExternalTaskFailedError
            raise kind(self._text("failed", ""))
        if verdict == "skipped":
            raise AirflowSkipException(self._text("reached a state in skipped_states", "Skipping."))
        return verdict == "success"

    def _text(self, what: str, more: str) -> str:
        if self.external_task_group_id:
            subject = (
                f"The external task_group '{self.external_task_group_id}' in DAG"
                f" '{self.external_dag_id}'"
            )
        elif self._task_ids():
            subject = f"Some of the external tasks {self._task_ids()} in DAG {self.external_dag_id}"
        else:
            subject = f"The external DAG {self.external_dag_id}"
        return f"{subject} {what}. {more}".strip()

    def execute(self, context: Context) -> Any:
        """Pokes; with deferrable=True it waits without a process."""
        if not self.deferrable or self.poke(context):
            return super().execute(context) if not self.deferrable else None
        self.defer(
            trigger=WorkflowTrigger(
                external_dag_id=self.external_dag_id,
                external_task_group_id=self.external_task_group_id,
                external_task_ids=self._task_ids(),
                logical_dates=self._dates(context),
                allowed_states=self.allowed_states,
                failed_states=self.failed_states,
                skipped_states=self.skipped_states,
                poke_interval=self.poll_interval,
            ),
            method_name="execute_complete",
            timeout=dt.timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """After the trigger."""
        status = (event or {}).get("status")
        if status not in ("success", "failed", "skipped"):
            raise AirflowException(f"the trigger told {event!r}")
        self._decide(status)


class ExternalTaskMarker(EmptyOperator):
    """
    Says that a task of another DAG depends on this one. It does nothing; clearing it does not clear
    the other one.
    """

    template_fields: Collection[str] = ("external_dag_id", "external_task_id", "logical_date")
    ui_color = "#4db7db"

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        logical_date: str | dt.datetime = "{{ logical_date.isoformat() }}",
        recursion_depth: int = 10,
        **kwargs: Any,
    ) -> None:
        # Airflow 2's name of it.
        logical_date = kwargs.pop("execution_date", logical_date)
        super().__init__(**kwargs)
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        if isinstance(logical_date, dt.datetime):
            logical_date = logical_date.isoformat()
        elif not isinstance(logical_date, str):
            raise TypeError(
                f"Expected str or datetime.datetime type for logical_date. Got {type(logical_date)}"
            )
        if recursion_depth <= 0:
            raise ValueError("recursion_depth should be a positive integer")
        self.logical_date, self.recursion_depth = logical_date, recursion_depth
