"""File systems by scheme, through fsspec; `ObjectStoragePath` is in airflow.sdk."""

from __future__ import annotations

_attached = {}


def get_fs(scheme, conn_id=None, storage_options=None):
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


def has_fs(scheme):
    """True if there is a file system of the scheme."""
    try:
        get_fs(scheme)
    except (ImportError, ValueError):
        return False
    return True


def _provider_filesystems():
    import importlib

    from airflow.providers_manager import providers

    found = {}
    for info in providers().values():
        for path in info.data.get("filesystems", ()):
            module = importlib.import_module(path)
            for scheme in module.schemes:
                found.setdefault(scheme, []).append(module.get_fs)
    return found


class ObjectStore:
    """A file system that a DAG file attached under a scheme."""

    def __init__(self, protocol, conn_id=None, fs=None, storage_options=None):
        self.protocol, self.conn_id = protocol, conn_id
        self.fs = fs if fs is not None else get_fs(protocol, conn_id, storage_options)


def attach(protocol=None, conn_id=None, alias=None, encryption_type="", fs=None):
    """Makes a file system known under `alias`, else under the protocol. The ObjectStore."""
    store = ObjectStore(protocol, conn_id, fs)
    _attached[alias or protocol] = store.fs
    return store
