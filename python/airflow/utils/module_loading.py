"""Names of modules and what they name."""

from __future__ import annotations

import importlib
import pkgutil
import re
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_DOTTED = re.compile(r"^(?:(?!\d)\w+\.)*(?!\d)\w+$")


def import_string(dotted_path: str) -> Any:
    """What `package.module.Name` names. ImportError."""
    module, mark, name = dotted_path.rpartition(".")
    if not mark:
        raise ImportError(f"{dotted_path} doesn't look like a module path")
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError:
        raise ImportError(f'Module "{module}" does not define a "{name}" attribute/class') from None


def qualname(o: Any, use_qualname: bool = False, exclude_module: bool = False) -> str:
    """The dotted name of a function or class."""
    if callable(o) and hasattr(o, "func"):
        return qualname(getattr(o, "func"))  # noqa: B009
    owner = o if hasattr(o, "__qualname__") else type(o)
    name = owner.__qualname__ if use_qualname or not hasattr(owner, "__name__") else owner.__name__
    if not use_qualname:
        name = owner.__qualname__
    module = getattr(owner, "__module__", None)
    if exclude_module or module is None or module == "builtins":
        return name
    return f"{module}.{name}"


def is_valid_dotpath(path: Any) -> bool:
    """True if the text could be a dotted name."""
    return isinstance(path, str) and bool(_DOTTED.match(path))


def iter_namespace(ns: ModuleType) -> Iterator[str]:
    """Names of the modules in a package."""
    for _, name, _ in pkgutil.iter_modules(ns.__path__, ns.__name__ + "."):
        yield name


def entry_points_with_dist(group: str) -> Iterator[tuple[Any, Any]]:
    """Entry points of a group, each with its distribution."""
    from importlib import metadata

    for dist in metadata.distributions():
        for point in dist.entry_points:
            if point.group == group:
                yield point, dist
