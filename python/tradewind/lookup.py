"""
Variables and connections while a DAG file is imported, when no attempt is there that could ask its
engine: the program itself reads them, `tradewind lookup HOME` with a question and an answer a line.
What was answered counts as used: a changed value makes the file be imported again.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowRuntimeError
from tradewind.uses import unrecorded

if TYPE_CHECKING:
    from typing import Any

_PROGRAM = os.environ.get("TRADEWIND_LOOKUP")
_HOME = os.environ.get("TRADEWIND_HOME")


def available() -> bool:
    """True if this process was told of a program to ask."""
    return bool(_PROGRAM and _HOME)


class Reader:
    """
    Asks the program, which is started on the first question and ended by close(). used: question →
    digest of its answer.
    """

    def __init__(self) -> None:
        self.used: dict[str, Any] = {}
        self._owner: int | None = None
        self._to: Any = None
        self._from: Any = None

    def ask(self, kind: str, **members: Any) -> Any:
        """The answer to a question of settings that only reads. AirflowRuntimeError if it has none."""
        return self._answer(json.dumps({"op": kind, **members}, sort_keys=True))

    def digest(self, question: Any) -> Any:
        """What `used` would have for a question now; None if it has no answer."""
        try:
            self._answer(question)
        except AirflowRuntimeError:
            return None
        return self.used[question]

    def _answer(self, question: Any) -> Any:
        with unrecorded():
            line = self._exchange(question)
        answer = json.loads(line) if line else {"error": "the program that reads settings has ended"}
        if "error" in answer:
            self.used[question] = None
            raise AirflowRuntimeError(answer["error"])
        self.used[question] = hashlib.sha256(line.encode()).hexdigest()
        return answer["result"]

    def _exchange(self, question: Any) -> Any:
        if self._owner != os.getpid():
            self._start()
        try:
            self._to.write(question + "\n")
            self._to.flush()
            return self._from.readline()
        except OSError:
            return ""

    def _start(self) -> None:
        # Of a parent's program this process only has copies of the pipes: they are let go.
        self.close()
        ask, answer = os.pipe(), os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, ask[0], 0),
            (os.POSIX_SPAWN_DUP2, answer[1], 1),
        ]
        self._owner = os.getpid()
        self._to, self._from = open(ask[1], "w"), open(answer[0])
        try:
            self._pid = os.posix_spawn(
                str(_PROGRAM), [str(_PROGRAM), "lookup", str(_HOME)], os.environ, file_actions=actions
            )
        except OSError as error:
            self.close()
            raise AirflowRuntimeError(f"{_PROGRAM}: {os.strerror(error.errno or 0)}") from None
        finally:
            os.close(ask[0])
            os.close(answer[1])

    def close(self) -> None:
        """Ends the program; the next question starts another."""
        owner, self._owner = self._owner, None
        if self._to is not None:
            try:
                self._to.close()
            except OSError:
                pass
            self._from.close()
            self._to = self._from = None
        if owner == os.getpid():
            try:
                os.waitpid(self._pid, 0)
            except ChildProcessError:
                pass


_asking: list[Any] = []


def of_process() -> Any:
    """The reader that this process keeps, for asking whether anything changed."""
    if not _asking:
        _asking.append(Reader())
    return _asking[0]
