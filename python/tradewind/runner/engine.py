"""
The task's side of the engine's socket: xcom_get, xcom_set, ti_states; waits while the engine is
away.
"""

from __future__ import annotations

import itertools
import socket
import sys
import time
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowRuntimeError, TradewindError
from tradewind.runner import wire

if TYPE_CHECKING:
    from typing import Any

WAIT_MAX_S = 900.0  # how long a task waits for an engine that is away
PAUSE_MAX_S = 5.0
ANSWER_TIMEOUT_S = 60.0


class QuestionUnknown(AirflowRuntimeError):
    """The engine is older than the question."""


class EngineAway(TradewindError):
    """The engine did not come back in time."""


class Engine:
    """Asks the engine. One connection, made on the first question."""

    def __init__(self, path: str, attempt: str) -> None:
        self.path = path
        self.attempt = attempt
        self._sock: socket.socket | None = None
        self._reader: Any = None
        self._numbers = itertools.count(1)

    def ask(self, kind: str, wait_s: float = WAIT_MAX_S, **members: Any) -> Any:
        """
        The answer's `result`. While the engine is away it is asked again, up to wait_s seconds
        (every question may be repeated). EngineAway; AirflowRuntimeError if the engine refuses.
        """
        if not self.path:
            raise TradewindError(f"{kind}: this task was started without an engine to ask")
        number = next(self._numbers)
        frame = wire.encode({"type": kind, "id": number, "attempt": self.attempt, **members})
        deadline = time.monotonic() + wait_s
        pause, told = 0.02, False
        while True:
            try:
                answer = self._exchange(frame, number)
                break
            except (OSError, wire.ProtocolError) as error:
                self.close()
                if time.monotonic() >= deadline:
                    raise EngineAway(
                        f"{kind}: the engine did not answer for {wait_s:g} s ({error})"
                    ) from None
                if not told and pause > 1.0:
                    told = True
                    print(
                        f"tradewind: waiting for the engine ({error})", file=sys.stderr, flush=True
                    )
                time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
                pause = min(pause * 2, PAUSE_MAX_S)
        if not answer.get("ok"):
            kind_of = QuestionUnknown if answer.get("code") == "UNSUPPORTED" else AirflowRuntimeError
            raise kind_of(f"{kind}: the engine refused: {answer.get('error')} ({answer.get('code')})")
        return answer.get("result")

    def _exchange(self, frame: bytes, number: int) -> dict[str, Any]:
        if self._sock is None:
            self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._sock.settimeout(ANSWER_TIMEOUT_S)
            self._sock.connect(self.path)
            self._reader = wire.Reader(self._sock)
        wire.send_frame(self._sock, frame)
        while True:
            message = self._reader.message()
            if message is not None:
                if message.get("id") == number:
                    return message
                continue
            if not self._reader.read():
                raise ConnectionResetError("the engine closed the connection")

    def close(self) -> None:
        """Lets go of the connection; the next question makes another."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
