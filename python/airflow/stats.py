"""Airflow's Stats: a task's metrics have no collector here, so the calls do nothing."""

from __future__ import annotations

import contextlib


class _Timer(contextlib.ContextDecorator):
    duration = None

    def __init__(self):
        self._start = 0.0

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc_info):
        self.stop()

    def start(self):
        """Begins to measure."""
        import time

        self._start = time.perf_counter()
        return self

    def stop(self, send=True):
        """Ends it: `duration` in milliseconds."""
        import time

        self.duration = 1000.0 * (time.perf_counter() - self._start)


class Stats:
    """Metrics of Airflow's names; nobody listens."""

    @classmethod
    def incr(cls, *_, **__):
        """Counts up."""

    @classmethod
    def decr(cls, *_, **__):
        """Counts down."""

    @classmethod
    def gauge(cls, *_, **__):
        """Sets a value."""

    @classmethod
    def timing(cls, *_, **__):
        """Adds a duration."""

    @classmethod
    def timer(cls, *_, **__):
        """A context manager that measures."""
        return _Timer()

    @classmethod
    def initialize(cls, *_, **__):
        """Nothing to do."""
