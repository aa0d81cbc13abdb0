"""
`python3 -m tradewind.dagfolder FOLDER --cache FILE`: all DAGs of a folder, a line of JSON for each file:

    {"parsed": bool, "elsewhere": [...], "settings": bool, "file", "documents": [...],
     "errors": [{"file", "line", "text"}...]}
    {"file", "plain": true}      a YAML or JSON file that holds a DAG: read by the program itself
    {"so_far": true}             with --stream: the lines come as they are known, and the next takes longer

`elsewhere`: what the import used outside of the folder, a folder with a slash at its end; `settings`: it
looked up variables or connections. A Python file is imported again only when something that its last
import used has changed, or after its `reparse_every` (a variable of the module: seconds, or a timedelta);
one that failed, after 5 minutes at the latest. Imports are in child processes, several at a time; one
process imports files for as long as none leaves anything behind (batch.py). An import may take a time and
an amount of memory; what it forks ends with it. One file never stops the others.
"""

from __future__ import annotations

import argparse
import collections
import gc
import hashlib
import itertools
import json
import os
import resource
import select
import signal
import sys
import time
from json import dumps  # as it was before any file was imported
from os import _exit
from os import write as write_fd
from typing import TYPE_CHECKING, NamedTuple

from tradewind import batch, ignore, uses
from tradewind.importer import Target, import_timeout_s, module_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

GRACE_S = 5.0  # after the import's own timeout, for one that does not let itself be interrupted
FILES_MAX = 100000
RESULT_BYTES_MAX = 64 << 20
AGAIN_S = 300.0  # an import that failed is tried again after so long, if nothing changed
ELSEWHERE_MAX = 1000
MEMORY_MAX = 4 << 30
SO_FAR_S = 0.5
SERIES_MAX = 50  # files that one process imports; what they leave in memory goes with it

# Modules that take long to import and that no file changes: imported once here, where a file names them.
_SHARED = (
    (b"pendulum", "pendulum"),
    (b"jinja2", "jinja2"),
    (b"dateutil", "dateutil.parser"),
    (b"airflow", "airflow"),
    (b"airflow.sdk", "airflow.sdk"),
)


def find_files(folder: str) -> list[tuple[str, bytes]]:
    """
    The files that may hold a DAG, in order: [(path, its bytes)]. As Airflow's safe mode: Python files that
    name a DAG and airflow or tradewind; YAML and JSON files with a dag_id and tasks.
    """
    safe = _safe_mode()
    todo, seen, found = [(folder, ignore.Rules(folder))], set(), []
    while todo:
        here, above = todo.pop()
        real = os.path.realpath(here)
        if real in seen:
            continue
        seen.add(real)
        rules = above.within(here)
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            print(f"{here}: {os.strerror(error.errno or 0)}", file=sys.stderr)
            continue
        for entry in entries:
            path = entry.path
            if _is_folder(entry):
                if entry.name not in ("__pycache__", ".git") and not rules.ignored(path, True):
                    todo.append((path, rules))
            elif _is_candidate(entry.name) and not rules.ignored(path, False):
                content = _read(path)
                if content is not None and (not safe or _may_hold_dag(entry.name, content)):
                    found.append((path, content))
    if len(found) > FILES_MAX:
        raise ValueError(f"{folder} has {len(found)} DAG files; at most {FILES_MAX}")
    return sorted(found)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _safe_mode() -> bool:
    text = os.environ.get("AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE", "true")
    return text.strip().lower() not in ("false", "0", "f", "n", "no")


def _is_candidate(name: str) -> bool:
    return name.endswith((".py", ".yaml", ".yml", ".json"))


def _may_hold_dag(name: str, content: bytes) -> bool:
    if name.endswith(".py"):
        low = content.lower()
        return b"dag" in low and (b"airflow" in low or b"tradewind" in low)
    return b"dag_id" in content and b"tasks" in content


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(4 << 20)
    except OSError:
        return None


