"""
`python3 -m tradewind.dagfolder FOLDER --cache FILE`: all DAGs of a folder, a line of JSON for each file:

    {"file", "parsed": bool, "documents": [...], "errors": [{"file", "line", "text"}...]}
    {"file", "plain": true}      a YAML or JSON file that holds a DAG: read by the program itself

A Python file is imported again only when something that its last import used has changed; each import is
a process of its own, several at a time, and ends after TIMEOUT_S. One file never stops the others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

from tradewind import ignore, uses
from tradewind.importer import IMPORT_TIMEOUT_S, Target, run_import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

GRACE_S = 5.0  # after the import's own timeout, for one that does not let itself be interrupted
FILES_MAX = 100000
RESULT_BYTES_MAX = 64 << 20

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
            if entry.is_dir():
                if entry.name not in ("__pycache__", ".git") and not rules.ignored(path, True):
                    todo.append((path, rules))
            elif _is_candidate(entry.name) and not rules.ignored(path, False):
                content = _read(path)
                if content is not None and (not safe or _may_hold_dag(entry.name, content)):
                    found.append((path, content))
    if len(found) > FILES_MAX:
        raise ValueError(f"{folder} has {len(found)} DAG files; at most {FILES_MAX}")
    return sorted(found)


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
        self.owner = json.dumps({"v": 1, "folder": folder, "python": sys.version, "own": _own_version()})
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
        return False

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


class _Import:
    """One import that runs in a child process; its result comes through a pipe."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self.path = path
        self.deadline = time.monotonic() + timeout_s + GRACE_S
        self.data = b""
        self.fd, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            _import_in_child(path, write, timeout_s)
        os.close(write)

    def read(self) -> bool:
        """Takes what has come; True at the end."""
        block = os.read(self.fd, 1 << 20)
        self.data += block
        return not block or len(self.data) > RESULT_BYTES_MAX

    def finish(self, timed_out: bool, timeout_s: float) -> tuple[Any, bytes]:
        """(what it used or None, result line)."""
        if timed_out or len(self.data) > RESULT_BYTES_MAX:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        _, status = os.waitpid(self.pid, 0)
        used, mark, result = self.data.partition(b"\n")
        if mark and not timed_out:
            try:
                return json.loads(used), result
            except ValueError:
                pass
        if timed_out:
            text = f"the import took longer than {timeout_s:g} s and did not let itself be interrupted"
        elif os.WIFSIGNALED(status):
            text = f"the import was ended by signal {os.WTERMSIG(status)}"
        else:
            text = f"the import ended the process with exit code {os.WEXITSTATUS(status)}"
        return None, _line(self.path, [], [{"file": self.path, "line": 0, "text": text}])


def _line(path: str, documents: list[Any], errors: list[Any]) -> bytes:
    value = {"file": path, "documents": documents, "errors": errors}
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _import_in_child(path: str, write: int, timeout_s: float) -> None:
    """Never returns."""
    try:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        result = run_import(Target.of(path), timeout_s)
        used = json.dumps(result.uses.dump(), ensure_ascii=False)
        with open(write, "wb") as file:
            file.write(used.encode("utf-8", "surrogateescape") + b"\n")
            file.write(_line(path, result.documents, result.errors))
    finally:
        os._exit(0)


def import_all(
    paths: Iterable[str], jobs: int, timeout_s: float, done: Callable[[str, Any, bytes], Any]
) -> None:
    """Imports the files, `jobs` at a time; done(path, uses, result line) for each when it ends."""
    todo = list(paths)[::-1]
    running: dict[int, _Import] = {}
    poll = select.poll()
    while todo or running:
        while todo and len(running) < jobs:
            one = _Import(todo.pop(), timeout_s)
            running[one.fd] = one
            poll.register(one.fd, select.POLLIN)
        wait = max(0.0, min(one.deadline for one in running.values()) - time.monotonic())
        ended = [(running[fd], False) for fd, _ in poll.poll(wait * 1000 + 1) if running[fd].read()]
        now = time.monotonic()
        late = [one for one in running.values() if now >= one.deadline]
        for one, timed_out in ended + [(one, True) for one in late if (one, False) not in ended]:
            poll.unregister(one.fd)
            del running[one.fd]
            done(one.path, *one.finish(timed_out, timeout_s))


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


def scan(
    folder: str, cache_path: str, jobs: int, timeout_s: float, write: Callable[[bytes], Any]
) -> None:
    """Writes the line of each file, in the files' order."""
    folder = os.path.abspath(folder)
    files = find_files(folder)
    cache = Cache(cache_path, folder)
    env = dict(os.environ)
    lines, todo = {}, []
    for path, _ in files:
        if path.endswith(".py"):
            lines[path] = cache.get(path, env)
            if lines[path] is None:
                todo.append(path)
    fresh = set(todo)

    def done(path: str, used: Any, line: bytes) -> None:
        lines[path] = line
        if used is not None:
            cache.put(path, used, line)
        else:
            cache.entries.pop(path, None)

    if todo:
        _preload([content for path, content in files if path in fresh])
        import_all(todo, jobs, timeout_s, done)
    for path, _ in files:
        if path in lines:
            parsed = b"true" if path in fresh else b"false"
            write(b'{"parsed": ' + parsed + b", " + lines[path][1:] + b"\n")
        else:
            write(json.dumps({"file": path, "plain": True}).encode() + b"\n")
    if todo or set(cache.entries) - set(lines):
        cache.save([path for path, _ in files])


def main(arguments: list[str]) -> int:
    """Exit code 0, whatever the files' errors; 1 if the folder cannot be read."""
    parser = argparse.ArgumentParser(prog="tradewind.dagfolder")
    parser.add_argument("folder")
    parser.add_argument("--cache", required=True)
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2))
    parser.add_argument("--timeout", type=float)
    options = parser.parse_args(arguments)
    timeout_s = options.timeout or float(
        os.environ.get("TRADEWIND_IMPORT_TIMEOUT")
        or os.environ.get("AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT")
        or IMPORT_TIMEOUT_S
    )
    out = sys.stdout.buffer
    try:
        scan(options.folder, options.cache, options.jobs, timeout_s, out.write)
    except (OSError, ValueError) as error:
        print(f"{options.folder}: {error}", file=sys.stderr)
        return 1
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
