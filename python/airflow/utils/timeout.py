"""A time limit on a block of code."""

from __future__ import annotations

import os
import signal

from tradewind.exceptions import AirflowTaskTimeout


class timeout:  # noqa: N801
    """Within the block AirflowTaskTimeout is raised after that many seconds; main thread only."""

    def __init__(self, seconds=1, error_message="Timeout"):
        self.seconds = seconds
        self.error_message = f"{error_message}, PID: {os.getpid()}"

    def handle_timeout(self, signum, frame):
        """The signal's handler."""
        raise AirflowTaskTimeout(self.error_message)

    def __enter__(self):
        self._before = signal.signal(signal.SIGALRM, self.handle_timeout)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return self

    def __exit__(self, *exc_info):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)


TimeoutPosix = timeout
