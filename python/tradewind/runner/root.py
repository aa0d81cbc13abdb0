"""
The root: the bare process that the holder starts. It imports no user code; per file it has one file
process, which it replaces when something that the import used changed.

File process, as the root sees it: importing → ready (takes attempts) → retired (its socket is half
closed: it finishes what it was sent) → gone; importing → failed (kept as an answer until something
changed); importing → cold (each attempt is started by the root itself and imports afresh).
Invariants: 1. an attempt is sent to one process at a time; one whose process died before it said
`taken` was never forked and is sent to the next. 2. The root keeps copies of an attempt's
descriptors until `taken`. 3. All keepers outlive the root. 4. When the holder's socket ends, the
root ends, and with it the file processes.
"""

from __future__ import annotations

import collections
import errno
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

from tradewind.importer import Target, import_timeout_s
from tradewind.runner import file as file_process
from tradewind.runner import keeper, task, wire
from tradewind.sources import Tree
from tradewind.uses import Uses

if TYPE_CHECKING:
    from typing import Any

    from tradewind.importer import Target

FILES_MAX = 64  # file processes kept ready; the least recently used goes first
FILE_IDLE_S = 600.0  # a file process that nobody asked for so long ends
IMPORT_TRIES_MAX = 5  # imports in a row of a file that changes while it is imported


class FileProcess:
    """One import of one target. `env` is the environment it was imported with."""

    def __init__(self, target: Target, env: dict[str, str]) -> None:
        self.target = target
        self.env = env
        self.state = "importing"
        self.sock: Any = None
        self.reader: Any = None
        self.pid = 0
        self.sent: collections.OrderedDict[str, Any] = collections.OrderedDict()  # attempt -> (message, fds): sent, not yet taken
        self.queue: list[Any] = []  # (message, fds): wait for the import
        self.parses: list[Any] = []  # (id, env): wait for the import
        self.uses: Any = None
        self.trees: set[str] = set()  # those that the files which it used are
        self.response: Any = None
        self.cold: Any = None
        self.traceback = ""
        self.status: int | None = None
        self.deadline = 0.0
        self.used_at = 0.0
        self.tries = 0


