"""Airflow's Stats: a task's metrics have no collector here, so the calls do nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self


class _Timer(contextlib.ContextDecorator):
    duration = None

    def __init__(self) -> None:
        self._start = 0.0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Begins to measure."""
        import time

        self._start = time.perf_counter()
        return self

    def stop(self, send: bool = True) -> None:
        """Ends it: `duration` in milliseconds."""
        import time

        self.duration = 1000.0 * (time.perf_counter() - self._start)


class Stats:
    """Metrics of Airflow's names; nobody listens."""

    @classmethod
    def incr(cls, *_: Any, **__: Any) -> None:
        """Counts up."""

    @classmethod
    def decr(cls, *_: Any, **__: Any) -> None:
        """Counts down."""

    @classmethod
    def gauge(cls, *_: Any, **__: Any) -> None:
        """Sets a value."""

    @classmethod
    def timing(cls, *_: Any, **__: Any) -> None:
        """Adds a duration."""

    @classmethod
    def timer(cls, *_: Any, **__: Any) -> _Timer:
        """A context manager that measures."""
        return _Timer()

    @classmethod
    def initialize(cls, *_: Any, **__: Any) -> None:
        """Nothing to do."""
