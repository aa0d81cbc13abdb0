"""
What the source of a Python file says, without how it is written down: comments, blank lines, quotes,
parentheses, where lines break. Two files with one meaning give one version of a DAG. Texts of
documentation belong to the meaning (a DAG may show them).

The order of a dict's keys counts, because a program can see it; except in a call's keyword argument
where the DAG is built (`default_args={...}`): there it is the document that says what came of it.
"""

from __future__ import annotations

import ast
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
# Where a node stands: in the code of a function, in code that builds, in a keyword argument of such.
_RUNS, _BUILDS, _GIVEN = range(3)


def of_file(path: str) -> str | None:
    """The meaning of a file as a hash: of Python that can be read, else of its bytes. None: no file."""
    try:
        with open(path, "rb") as file:
            return of_source(path, file.read())
    except OSError:
        return None


def of_source(name: str, source: bytes) -> str:
    """The same of bytes that are a file of that name."""
    if name.endswith(".py"):
        try:
            return hashlib.sha256(_words(ast.parse(source)).encode("utf-8", "backslashreplace")).hexdigest()
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    return hashlib.sha256(source).hexdigest()


def _words(tree: ast.AST) -> str:
    out: list[str] = []
    todo: list[tuple[Any, int]] = [(tree, _BUILDS)]
    while todo:
        node, where = todo.pop()
        if not isinstance(node, ast.AST):
            out.append(repr(node))
            continue
        out.append(type(node).__name__)
        inner = _within(node, where)
        if isinstance(node, ast.Dict) and inner == _GIVEN:
            node = _sorted(node)
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                out.append(f"[{len(value)}")
                todo.extend((one, where if name == "decorator_list" else inner) for one in value)
            elif isinstance(value, ast.AST):
                todo.append((value, inner))
            elif name not in ("kind", "type_comment"):
                out.append(repr(value))
    return "\0".join(out)


def _within(node: ast.AST, where: int) -> int:
    if where == _RUNS or (isinstance(node, _FUNCTION) and not _builds_a_dag(node)):
        return _RUNS
    if isinstance(node, ast.keyword):
        return _GIVEN
    if where == _GIVEN and not isinstance(node, (ast.Dict, ast.List, ast.Tuple)):
        return _BUILDS
    return where


def _builds_a_dag(node: Any) -> bool:
    """True for a function that @dag makes a DAG of: its code builds, too."""
    for decorator in getattr(node, "decorator_list", ()):
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        if getattr(named, "id", getattr(named, "attr", None)) == "dag":
            return True
    return False


def _sorted(node: ast.Dict) -> ast.Dict:
    """The same dict with its keys in order, if they are constants and differ."""
    keys = [repr(key.value) if isinstance(key, ast.Constant) else None for key in node.keys]
    if None in keys or len(set(keys)) != len(keys):
        return node
    pairs = sorted(zip(keys, node.keys, node.values), key=lambda pair: str(pair[0]))
    return ast.Dict(keys=[key for _, key, _ in pairs], values=[value for _, _, value in pairs])
