"""
What the import of a DAG file used: files read, folders listed, environment variables read, variables
and connections looked up; and whether any of it changed since. A file changed if its stat signature did and then its content; a
folder if its names did. The interpreter's own files do not count.
"""

from __future__ import annotations

import contextlib
import dis
import hashlib
import os
import sys
import sysconfig
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType
    from typing import Any

# Granularity of file times: a change this close to a reading may hide behind the same time.
_TICK_NS = 10_000_000
_FILE_BYTES_MAX = 64 << 20

_OWN = tuple(
    {
        os.path.join(os.path.realpath(path), "")
        for path in (
            *(
                sysconfig.get_paths().get(k, "")
                for k in ("stdlib", "platstdlib", "purelib", "platlib")
            ),
            *(p for p in sys.path if p.endswith(("site-packages", "dist-packages"))),
            os.path.dirname(os.path.abspath(__file__)),
            os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "airflow"),
        )
        if path
    }
) + ("/proc/", "/sys/", "/dev/", "/usr/share/zoneinfo/")
_OWN_FILES = ("/etc/localtime", "/etc/resolv.conf", "/etc/hosts")

# Environment variables that differ from attempt to attempt: reading one does not make a file depend
# on it.
_PER_ATTEMPT = ("TRADEWIND_ATTEMPT", "AIRFLOW_CTX_")


def is_own(path: str) -> bool:
    """True for files of the interpreter, its packages and this package."""
    return path.startswith(_OWN) or path in _OWN_FILES