class Cache:
    """
    Results of imports, in a file: a line that says what it belongs to, then for each DAG file a line of what
    its import used and a line of the result. Lost or torn, it is only slow.
    """

    def __init__(self, path: str, folder: str) -> None:
        self.path = path
        self.owner = json.dumps({"v": 2, "folder": folder, "python": sys.version, "own": _own_version()})
        self.entries: dict[str, tuple[Any, bytes]] = {}
        self._stats: dict[str, Any] = {}
        try:
            with open(path, "rb") as file:
                lines = file.read().split(b"\n")
        except OSError:
            return
        if not lines or lines[0].decode("utf-8", "replace") != self.owner:
            return
        for used, result in zip(lines[1::2], lines[2::2]):
            try:
                entry = json.loads(used)
                if entry["bytes"] != len(result):
                    break
                self.entries[entry["file"]] = (entry["uses"], result)
            except (ValueError, KeyError):
                break

    def get(self, path: str, env: Mapping[str, str]) -> Any:
        """The result line of a file of which nothing has changed, or None."""
        used, result = self.entries.get(path, (None, b""))
        return result if used is not None and not self._changed(used, env) else None

    def _changed(self, used: Any, env: Mapping[str, str]) -> bool:
        if time.time() > used.get("until", float("inf")):
            return True
        for name, value in used["env"].items():
            if env.get(name) != value:
                return True
        if used["unsure"] or used["whole_env"] is not None:
            return uses.Uses.load(used).changed(env) is not None
        for path, known in used["paths"].items():
            now = self._stats.get(path, 0)
            if now == 0:
                now = self._stats[path] = uses.signature(path)
            if now != known[0]:
                if (now is None) != (known[0] is None) or uses.content(path) != known[1]:
                    return True
                known[0] = now
        return bool(used["settings"]) and uses.Uses.load(used).changed_setting() is not None

    def put(self, path: str, used: Any, result: Any) -> None:
        """Keeps the result of an import."""
        self.entries[path] = (used, result)

    def save(self, files: Iterable[str]) -> None:
        """Writes the entries of these files, in place of the file that was there."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        partial = f"{self.path}.{os.getpid()}.tmp"
        with open(partial, "wb", opener=_private) as file:
            file.write(self.owner.encode() + b"\n")
            for path in files:
                used, result = self.entries.get(path, (None, b""))
                if used is not None:
                    line = json.dumps(
                        {"file": path, "uses": used, "bytes": len(result)}, ensure_ascii=False
                    )
                    file.write(line.encode("utf-8", "surrogateescape") + b"\n" + result + b"\n")
        os.rename(partial, self.path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _own_version() -> str:
    """Changes with the files of this package."""
    digest = hashlib.sha256()
    root = os.path.dirname(os.path.abspath(__file__))
    for here, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if name.endswith(".py"):
                digest.update(repr(uses.signature(os.path.join(here, name))).encode())
    return digest.hexdigest()[:16]


class _Child:
    """
    A child process that imports files one after another (batch.py). Its results come through a pipe,
    each a line [bytes of what it used, bytes of the result, last], then both.
    """

    def __init__(self, paths: list[str], limits: Limits) -> None:
        self.paths = collections.deque(paths)
        self.limits = limits
        self._data = bytearray()
        self.fd, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            _import_in_child(paths, write, limits)
        os.close(write)
        os.set_blocking(self.fd, False)
        # What an import forks may hold the pipe open for longer than the process lives.
        self.pid_fd = os.pidfd_open(self.pid)
        self._next()

    def _next(self) -> None:
        limit = self.limits.timeout_s
        self.deadline = time.monotonic() + limit + GRACE_S if limit > 0 else float("inf")

    def read(self, done: Callable[..., Any]) -> Any:
        """Takes what has come; done(path, uses, result line) for each. True if the child is over."""
        ended = bool(select.select([self.pid_fd], [], [], 0)[0])
        try:
            block = os.read(self.fd, 1 << 20)
        except BlockingIOError:
            if not ended:
                return False
            block = b""
        self._data += block
        over = False
        while self.paths and not over:
            head, mark, _ = self._data[:100].partition(b"\n")
            if not mark:
                break
            used, result, over = json.loads(head)
            if len(self._data) < len(head) + 1 + used + result:
                over = False
                break
            del self._data[: len(head) + 1]
            self._next()
            line = bytes(self._data[used : used + result])
            done(self.paths.popleft(), json.loads(self._data[:used]), line)
            del self._data[: used + result]
        if len(self._data) > RESULT_BYTES_MAX:
            done(*self._failed(f"its documents are longer than {RESULT_BYTES_MAX >> 20} MiB"))
            over = True
        elif not block and self.paths:
            done(*self._failed(None))
        return over or not block

    def interrupt(self, done: Callable[..., Any]) -> None:
        """It takes too long, and did not let itself be interrupted."""
        text = f"the import took longer than {self.limits.timeout_s:g} s and did not let itself be interrupted"
        done(*self._failed(text))

    def _failed(self, text: str | None) -> Any:
        """The result of the file that was being imported. Without a text the process has ended."""
        path = self.paths.popleft()
        if text is None:
            status = self.end()
            if os.WIFSIGNALED(status):
                text = f"the import was ended by signal {_signal_text(os.WTERMSIG(status))}"
            else:
                text = f"the import ended the process with exit code {os.WEXITSTATUS(status)}"
        return path, _used_itself(path), _line(path, [], [{"file": path, "line": 0, "text": text}])

    def end(self, grace_s: float = 1.0) -> Any:
        """Its wait status. It is killed if it does not end within the time, and so is what it forked."""
        if self.pid:
            select.select([self.pid_fd], [], [], grace_s)
            for kill in (os.killpg, os.kill):
                try:
                    kill(self.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    pass
            _, self._status = os.waitpid(self.pid, 0)
            os.close(self.fd)
            os.close(self.pid_fd)
            self.pid = 0
        return self._status


def _kill_orphans() -> None:
    """What left its group, too: it became a child of this process (PR_SET_CHILD_SUBREAPER)."""
    for _ in range(1000):
        try:
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
                children = file.read().split()
        except OSError:
            return
        if not children:
            return
        for child in children:
            try:
                os.kill(int(child), signal.SIGKILL)
                os.waitpid(int(child), 0)
            except (ProcessLookupError, PermissionError, ChildProcessError):
                pass


_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def _prctl(option: int, value: int) -> None:
    """Of this process. Where ctypes is missing, only what stays in its process group is ended."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def _signal_text(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return str(number)
    return f"{number} ({name})"


