"""Triggers of other runs: WorkflowTrigger, ExternalTaskTrigger, DagStateTrigger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.runner.world import text_of
from tradewind.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable
    from typing import Any


def _words(states: Iterable[Any] | None) -> list[str]:
    return [getattr(state, "value", state) for state in states or ()]


class WorkflowTrigger(BaseTrigger):
    """
    Waits for tasks, a group or whole runs of a DAG. The event: {"status": "success" | "failed" |
    "skipped"}.
    """

    def __init__(
        self,
        external_dag_id: str,
        run_ids: list[str] | None = None,
        execution_dates: Iterable[Any] | None = None,
        logical_dates: Iterable[Any] | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        failed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        allowed_states: Iterable[str] | None = None,
        poke_interval: float = 2.0,
        soft_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.external_dag_id, self.run_ids = external_dag_id, run_ids
        self.logical_dates = [text_of(d) for d in logical_dates or execution_dates or ()] or None
        self.external_task_ids = external_task_ids
        self.external_task_group_id = external_task_group_id
        self.failed_states, self.skipped_states = _words(failed_states), _words(skipped_states)
        self.allowed_states = _words(allowed_states) or ["success"]
        self.poke_interval, self.soft_fail = poke_interval, soft_fail

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = (
            "external_dag_id",
            "run_ids",
            "logical_dates",
            "external_task_ids",
            "external_task_group_id",
            "failed_states",
            "skipped_states",
            "allowed_states",
            "poke_interval",
            "soft_fail",
        )
        return (
            "tradewind.triggers.external_task.WorkflowTrigger",
            {name: getattr(self, name) for name in names},
        )

    async def runs(self) -> list[dict[str, Any]]:
        """The runs it means, as the engine has them."""
        asked = {
            "run_ids": self.run_ids,
            "logical_dates": self.logical_dates,
            "task_ids": self.external_task_ids,
            "task_group_id": self.external_task_group_id,
        }
        asked = {name: value for name, value in asked.items() if value}
        found = await self.task_instance.ask("ti_states", dag_id=self.external_dag_id, **asked)
        return found["runs"]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            verdict = judge(
                await self.runs(),
                len(self.run_ids or self.logical_dates or ()),
                bool(self.external_task_ids or self.external_task_group_id),
                self.allowed_states,
                self.failed_states,
                self.skipped_states,
            )
            if verdict is not None:
                yield TriggerEvent({"status": verdict})
                return
            await asyncio.sleep(self.poke_interval)


class ExternalTaskTrigger(WorkflowTrigger):
    """The older name."""


def judge(
    runs: Collection[dict[str, Any]],
    wanted: int,
    of_tasks: bool,
    allowed: Collection[str],
    failed: Collection[str],
    skipped: Collection[str],
) -> str | None:
    """
    "failed", "skipped" or "success", or None: not yet. The first two as soon as one is so, success
    when all wanted runs are there and all in an allowed state.
    """
    states: list[str] = []
    for run in runs:
        states.extend(run["tasks"].values() if of_tasks else [run["state"]])
    if any(state in failed for state in states):
        return "failed"
    if any(state in skipped for state in states):
        return "skipped"
    done = bool(states) and len(runs) >= wanted and all(state in allowed for state in states)
    return "success" if done else None


class DagStateTrigger(BaseTrigger):
    """
    Waits until the runs of a DAG are in one of the states. The event is its class path and
    arguments, with the state reached as "status".
    """

    def __init__(
        self,
        dag_id: str,
        states: Iterable[str],
        run_ids: list[str] | None = None,
        execution_dates: Iterable[Any] | None = None,
        logical_dates: Iterable[Any] | None = None,
        poll_interval: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.dag_id, self.states, self.run_ids = dag_id, _words(states), run_ids
        self.logical_dates = [text_of(d) for d in logical_dates or execution_dates or ()] or None
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "tradewind.triggers.external_task.DagStateTrigger",
            {
                "dag_id": self.dag_id,
                "states": self.states,
                "run_ids": self.run_ids,
                "logical_dates": self.logical_dates,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        given: dict[str, Any] = {
            "run_ids": self.run_ids,
            "logical_dates": self.logical_dates,
            "task_ids": [],
        }
        asked = {n: value for n, value in given.items() if value is not None}
        while True:
            found = await self.task_instance.ask("ti_states", dag_id=self.dag_id, **asked)
            states = {run["run_id"]: run["state"] for run in found["runs"]}
            enough = len(states) >= len(self.run_ids or self.logical_dates or ())
            if states and enough and all(state in self.states for state in states.values()):
                yield TriggerEvent({"dag_id": self.dag_id, "runs": states})
                return
            await asyncio.sleep(self.poll_interval)
