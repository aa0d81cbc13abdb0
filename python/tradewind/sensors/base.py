"""BaseSensorOperator: asks again and again until the answer is yes."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from tradewind.baseoperator import BaseOperator
from tradewind.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferralTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tradewind.context import Context
    from tradewind.hints import Duration


def seconds(value: dt.timedelta | float) -> float:
    """A number of seconds from one or from a timedelta."""
    return value.total_seconds() if isinstance(value, dt.timedelta) else float(value)


class PokeReturnValue:
    """What poke may return: whether it is done, and the XCom."""

    def __init__(self, is_done: bool, xcom_value: Any = None) -> None:
        self.is_done = is_done
        self.xcom_value = xcom_value

    def __bool__(self) -> bool:
        return bool(self.is_done)


def _stopwatch() -> Callable[[], float]:
    began = time.monotonic()
    return lambda: time.monotonic() - began


def _since_start(context: Context) -> Callable[[], float]:
    """Seconds since the try began, over all of its reschedules."""
    began = context["ti"].start_date
    return lambda: (dt.datetime.now(dt.timezone.utc) - began).total_seconds()


class BaseSensorOperator(BaseOperator):
    """
    A subclass defines poke(context). poke_interval and timeout: seconds or timedelta. mode "poke"
    waits within the attempt, "reschedule" ends it between pokes. After `timeout` the task fails
    without another try (AirflowSensorTimeout), with soft_fail it is skipped.
    """

    ui_color = "#e6f1f2"
    valid_modes = ("poke", "reschedule")

    def __init__(
        self,
        *,
        poke_interval: Duration = 60,
        timeout: Duration = 604800,
        soft_fail: bool = False,
        mode: str = "poke",
        exponential_backoff: bool = False,
        max_wait: Duration | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mode not in self.valid_modes:
            raise ValueError(
                f"mode of sensor {self.task_id!r} must be 'poke' or 'reschedule', not {mode!r}"
            )
        if soft_fail and never_fail:
            raise ValueError("soft_fail and never_fail exclude each other")
        self.poke_interval, self.timeout = seconds(poke_interval), seconds(timeout)
        if self.poke_interval < 0 or self.timeout < 0:
            raise ValueError("poke_interval and timeout must not be negative")
        self.soft_fail, self.mode, self.exponential_backoff = soft_fail, mode, exponential_backoff
        self.max_wait = None if max_wait is None else seconds(max_wait)
        self.silent_fail, self.never_fail = silent_fail, never_fail

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """True when the wait is over."""
        raise NotImplementedError(f"{type(self).__name__} does not define poke()")

    def execute(self, context: Context) -> Any:
        """Pokes until it is done; the XCom is that of a PokeReturnValue."""
        number = 0
        waited = _since_start(context) if self.mode == "reschedule" else _stopwatch()
        if self.mode == "reschedule":
            number = context.get("task_reschedule_count", 0)
        while True:
            number += 1
            answer = self._poke_once(context)
            if answer:
                return answer.xcom_value if isinstance(answer, PokeReturnValue) else None
            if waited() > self.timeout:
                text = f"the sensor waited longer than {self.timeout:g} s"
                if self.soft_fail or self.never_fail:
                    raise AirflowSkipException(text)
                raise AirflowSensorTimeout(text)
            interval = self._interval(number)
            if self.mode == "reschedule":
                now = dt.datetime.now(dt.timezone.utc)
                raise AirflowRescheduleException(now + dt.timedelta(seconds=interval))
            time.sleep(interval)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """As for any task; a trigger that is late is the sensor's own timeout."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise AirflowSensorTimeout(str(error)) from error
        except AirflowSkipException:
            raise
        except AirflowException as error:
            if self.soft_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def _poke_once(self, context: Context) -> bool | PokeReturnValue:
        try:
            return self.poke(context)
        except (
            AirflowSensorTimeout,
            AirflowFailException,
            AirflowSkipException,
            AirflowRescheduleException,
        ) as error:
            if self.soft_fail and isinstance(error, (AirflowSensorTimeout, AirflowFailException)):
                raise AirflowSkipException(str(error)) from error
            raise
        except Exception as error:
            if self.silent_fail:
                self.log.exception("the sensor's poke failed; it goes on (silent_fail)")
                return False
            if self.never_fail:
                raise AirflowSkipException(f"never_fail: {error}") from error
            raise

    def _interval(self, number: int) -> float:
        interval = self.poke_interval
        if self.exponential_backoff:
            interval = min(interval * 2 ** min(number - 1, 30), 86400.0)
        return interval if self.max_wait is None else min(interval, self.max_wait)

    @property
    def reschedule(self) -> bool:  # type: ignore[override]
        """True in mode "reschedule"."""
        return self.mode == "reschedule"


__all__ = ["AirflowException", "BaseSensorOperator", "PokeReturnValue", "seconds"]