def signature(path: str) -> list[int] | None:
    """What stat says of a file: [mtime_ns, size, inode], or None if it is absent."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size, status.st_ino]


def content(path: str) -> str | None:
    """The hash of a file's bytes or of a folder's names; None if it is absent or cannot be read."""
    digest = hashlib.sha256()
    try:
        if os.path.isdir(path):
            digest.update("\0".join(sorted(os.listdir(path))).encode("utf-8", "surrogateescape"))
            return digest.hexdigest()
        with open(path, "rb") as file:
            left = _FILE_BYTES_MAX
            while left > 0:
                block = file.read(min(1 << 20, left))
                if not block:
                    break
                digest.update(block)
                left -= len(block)
    except OSError:
        return None
    return digest.hexdigest()


_unrecorded: list[bool] = []


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    """Within the block nothing counts as used: for what asks the interpreter about its packages."""
    _unrecorded.append(True)
    try:
        yield
    finally:
        _unrecorded.pop()


class Uses:
    """
    paths: path → [signature, content]; env: name → value or None; whole_env: all names were read;
    settings: question → digest of its answer (lookup.Reader).
    `unsure` paths changed while they were read: they count as changed.
    """

    def __init__(self) -> None:
        self.paths: dict[str, list[Any]] = {}
        self.env: dict[str, str | None] = {}
        self.whole_env: dict[str, str] | None = None
        self.settings: dict[str, Any] = {}
        self.unsure: set[str] = set()

    def changed(self, env: Mapping[str, str]) -> str | None:
        """
        The name of something that changed, or None. env: the environment that an import would have
        now.
        """
        for name, value in self.env.items():
            if env.get(name) != value:
                return f"${name}"
        if self.whole_env is not None and self.whole_env != _shared(env):
            return "the environment"
        if self.unsure:
            return min(self.unsure)
        for path, known in self.paths.items():
            now = signature(path)
            if now == known[0]:
                continue
            if (now is None) != (known[0] is None) or content(path) != known[1]:
                return path
            known[0] = now
        return self.changed_setting()

    def changed_setting(self) -> Any:
        """The question about a variable or connection that has another answer now, or None."""
        from tradewind import lookup

        if lookup.available():
            for question, known in self.settings.items():
                if lookup.of_process().digest(question) != known:
                    return question
        return None

    def version(self) -> str:
        """
        A key of all of it: the same content and environment give the same key, on any machine with
        the same paths.
        """
        digest = hashlib.sha256()
        for path in sorted(self.paths):
            digest.update(f"{path}\0{self.paths[path][1]}\n".encode("utf-8", "surrogateescape"))
        for name in sorted(self.env):
            digest.update(f"${name}\0{self.env[name]}\n".encode("utf-8", "surrogateescape"))
        for question in sorted(self.settings):
            digest.update(f"{question}\0{self.settings[question]}\n".encode())
        return digest.hexdigest()[:32]

    def dump(self) -> dict[str, Any]:
        """As JSON, for the runner."""
        return {
            "paths": self.paths,
            "env": self.env,
            "whole_env": self.whole_env,
            "settings": self.settings,
            "unsure": sorted(self.unsure),
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> Uses:
        """From dump()."""
        self = cls()
        self.paths, self.env = data["paths"], data["env"]
        self.whole_env, self.unsure = data["whole_env"], set(data["unsure"])
        self.settings = data["settings"]
        return self

    def listing(self) -> dict[str, list[str]]:
        """
        For the engine: which files and folders to watch, which variables were read (names only).
        """
        return {
            "files": sorted(p for p in self.paths if not os.path.isdir(p)),
            "folders": sorted(p for p in self.paths if os.path.isdir(p)),
            "env": sorted(self.env),
        }


def _shared(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not name.startswith(_PER_ATTEMPT)}


_IMPORT_NAME = dis.opmap["IMPORT_NAME"]
_LATER_FILES_MAX = 1000


def imported_later(codes: Any, folders: Any) -> Any:
    """
    The files of modules in these folders that functions of the code import when they are called,
    and the files that those import.
    """
    todo = [(code, True) for code in codes]
    found: dict[str, Any] = {}
    folders = list(dict.fromkeys(folders))
    while todo and len(found) < _LATER_FILES_MAX:
        code, ran = todo.pop()
        todo.extend((c, False) for c in code.co_consts if isinstance(c, types.CodeType))
        if ran or _IMPORT_NAME not in code.co_code[::2]:
            continue
        here = os.path.dirname(code.co_filename)
        for name, level in _names_imported(code):
            up = os.path.normpath(os.path.join(here, *[".."] * (level - 1))) if level else None
            for path in _files_of(name, [up] if level else folders):
                if path not in found:
                    found[path] = True
                    todo.extend(_code_of(path))
    return found


def _names_imported(code: Any) -> Any:
    """(dotted name, level) of the import statements of a code object, and of what they take."""
    level, name = 0, ""
    before = None
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            level, name = 0 if before is None else before, step.argval
            yield name, level
        elif step.opname == "IMPORT_FROM":
            yield f"{name}.{step.argval}" if name else step.argval, level
        # The level is the constant before the names that are taken.
        if step.opname in ("LOAD_CONST", "LOAD_SMALL_INT") and isinstance(step.argval, int):
            before = step.argval


def _files_of(name: Any, folders: Any) -> Any:
    top = name.partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    if file and is_own(file):
        return []
    parts = name.split(".")
    for folder in folders:
        found = []
        for n in range(1, len(parts) + 1):
            path = os.path.join(folder, *parts[:n])
            if os.path.isfile(path + ".py"):
                found.append(path + ".py")
            elif os.path.isfile(os.path.join(path, "__init__.py")):
                found.append(os.path.join(path, "__init__.py"))
            elif not os.path.isdir(path):
                break
        if found:
            return found
    return []


def _code_of(path: Any) -> Any:
    try:
        with open(path, "rb") as file:
            # All of it runs when the module is imported, and its functions after that.
            return [(compile(file.read(), path, "exec", dont_inherit=True), False)]
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return []


class _RecordingEnviron(os._Environ):
    """os.environ that tells the recorder what is read."""

    recorder: Recorder | None = None

    def __getitem__(self, key: str) -> str:
        recorder = type(self).recorder
        if recorder is not None:
            recorder.env_read(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        recorder = type(self).recorder
        if recorder is not None:
            recorder.env_listed()
        return super().__iter__()


# Who records now: one at a time. An audit hook cannot be taken back, so there is one for all.
_recording: list = []
_hooked: list = []


def _audit(event: str, args: Any) -> None:
    if _recording and not _unrecorded:
        _recording[0].heard(event, args)


def _package_is_imported() -> bool:
    """True if what happens now happens because a module of a package runs for the first time."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_filename[:1] != "<":
            if code.co_name == "run_import" or not is_own(code.co_filename):
                return False
            if code.co_name == "<module>":
                return True
        frame = frame.f_back
    return False


