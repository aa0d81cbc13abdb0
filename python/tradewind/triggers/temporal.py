"""Triggers of time."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any


class DateTimeTrigger(BaseTrigger):
    """Fires at a moment (with a time zone); the event is the moment."""

    def __init__(self, moment: dt.datetime, *, end_from_trigger: bool = False) -> None:
        super().__init__()
        if not isinstance(moment, dt.datetime):
            raise TypeError(f"Expected datetime.datetime type for moment. Got {type(moment)}")
        if moment.tzinfo is None:
            raise ValueError("You cannot pass naive datetimes")
        self.moment = timezone.coerce_datetime(moment)
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "tradewind.triggers.temporal.DateTimeTrigger",
            {"moment": self.moment, "end_from_trigger": self.end_from_trigger},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        # In steps: a machine that slept, or a clock that was set, is noticed.
        while True:
            left = (self.moment - dt.datetime.now(dt.timezone.utc)).total_seconds()
            if left <= 0:
                break
            await asyncio.sleep(min(left, 60.0))
        self.log.info("the moment %s has come", self.moment)
        yield TaskSuccessEvent() if self.end_from_trigger else TriggerEvent(self.moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """Fires a time after it was made. What is kept is the moment: a restart does not begin anew."""

    def __init__(self, delta: dt.timedelta, *, end_from_trigger: bool = False) -> None:
        super().__init__(dt.datetime.now(dt.timezone.utc) + delta, end_from_trigger=end_from_trigger)
