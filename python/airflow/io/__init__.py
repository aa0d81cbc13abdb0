"""File systems by scheme, through fsspec; `ObjectStoragePath` is in airflow.sdk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_attached: dict[str, Any] = {}


def get_fs(
    scheme: str, conn_id: str | None = None, storage_options: Mapping[str, Any] | None = None
) -> Any:
    """The fsspec file system of a scheme. ValueError if there is none."""
    import fsspec

    known = _attached.get(scheme)
    if known is not None:
        return known
    for one in _provider_filesystems().get(scheme, ()):
        return one(conn_id, dict(storage_options or {})) if storage_options else one(conn_id)
    try:
        return fsspec.filesystem(scheme or "file", **(storage_options or {}))
    except (ImportError, ValueError) as error:
        raise ValueError(f"no file system for the scheme {scheme!r}: {error}") from error


def has_fs(scheme: str) -> bool:
    """True if there is a file system of the scheme."""
    try:
        get_fs(scheme)
    except (ImportError, ValueError):
        return False
    return True


def _provider_filesystems() -> dict[str, Any]:
    import importlib

    from airflow.providers_manager import providers

    found: dict[str, list[Any]] = {}
    for info in providers().values():
        for path in info.data.get("filesystems", ()):
            module = importlib.import_module(path)
            for scheme in module.schemes:
                found.setdefault(scheme, []).append(module.get_fs)
    return found


class ObjectStore:
    """A file system that a DAG file attached under a scheme."""

    def __init__(
        self,
        protocol: str,
        conn_id: str | None = None,
        fs: Any = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.protocol, self.conn_id = protocol, conn_id
        self.fs = fs if fs is not None else get_fs(protocol, conn_id, storage_options)


def attach(
    protocol: str | None = None,
    conn_id: str | None = None,
    alias: str | None = None,
    encryption_type: str = "",
    fs: Any = None,
) -> ObjectStore:
    """Makes a file system known under `alias`, else under the protocol. The ObjectStore."""
    name: Any = alias or protocol
    store = ObjectStore(protocol or name, conn_id, fs)
    _attached[name] = store.fs
    return store
