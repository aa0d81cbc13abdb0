"""Exceptions that tasks raise and the SDK reports. Names and meanings are Airflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection
    from typing import Any

    from tradewind.hints import Duration


class AirflowException(Exception):
    """Base of all of these. Raised by a task: this try failed; retries apply."""


class TradewindError(AirflowException):
    """Something of Tradewind itself is in the way (the engine is away, a value is too big)."""


class AirflowSkipException(AirflowException):
    """The task is `skipped`, not failed."""


class AirflowFailException(AirflowException):
    """The task is `failed` and is not tried again, whatever its retries."""


class AirflowSensorTimeout(AirflowException):
    """A sensor waited longer than its `timeout`. Not tried again."""


class AirflowTaskTimeout(BaseException):
    """An operation took longer than it may. Not an Exception: `except Exception` lets it pass."""


class AirflowTaskTerminated(BaseException):
    """The task was told to end (SIGTERM). Not an Exception: `except Exception` lets it pass."""


class AirflowRescheduleException(AirflowException):
    """The same try goes on at `reschedule_date` (a datetime with a time zone)."""

    def __init__(self, reschedule_date: dt.datetime) -> None:
        super().__init__(f"go on at {reschedule_date}")
        self.reschedule_date = reschedule_date


class DownstreamTasksSkipped(AirflowException):
    """The task succeeded and leaves out `tasks` (task ids)."""

    def __init__(self, *, tasks: Collection[str]) -> None:
        super().__init__(f"{len(tasks)} downstream tasks skipped")
        self.tasks = list(tasks)


class TaskDeferred(BaseException):
    """
    Raised by `defer`: the task's process ends, and the same try goes on in `method_name` once
    `trigger` has fired. `timeout`: a timedelta or seconds. Not an Exception: `except Exception` lets
    it pass.
    """

    def __init__(
        self,
        *,
        trigger: Any = None,
        method_name: str = "",
        kwargs: dict[str, Any] | None = None,
        timeout: Duration | None = None,
    ) -> None:
        super().__init__(f"deferred until {trigger!r}")
        self.trigger = trigger
        self.method_name = method_name
        self.kwargs = kwargs
        self.timeout = timeout


class TaskDeferralError(AirflowException):
    """What the task was deferred for failed."""


class TaskDeferralTimeout(TaskDeferralError):
    """What the task was deferred for did not come in time."""


class DuplicateTaskIdFound(AirflowException):
    """Two tasks or task groups of a DAG have the same id."""


class TaskAlreadyInTaskGroup(AirflowException):
    """A task was added to two task groups."""


class TaskNotFound(AirflowException):
    """The DAG has no task of that id."""


class DagRunAlreadyExists(AirflowException):
    """There is a run of that id already."""


class DagRunTriggerException(AirflowException):
    """
    Raised by a task: it makes a run of another DAG and has succeeded. To wait for that run use
    TriggerDagRunOperator.
    """

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        dag_run_id: str | None = None,
        conf: Any = None,
        logical_date: Any = None,
        reset_dag_run: bool = False,
        skip_when_already_exists: bool = False,
        note: str | None = None,
        wait_for_completion: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(f"makes a run of {trigger_dag_id}")
        if wait_for_completion:
            raise ValueError(
                "DagRunTriggerException does not wait: use TriggerDagRunOperator for that"
            )
        self.trigger_dag_id, self.dag_run_id, self.conf = trigger_dag_id, dag_run_id, conf
        self.logical_date, self.reset_dag_run, self.note = logical_date, reset_dag_run, note
        self.skip_when_already_exists = skip_when_already_exists


class DagNotFound(AirflowException):
    """There is no DAG of that id."""


class AirflowDagCycleException(AirflowException):
    """The tasks depend on each other in a circle."""


class XComNotFound(AirflowException):
    """An argument names an XCom that the task has not pushed."""

    def __init__(self, dag_id: str, task_id: str, key: str) -> None:
        super().__init__(f"task {task_id!r} of DAG {dag_id!r} has pushed no XCom {key!r}")
        self.dag_id = dag_id
        self.task_id = task_id
        self.key = key


class UnmappableXComTypePushed(AirflowException):
    """A task returned what another cannot be mapped over."""

    def __init__(self, value: object) -> None:
        super().__init__(f"unmappable return type {type(value).__qualname__!r}")


class XComForMappingNotPushed(AirflowException):
    """A task that another is mapped over returned nothing."""

    def __init__(self) -> None:
        super().__init__("did not push XCom for task mapping")


class UnmappableXComLengthPushed(AirflowException):
    """A task returned more than another may be mapped over."""


class ParamValidationError(AirflowException):
    """A param's value does not fit its JSON Schema."""


class AirflowNotFoundException(AirflowException):
    """A variable or connection does not exist."""


class AirflowOptionalProviderFeatureException(AirflowException):
    """Something that is optional is not installed."""


class AirflowRuntimeError(AirflowException):
    """The engine refused a request of the task."""


class HITLTriggerEventError(AirflowException):
    """The wait for the answer failed."""


class HITLTimeoutError(HITLTriggerEventError):
    """Nobody answered in time, and there are no defaults."""


class HITLRejectException(AirflowException):
    """ApprovalOperator with fail_on_reject: it was rejected."""


class RemovedInAirflow4Warning(DeprecationWarning):
    """For code that imports the name."""


class DagImportTimeout(BaseException):
    """A DAG file took longer to import than it may. Raised inside its code, to name the line."""
