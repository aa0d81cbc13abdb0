"""Words for states beyond those of tasks and runs."""

from __future__ import annotations

from tradewind.types import DagRunState, TaskInstanceState, _Word


class TerminalTIState(_Word):
    """States in which a task ends by itself."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVED = "removed"


class IntermediateTIState(_Word):
    """States on the way."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RESTARTING = "restarting"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"


class CallbackState(_Word):
    """States of a deadline's callback."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class JobState(_Word):
    """States of a process of Airflow's."""

    RUNNING = "running"
    SUCCESS = "success"
    RESTARTING = "restarting"
    FAILED = "failed"


class State:
    """All states, and sets of them."""

    SUCCESS, RUNNING, FAILED = "success", "running", "failed"
    NONE = None
    REMOVED, SCHEDULED, QUEUED = "removed", "scheduled", "queued"
    RESTARTING, UP_FOR_RETRY = "restarting", "up_for_retry"
    UP_FOR_RESCHEDULE, UPSTREAM_FAILED = "up_for_reschedule", "upstream_failed"
    SKIPPED, DEFERRED, SHUTDOWN = "skipped", "deferred", "shutdown"

    finished_dr_states = frozenset((DagRunState.SUCCESS, DagRunState.FAILED))
    unfinished_dr_states = frozenset((DagRunState.QUEUED, DagRunState.RUNNING))
    task_states = (None, *TaskInstanceState)
    dag_states = (DagRunState.QUEUED, DagRunState.SUCCESS, DagRunState.RUNNING, DagRunState.FAILED)
    finished = frozenset(
        (
            TaskInstanceState.SUCCESS,
            TaskInstanceState.FAILED,
            TaskInstanceState.SKIPPED,
            TaskInstanceState.UPSTREAM_FAILED,
            TaskInstanceState.REMOVED,
        )
    )
    unfinished = frozenset((None, *(state for state in TaskInstanceState))) - finished
    failed_states = frozenset((TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED))
    success_states = frozenset((TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED))
    adoptable_states = frozenset(
        (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)
    )
    running = frozenset((TaskInstanceState.RUNNING, TaskInstanceState.DEFERRED))
