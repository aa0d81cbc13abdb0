"""
`.airflowignore`: which files of a DAGs folder are left out. Globs as .gitignore has them, or
regular expressions.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

NAME = ".airflowignore"


def syntax() -> str:
    """`glob` (Airflow 3's default) or `regexp`, from the configuration's environment variables."""
    for name in (
        "TRADEWIND__CORE__DAG_IGNORE_FILE_SYNTAX",
        "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX",
    ):
        if os.environ.get(name):
            return os.environ[name].strip().lower()
    return "glob"


class Rules:
    """The rules that hold in one folder: its own after those of the folders above."""

    def __init__(self, root: str, kind: str | None = None) -> None:
        self.root = root
        self.kind = kind or syntax()
        if self.kind not in ("glob", "regexp"):
            raise ValueError(f"dag_ignore_file_syntax is glob or regexp, not {self.kind!r}")
        self._rules: list[tuple[re.Pattern[str], bool, Any]] = []

    def within(self, folder: str) -> Rules:
        """The rules of a folder in this one: with those of its own file, if it has one."""
        own = Rules(self.root, self.kind)
        own._rules = list(self._rules)
        for line in _lines(os.path.join(folder, NAME)):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of regular expressions that may mean more some day
                    own._rules.append(
                        _glob(line, folder) if self.kind == "glob" else (re.compile(line), True, None)
                    )
            except re.error as error:
                print(
                    f"{os.path.join(folder, NAME)}: {line!r} is not a pattern: {error}",
                    file=sys.stderr,
                )
        return own

    def ignored(self, path: str, is_folder: bool) -> bool:
        """True if a file or folder is left out. The last glob that matches decides."""
        if self.kind == "regexp":
            name = os.path.relpath(path, self.root).replace(os.sep, "/")
            return any(pattern.search(name) for pattern, _, _ in self._rules)
        found = False
        for pattern, include, base in self._rules:
            name = os.path.relpath(path, base).replace(os.sep, "/")
            if pattern.match(name + "/" if is_folder else name):
                found = include
        return found


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return []
    lines = (re.sub(r"\s*#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def _glob(line: str, folder: str) -> tuple[re.Pattern[str], bool, str]:
    """(pattern of the path below `folder`, whether it leaves out, folder)."""
    leave_out = not line.startswith("!")
    text = line.lstrip("!").lstrip("\\") if not leave_out else line
    only_folders = text.endswith("/")
    anchored = "/" in text.rstrip("/")
    text = text.strip("/")
    parts: list[str | None] = []
    for part in text.split("/"):
        parts.append(None if part == "**" else _part(part))
    pattern = "" if anchored else "(?:.*/)?"
    for index, one in enumerate(parts):
        last = index == len(parts) - 1
        if one is None:
            pattern += ".+" if last else "(?:.*/)?"
        else:
            # A name is never empty: `a/*` is not the folder `a/`.
            pattern += ("(?=[^/])" if one else "") + one + ("" if last else "/")
    # What is in a folder that is left out is left out with it.
    pattern += "/.*" if only_folders else "(?:/.*)?"
    return re.compile(pattern + r"\Z", re.S), leave_out, folder


def _part(text: str) -> str:
    out, index = "", 0
    while index < len(text):
        char = text[index]
        if char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[" and "]" in text[index + 2 :]:
            end = text.index("]", index + 2)
            inner = text[index + 1 : end].replace("\\", "\\\\")
            out += "[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]"
            index = end
        elif char == "\\" and index + 1 < len(text):
            index += 1
            out += re.escape(text[index])
        else:
            out += re.escape(char)
        index += 1
    return out
