"""
The file process: imports one version of one file once, tells the root what became of it, then forks
a keeper for each attempt it is given. It ends when the root closes the socket (the file changed,
too many files, or the root died); its keepers go on.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from tradewind.runner import keeper, task, wire
from tradewind.runner.spare import Spare

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from tradewind.importer import Imported, Target


def run(sock: socket.socket, target: Target, env: dict[str, str], timeout_s: float) -> NoReturn:
    """The whole life of the process; never returns. sock: to the root."""
    try:
        _set_environment(env)
        from tradewind.document import response
        from tradewind.importer import run_import

        result = run_import(target, timeout_s, emit=target.tree is None)
        _preload(result)
        _flush()
        _tell(sock, result, response(result))
        if result.cold is None and not result.traceback:
            _serve(sock, result)
    finally:
        _flush()
        os._exit(0)


def _tell(sock: socket.socket, result: Imported, response: Any) -> None:
    """Tells the root what became of the import."""
    message = {
        "type": "imported",
        "response": response,
        "uses": result.uses.dump(),
        "cold": result.cold,
        "traceback": result.traceback,
        "failed": result.module is None or bool(result.traceback),
    }
    try:
        frame = wire.encode(message)
    except wire.ProtocolError as error:
        # The tasks can run all the same: only the documents have no room.
        text = f"the documents of the file are too long: {error}"
        response["documents"] = []
        response["errors"].append({"file": result.target.name, "line": 0, "text": text})
        frame = wire.encode(message)
    wire.send_frame(sock, frame)


def _set_environment(env: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


def _preload(result: Imported) -> None:
    """
    What the tasks of the file will need, imported and compiled once here and not in each task.
    """
    from tradewind.mapped import mapped_over
    from tradewind.operators.bash import BashOperator
    from tradewind.templates import warm

    wants_time = False
    for dag in result.dags:
        mapped_over(dag)
        for one in dag.tasks:
            if type(one) is not BashOperator:
                warm(one)
            wants_time = wants_time or _takes_time(getattr(one, "python_callable", None))
    if wants_time or "jinja2" in sys.modules:
        from tradewind import timezone

        timezone.coerce_datetime("2026-01-01")


def _takes_time(function: Any) -> bool:
    """True if the function takes a time of the context, or all of it."""
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    if code is None:
        return False
    names = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    return bool(code.co_flags & 0x08) or bool(
        names & {"logical_date", "data_interval_start", "data_interval_end", "dag_run"}
    )


def _serve(sock: socket.socket, result: Imported) -> None:
    # Keepers are nobody's business here: the kernel reaps them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    keeper.load_libc()
    gc.collect()
    gc.disable()
    gc.freeze()
    reader = wire.Reader(sock)
    sock.setblocking(True)
    spare = None
    while reader.read():
        while True:
            message = reader.message()
            if message is None:
                break
            fds = reader.take_fds(2)
            # From here on the attempt is this process's: the root will not give it to another.
            wire.send(sock, {"type": "taken", "attempt": message["attempt"]})
            if spare is None or not spare.give(message, *fds):
                _start(message, fds, result)
            wire.close_all(fds)
            spare = _new_spare(result)


def _start(message: dict[str, Any], fds: list[int], result: Imported) -> None:
    output, control = fds

    def run_task() -> None:
        task.run(message, output, control, result)

    try:
        keeper.start(control, run_task)
    except OSError as error:
        keeper.report(control, {"type": "failed", "error": f"fork: {os.strerror(error.errno or 0)}"})


def _new_spare(result: Imported) -> Spare | None:
    try:
        return Spare(result)
    except OSError:
        # No process to spare now: the next attempt is forked when it comes.
        return None


def pair() -> tuple[socket.socket, socket.socket]:
    """A stream socket pair, not inherited by programs."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
