"""HITLTrigger: waits for a person's answer."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

from tradewind.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any


class HITLTrigger(BaseTrigger):
    """
    Asks the engine for the answer. The event: chosen_options, params_input, responded_at,
    responded_by_user, timedout; or error and error_type ("timeout").
    """

    def __init__(
        self,
        *,
        defaults: list[str] | None = None,
        timeout_datetime: dt.datetime | None = None,
        poll_interval: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.defaults, self.timeout_datetime = defaults, timeout_datetime
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "tradewind.triggers.hitl.HITLTrigger",
            {
                "defaults": self.defaults,
                "timeout_datetime": self.timeout_datetime,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            late = self._left() <= 0
            found = await self.task_instance.ask("hitl_get")
            if found["response"] is not None:
                yield TriggerEvent(_answered(found["response"]))
                return
            if late:
                yield TriggerEvent(self._too_late())
                return
            await asyncio.sleep(max(0.0, min(self.poll_interval, self._left())))

    def _left(self) -> float:
        if self.timeout_datetime is None:
            return float("inf")
        return (self.timeout_datetime - dt.datetime.now(dt.timezone.utc)).total_seconds()

    def _too_late(self) -> dict[str, Any]:
        if self.defaults is None:
            return {
                "error": "nobody answered before response_timeout, and there are no defaults",
                "error_type": "timeout",
            }
        return {
            "chosen_options": list(self.defaults),
            "params_input": {},
            "responded_at": dt.datetime.now(dt.timezone.utc),
            "responded_by_user": None,
            "timedout": True,
        }


def _answered(response: dict[str, Any]) -> dict[str, Any]:
    from tradewind import timezone

    by = response.get("by")
    return {
        "chosen_options": response["chosen_options"],
        "params_input": response.get("params_input") or {},
        "responded_at": timezone.from_text(response["responded_at"]),
        "responded_by_user": None if by is None else {"id": by, "name": by},
        "timedout": False,
    }
