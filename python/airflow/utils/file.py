"""Files that may be in archives, and names of modules made of DAG files."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, IO

ZIP_REGEX = re.compile(rf"((.*\.zip){re.escape(os.sep)})?(.*)")
MODIFIED_DAG_MODULE_NAME = "unusual_prefix_{path_hash}_{module_name}"


def correct_maybe_zipped(fileloc: Any) -> Any:
    """The archive's path for a file in one, else the path."""
    if not fileloc:
        return fileloc
    match = ZIP_REGEX.search(str(fileloc))
    archive = match.groups()[1] if match else None
    return archive if archive and zipfile.is_zipfile(archive) else fileloc


def open_maybe_zipped(fileloc: str, mode: Any = "r") -> IO[Any]:
    """The open file, also within an archive."""
    match = ZIP_REGEX.search(str(fileloc))
    found: Any = match.groups() if match else (None, None, "")
    _, archive, name = found
    if archive and zipfile.is_zipfile(archive):
        import io

        return io.TextIOWrapper(zipfile.ZipFile(archive, mode=mode).open(name))
    return open(fileloc, mode=mode)


def get_unique_dag_module_name(file_path: str) -> str:
    """The name of the module of a DAG file. ValueError for another kind of file."""
    if not isinstance(file_path, str):
        raise ValueError("file_path should be a string to generate unique module name")
    path_hash = hashlib.sha1(file_path.encode("utf-8"), usedforsecurity=False).hexdigest()
    return MODIFIED_DAG_MODULE_NAME.format(path_hash=path_hash, module_name=Path(file_path).stem)


def mkdirs(path: str, mode: int) -> None:
    """Makes a folder and its parents."""
    Path(path).mkdir(mode=mode, parents=True, exist_ok=True)


def TemporaryDirectory(*args: Any, **kwargs: Any) -> Any:  # noqa: N802
    """tempfile's."""
    from tempfile import TemporaryDirectory as made

    return made(*args, **kwargs)
