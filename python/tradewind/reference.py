"""
What a file or a module has, by name, as YAML DAGs name it: `function("sales.py:rows")` is called when
its task runs, `load("sales.py:rows")` is the thing itself. `sales.py:daily/rows` is the function of the
task `rows` of the DAG `daily` of that file: also one that has no name of its own there.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def split(reference: str) -> Any:
    """(file or module, name) of `file.py:name` or `module:name`. ValueError for anything else."""
    where, mark, name = str(reference).rpartition(":")
    if not mark or not where or not name:
        raise ValueError(
            f"{str(reference)[:200]!r} is no name: write 'file.py:name' or 'module:name'"
        )
    return where, name


def find(reference: str, folder: str) -> Any:
    """
    What that name stands for; a relative file is looked for in `folder`. Of what @task decorates,
    the function. DAGs that the file makes are not the caller's. ValueError, ImportError,
    AttributeError.
    """
    where, name = split(reference)
    found = _module(where, folder)
    if "/" in name:
        return of_task(found, name)
    for part in name.split("."):
        found = getattr(found, part)
    return found.function if getattr(found, "_is_task_decorator", False) else found


def of_task(module: Any, name: str) -> Any:
    """The function of `DAG/TASK` of the file that was imported. AttributeError."""
    dag_id, _, task_id = name.partition("/")
    for dag in getattr(module, "__tradewind_dags__", ()):
        if dag.dag_id == dag_id and dag.has_task(task_id):
            found = getattr(dag.get_task(task_id), "python_callable", None)
            if found is not None:
                return getattr(found, "load", lambda: found)()
            raise AttributeError(f"task {task_id!r} of DAG {dag_id!r} calls no function")
    raise AttributeError(f"the file has no task {task_id!r} in a DAG {dag_id!r}")


def _module(where: Any, folder: str) -> Any:
    from tradewind import scope

    stacks: tuple[list[Any], ...] = (scope.dags, scope.groups, scope.registered, scope.setup_teardown)
    kept: list[list[Any]] = [list(stack) for stack in stacks]
    for stack in stacks:
        stack.clear()
    try:
        if not where.endswith(".py"):
            return importlib.import_module(where)
        return _of_file(os.path.abspath(os.path.join(folder, where)))
    finally:
        for stack, items in zip(stacks, kept):
            stack[:] = items


def _of_file(path: str) -> Any:
    """The file as a module: once in a process, and the same as where it was imported as a DAG file."""
    stem = os.path.splitext(os.path.basename(path))[0]
    for name in (f"tradewind_dag_{stem}", f"tradewind_function_{stem}"):
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) == path:
            return known
    if os.path.dirname(path) not in sys.path:
        sys.path.insert(0, os.path.dirname(path))
    from tradewind.importer import find_dags

    # The name that the file's classes and functions have as a DAG file.
    name = f"tradewind_dag_{stem}"
    if name in sys.modules:
        name = f"tradewind_function_{stem}"
    spec: Any = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        find_dags(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


class FunctionReference:
    """
    A function of a file (relative to the file that says so) or of a module. Nothing is imported before its
    task runs; DAGs that the file makes are not this file's.
    """

    def __init__(self, reference: str, folder: str) -> None:
        _, name = split(reference)
        self.reference = reference
        self.__name__ = name.rpartition("/")[2].rpartition(".")[2]
        self.__doc__ = None
        self._folder = folder
        self._function = None

    def load(self) -> Any:
        """The function itself. ImportError, AttributeError."""
        if self._function is None:
            found = find(self.reference, self._folder)
            self._function = getattr(found, "function", found)
        return self._function

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.load())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.load()(*args, **kwargs)

    def __repr__(self) -> str:
        return f"function({self.reference!r})"


def _folder_of(frame: Any) -> Any:
    caller = frame.f_globals.get("__file__") or os.path.join(os.getcwd(), "-")
    return os.path.dirname(os.path.abspath(caller))


def function(reference: str) -> FunctionReference:
    """The function `file.py:name` (relative to the calling file) or `module:name`, found when it is called."""
    frame: Any = inspect.currentframe()
    return FunctionReference(reference, _folder_of(frame.f_back))


# What load() has found: id → (the thing, file or module, name), for `dags convert` to name it again.
loaded: dict[int, Any] = {}


def load(reference: str) -> Any:
    """What `file.py:name` (relative to the calling file) or `module:name` stands for, found at once."""
    frame: Any = inspect.currentframe()
    folder = _folder_of(frame.f_back)
    thing = find(reference, folder)
    where, name = split(reference)
    if where.endswith(".py"):
        where = os.path.abspath(os.path.join(folder, where))
    loaded[id(thing)] = (thing, where, name)
    return thing
