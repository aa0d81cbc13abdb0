"""Words of Airflow that are enumerations, and the marker of an argument that was not given."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

XCOM_RETURN_KEY = "return_value"
DEFAULT_POOL = "default_pool"


class _Word(str, enum.Enum):
    """A string with a closed set of values; prints as the plain word."""

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def all(cls) -> set[str]:
        """The set of all values, as plain strings."""
        return {member.value for member in cls}

    @classmethod
    def check(cls, word: Any) -> str:
        """The plain word; ValueError that lists the words if it is none of them."""
        text = str(word.value if isinstance(word, enum.Enum) else word)
        if text not in cls._value2member_map_:
            raise ValueError(
                f"{text!r} is not a {cls.__name__}: one of {', '.join(sorted(cls.all()))}"
            )
        return text


class TriggerRule(_Word):
    """When a task may run, from the states of its direct upstream tasks."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ALL_SKIPPED = "all_skipped"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"


class WeightRule(_Word):
    """How the effective priority follows from the weights of related tasks."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"


class TaskInstanceState(_Word):
    """States of a task instance; none at all is None."""

    REMOVED = "removed"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    RESTARTING = "restarting"
    FAILED = "failed"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    UPSTREAM_FAILED = "upstream_failed"
    SKIPPED = "skipped"
    DEFERRED = "deferred"


class DagRunState(_Word):
    """States of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class DagRunType(_Word):
    """What made a run."""

    BACKFILL_JOB = "backfill"
    SCHEDULED = "scheduled"
    MANUAL = "manual"
    ASSET_TRIGGERED = "asset_triggered"
    ASSET_MATERIALIZATION = "asset_materialization"


class ArgNotSet:
    """The type of NOTSET."""

    def __repr__(self) -> str:
        return "NOTSET"

    def __bool__(self) -> bool:
        return False


NOTSET = ArgNotSet()
