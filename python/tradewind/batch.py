"""
Imports of several DAG files in one process, one after another, as long as each finds the process as
the first did. What an import leaves behind is looked at after it: modules of the user's are taken
away again; if anything else changed that another file could see, no further file is imported here.
So each result is what the file gives in a process of its own.

Looked at are the interpreter's state (modules, environment, paths, signals, descriptors, builtins,
warnings ...) and, because nothing tells whether a class or a function was replaced, the code that
ran: it must not set attributes of what is not its own.
"""

from __future__ import annotations

import _signal  # type: ignore
import _thread
import builtins
import dis
import os
import signal
import sys
import types
import warnings
from typing import TYPE_CHECKING

from tradewind import hooks, plugins, policies, scope, xcom
from tradewind.baseoperator import BaseOperator
from tradewind.configuration import conf
from tradewind.dags import DAG
from tradewind.importer import run_import
from tradewind.taskgroup import TaskGroup
from tradewind.uses import is_own, open_fds
from tradewind.xcom_arg import XComArg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Names by which code changes what is not its own, or runs code that cannot be looked at.
_WORDS = frozenset(
    """
    setattr delattr __setattr__ __delattr__ __dict__ __class__ __builtins__ builtins vars patch mock
    unittest monkeypatch gevent ctypes cffi gc setrlimit nice setuid setgid setlocale setcontext
    getcontext settrace setprofile setswitchinterval addaudithook disable set_option set_options
    setdefaulttimeout tzset register register_at_fork reload
    """.split()
)
_WORDS_OF_WARNINGS = frozenset(("filters", "filterwarnings", "simplefilter", "resetwarnings"))
_SETS = (dis.opmap["STORE_ATTR"], dis.opmap["DELETE_ATTR"])
_SIGNALS = sorted(map(int, signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))


class Series:
    """The imports of one process. `over` says why there may be no further one, or is None."""

    def __init__(self) -> None:
        self.over: str | None = None
        self._modules = dict(sys.modules)
        self._path = list(sys.path)
        self._facts = _facts()
        self._filters = list(warnings.filters)
        # What packages read when the first file that names them is imported counts for all files.
        self._env: dict[str, Any] = {}
        self._files: dict[str, Any] = {}

    def run(self, target: Any, timeout_s: float) -> Any:
        """Imports a file (importer.Imported). Not to be called once `over` is set."""
        pid = os.getpid()
        result = run_import(target, timeout_s, tasks=False)
        if os.getpid() != pid:
            os._exit(0)  # a child that the file's code forked and did not end
        builtins_changed = vars(builtins) != self._facts["builtins"]
        if builtins_changed:
            builtins.__dict__.update(self._facts["builtins"])  # so that the result can be written
        for name, value in self._env.items():
            result.uses.env.setdefault(name, value)
        for path, known in self._files.items():
            result.uses.paths.setdefault(path, known)
        if result.errors or builtins_changed:
            self.over = "an error" if result.errors else "builtins"
        else:
            try:
                self.over = self._tidy(result)
            except Exception as error:  # modules that are no modules, and the like
                self.over = repr(error)
        return result

    def _tidy(self, result: Any) -> Any:
        """Takes away what the import brought; why that is not enough, or None."""
        reason = self._take_modules(result)
        sys.path[:] = self._path
        scope.forget()
        hooks.forget_backend()
        xcom.backend.cache_clear()
        conf.forget()
        return reason or self._changed(result)

    def _take_modules(self, result: Any) -> Any:
        new = {name: sys.modules[name] for name in set(sys.modules) - set(self._modules)}
        theirs = {name: module for name, module in new.items() if _is_theirs(name, module)}
        reason = self._of_code(result, theirs)
        for name, module in theirs.items():
            parent = name.rpartition(".")[0]
            if parent and parent not in theirs:
                reason = reason or f"{name} is in a package of others"
            if (getattr(module, "__file__", None) or "").endswith((".so", ".pyd")):
                reason = reason or f"{name} is not Python"
            del sys.modules[name]
        if len(new) > len(theirs):
            self._keep(result, {name: new[name] for name in new if name not in theirs})
        return reason

    def _keep(self, result: Any, packages: Any) -> None:
        """The modules of packages stay, and what was read meanwhile counts for all that follow."""
        self._modules.update(packages)
        used, by_packages = result.uses, result.recorder.by_packages
        self._env.update((n, value) for n, value in used.env.items() if n in by_packages)
        self._files.update((path, known) for path, known in used.paths.items() if path in by_packages)

    def _of_code(self, result: Any, modules: Any) -> Any:
        """Why the code that ran may have changed what is not its own, or None."""
        if plugins.are_loaded() or policies.local_settings() is not None:
            return "plugins"
        namespaces = {result.target.path: vars(result.module)}
        for module in modules.values():
            if isinstance(getattr(module, "__file__", None), str):
                namespaces[module.__file__] = vars(module)
        names = {*modules, result.module.__name__}
        self._warns = False
        todo = list(result.recorder.executed)
        while todo:
            code = todo.pop()
            reason = self._of_one(code, namespaces.get(code.co_filename), names)
            if reason is not None:
                return reason
            todo.extend(c for c in code.co_consts if isinstance(c, types.CodeType))
        return None

    def _of_one(self, code: Any, namespace: Any, modules: Any) -> str | None:
        words = _WORDS.intersection(code.co_names)
        if words:
            return f"{code.co_filename} uses {min(words)}"
        if code.co_filename[:1] == "<" and {"exec", "eval"}.intersection(code.co_names):
            return "code that is made while it runs"
        self._warns = self._warns or not _WORDS_OF_WARNINGS.isdisjoint(code.co_names)
        for name in _changed_names(code):
            if name != "self" and not _is_of_file((namespace or {}).get(name), modules):
                return f"{code.co_filename} sets an attribute of {name}"
        return None

    def _changed(self, result: Any) -> Any:
        now = list(map(sys.modules.get, self._modules))
        if now != list(self._modules.values()) or len(sys.modules) != len(now):
            return "modules"
        facts = _facts()
        for name, fact in self._facts.items():
            if facts[name] != fact:
                return name
        if warnings.filters != self._filters:
            if self._warns:
                return "warnings"
            # A package's own, which it set when it was first imported.
            self._filters = list(warnings.filters)
        return "child processes" if _has_children() else None


