"""Exceptions of Airflow that tasks and providers name; what Tradewind itself raises is in
tradewind.exceptions."""

from __future__ import annotations

import enum
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from tradewind.configuration import AirflowConfigException as AirflowConfigException  # noqa: F401
from tradewind.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
)
from tradewind.legacy import RemovedInAirflow3Warning as RemovedInAirflow3Warning  # noqa: F401

if TYPE_CHECKING:
    from typing import Any


class AirflowBadRequest(AirflowException):
    """A request that cannot be served."""

    status_code = HTTPStatus.BAD_REQUEST


class AirflowTimetableInvalid(AirflowException):
    """A DAG's timetable is wrong."""


class AirflowInternalRuntimeError(BaseException):
    """Something that user code must not catch went wrong."""


class AirflowDagDuplicatedIdException(AirflowException):
    """Two files have a DAG of one id."""

    def __init__(self, dag_id: str, incoming: str, existing: str) -> None:
        super().__init__(f"DAG {dag_id!r} of {incoming} is in {existing} already")
        self.dag_id, self.incoming, self.existing = dag_id, incoming, existing


class AirflowClusterPolicyViolation(AirflowException):
    """A policy refuses the DAG or the task."""


class AirflowClusterPolicySkipDag(AirflowException):
    """A policy leaves the DAG out."""


class AirflowClusterPolicyError(AirflowException):
    """A policy failed otherwise."""


class AirflowInactiveAssetInInletOrOutletException(AirflowFailException):
    """A task uses an asset that is not active."""


class DagCodeNotFound(AirflowNotFoundException):
    """There is no source of the DAG."""


class DagRunNotFound(AirflowNotFoundException):
    """There is no such run."""


class DagRunTypeNotAllowed(AirflowException):
    """The DAG does not allow runs of this type."""


class DagFileExists(AirflowBadRequest):
    """The DAG file is there."""


class DagInvalidTriggerRule(AirflowException):
    """A trigger rule does not go with the DAG's fail_fast."""


class FailStopDagInvalidTriggerRule(DagInvalidTriggerRule):
    """The same, in Airflow 2."""


class FailFastDagInvalidTriggerRule(FailStopDagInvalidTriggerRule):
    """The same, in Airflow 3."""


class SerializationError(AirflowException):
    """Something cannot be written as JSON."""


class SerializedDagNotFound(AirflowNotFoundException):
    """There is no stored version of the DAG."""


class DeserializationError(Exception):
    """Something cannot be read back."""


class DeserializingResultError(ValueError):
    """The result of another interpreter cannot be read."""


class TaskInstanceNotFound(AirflowNotFoundException):
    """There is no such task instance."""


class TaskAlreadyRunningError(AirflowException):
    """The task runs elsewhere."""


class TaskAwaitingInput(BaseException):
    """A task waits for a person (Airflow 3.3)."""


class NotMapped(Exception):
    """The task is neither mapped nor in a mapped group."""


class PoolNotFound(AirflowNotFoundException):
    """There is no such pool."""


class TaskNotFoundInDag(AirflowNotFoundException):
    """The DAG has no such task."""


class ConnectionNotUnique(AirflowException):
    """Two connections have one id."""


class VariableNotUnique(AirflowException):
    """Two variables have one key."""


class DuplicateStateError(AirflowException):
    """A state is listed as allowed and as failed."""


class BackfillUnfinished(AirflowException):
    """A backfill did not finish."""


class InvalidStatsNameException(AirflowException):
    """A metric's name is wrong."""


class UnknownExecutorException(ValueError):
    """There is no such executor."""


class FileSyntaxError(NamedTuple):
    """One error of a file."""

    line_no: int | None
    message: str


class AirflowFileParseException(AirflowException):
    """A file of connections or variables is wrong."""

    def __init__(self, msg: str, file_path: str, parse_errors: list[FileSyntaxError]) -> None:
        super().__init__(f"{msg} ({file_path}): {parse_errors}")
        self.file_path, self.parse_errors = file_path, parse_errors


class AirflowUnsupportedFileTypeException(AirflowException):
    """A file of connections or variables is of no known kind."""


class AirflowExternalTaskSensorException(AirflowException):
    """A sensor of another DAG's task failed."""


class ErrorType(enum.Enum):
    """Why the engine refused."""

    CONNECTION_NOT_FOUND = "CONNECTION_NOT_FOUND"
    VARIABLE_NOT_FOUND = "VARIABLE_NOT_FOUND"
    XCOM_NOT_FOUND = "XCOM_NOT_FOUND"
    ASSET_NOT_FOUND = "ASSET_NOT_FOUND"
    DAGRUN_ALREADY_EXISTS = "DAGRUN_ALREADY_EXISTS"
    DAG_NOT_FOUND = "DAG_NOT_FOUND"
    TASK_NOT_FOUND = "TASK_NOT_FOUND"
    GENERIC_ERROR = "GENERIC_ERROR"


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """Something that a provider will not have."""

    deprecated_provider_since = None
