"""Functions by name, as YAML DAGs have them: `function("sales.py:rows")` is called when its task runs."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class FunctionReference:
    """
    A function of a file (relative to the file that says so) or of a module. Nothing is imported before its
    task runs; DAGs that the file makes are not this file's.
    """

    def __init__(self, reference: str, folder: str) -> None:
        where, mark, name = str(reference).rpartition(":")
        if not mark or not where or not name:
            raise ValueError("a function is 'file.py:function' or 'module:function'")
        self.reference = reference
        self.__name__ = name.rpartition(".")[2]
        self._where, self._name, self._folder = where, name, folder
        self._function = None

    def load(self) -> Any:
        """The function itself. ImportError, AttributeError."""
        if self._function is None:
            found = self._module()
            for part in self._name.split("."):
                found = getattr(found, part)
            self._function = getattr(found, "function", found)
        return self._function

    def _module(self) -> Any:
        from tradewind import scope

        open_now: tuple[list[Any], ...] = (scope.dags, scope.groups, scope.registered)
        stacks: Any = [list(stack) for stack in open_now]
        scope.dags.clear()
        scope.groups.clear()
        try:
            if not self._where.endswith(".py"):
                return importlib.import_module(self._where)
            path = os.path.abspath(os.path.join(self._folder, self._where))
            name = "tradewind_function_" + os.path.splitext(os.path.basename(path))[0]
            if os.path.dirname(path) not in sys.path:
                sys.path.insert(0, os.path.dirname(path))
            spec: Any = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        finally:
            scope.dags[:], scope.groups[:], scope.registered[:] = stacks

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.load())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.load()(*args, **kwargs)

    def __repr__(self) -> str:
        return f"function({self.reference!r})"


def function(reference: str) -> FunctionReference:
    """The function `file.py:name` (relative to the calling file) or `module:name`, found when it is called."""
    frame: Any = inspect.currentframe()
    caller = frame.f_back.f_globals.get("__file__") or os.getcwd()
    return FunctionReference(reference, os.path.dirname(os.path.abspath(caller)))