def _is_theirs(name: str, module: Any) -> Any:
    """True for a module of the user's: one that was not installed."""
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return not is_own(os.path.abspath(file))
    if getattr(module, "__path__", None) is not None and name.partition(".")[0] != "airflow":
        return not all(is_own(os.path.join(path, "")) for path in module.__path__)
    top = sys.modules.get(name.partition(".")[0])
    if top is not module and top is not None:
        return _is_theirs(name.partition(".")[0], top)
    return getattr(module, "__spec__", None) is None


def _changed_names(code: Any) -> Iterator[Any]:
    """The names of what has its attributes set by the code; "" for what has no plain name."""
    operations = code.co_code[::2]
    if not any(number in operations for number in _SETS):
        return
    before = None
    for step in dis.get_instructions(code):
        if step.opcode in _SETS:
            yield _loaded_name(before)
        before = step


def _loaded_name(step: Any) -> Any:
    """The global name, or `self`, that the instruction before pushed; "" for all else."""
    if step is None:
        return ""
    if step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
        return step.argval
    if not step.opname.startswith(("LOAD_FAST", "LOAD_DEREF")):
        return ""
    name = step.argval[-1] if isinstance(step.argval, tuple) else step.argval
    return "self" if name == "self" else ""


def _is_of_file(value: Any, modules: Any) -> bool:
    """True for a DAG, a task, a group, and for instances of classes of the file itself."""
    if isinstance(value, (DAG, BaseOperator, TaskGroup, XComArg)):
        return True
    return not isinstance(value, (type, types.ModuleType)) and type(value).__module__ in modules


def _facts() -> dict[str, Any]:
    """What of the interpreter another file could see, by name."""
    return {
        "the environment": dict(os.environ._data),  # type: ignore[attr-defined]
        "the working folder": _cwd(),
        "signal handlers": list(map(_signal.getsignal, _SIGNALS)),
        "timers": [signal.getitimer(which) for which in (0, 1, 2)],
        "the signal mask": _signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "threads": _thread._count(),
        "descriptors": open_fds(),
        "builtins": dict(vars(builtins)),
        "the interpreter": [
            *(id(getattr(sys, name, None)) for name in ("stdin", "stdout", "stderr", "argv", "modules")),
            *(id(getattr(sys, name)) for name in ("excepthook", "displayhook", "path", "meta_path")),
            *map(id, sys.path_hooks),
            *map(id, (sys.gettrace(), sys.getprofile())),
            *(id(f) for f in sys.meta_path if not _is_of_package(f)),
            sys.getrecursionlimit(),
            list(sys.argv),
        ],
        "umask": _umask(),
    }


def _is_of_package(finder: Any) -> bool:
    """True for import hooks that packages bring (six does)."""
    kind = finder if isinstance(finder, type) else type(finder)
    module = sys.modules.get(kind.__module__)
    return module is not None and not _is_theirs(kind.__module__, module)


def _cwd() -> Any:
    try:
        return os.getcwd()
    except OSError:
        return None


def _umask() -> Any:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
