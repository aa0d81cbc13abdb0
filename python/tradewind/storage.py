"""
ObjectStoragePath: a path on this machine (a plain path or file://), or elsewhere by the Python
package fsspec.
"""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowOptionalProviderFeatureException

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, IO

    from typing_extensions import Self


_COMPRESSED = frozenset((".gz", ".bz2", ".xz", ".lzma", ".zip", ".zst", ".lz4", ".snappy"))


def _split(text: str) -> tuple[str, str]:
    scheme, mark, rest = text.partition("://")
    if not mark:
        return "file", os.path.abspath(os.path.expanduser(text))
    scheme = scheme.lower()
    if scheme in ("file", "local"):
        return "file", "/" + rest.lstrip("/")
    return scheme, rest


class ObjectStoragePath:
    """
    A path with what pathlib's have: `/`, open, read_text, write_bytes, iterdir, glob, exists,
    mkdir, unlink, copy, move. conn_id: the connection of a store elsewhere.
    """

    def __init__(self, *parts: Any, conn_id: str | None = None, **storage_options: Any) -> None:
        first = str(parts[0]) if parts else "."
        self.protocol, self._path = _split(first)
        if "@" in self._path.partition("/")[0] and conn_id is None and self.protocol != "file":
            conn_id, _, self._path = self._path.partition("@")
        for part in parts[1:]:
            self._path = os.path.join(self._path, str(part))
        self.conn_id, self.storage_options = conn_id, storage_options
        self._fs = None

    @property
    def fs(self) -> Any:
        """The fsspec file system. AirflowOptionalProviderFeatureException without fsspec."""
        if self._fs is None:
            try:
                import fsspec
            except ImportError:
                raise AirflowOptionalProviderFeatureException(
                    f"{self}: paths of {self.protocol}:// need the Python package fsspec, which is"
                    " not installed"
                ) from None
            self._fs = fsspec.filesystem(self.protocol, **self.storage_options)
        return self._fs

    @property
    def is_local(self) -> bool:
        """True for a path of this machine."""
        return self.protocol == "file"

    def _local(self) -> pathlib.Path:
        return pathlib.Path(self._path)

    def _with(self, path: str) -> Self:
        made = type(self)(f"{self.protocol}://{path}", conn_id=self.conn_id)
        made.storage_options, made._fs = self.storage_options, self._fs
        return made

    # Names.

    @property
    def path(self) -> str:
        """The path without its scheme."""
        return self._path

    @property
    def bucket(self) -> str:
        """The first part of the path elsewhere; empty for one of this machine."""
        return "" if self.is_local else self._path.partition("/")[0]

    container = bucket

    @property
    def key(self) -> str:
        """The path within the bucket."""
        return self._path if self.is_local else self._path.partition("/")[2]

    @property
    def name(self) -> str:
        """The last part."""
        return os.path.basename(self._path.rstrip("/"))

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return pathlib.PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The suffix of the last part."""
        return pathlib.PurePosixPath(self.name).suffix

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts."""
        return pathlib.PurePosixPath(self._path).parts

    @property
    def parent(self) -> Self:
        """What it is in."""
        return self._with(os.path.dirname(self._path.rstrip("/")))

    def joinpath(self, *others: Any) -> Self:
        """This and the others."""
        return self._with(os.path.join(self._path, *map(str, others)))

    def __truediv__(self, other: Any) -> Self:
        return self.joinpath(other)

    def with_suffix(self, suffix: str) -> Self:
        """The same with another suffix."""
        return self._with(str(pathlib.PurePosixPath(self._path).with_suffix(suffix)))

    def with_name(self, name: str) -> Self:
        """The same with another last part."""
        return self.parent / name

    def relative_to(self, other: Any) -> str:
        """The path seen from another, as text."""
        return str(pathlib.PurePosixPath(self._path).relative_to(getattr(other, "path", other)))

    def is_relative_to(self, other: Any) -> bool:
        """True if it is below another path, of the same store."""
        if isinstance(other, ObjectStoragePath) and other.protocol != self.protocol:
            return False
        return pathlib.PurePosixPath(self._path).is_relative_to(getattr(other, "path", other))

    def as_uri(self) -> str:
        """With its scheme."""
        return f"{self.protocol}://{self._path}"

    # Contents.

    def open(self, mode: str = "r", **kwargs: Any) -> IO[Any]:
        """The file, opened; `compression` as fsspec has it, which does it."""
        if self.is_local and (
            kwargs.get("compression") is None
            or (kwargs["compression"] == "infer" and self.suffix not in _COMPRESSED)
        ):
            kwargs.pop("compression", None)
            return open(self._path, mode, **kwargs)
        return self.fs.open(self._path, mode, **kwargs)

    def read_text(self, encoding: str = "utf-8") -> str:
        """The file's text."""
        with self.open("r", encoding=encoding) as file:
            return file.read()

    def read_bytes(self) -> bytes:
        """The file's bytes."""
        with self.open("rb") as file:
            return file.read()

    def read_block(self, offset: int, length: int, delimiter: bytes | None = None) -> bytes:
        """Some of the file's bytes."""
        if not self.is_local:
            return self.fs.read_block(self._path, offset, length, delimiter)
        with self.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def write_text(self, text: str, encoding: str = "utf-8", **kwargs: Any) -> int:
        """Writes the file."""
        with self.open("w", encoding=encoding, **kwargs) as file:
            return file.write(text)

    def write_bytes(self, data: bytes) -> int:
        """Writes the file."""
        with self.open("wb") as file:
            return file.write(data)

    def exists(self) -> bool:
        """True if there is something."""
        return self._local().exists() if self.is_local else self.fs.exists(self._path)

    def is_file(self) -> bool:
        """True for a file."""
        return self._local().is_file() if self.is_local else self.fs.isfile(self._path)

    def is_dir(self) -> bool:
        """True for a folder."""
        return self._local().is_dir() if self.is_local else self.fs.isdir(self._path)

    def stat(self) -> Any:
        """What is known of it."""
        return self._local().stat() if self.is_local else self.fs.stat(self._path)

    def size(self) -> int:
        """Its bytes."""
        return self._local().stat().st_size if self.is_local else self.fs.size(self._path)

    def checksum(self) -> str:
        """A text that changes when the file does."""
        if not self.is_local:
            return self.fs.checksum(self._path)
        import hashlib

        return hashlib.sha256(self.read_bytes()).hexdigest()

    def iterdir(self) -> Iterator[Self]:
        """What is in the folder."""
        if self.is_local:
            names = [str(path) for path in self._local().iterdir()]
        else:
            names = self.fs.ls(self._path, detail=False)
        return (self._with(name) for name in names)

    def glob(self, pattern: str) -> Iterator[Self]:
        """What matches the pattern within the folder."""
        if self.is_local:
            return (self._with(str(path)) for path in self._local().glob(pattern))
        return (self._with(name) for name in self.fs.glob(os.path.join(self._path, pattern)))

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Makes the folder."""
        if self.is_local:
            self._local().mkdir(parents=parents, exist_ok=exist_ok)
        else:
            self.fs.makedirs(self._path, exist_ok=exist_ok)

    def touch(self, exist_ok: bool = True) -> None:
        """Makes an empty file."""
        if self.is_local:
            self._local().touch(exist_ok=exist_ok)
        else:
            self.fs.touch(self._path)

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file."""
        if self.is_local:
            self._local().unlink(missing_ok=missing_ok)
        elif not missing_ok or self.exists():
            self.fs.rm_file(self._path)

    def rmdir(self, recursive: bool = False) -> None:
        """Removes the folder."""
        if not self.is_local:
            self.fs.rm(self._path, recursive=recursive)
        elif recursive:
            shutil.rmtree(self._path)
        else:
            self._local().rmdir()

    def copy(self, target: Any, recursive: bool = False, **kwargs: Any) -> None:
        """Copies the file, or with `recursive` the folder, to another path."""
        target = target if isinstance(target, ObjectStoragePath) else type(self)(target)
        if self.is_dir():
            if not recursive:
                raise IsADirectoryError(str(self))
            target.mkdir(parents=True, exist_ok=True)
            for child in self.iterdir():
                child.copy(target / child.name, recursive=True)
            return
        if target.is_dir():
            target = target / self.name
        with self.open("rb") as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)

    def move(self, target: Any, recursive: bool = False, **kwargs: Any) -> None:
        """Copies and removes."""
        self.copy(target, recursive=recursive)
        if self.is_dir():
            self.rmdir(recursive=True)
        else:
            self.unlink()

    rename = replace = move

    # As a value.

    def serialize(self) -> dict[str, Any]:
        """As data."""
        return {"path": self.as_uri(), "conn_id": self.conn_id, "kwargs": self.storage_options}

    @classmethod
    def deserialize(cls, data: dict[str, Any], version: int = 1) -> ObjectStoragePath:
        """From serialize()."""
        return cls(data["path"], conn_id=data.get("conn_id"), **data.get("kwargs") or {})

    def __fspath__(self) -> str:
        if not self.is_local:
            raise TypeError(f"{self} is not a path of this machine")
        return self._path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectStoragePath) and self.as_uri() == other.as_uri()

    def __lt__(self, other: ObjectStoragePath) -> bool:
        return self.as_uri() < other.as_uri()

    def __hash__(self) -> int:
        return hash(self.as_uri())

    def __str__(self) -> str:
        if self.conn_id and not self.is_local:
            return f"{self.protocol}://{self.conn_id}@{self._path}"
        return self.as_uri()

    def __repr__(self) -> str:
        return f"ObjectStoragePath({str(self)!r})"
