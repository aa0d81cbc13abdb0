"""
Makes the modules of `_table.py` when they are imported. A module holds no names until they are
asked for: each is then looked up where the table says. Three rules:

1. A module of the table is ours, whoever else has one of that name (`airflow.providers.standard`
   too); modules marked `fallback` are ours only where no installed package has them.
2. What the table lacks is found as usual: in this folder (`airflow/utils/helpers.py`), and below
   `airflow.providers` in every `airflow/providers` folder of sys.path, so that providers which pip
   installed anywhere merge in; below `airflow.example_dags` likewise: examples import their helpers.
3. Airflow itself is not to be on sys.path: its modules would mix with these. ImportError says so.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from typing import TYPE_CHECKING

from airflow._table import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

ROOT = os.path.dirname(os.path.abspath(__file__))
_REMEDY = (
    "Tradewind brings its own package airflow. Uninstall apache-airflow, apache-airflow-core and"
    " apache-airflow-task-sdk from this interpreter, or use another environment (python3 -m venv);"
    " providers are installed with `pip install --no-deps apache-airflow-providers-NAME`"
)


class Entry:
    """A module of the table: where its names are found; `whole`: modules whose names are all its."""

    def __init__(self) -> None:
        self.names: dict[str, tuple[list[str], str]] = {}
        self.whole: list[str] = []
        self.refused: str | None = None
        self.fallback = False
        self.listed = False  # has a line of its own


def _parse(table: str) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    entry = Entry()
    for line in table.splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not line[0].isspace():
            words = text.split()
            entry = entries.setdefault(words[0], Entry())
            entry.fallback, entry.listed = "fallback" in words[1:], True
        elif text.startswith("refused "):
            entry.refused = text[len("refused ") :]
        else:
            where, _, names = text.partition(":")
            targets = [
                f"tradewind.{target}" if target[:1] != "/" else target[1:]
                for target in where.split("|")
            ]
            for name in names.split():
                if name == "*":
                    entry.whole.extend(targets)
                else:
                    ours, _, theirs = name.partition("=")
                    entry.names[ours] = (targets, theirs or ours)
    # A module's parents are modules too.
    for name in list(entries):
        parent = name.rpartition(".")[0]
        while parent:
            entries.setdefault(parent, Entry())
            parent = parent.rpartition(".")[0]
    return entries


ENTRIES = _parse(TABLE)


def names(module: str) -> set[str]:
    """The names that the table gives a module."""
    entry = ENTRIES[module]
    found = set(entry.names)
    for target in entry.whole:
        found.update(n for n in dir(importlib.import_module(target)) if not n.startswith("_"))
    return found


def attribute(module: str, name: str) -> Any:
    """
    The object that `module.name` stands for. AttributeError if the table does not know it;
    ImportError, with the reason, if it is known and not there.
    """
    entry = ENTRIES[module]
    if name == "__all__":
        return sorted(n for n in names(module) if _is_there(module, n))
    known = entry.names.get(name)
    if known is not None:
        value = _first(module, name, *known)
    else:
        value = _of_whole(entry, module, name)
    vars(sys.modules[module])[name] = value
    return value


def _first(module: str, name: str, targets: list[str], theirs: str) -> Any:
    reason = ""
    for target in targets:
        try:
            found = importlib.import_module(target)
            return found if theirs == "." else getattr(found, theirs)
        except ModuleNotFoundError as error:
            if not (error.name and (target + ".").startswith(error.name + ".")):
                raise
            reason = f"{reason}; {error}"
        except AttributeError:
            reason = f"{reason}; {target} has no {theirs}"
    hint = ""
    if any(target.startswith("airflow.providers.") for target in targets):
        package = "-".join(targets[0].split(".")[2:3])
        hint = f": it needs the provider (pip install --no-deps apache-airflow-providers-{package})"
    raise ImportError(
        f"cannot import {name!r} from {module!r}: Tradewind does not have it"
        f"{hint or ' (' + reason[2:] + ')'}",
        name=module,
    )


def _of_whole(entry: Entry, module: str, name: str) -> Any:
    if not (name.startswith("__") and name.endswith("__")):
        for target in entry.whole:
            try:
                return getattr(importlib.import_module(target), name)
            except AttributeError:
                continue
    # A submodule that nobody has imported yet.
    if f"{module}.{name}" in ENTRIES:
        return importlib.import_module(f"{module}.{name}")
    raise AttributeError(f"module {module!r} has no attribute {name!r}")  # Python 3.9 takes no name=


def _is_there(module: str, name: str) -> bool:
    try:
        attribute(module, name)
    except (ImportError, AttributeError):
        return False
    return True


class Folders:
    """The __path__ of a package of the table: its folder here, and below airflow.providers those
    of sys.path as it is now."""

    def __init__(self, package: str) -> None:
        self._parts = package.split(".")
        self._shared = self._parts[1:2] in (["providers"], ["example_dags"])

    def _all(self) -> list[str]:
        found = [os.path.join(ROOT, *self._parts[1:])]
        if self._shared:
            found.extend(os.path.join(entry or ".", *self._parts) for entry in sys.path)
        seen = dict.fromkeys(os.path.abspath(path) for path in found if os.path.isdir(path))
        return list(seen)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __contains__(self, path: object) -> bool:
        return path in self._all()

    def append(self, path: str) -> None:
        """pkgutil.extend_path of others: what is on sys.path is here already."""

    def __repr__(self) -> str:
        return f"Folders({self._all()!r})"


class Loader(importlib.abc.InspectLoader):
    """Makes one module of the table."""

    def is_package(self, fullname: str) -> bool:
        """All of them are, so that what the table lacks is found in their folders."""
        return True

    def get_source(self, fullname: str) -> None:
        """There is none."""
        return None

    def get_code(self, fullname: str) -> Any:
        """Of an empty module: its names come later."""
        return compile("", f"<{fullname}>", "exec")

    def exec_module(self, module: ModuleType) -> None:
        """ImportError if the table refuses the module."""
        name = module.__name__
        entry = ENTRIES[name]
        if entry.refused:
            raise ImportError(f"{name}: {entry.refused}", name=name)
        module.__path__ = Folders(name)  # type: ignore[assignment]
        module.__doc__ = f"Airflow's {name}, over Tradewind."
        module.__getattr__ = lambda attr: attribute(name, attr)  # type: ignore[assignment, method-assign]
        module.__dir__ = lambda: sorted({*vars(module), *names(name)})  # type: ignore[assignment, method-assign]


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of the table, before anything of the same name on sys.path."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a module of the table, else None."""
        if not fullname.startswith("airflow"):
            return None
        if fullname == "airflow":
            return importlib.machinery.PathFinder.find_spec(fullname, [os.path.dirname(ROOT)])
        entry = ENTRIES.get(fullname)
        if entry is None or (not entry.listed and _has_file(fullname)):
            return None
        if entry.fallback:
            installed = importlib.machinery.PathFinder.find_spec(fullname, path)
            if installed is not None and installed.origin is not None:
                return installed
        return importlib.machinery.ModuleSpec(fullname, Loader(), is_package=True)


def _has_file(fullname: str) -> bool:
    return os.path.isfile(os.path.join(ROOT, *fullname.split(".")[1:], "__init__.py"))


def foreign() -> str | None:
    """The path of an Airflow that is on sys.path beside this package, or None."""
    for entry in sys.path:
        for name in ("__init__.py", os.path.join("sdk", "__init__.py")):
            path = os.path.join(os.path.abspath(entry or "."), "airflow", name)
            if os.path.isfile(path) and not path.startswith(ROOT + os.sep) and _is_airflow(path):
                return path
    return None


def _is_airflow(path: str) -> bool:
    """
    False for the empty __init__.py and the pkgutil one of providers in development, and for another
    copy of this package (the build's, for editors).
    """
    if os.path.isfile(os.path.join(os.path.dirname(path), "_finder.py")):
        return False
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read(1 << 16)
    return "__version__" in text


def install(folders: Any) -> None:
    """Called by the package: the finder is first from now on. ImportError: Airflow is installed."""
    found = foreign()
    if found is not None:
        sys.modules.pop("airflow", None)
        raise ImportError(f"Airflow itself is installed ({os.path.dirname(found)}). {_REMEDY}")
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    folders[:] = [ROOT]
