"""
Airflow's providers manager, as far as tasks ask it: which hook class serves a connection type. Read
from the entry points of installed providers.
"""

from __future__ import annotations

import functools
import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

from tradewind.uses import unrecorded

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self


class HookInfo(NamedTuple):
    """A hook class of a connection type."""

    hook_class: Any
    connection_id_attribute_name: str
    package_name: str
    hook_name: str
    connection_type: str
    connection_testable: bool = False


class ProviderInfo(NamedTuple):
    """An installed provider."""

    version: str
    data: dict


def _entry_points(group: str) -> Any:
    points: Any = metadata.entry_points()
    return points.select(group=group) if hasattr(points, "select") else points.get(group, [])


_unreadable: dict[str, str] = {}


def unreadable() -> Any:
    """Package name → why: installed providers whose description cannot be read."""
    providers()
    return _unreadable


@functools.lru_cache(maxsize=1)
def providers() -> dict[str, Any]:
    """Package name → ProviderInfo of all providers that are installed."""
    found = {}
    with unrecorded():
        for point in _entry_points("apache_airflow_provider"):
            try:
                data = point.load()()
                version = metadata.version(data["package-name"])
            except Exception as error:
                # A provider whose description cannot be read has no hooks to offer.
                package = getattr(getattr(point, "dist", None), "name", None)
                package = package or "apache-" + "-".join(point.value.split(".")[:-1])
                _unreadable[package] = f"{type(error).__name__}: {error}"
                continue
            found[data["package-name"]] = ProviderInfo(version, data)
    return dict(sorted(found.items()))


class _Hooks(dict):
    """connection type → HookInfo, imported when asked for; None for an unknown type."""

    def __init__(self) -> None:
        self._known = {}
        for package, info in providers().items():
            for one in info.data.get("connection-types", ()):
                self._known[one["connection-type"]] = (package, one["hook-class-name"])
        super().__init__(dict.fromkeys(self._known))

    def __getitem__(self, conn_type: str) -> Any:
        return self.get(conn_type)

    def get(self, conn_type: Any, default: Any = None) -> Any:
        """The HookInfo."""
        if conn_type not in self._known:
            return default
        package, path = self._known[conn_type]
        module, _, name = path.rpartition(".")
        cls = getattr(importlib.import_module(module), name)
        return HookInfo(
            cls,
            getattr(cls, "conn_name_attr", "conn_id"),
            package,
            getattr(cls, "hook_name", name),
            conn_type,
            hasattr(cls, "test_connection"),
        )


class ProvidersManager:
    """One per process."""

    _one = None

    def __new__(cls) -> Self:
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one

    @property
    def providers(self) -> dict[str, Any]:
        """Package name → ProviderInfo."""
        return providers()

    @functools.cached_property
    def hooks(self) -> _Hooks:
        """Connection type → HookInfo."""
        return _Hooks()

    @property
    def extra_links_class_names(self) -> list[str]:
        """Dotted names of the operator links of all providers."""
        return sorted(
            name for info in providers().values() for name in info.data.get("extra-links", ())
        )

    @functools.cached_property
    def taskflow_decorators(self) -> dict[str, str]:
        """Name → decorator of `@task.NAME` that a provider brings."""
        found = {}
        for info in providers().values():
            for one in info.data.get("task-decorators", ()):
                found[one["name"]] = one["class-name"]
        return found

    def initialize_providers_configuration(self) -> None:
        """Nothing to do."""
