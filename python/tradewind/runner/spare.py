"""
A spare: a keeper and its task, forked before there is an attempt for them, waiting. The file
process keeps one ready once it was given an attempt, so that the next one costs no fork on its way.

The keeper and the task each have a socket to the file process. Given an attempt, the keeper is sent
the control socket first, then the task all of it.
Invariants: 1. a task that begins has a keeper that can report it. 2. A spare that is never given an
attempt ends silently with the file process. 3. If the task ended before it began (its flag, in
shared memory, is not set), the keeper reports `failed`, never an exit.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
from typing import TYPE_CHECKING

from tradewind.runner import keeper, task, wire

if TYPE_CHECKING:
    from typing import Any

    from tradewind.importer import Imported


class Spare:
    """One spare; may be given one attempt."""

    def __init__(self, imported: Imported) -> None:
        """Forks it. OSError if that failed."""
        self._begun = mmap.mmap(-1, 1)
        self._to_keeper, keeper_end = socket.socketpair()
        self._to_task, task_end = socket.socketpair()
        try:
            pid = os.fork()
        except OSError:
            wire.close_sockets(self._to_keeper, self._to_task, keeper_end, task_end)
            raise
        if pid != 0:
            wire.close_sockets(keeper_end, task_end)
            return
        try:
            wire.close_sockets(self._to_keeper, self._to_task)
            _keep(keeper_end, task_end, self._begun, imported)
        finally:
            os._exit(70)

    def give(self, message: dict[str, Any], output: int, control: int) -> bool:
        """
        Gives it the attempt. False if it is dead and the attempt must go another way; True if it
        has it, or its keeper reports it.
        """
        try:
            wire.send(self._to_keeper, {}, (control,))
        except OSError:
            self.close()
            return False
        try:
            wire.send(self._to_task, message, (output, control))
        except OSError:
            # The keeper sees that its task is dead, and says so.
            pass
        self.close()
        return True

    def close(self) -> None:
        """Lets go of it: without an attempt it ends."""
        wire.close_sockets(self._to_keeper, self._to_task)
        self._begun.close()


def _keep(keeper_end: socket.socket, task_end: socket.socket, begun: Any, imported: Imported) -> None:
    keeper.become_subreaper()
    pid = os.fork()
    if pid == 0:
        keeper_end.close()
        _wait_for_attempt(task_end, begun, imported)
        os._exit(0)
    task_end.close()
    keeper.ignore_signals()
    keeper.close_but(keeper_end.fileno())
    status = keeper.wait(pid)
    keeper.clear(os.getpid(), pid)
    keeper_end.setblocking(False)
    reader = wire.Reader(keeper_end)
    try:
        reader.read()
    except BlockingIOError:
        pass
    if reader.fds and reader.message() is not None:
        if begun[0] or os.WIFSIGNALED(status):
            keeper.report(reader.fds[0], {"type": "exit", "status": status})
        else:
            keeper.report(
                reader.fds[0],
                {"type": "failed", "error": "the file process ended before the task began"},
            )
    os._exit(0)


def _wait_for_attempt(sock: socket.socket, begun: Any, imported: Imported) -> None:
    """In the task: everything that can be done before there is an attempt, then waits for one."""
    task.reset_signals()
    os.setsid()
    keeper.close_but(sock.fileno())
    reader = wire.Reader(sock)
    while reader.read():
        message = reader.message()
        if message is not None:
            output, control = reader.take_fds(2)
            begun[0] = 1
            task.run(message, output, control, imported)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
