"""
What tasks write: the attempt's log is their standard output and error; mask_secret keeps values out
of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SECRETS_MAX = 256
SECRET_BYTES_MAX = 8 << 10

# Names whose values are secrets: Airflow's list, as in the worker.
_SENSITIVE = (
    "access_token",
    "api_key",
    "apikey",
    "authorization",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "secret",
    "token",
    "keyfile_dict",
    "service_account",
)

_sinks: list[Callable[[str], Any]] = []
_values: list[str] = []


def mask_secret(secret: Any, name: str | None = None) -> None:
    """
    From now on the log shows `***` for the value; a list or dict: for all strings in it. Values of
    fewer than 3 characters are left. Outside of a running task nothing happens.
    """
    todo = [secret]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, (list, tuple, set)):
            todo.extend(item)
        elif isinstance(item, str) and len(item) >= 3:
            for sink in _sinks:
                sink(item)
                _values.append(item)


def mask_named(value: Any) -> None:
    """Masks what stands under sensitive names, in dicts and lists of any depth."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            for name, below in item.items():
                if is_sensitive(name):
                    mask_secret(below)
                else:
                    todo.append(below)
        elif isinstance(item, (list, tuple)):
            todo.extend(item)


def is_sensitive(name: object) -> bool:
    """True if the name tells that its value is a secret."""
    name = str(name).lower()
    return any(word in name for word in _SENSITIVE)


def masked(value: Any) -> Any:
    """
    The value with `***` in place of what was masked in this process, in all strings of lists and
    dicts.
    """
    if isinstance(value, str):
        for secret in _values:
            value = value.replace(secret, "***")
    elif isinstance(value, list):
        return [masked(item) for item in value]
    elif isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    return value


def has_secret(text: str) -> bool:
    """True if the text holds a value that is masked here, or one of a sensitive variable."""
    if any(secret in text for secret in _values):
        return True
    return any(
        len(value) >= 4 and value in text and is_sensitive(name)
        for name, value in os.environ.items()
    )


def shell_words(text: str) -> tuple[list[str], int | None]:
    """
    (words, descriptor) that run the text as `bash -c TEXT` does. A text with a secret is in no
    command line, which everyone can read: bash reads it from the descriptor, which its process must
    inherit. None without one.
    """
    if not has_secret(text):
        return ["bash", "-c", text], None
    fd = os.memfd_create("script", 0)
    os.set_inheritable(fd, True)
    with open(fd, "wb", closefd=False) as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    os.lseek(fd, 0, os.SEEK_SET)
    read = f"IFS= read -rd '' -u{fd} TRADEWIND_SCRIPT; exec {fd}<&-; "
    return ["bash", "-c", read + 'eval "unset TRADEWIND_SCRIPT; $TRADEWIND_SCRIPT"'], fd


def set_sink(sink: Callable[[str], Any]) -> None:
    """For the runner: who is told the values to mask."""
    _sinks[:] = [sink]