class Recorder:
    """
    Records what one import uses. `executed`: the code that ran for it and is not the interpreter's
    or its packages'; `by_packages`: paths and names of variables that packages read when they were
    imported, which they do once in a process.
    """

    def __init__(self) -> None:
        self.uses = Uses()
        self.connected = False
        self.executed: list[Any] = []
        self.by_packages: set[str] = set()
        self.roots: list[str] = []  # further folders in which functions may find modules of the bundle
        self._modules: set[str] = set()
        self._before: set[str] = set()
        self._env: dict[str, str] = {}
        self._started_ns = 0
        self._early: dict[str, Any] = {}

    def start(self) -> None:
        """From now on everything counts. To be called once, before the import."""
        import time

        self._started_ns = time.time_ns()
        self._env = dict(os.environ)
        self._before = set(sys.modules)
        _RecordingEnviron.recorder = self
        os.environ.__class__ = _RecordingEnviron
        _recording[:] = [self]
        if not _hooked:
            _hooked.append(True)
            sys.addaudithook(_audit)

    def stop(self) -> Uses:
        """The import is over: what it used."""
        _recording.clear()
        _RecordingEnviron.recorder = None
        os.environ.__class__ = os._Environ
        self._add_modules()
        for path in list(self.uses.paths):
            self._finish(path)
        return self.uses

    def add(self, path: str) -> None:
        """A file or folder that the import used or looked for."""
        path = os.path.abspath(path)
        if path not in self.uses.paths and not is_own(path):
            self.uses.paths[path] = [signature(path), None]
            if _package_is_imported():
                self.by_packages.add(path)

    def env_read(self, name: str) -> None:
        """A variable was read."""
        if not isinstance(name, str) or name.startswith(_PER_ATTEMPT) or name in self.uses.env:
            return
        self.uses.env[name] = self._env.get(name)
        if _package_is_imported():
            self.by_packages.add(name)

    def env_listed(self) -> None:
        """All variables were read."""
        self.uses.whole_env = _shared(self._env)

    def heard(self, event: str, args: Any) -> None:
        """An audit event."""
        if event == "open":
            self._opened(*args)
        elif event == "import":
            self._imported(args[0])
        elif event == "exec":
            self._executed(args[0])
        elif event in ("os.listdir", "os.scandir"):
            self._listed(args[0])
        elif event == "socket.connect":
            self.connected = True

    def _executed(self, code: Any) -> None:
        # What packages make for themselves (dataclasses, named tuples) has no file and is theirs.
        file = getattr(code, "co_filename", "<")
        if file[:1] == "<":
            file = sys._getframe(3).f_code.co_filename
        if file[:1] != "<" and not is_own(file):
            self.executed.append(code)

    def _imported(self, name: str) -> None:
        # Only what the user's code looks for: the standard library tries modules of other systems.
        frame: FrameType | None = sys._getframe(3)
        while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        if (
            frame is not None
            and not is_own(frame.f_code.co_filename)
            and frame.f_code.co_filename[:1] != "<"
        ):
            self._modules.add(name)

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str) or path.endswith(".pyc"):
            return
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
        if not writes:
            self.add(path)

    def _listed(self, path: Any) -> None:
        # The import system lists the folders of sys.path all the time; only the file's own code
        # counts.
        caller = sys._getframe(3).f_code.co_filename
        if caller.startswith("<frozen"):
            return
        if path is None:
            path = "."
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str):
            self.add(path)

    def _add_modules(self) -> None:
        for name in set(sys.modules) - self._before:
            file = getattr(sys.modules.get(name), "__file__", None)
            if isinstance(file, str) and not file.startswith("<"):
                self.add(file)
        # Loaded by its path from bytecode, and put into no sys.modules.
        for code in self.executed:
            if code.co_filename[:1] != "<":
                self.add(code.co_filename)
        for path in imported_later(self.executed, sys.path[:1] + self.roots):
            self.add(path)
        # A module that was not found would be if its file appeared beside the DAG file.
        for name in self._modules:
            top = name.partition(".")[0]
            if top not in sys.modules:
                self.add(os.path.join(sys.path[0], top + ".py"))
                self.add(os.path.join(sys.path[0], top, "__init__.py"))

    def _finish(self, path: str) -> None:
        known = self.uses.paths[path]
        known[1] = content(path)
        now = signature(path)
        if now != known[0] or (now is not None and now[0] >= self._started_ns - _TICK_NS):
            if now is None or not os.path.isdir(path):
                self.uses.unsure.add(path)


def left_open() -> str | None:
    """
    What of an import does not survive a fork: a text, or None. Sockets still open and Python
    threads still running count.
    """
    import _thread

    if _thread._count() > 0:
        return "starts threads"
    return None


def open_fds() -> Any:
    """The descriptors of this process, and what each is."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
    return found


def socket_fds() -> set[int]:
    """The descriptors of this process that are sockets."""
    return {fd for fd, what in open_fds().items() if what.startswith("socket:")}
