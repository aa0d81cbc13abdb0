"""A time limit on a block of code."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowTaskTimeout

if TYPE_CHECKING:
    from typing import NoReturn

    from typing_extensions import Self


class timeout:  # noqa: N801
    """Within the block AirflowTaskTimeout is raised after that many seconds; main thread only."""

    def __init__(self, seconds: float = 1, error_message: str = "Timeout") -> None:
        self.seconds = seconds
        self.error_message = f"{error_message}, PID: {os.getpid()}"

    def handle_timeout(self, signum: int, frame: object) -> NoReturn:
        """The signal's handler."""
        raise AirflowTaskTimeout(self.error_message)

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, self.handle_timeout)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return self

    def __exit__(self, *exc_info: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)


TimeoutPosix = timeout
