"""Sensors of time: the engine's `wait_time`."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.sensors.base import BaseSensorOperator, seconds

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from tradewind.context import Context
    from tradewind.hints import Duration


class _TimeSensor(BaseSensorOperator):
    """What sensors of a moment share."""

    deferrable = False

    def moment(self, context: Context) -> dt.datetime:
        """What it waits for."""
        raise NotImplementedError

    def poke(self, context: Context) -> bool:
        return dt.datetime.now(timezone.utc) >= self.moment(context)

    def execute(self, context: Context) -> Any:
        """In Python only where the engine cannot wait itself (callbacks, a subclass)."""
        if not self.deferrable or self.poke(context):
            return super().execute(context)
        from tradewind.triggers.temporal import DateTimeTrigger

        self.defer(
            trigger=DateTimeTrigger(self.moment(context)),
            method_name="execute_complete",
            timeout=dt.timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """After the trigger: there is nothing left to do."""


class DateTimeSensor(_TimeSensor):
    """
    Waits until target_time: a datetime or text (RFC 3339, templated). The engine waits itself,
    without a process.
    """

    template_fields: Collection[str] = ("target_time",)

    def __init__(
        self, *, target_time: str | dt.datetime, deferrable: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(target_time, dt.datetime):
            target_time = timezone.coerce_datetime(target_time).isoformat()
        elif not isinstance(target_time, str) and not hasattr(target_time, "resolve"):
            raise TypeError(
                f"target_time must be a datetime or a string, not {type(target_time).__name__}"
            )
        self.target_time, self.deferrable = target_time, deferrable

    def moment(self, context: Context) -> dt.datetime:
        return timezone.from_text(str(self.target_time))


class DateTimeSensorAsync(DateTimeSensor):
    """The same: a DateTimeSensor holds no process while it waits."""

    def __init__(
        self,
        *,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.start_from_trigger, self.end_from_trigger = start_from_trigger, end_from_trigger
        self.trigger_kwargs = trigger_kwargs


class TimeDeltaSensor(_TimeSensor):
    """
    Waits until `delta` after the run's logical date. The engine waits itself, without a process.
    """

    def __init__(
        self,
        *,
        delta: Duration,
        deferrable: bool = False,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.end_from_trigger = end_from_trigger
        self.delta = (
            delta if isinstance(delta, dt.timedelta) else dt.timedelta(seconds=seconds(delta))
        )
        self.deferrable = deferrable

    def moment(self, context: Context) -> dt.datetime:
        return (context.get("data_interval_end") or context["dag_run"].run_after) + self.delta


class TimeDeltaSensorAsync(TimeDeltaSensor):
    """The same: a TimeDeltaSensor holds no process while it waits."""


class WaitSensor(_TimeSensor):
    """Waits for `time_to_wait` (a timedelta, or minutes) from when the task starts."""

    def __init__(
        self, *, time_to_wait: dt.timedelta | float, deferrable: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(time_to_wait, dt.timedelta):
            time_to_wait = dt.timedelta(minutes=time_to_wait)
        self.time_to_wait, self.deferrable = time_to_wait, deferrable

    def moment(self, context: Context) -> dt.datetime:
        return context["ti"].start_date + self.time_to_wait

    def execute(self, context: Context) -> Any:
        """Sleeps, where it does not defer itself."""
        if self.deferrable:
            return super().execute(context)
        time.sleep(max(0.0, self.time_to_wait.total_seconds()))
        return None


class TimeSensor(_TimeSensor):
    """
    Waits until target_time, a time of day of the day on which the run is for (its own zone, else
    UTC).
    """

    def __init__(
        self,
        *,
        target_time: dt.time,
        deferrable: bool = False,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(target_time, dt.time):
            raise TypeError(
                f"target_time must be a time of day, not {type(target_time).__name__}"
            )
        self.target_time, self.deferrable = target_time, deferrable
        self.start_from_trigger, self.end_from_trigger = start_from_trigger, end_from_trigger
        self.trigger_kwargs = trigger_kwargs

    def moment(self, context: Context) -> dt.datetime:
        zone = self.target_time.tzinfo or timezone.utc
        today = dt.datetime.now(zone).date()
        return dt.datetime.combine(today, self.target_time.replace(tzinfo=None), tzinfo=zone)


class TimeSensorAsync(TimeSensor):
    """The same, with deferrable set."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("deferrable", True)
        super().__init__(**kwargs)