class Root:
    """The root process; run() is its whole life."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self.holder = socket.socket(fileno=fd)
        self.reader = wire.Reader(self.holder)
        self.files: dict[Any, FileProcess] = {}  # target key -> FileProcess
        self.by_fd: dict[int, FileProcess] = {}  # descriptor -> FileProcess, retired ones too
        self.poll = select.poll()
        self.timeout_s = import_timeout_s()
        self.files_max = int(os.environ.get("TRADEWIND_RUNNER_FILES", FILES_MAX))

    def run(self) -> int:
        """
        Until the holder's socket ends. The exit code: 0, or 76 if the holder broke the protocol.
        """
        self._prepare()
        self.poll.register(self.holder, select.POLLIN)
        try:
            while True:
                for fd, _ in self.poll.poll(self._poll_ms()):
                    if fd == self.holder.fileno():
                        if not self._from_holder():
                            return 0
                    elif fd in self.by_fd:
                        self._from_file(self.by_fd[fd])
                self._reap()
                self._tend()
        except wire.ProtocolError as error:
            print(f"tradewind.runner: {error}", file=sys.stderr)
            return 76
        except (BrokenPipeError, ConnectionResetError):
            return 0

    def _prepare(self) -> None:
        """Imports once what all children share, so that their pages are shared too."""
        import atexit  # noqa: F401
        import threading  # noqa: F401
        import traceback  # noqa: F401

        from tradewind import document, emit, sdk, serde  # noqa: F401
        from tradewind.runner import engine, instance, plain  # noqa: F401

        task.set_up_streams()
        keeper.load_libc()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        gc.collect()
        gc.freeze()

    # Messages of the holder.

    def _from_holder(self) -> bool:
        if not self.reader.read():
            return False
        while True:
            message = self.reader.message()
            if message is None:
                return True
            if message["type"] == "start":
                self._start(message, self.reader.take_fds(2))
            elif message["type"] == "parse":
                self._parse(message)

    def _start(self, message: dict[str, Any], fds: list[int]) -> None:
        try:
            python = message["python"]
            target = Target.of(python["file"], python.get("spec"), python.get("kind"))
            message["attempt"] = str(message["attempt"])
            env = env_of(message.get("env"))
        except (KeyError, TypeError, ValueError) as error:
            self._fail(fds, f"the start message is not right: {error}")
            return
        self._give(target, env, message, fds)

    def _give(self, target: Target, env: dict[str, str], message: dict[str, Any], fds: list[int]) -> None:
        """Hands an attempt to the process of its file, as the file was when its run was made."""
        target = self._of_version(target, env, message["python"].get("sources"))
        file = self._current(target, env)
        file.used_at = time.monotonic()
        if file.state == "importing":
            file.queue.append((message, fds))
        elif file.state == "failed":
            self._fail_import(file, fds)
        elif file.state == "cold":
            self._start_cold(file, env, message, fds)
        else:
            self._send(file, message, fds)

    def _of_version(self, target: Any, env: Any, wanted: Any) -> Any:
        """
        The target itself if its file is that of the version (or is being imported: this is asked again
        after that), or nothing of it was kept; else the file as it was.
        """
        if not wanted or target.tree is not None or target.module is not None:
            return target
        file = self.files.get(target.key)
        if file is not None and file.state == "importing":
            return target
        same = file if file and file.uses is not None and file.uses.changed(env) is None else None
        if same and wanted["tree"] in same.trees:
            return target
        try:
            tree = Tree(wanted["folder"], wanted["tree"], wanted["root"])
            if not tree.unchanged():
                return target.in_tree(tree)
        except (OSError, ValueError) as error:
            print(f"tradewind.runner: {target.path}: its sources: {error}", file=sys.stderr)
            return target
        if same:
            same.trees.add(wanted["tree"])
        return target

    def _send(self, file: FileProcess, message: dict[str, Any], fds: list[int]) -> None:
        file.sent[message["attempt"]] = (message, fds)
        try:
            wire.send(file.sock, message, fds)
        except OSError:
            # It is dead: its socket's end is in the poll, and gives the attempt to the next.
            pass

    def _parse(self, message: dict[str, Any]) -> None:
        try:
            request = message["request"]
            target = Target.of(request["file"])
            env = dict(os.environ) if request.get("env") is None else env_of(request["env"])
        except (KeyError, TypeError, ValueError) as error:
            self._answer(message.get("id"), error=f"the request is not right: {error}")
            return
        file = self._current(target, env)
        file.used_at = time.monotonic()
        if file.state == "importing":
            file.parses.append((message.get("id"), env))
        else:
            self._answer(message.get("id"), response=file.response)

    def _answer(self, number: Any, response: Any = None, error: str | None = None) -> None:
        answer = {"type": "parsed", "id": number}
        answer.update({"response": response} if error is None else {"error": error})
        try:
            frame = wire.encode(answer)
        except wire.ProtocolError as too_long:
            frame = wire.encode(
                {"type": "parsed", "id": number, "error": f"the file's documents: {too_long}"}
            )
        wire.send_frame(self.holder, frame)

    # File processes.

    def _current(self, target: Target, env: dict[str, str]) -> FileProcess:
        """
        The process of a target that imported what is there now; a new one if something changed.
        """
        file = self.files.get(target.key)
        if file is not None and file.state != "importing":
            if file.tries > 0 and file.uses is not None:
                # It changed while it was imported, and was imported again since: enough.
                file.uses.unsure.clear()
            if file.uses is None or file.uses.changed(env) is not None:
                tries = file.tries
                self._retire(file)
                file = self._import(target, env)
                file.tries = tries + 1
            else:
                file.tries = 0
        return file if file is not None else self._import(target, env)

    def _import(self, target: Target, env: dict[str, str]) -> FileProcess:
        self._make_room()
        file = FileProcess(target, env)
        file.used_at = time.monotonic()
        self.files[target.key] = file
        try:
            ours, theirs = file_process.pair()
            pid = os.fork()
        except OSError as error:
            # No process or descriptor to be had now: what asked fails, and the next one tries
            # again.
            self._import_failed(
                file, f"the import could not be started: {os.strerror(error.errno or 0)}"
            )
            return file
        if pid == 0:
            ours.close()
            self._become_file(theirs, file)
        theirs.close()
        file.pid, file.sock, file.reader = pid, ours, wire.Reader(ours)
        file.deadline = time.monotonic() + self.timeout_s + 5.0
        self.by_fd[ours.fileno()] = file
        self.poll.register(ours, select.POLLIN)
        return file

    def _become_file(self, sock: socket.socket, file: FileProcess) -> None:
        try:
            self._close_in_child(sock.fileno())
            file_process.run(sock, file.target, file.env, self.timeout_s)
        finally:
            os._exit(70)

    def _close_in_child(self, keep: Any) -> None:
        """
        Closes all of the root's descriptors in a child; objects that own some are told, so that
        nothing is closed twice.
        """
        for sock in [self.holder, *(f.sock for f in self.by_fd.values())]:
            sock.close()
        keeper.close_from_3(keep)

    def _make_room(self) -> None:
        ready = [
            f for f in self.files.values() if f.state in ("ready", "failed", "cold") and not f.sent
        ]
        while len(self.files) >= self.files_max and ready:
            oldest = min(ready, key=lambda f: f.used_at)
            ready.remove(oldest)
            self._retire(oldest)

    def _retire(self, file: FileProcess) -> None:
        """No more attempts for it: it ends once it has taken what it was sent."""
        if self.files.get(file.target.key) is file:
            del self.files[file.target.key]
        if file.sock is not None and file.state == "ready":
            file.state = "retired"
            try:
                file.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def _from_file(self, file: FileProcess) -> None:
        try:
            alive = file.reader.read()
            while True:
                message = file.reader.message()
                if message is None:
                    break
                if message["type"] == "imported":
                    self._imported(file, message)
                elif message["type"] == "taken":
                    taken = file.sent.pop(message["attempt"], None)
                    if taken is not None:
                        wire.close_all(taken[1])
        except wire.ProtocolError:
            # User code that wrote into our socket, or a document too long: as good as dead.
            alive = False
        if not alive:
            self._gone(file)

    def _imported(self, file: FileProcess, message: dict[str, Any]) -> None:
        file.uses = Uses.load(message["uses"])
        file.response = message["response"]
        for document in file.response["documents"]:
            file.trees.add(document["python"].get("tree"))
        file.cold = message["cold"]
        file.traceback = message["traceback"]
        file.state = "failed" if message["failed"] else "cold" if file.cold else "ready"
        self._import_done(file)

    def _import_done(self, file: FileProcess) -> None:
        queue, file.queue = file.queue, []
        parses, file.parses = file.parses, []
        for number, env in parses:
            now = file
            if file.uses is not None and file.tries < IMPORT_TRIES_MAX:
                now = self._current(file.target, env)
            if now.state == "importing":
                now.parses.append((number, env))
            else:
                self._answer(number, response=now.response)
        for message, fds in queue:
            env, wanted = env_of(message.get("env")), message["python"].get("sources")
            of_this = self._of_version(file.target, env, wanted) is file.target
            if of_this and (file.uses is None or file.tries >= IMPORT_TRIES_MAX):
                self._settle(file, message, fds)
            else:
                self._give(file.target, env, message, fds)

    def _settle(self, file: FileProcess, message: dict[str, Any], fds: list[int]) -> None:
        """An attempt for which no further import is tried: with what there is."""
        if file.state == "failed":
            self._fail_import(file, fds)
        elif file.state == "cold":
            self._start_cold(file, env_of(message.get("env")), message, fds)
        else:
            self._send(file, message, fds)

    def _gone(self, file: FileProcess) -> None:
        """The process of a file has ended, or is of no more use."""
        self.poll.unregister(file.sock)
        del self.by_fd[file.sock.fileno()]
        file.sock.close()
        file.sock = None
        if file.state == "importing":
            self._import_died(file)
            return
        if file.state in ("failed", "cold"):
            return
        # Ready or retired: what it had not taken was never forked, and goes to the next process.
        file.state = "gone"
        if self.files.get(file.target.key) is file:
            del self.files[file.target.key]
        sent, file.sent = list(file.sent.values()), collections.OrderedDict()
        for message, fds in sent:
            self._give(file.target, env_of(message.get("env")), message, fds)

    def _import_died(self, file: FileProcess) -> None:
        status = self._wait(file.pid)
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            text = f"the import was ended by signal {number} ({signal.Signals(number).name})"
            if number == signal.SIGKILL and time.monotonic() >= file.deadline:
                text = (
                    f"the import took longer than {self.timeout_s:g} s and did not let itself be"
                    " interrupted"
                )
        else:
            text = f"the import ended the process with exit code {os.WEXITSTATUS(status)}"
        self._import_failed(file, text)
        self._import_done(file)

    def _import_failed(self, file: FileProcess, text: str) -> None:
        file.state = "failed"
        file.uses = None
        error = {"file": file.target.name, "line": 0, "text": text}
        file.response = {
            "documents": [],
            "errors": [error],
            "uses": {"files": [], "folders": [], "env": []},
            "version": None,
            "cold": None,
        }

    # Failures and cold starts.

    def _fail(self, fds: list[int], text: str) -> None:
        keeper.report(fds[1], {"type": "failed", "error": text})
        wire.close_all(fds)

    def _fail_import(self, file: FileProcess, fds: list[int]) -> None:
        errors = file.response["errors"]
        first = (
            errors[0] if errors else {"file": file.target.name, "line": 0, "text": "import failed"}
        )
        where = f"{first['file']}:{first['line']}" if first["line"] else first["file"]
        text = f"import error: {where}: {first['text']}"
        try:
            os.write(fds[0], (file.traceback or text + "\n").encode("utf-8", "replace"))
        except OSError:
            pass
        self._fail(fds, text)

    def _start_cold(
        self, file: FileProcess, env: dict[str, str], message: dict[str, Any], fds: list[int]
    ) -> None:
        """A file that cannot be imported once and forked: the task imports it itself."""
        output, control = fds

        def run_task() -> None:
            task.run_cold(message, output, control, file.target, file.cold, env, self.timeout_s)

        try:
            keeper.start(control, run_task)
        except OSError as error:
            keeper.report(control, {"type": "failed", "error": f"fork: {os.strerror(error.errno or 0)}"})
        wire.close_all(fds)

    # Time and children.

    def _poll_ms(self) -> int:
        waiting = [f.deadline for f in self.files.values() if f.state == "importing"]
        if waiting:
            return max(0, int((min(waiting) - time.monotonic()) * 1000) + 1)
        return 30_000

    def _tend(self) -> None:
        now = time.monotonic()
        for file in list(self.files.values()):
            if file.state == "importing":
                if now >= file.deadline and file.pid:
                    self._kill(file.pid)
            elif now - file.used_at > FILE_IDLE_S and not file.sent:
                self._retire(file)

    def _kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _wait(self, pid: int) -> int:
        """The wait status of a child whose socket has ended: at once, or it is made to end."""
        deadline = time.monotonic() + 1.0
        while True:
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                return self.__dict__.setdefault("statuses", {}).pop(pid, 0)
            if found:
                return status
            if time.monotonic() >= deadline:
                self._kill(pid)
            time.sleep(0.001)

    def _reap(self) -> None:
        """Takes leave of children that ended: old file processes, keepers of cold starts."""
        importing = {f.pid for f in self.by_fd.values() if f.state == "importing"}
        if importing:
            # The status of an import that dies is wanted by _import_died: wait for the others one
            # by one.
            return
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except OSError as error:
                if error.errno == errno.ECHILD:
                    return
                raise
            if pid == 0:
                return


def env_of(entries: Any) -> dict[str, str]:
    """A dict from an array of NAME=value (or from an object). ValueError if it is neither."""
    if entries is None:
        return {}
    if isinstance(entries, dict):
        return {str(name): str(value) for name, value in entries.items()}
    if not isinstance(entries, list):
        raise ValueError(f"env must be an array, not {json.dumps(entries)[:40]}")
    env = {}
    for entry in entries:
        name, mark, value = str(entry).partition("=")
        if name and mark:
            env[name] = value
    return env
