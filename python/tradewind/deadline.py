"""Deadlines of runs: DeadlineAlert, DeadlineReference, and the callbacks of a missed one."""

from __future__ import annotations

import datetime as dt
import inspect
from typing import TYPE_CHECKING

from tradewind import timezone

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

AVERAGE_RUNS = 10


class BaseDeadlineReference:
    """A moment that a deadline counts from."""

    type = ""

    def as_data(self) -> dict[str, Any]:
        """As data: the form of the DAG document."""
        return {"type": self.type}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BaseDeadlineReference) and self.as_data() == other.as_data()

    def __hash__(self) -> int:
        return hash(repr(self.as_data()))

    def __repr__(self) -> str:
        return f"<deadline reference {self.as_data()}>"


class _Simple(BaseDeadlineReference):
    def __init__(self, name: str) -> None:
        self.type = name


class FixedDatetimeDeadline(BaseDeadlineReference):
    """A moment that is known."""

    type = "fixed_datetime"

    def __init__(self, moment: dt.datetime) -> None:
        if not isinstance(moment, dt.datetime):
            raise TypeError(f"a datetime is expected, not {type(moment).__name__}")
        self.moment = timezone.coerce_datetime(moment)

    def as_data(self) -> dict[str, Any]:
        return {"type": self.type, "datetime": dt.datetime.isoformat(self.moment)}


class AverageRuntimeDeadline(BaseDeadlineReference):
    """The run's start and the average time of earlier runs."""

    type = "average_runtime"

    def __init__(self, max_runs: int = AVERAGE_RUNS, min_runs: int | None = None) -> None:
        self.max_runs, self.min_runs = max_runs, max_runs if min_runs is None else min_runs
        if self.min_runs < 1:
            raise ValueError("min_runs must be at least 1")

    def as_data(self) -> dict[str, Any]:
        return {"type": self.type, "max_runs": self.max_runs, "min_runs": self.min_runs}


class DeadlineReference:
    """What a deadline counts from."""

    DAGRUN_LOGICAL_DATE = _Simple("dagrun_logical_date")
    DAGRUN_QUEUED_AT = _Simple("dagrun_queued_at")

    @classmethod
    def FIXED_DATETIME(cls, datetime: dt.datetime) -> FixedDatetimeDeadline:  # noqa: N802
        """A moment."""
        return FixedDatetimeDeadline(datetime)

    @classmethod
    def AVERAGE_RUNTIME(
        cls, max_runs: int = 0, min_runs: int | None = None
    ) -> AverageRuntimeDeadline:  # noqa: N802
        """The average of up to max_runs earlier runs, if there are at least min_runs."""
        return AverageRuntimeDeadline(max_runs or AVERAGE_RUNS, min_runs)


class Callback:
    """A function at the top of a module, or its path "module.function", and its arguments."""

    executor: str | None = None

    def __init__(
        self, callback_callable: Callable[..., Any] | str, kwargs: dict[str, Any] | None = None
    ) -> None:
        if kwargs and "context" in kwargs:
            raise ValueError("'context' is a reserved argument of a callback")
        self.kwargs = dict(kwargs or {})
        if callable(callback_callable):
            self._check(callback_callable)
            self.path = f"{callback_callable.__module__}.{callback_callable.__qualname__}"
        else:
            self.path = str(callback_callable).strip()
            if not all(part.isidentifier() for part in self.path.split(".")):
                raise ImportError(f"{callback_callable!r} is no path of a function")

    def _check(self, function: Callable[..., Any]) -> None:
        """Raises if the function cannot be one."""

    def as_data(self) -> dict[str, Any]:
        """As data: the form of the DAG document."""
        out = {"type": type(self).__name__, "path": self.path, "kwargs": self.kwargs}
        return {**out, "executor": self.executor} if self.executor else out

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Callback) or type(self) is not type(other):
            return False
        return self.as_data() == other.as_data()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.path))


class AsyncCallback(Callback):
    """A coroutine function."""

    def _check(self, function: Callable[..., Any]) -> None:
        if not inspect.iscoroutinefunction(function) and not hasattr(function, "__await__"):
            raise AttributeError(f"the callback {function!r} is not awaitable")


class SyncCallback(Callback):
    """A plain function."""

    def __init__(
        self,
        callback_callable: Callable[..., Any] | str,
        kwargs: dict[str, Any] | None = None,
        executor: str | None = None,
    ) -> None:
        super().__init__(callback_callable, kwargs)
        self.executor = executor


class DeadlineAlert:
    """Calls `callback` if a run has not ended `interval` (may be negative) after `reference`."""

    def __init__(
        self,
        reference: BaseDeadlineReference,
        interval: dt.timedelta,
        callback: AsyncCallback | SyncCallback,
        name: str | None = None,
    ) -> None:
        if not isinstance(reference, BaseDeadlineReference):
            raise TypeError(f"reference must be of DeadlineReference, not {reference!r}")
        if not isinstance(interval, dt.timedelta):
            raise TypeError(f"interval must be a timedelta, not {type(interval).__name__}")
        if not isinstance(callback, (AsyncCallback, SyncCallback)):
            raise ValueError(f"callbacks of type {type(callback).__name__} are not supported")
        self.reference, self.interval, self.callback = reference, interval, callback
        self.name = name

    def as_data(self) -> dict[str, Any]:
        """As data: the form of the DAG document."""
        out = {
            "reference": self.reference.as_data(),
            "interval": self.interval.total_seconds(),
            "callback": self.callback.as_data(),
        }
        return {**out, "name": self.name} if self.name else out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeadlineAlert) and self.as_data() == other.as_data()

    def __hash__(self) -> int:
        return hash(repr(self.as_data()))
