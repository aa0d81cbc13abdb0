"""Sensors of time: the engine's `wait_time`."""

from __future__ import annotations

import datetime as dt

from tradewind import timezone
from tradewind.sensors.base import BaseSensorOperator, seconds


class _TimeSensor(BaseSensorOperator):
    """What sensors of a moment share."""

    deferrable = False

    def moment(self, context):
        """What it waits for."""
        raise NotImplementedError

    def poke(self, context):
        return dt.datetime.now(timezone.utc) >= self.moment(context)

    def execute(self, context):
        """In Python only where the engine cannot wait itself (callbacks, a subclass)."""
        if not self.deferrable or self.poke(context):
            return super().execute(context)
        from tradewind.triggers.temporal import DateTimeTrigger

        self.defer(
            trigger=DateTimeTrigger(self.moment(context)),
            method_name="execute_complete",
            timeout=dt.timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context, event=None):
        """After the trigger: there is nothing left to do."""


class DateTimeSensor(_TimeSensor):
    """
    Waits until target_time: a datetime or text (RFC 3339, templated). The engine waits itself,
    without a process.
    """

    template_fields = ("target_time",)

    def __init__(self, *, target_time, deferrable=False, **kwargs):
        super().__init__(**kwargs)
        if isinstance(target_time, dt.datetime):
            target_time = timezone.coerce_datetime(target_time).isoformat()
        elif not isinstance(target_time, str) and not hasattr(target_time, "resolve"):
            raise TypeError(
                f"target_time must be a datetime or a string, not {type(target_time).__name__}"
            )
        self.target_time, self.deferrable = target_time, deferrable

    def moment(self, context):
        return timezone.from_text(str(self.target_time))


DateTimeSensorAsync = DateTimeSensor


class TimeDeltaSensor(_TimeSensor):
    """
    Waits until `delta` after the run's logical date. The engine waits itself, without a process.
    """

    def __init__(self, *, delta, deferrable=False, **kwargs):
        super().__init__(**kwargs)
        self.delta = (
            delta if isinstance(delta, dt.timedelta) else dt.timedelta(seconds=seconds(delta))
        )
        self.deferrable = deferrable

    def moment(self, context):
        return (context.get("data_interval_end") or context["dag_run"].run_after) + self.delta


TimeDeltaSensorAsync = TimeDeltaSensor


class TimeSensor(BaseSensorOperator):
    """
    Waits until target_time, a time of day of the day on which the run is for (its own zone, else
    UTC).
    """

    def __init__(self, *, target_time, deferrable=False, **kwargs):
        super().__init__(**kwargs)
        self.target_time, self.deferrable = target_time, deferrable

    def poke(self, context):
        now = dt.datetime.now(self.target_time.tzinfo or timezone.utc)
        return now.timetz().replace(tzinfo=None) >= self.target_time.replace(tzinfo=None)
