"""BaseTrigger and its events, as airflow.triggers.base has them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from logging import Logger


@dataclass
class StartTriggerArgs:
    """How a task that begins deferred (start_from_trigger) waits."""

    trigger_cls: str
    next_method: str
    trigger_kwargs: dict[str, Any] | None = None
    next_kwargs: dict[str, Any] | None = None
    timeout: dt.timedelta | None = None


class BaseTrigger:
    """
    Runs in the trigger process: `run` is an async generator, whose first event lets the task go on.
    `serialize` gives the class path and the arguments that make an equal trigger anew: one may run
    twice, or again after a restart.
    """

    supports_triggerer_queue = True

    def __init__(self, **kwargs: Any) -> None:
        # The runner's: what the task instance is to the trigger.
        self.task_instance: Any = None
        self.trigger_id: Any = None

    @property
    def log(self) -> Logger:
        """A logger; its lines go to the log of the task's attempt."""
        import logging

        return logging.getLogger(f"{type(self).__module__}.{type(self).__name__}")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """(class path, keyword arguments)."""
        raise NotImplementedError(f"{type(self).__name__} does not define serialize()")

    async def run(self) -> AsyncIterator[Any]:
        """Yields events; the first one counts."""
        raise NotImplementedError(f"{type(self).__name__} does not define run()")
        yield None  # an async generator, as subclasses are

    async def cleanup(self) -> None:
        """Called when the trigger ends, for whatever reason but a killed process."""

    async def on_kill(self) -> None:
        """Called when its task is ended while it waits (cleared, marked, stopped)."""

    def __repr__(self) -> str:
        try:
            classpath, kwargs = self.serialize()
        except NotImplementedError:
            return f"<{type(self).__name__}>"
        text = ", ".join(f"{name}={value!r}" for name, value in kwargs.items())
        return f"<{classpath} {text}>"


class BaseEventTrigger(BaseTrigger):
    """A trigger whose events may also create asset events."""

    supports_triggerer_queue = False

    @staticmethod
    def hash(classpath: str, kwargs: dict[str, Any]) -> int:
        """A number that equal triggers share."""
        import hashlib
        import json

        text = f"{classpath}{json.dumps(kwargs, sort_keys=True, default=str)}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class TriggerEvent:
    """Something that happened; `payload` becomes the argument `event` of the task's method."""

    def __init__(self, payload: Any = None, **kwargs: Any) -> None:
        self.payload = payload if not kwargs else kwargs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TriggerEvent) and other.payload == self.payload

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TriggerEvent<{self.payload!r}>"


class BaseTaskEndEvent(TriggerEvent):
    """Ends the task without starting its process again; `xcoms`: key to value."""

    task_instance_state: str

    def __init__(self, *, xcoms: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(payload=self.task_instance_state)
        self.xcoms = xcoms or {}


class TaskSuccessEvent(BaseTaskEndEvent):
    """The task has succeeded."""

    task_instance_state = "success"


class TaskFailedEvent(BaseTaskEndEvent):
    """The task has failed, without another try."""

    task_instance_state = "failed"


class TaskSkippedEvent(BaseTaskEndEvent):
    """The task is skipped."""

    task_instance_state = "skipped"