class Limits(NamedTuple):
    """What one import may take. memory: of the process, in bytes. 0 is no limit."""

    timeout_s: float
    memory: int


def _used_itself(path: str) -> Any:
    """All that is known of what an import used that ended its process: it is tried again after a while."""
    used = uses.Uses()
    used.paths[path] = [uses.signature(path), uses.content(path)]
    return {**used.dump(), "until": time.time() + AGAIN_S}


def _line(path: str, documents: list[Any], errors: list[Any]) -> bytes:
    value = {"file": path, "documents": documents, "errors": errors}
    return dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _import_in_child(paths: list[str], fd: int, limits: Limits) -> None:
    """Never returns."""
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if limits.memory:
            resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, limits.memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        gc.enable()
        series = batch.Series()
        for n, path in enumerate(paths):
            result = series.run(Target.of(path), limits.timeout_s)
            _explain_memory(result.errors, limits)
            used = dumps(_uses_of(result), ensure_ascii=False).encode("utf-8", "surrogateescape")
            line = _line(path, result.documents, result.errors)
            last = series.over is not None or n + 1 == len(paths)
            head = dumps([len(used), len(line), last]).encode() + b"\n"
            _write(fd, head + used + line)
            if last:
                break
    finally:
        _exit(0)


def _uses_of(result: Any) -> Any:
    """
    What the import used; `until`: when it is done again whatever has changed: if the file wants that, and if
    it failed, since that may be due to what is not seen (a server that was away).
    """
    found = result.uses.dump()
    module = result.module or sys.modules.get(module_name(result.target.path))
    every = getattr(module, "reparse_every", None)
    every = every.total_seconds() if hasattr(every, "total_seconds") else every
    if not isinstance(every, (int, float)) or isinstance(every, bool) or not every > 0:
        every = AGAIN_S if result.errors else None
    if every is not None:
        found["until"] = time.time() + (min(every, AGAIN_S) if result.errors else every)
    return found


