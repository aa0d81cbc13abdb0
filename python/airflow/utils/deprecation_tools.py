"""Moved names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class DeprecatedImportWarning(FutureWarning):
    """A name is imported from where it was."""


def add_deprecated_classes(
    module_imports: Mapping[str, Mapping[str, str]], package: str, *_: Any, **__: Any
) -> None:
    """Makes modules whose names are found elsewhere when they are used."""
    import sys
    import types

    from airflow.utils.module_loading import import_string

    for module_name, imports in module_imports.items():
        full = package if module_name == "__name__" else f"{package}.{module_name}"
        made = sys.modules.setdefault(full, types.ModuleType(full))

        def find(name: str, imports: Any = imports, full: Any = full) -> Any:
            path = imports.get(name) or (f"{imports['*']}.{name}" if "*" in imports else None)
            if path is None:
                raise AttributeError(f"module {full!r} has no attribute {name!r}")
            return import_string(path)

        made.__getattr__ = find  # type: ignore[assignment, method-assign]
