"""Values and calls as Python source, formatted as black would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

WIDTH = 100


class Code(str):
    """Source as it is: a name, an expression."""


class Call:
    """A call: its name, and arguments as (name or None, value)."""

    def __init__(self, name: str, arguments: Iterable[tuple[str | None, Any]]) -> None:
        self.name = name
        self.arguments = [(key, value) for key, value in arguments if value is not Ellipsis]


def source(value: Any, indent: int = 0, used: int = 0) -> str:
    """The value's source; continued lines are indented from `indent`. used: what stands on its first line already."""
    flat = _flat(value)
    if flat is not None and "\n" not in flat and indent + used + len(flat) <= WIDTH:
        return flat
    if isinstance(value, Call):
        return _broken(f"{value.name}(", ")", value.arguments, indent)
    if isinstance(value, dict):
        items = [(Code(source(str(key))), item) for key, item in value.items()]
        return _broken("{", "}", items, indent, ": ")
    if isinstance(value, (list, tuple)):
        return _broken("[", "]", [(None, item) for item in value], indent)
    return flat


def _broken(
    begin: str, end: str, items: Iterable[tuple[Any, Any]], indent: int, mark: str = "="
) -> str:
    inner = " " * (indent + 4)
    lines = [begin]
    for key, value in items:
        head = f"{key}{mark}" if key is not None else ""
        lines.append(f"{inner}{head}{source(value, indent + 4, len(head) + 1)},")
    lines.append(" " * indent + end)
    return "\n".join(lines)


def _flat(value: Any) -> str:
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, Call):
        parts = [(f"{key}=" if key else "") + _flat(item) for key, item in value.arguments]
        return f"{value.name}({', '.join(parts)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flat(str(k))}: {_flat(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flat(item) for item in value) + "]"
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, (bool, int)):
        return repr(value)
    return repr(float(value))


def text(value: str) -> str:
    """A string's source: several lines in triple quotes where nothing in them needs an escape."""
    lines = value.count("\n")
    plain = all(char == "\n" or char.isprintable() for char in value)
    if lines > 1 and plain and "\\" not in value and '"""' not in value and value[-1] != '"':
        return f'"""{value}"""'
    if '"' in value and "'" not in value and "\\" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=not plain and "\u2028" in value)