def _explain_memory(errors: Any, limits: Limits) -> None:
    for error in errors:
        if limits.memory and error["text"].startswith("MemoryError"):
            error["text"] += f": an import may take {limits.memory >> 20} MiB (dag_processor.parse_memory_limit)"


def _write(fd: int, data: Any) -> None:
    data = memoryview(data)
    while data:
        data = data[write_fd(fd, data) :]


def _series(paths: list[str], jobs: int, most: int) -> Any:
    """Files of one folder each: they have one sys.path."""
    size = max(1, min(most, -(-len(paths) // (4 * jobs))))
    found: collections.deque[list[str]] = collections.deque()
    for _, files in itertools.groupby(paths, lambda path: os.path.dirname(path)):
        here = list(files)
        found.extend(here[n : n + size] for n in range(0, len(here), size))
    return found


def import_all(
    paths: Iterable[str],
    jobs: int,
    limits: Limits,
    done: Callable[[str, Any, bytes], Any],
    most: int = SERIES_MAX,
    waits: Callable[[], Any] = lambda: None,
) -> None:
    """
    Imports the files, `jobs` at a time, at most `most` in one process; done(path, uses, result line)
    for each when it ends; waits() when nothing has ended for a while.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    todo = _series(list(paths), jobs, most)
    running: dict[int, Any] = {}
    poll = select.poll()
    gc.collect()
    gc.disable()
    gc.freeze()  # a collection in a child would write to all that it shares with the others
    try:
        while todo or running:
            while todo and len(running) < 2 * jobs:
                one = _Child(todo.popleft(), limits)
                running[one.fd] = running[one.pid_fd] = one
                poll.register(one.fd, select.POLLIN)
                poll.register(one.pid_fd, select.POLLIN)
            for one in _ended(running, poll, done, waits):
                for fd in (one.fd, one.pid_fd):
                    poll.unregister(fd)
                    del running[fd]
                one.end(0)
                if one.paths:
                    todo.appendleft(list(one.paths))
    finally:
        for one in set(running.values()):
            one.end(0)
        _kill_orphans()
    gc.enable()


def _ended(running: Any, poll: Any, done: Any, waits: Any) -> list[Any]:
    """Waits for a while, takes what has come, and gives the children that are over."""
    wait = max(0.0, min(one.deadline for one in running.values()) - time.monotonic())
    told = {running[fd] for fd, _ in poll.poll(min(wait, SO_FAR_S) * 1000 + 1)}
    if not told:
        waits()
    over = [one for one in told if one.read(done)]
    now = time.monotonic()
    for one in set(running.values()):
        if one not in over and now >= one.deadline:
            one.interrupt(done)
            over.append(one)
    return over


def _preload(contents: Iterable[bytes]) -> None:
    """Imports what the children would each import for themselves."""
    import importlib

    from tradewind import document, emit, sdk  # noqa: F401

    for mark, name in _SHARED:
        if any(mark in content for content in contents):
            try:
                importlib.import_module(name)
            except Exception:
                continue
    if any(b"pendulum" in content for content in contents):
        from tradewind import timezone

        timezone.pendulum_or_none()


def _elsewhere(used: Any, folder: str) -> list[str]:
    """What an import used that a watch of the folder does not see; folders with a slash at their end."""
    if used is None:
        return []
    below = (os.path.join(folder, ""), os.path.join(os.path.realpath(folder), ""))
    found = sorted(path for path in used["paths"] if not os.path.join(path, "").startswith(below))
    return [path + "/" if os.path.isdir(path) else path for path in found[:ELSEWHERE_MAX]]


class Scan:
    """One look at a folder. `write` takes lines."""

    def __init__(self, folder: str, cache_path: str, write: Callable[[bytes], Any]) -> None:
        self.folder = os.path.abspath(folder)
        self.write = write
        self.files = find_files(self.folder)
        self.cache = Cache(cache_path, self.folder)
        self.lines: dict[str, Any] = {}
        self.todo: list[str] = []
        self._told = 0

    def look(self, again: Iterable[str] = ()) -> None:
        """Finds out which files are to be imported; those of `again` are in any case."""
        env = dict(os.environ)
        for path, _ in self.files:
            if path.endswith(".py"):
                self.lines[path] = None if path in again else self.cache.get(path, env)
                if self.lines[path] is None:
                    self.todo.append(path)
        self.fresh = set(self.todo)

    def run(self, jobs: int, limits: Limits, most: int, stream: bool) -> None:
        """Imports what is to be, and writes a line for each file: in the files' order, or at once."""
        self.stream = stream
        if stream:
            self._tell(path for path, _ in self.files if path not in self.fresh)
        if self.todo:
            _preload([content for path, content in self.files if path in self.fresh])
            import_all(self.todo, jobs, limits, self._done, most, self._waits)
        if not stream:
            self._tell(path for path, _ in self.files)
        if self.todo or set(self.cache.entries) - set(self.lines):
            self.cache.save([path for path, _ in self.files])

    def _done(self, path: str, used: Any, line: bytes) -> None:
        self.lines[path] = line
        self.cache.put(path, used, line)
        if self.stream:
            self._tell([path])

    def _waits(self) -> None:
        if self.stream and self._told:
            self._told = 0
            self.write(b'{"so_far": true}\n')
            sys.stdout.flush()

    def _tell(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._told += 1
            if path not in self.lines:
                self.write(json.dumps({"file": path, "plain": True}).encode() + b"\n")
                continue
            used = self.cache.entries.get(path, (None, b""))[0]
            head = {
                "parsed": path in self.fresh,
                "elsewhere": _elsewhere(used, self.folder),
                "settings": bool(used and used["settings"]),
            }
            text = dumps(head, ensure_ascii=False).encode("utf-8", "surrogateescape")
            self.write(text[:-1] + b", " + self.lines[path][1:] + b"\n")


def _stop(number: int, frame: object) -> None:
    sys.exit(128 + number)  # so that what runs is ended


def main(arguments: list[str]) -> int:
    """Exit code 0, whatever the files' errors; 1 if the folder cannot be read."""
    parser = argparse.ArgumentParser(prog="tradewind.dagfolder")
    parser.add_argument("folder")
    parser.add_argument("--cache", required=True)
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2))
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--series", type=int, default=SERIES_MAX, help="files in one process")
    parser.add_argument("--memory", type=int, default=MEMORY_MAX, help="bytes; 0 is no limit")
    parser.add_argument("--stream", action="store_true", help="lines as soon as they are known")
    parser.add_argument("--again", action="append", default=[], help="imported even if nothing changed")
    options = parser.parse_args(arguments)
    out = sys.stdout.buffer
    signal.signal(signal.SIGTERM, _stop)
    try:
        timeout_s = options.timeout or import_timeout_s()
        scan = Scan(options.folder, options.cache, out.write)
        scan.look(options.again)
        scan.run(options.jobs, Limits(timeout_s, options.memory), options.series, options.stream)
    except (OSError, ValueError) as error:
        print(f"{options.folder}: {error}", file=sys.stderr)
        return 1
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
