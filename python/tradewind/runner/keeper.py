"""
The keeper: one process per attempt, between the file process and the task. It is a subreaper, so
what the task leaves behind becomes its child.

States: forking → waiting (the task runs) → clearing (the task ended; what it left behind is ended:
SIGTERM, grace, SIGKILL) → reported.
Invariants: 1. the task's pid is on the control socket before its user code begins (the task itself
writes it: nothing to wait for). 2. `exit` is sent once, after nothing of the attempt lives. 3. The
task is not reaped before it is reported: a keeper killed at any moment leaves the task, or its exit
status, to the holder. 4. No signal but SIGKILL ends it; it holds no descriptor but the control
socket and the null device.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

from tradewind.runner import wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LEFTOVER_GRACE_S = 5.0
_PR_SET_CHILD_SUBREAPER = 36

_libc: Any = None


def load_libc() -> None:
    """To be called before the first fork, so that no keeper pays for it."""
    global _libc
    if _libc is None:
        import ctypes

        _libc = ctypes.CDLL(None, use_errno=True)


def start(control_fd: int, run_task: Callable[[], Any]) -> None:
    """
    Forks a keeper, which forks the task: run_task() is called there and never returns. Returns at
    once, in the caller. OSError if the fork failed.
    """
    if os.fork() != 0:
        return
    try:
        _keep(control_fd, run_task)
    finally:
        os._exit(70)


def _keep(control_fd: int, run_task: Callable[[], Any]) -> None:
    become_subreaper()
    try:
        task = os.fork()
    except OSError as error:
        report(control_fd, {"type": "failed", "error": f"fork: {os.strerror(error.errno or 0)}"})
        os._exit(71)
    if task == 0:
        run_task()
        os._exit(70)
    ignore_signals()
    close_but(control_fd)
    status = wait(task)
    clear(os.getpid(), task)
    report(control_fd, {"type": "exit", "status": status})
    os._exit(0)


def become_subreaper() -> None:
    """What the task leaves behind becomes a child of this process, and is waited for by it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def ignore_signals() -> None:
    """The keeper outlives what is meant for the task."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


def wait(task: int) -> int:
    """
    The raw wait status of the task, which is left unreaped: if the keeper is killed before it has
    reported, the task's end is still there for the holder to see. Orphans that end meanwhile are
    reaped.
    """
    while True:
        found: Any = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if found.si_pid == task:
            break
        os.waitpid(found.si_pid, 0)
    if found.si_code == os.CLD_EXITED:
        return found.si_status << 8
    return found.si_status | (0x80 if found.si_code == os.CLD_DUMPED else 0)


def close_but(*keep: int) -> None:
    """Closes all descriptors but 0, 1, 2 (which become the null device) and those given."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        if fd not in keep:
            os.dup2(null, fd)
    close_from_3(*keep)


def close_from_3(*keep: int) -> None:
    """Closes all descriptors from 3 on but those given."""
    low = 3
    for fd in sorted(keep):
        if fd >= low:
            os.closerange(low, fd)
            low = fd + 1
    os.closerange(low, _fd_limit(low))


def _fd_limit(low: int) -> int:
    """One above the highest open descriptor."""
    try:
        return max([low, *(int(name) + 1 for name in os.listdir("/proc/self/fd"))])
    except OSError:
        return 4096


def report(control_fd: int, message: dict[str, Any]) -> None:
    """Tells the holder; if it is dead there is nobody to tell."""
    try:
        with socket.socket(fileno=os.dup(control_fd)) as control:
            control.setblocking(True)
            wire.send(control, message)
    except OSError:
        pass


def children_of(pid: int) -> list[int]:
    """Pids of the children of a process, of all its threads."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found.extend(int(word) for word in file.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def _descendants(pid: int) -> list[int]:
    found, todo = [], [pid]
    while todo:
        children = children_of(todo.pop())
        found.extend(children)
        todo.extend(children)
    return found


def clear(keeper: int, task: int) -> None:
    """
    Ends all that is left below this process but the task, which has ended: SIGTERM, after the grace
    SIGKILL, until nothing is left.
    """
    deadline = time.monotonic() + LEFTOVER_GRACE_S
    signalled = {task}
    pause = 0.001
    while True:
        left = [pid for pid in children_of(keeper) if pid != task]
        for pid in left:
            os.waitpid(pid, os.WNOHANG)
        if not left:
            return
        late = time.monotonic() >= deadline
        for pid in _descendants(keeper):
            if pid != task and (late or pid not in signalled):
                signalled.add(pid)
                try:
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                except ProcessLookupError:
                    pass
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
