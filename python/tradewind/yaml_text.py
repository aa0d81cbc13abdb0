"""JSON values as YAML 1.2 text for people: blocks, literal texts, quotes only where they are needed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", "nan", "inf"}
_WORD = r"(?:[A-Za-z0-9_./@+=-]|:(?=[A-Za-z0-9_/]))+"
_PLAIN = re.compile(rf"(?=[A-Za-z_/]){_WORD}(?: {_WORD})*\Z")
WIDTH = 100


class Commented(dict):
    """An object with a comment before its members."""

    comment = ""


def dump(value: Any) -> str:
    """The text of an object."""
    lines: list[str] = []
    _mapping(value, 0, lines)
    return "\n".join(lines) + "\n"


def scalar(value: Any) -> str:
    """A scalar in one line, right in flow and block."""
    if isinstance(value, str):
        if _PLAIN.match(value) and value.lower() not in _WORDS:
            return value
        if '"' in value and "'" not in value and value.isprintable():
            return f"'{value}'"
        text = json.dumps(value, ensure_ascii=False)
        return text.replace("\x7f", "\\x7f").replace("\x85", "\\N").replace("\ufeff", "\\uFEFF")
    return json.dumps(value, ensure_ascii=False)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return scalar(value)


def _is_short(value: Any, indent: int) -> bool:
    if isinstance(value, dict) and value:
        return False
    if isinstance(value, list) and any(isinstance(item, dict) and item for item in value):
        return False
    return indent + len(_flow(value)) <= WIDTH


def _is_literal(value: Any) -> bool:
    """True for a text of several lines that a literal block keeps as it is."""
    if not isinstance(value, str) or "\n" not in value.rstrip("\n") or not value.strip("\n"):
        return False
    if any(ord(char) < 32 and char not in "\n\t" or char in "\x7f\x85\u2028\u2029\ufeff" for char in value):
        return False
    return value[0] not in " \n\t" and not value.endswith("\n\n") and "\r" not in value


def _entry(key: str, value: Any, indent: int, lines: list[str]) -> None:
    head = " " * indent + key
    if _is_literal(value):
        lines.append(head + (" |" if value.endswith("\n") else " |-"))
        for line in value.rstrip("\n").split("\n"):
            lines.append(" " * (indent + 2) + line if line else "")
    elif not isinstance(value, (dict, list)) or _is_short(value, indent + len(key) + 1):
        lines.append(f"{head} {_flow(value)}")
    elif isinstance(value, dict):
        lines.append(head)
        _mapping(value, indent + 2, lines)
    else:
        lines.append(head)
        for item in value:
            _item(item, indent + 2, lines)


def _item(value: Any, indent: int, lines: list[str]) -> None:
    if isinstance(value, dict) and value:
        inner: list[str] = []
        _mapping(value, indent + 2, inner)
        inner[0] = " " * indent + "- " + inner[0].lstrip(" ")
        lines.extend(inner)
    elif _is_literal(value):
        _entry("-", value, indent, lines)
    else:
        lines.append(" " * indent + "- " + _flow(value))


def _mapping(value: Any, indent: int, lines: list[str]) -> None:
    if getattr(value, "comment", ""):
        for line in value.comment.splitlines():
            lines.append(" " * indent + "# " + line)
    for key, item in value.items():
        _entry(scalar(str(key)) + ":", item, indent, lines)
