"""Triggers whose end is certain, for tests of tasks that defer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.triggers.base import BaseTrigger, TaskFailedEvent, TaskSuccessEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tradewind.triggers.base import TriggerEvent


class SuccessTrigger(BaseTrigger):
    """Fires at once: the task has succeeded."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return ("tradewind.triggers.testing.SuccessTrigger", {})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TaskSuccessEvent()


class FailureTrigger(BaseTrigger):
    """Fires at once: the task has failed."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return ("tradewind.triggers.testing.FailureTrigger", {})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TaskFailedEvent()
