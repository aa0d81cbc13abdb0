"""Airflow's helpers for decorators."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from tradewind.hints import F


def apply_defaults(function: F) -> F:
    """Airflow 1's: not needed any more, the function as it is."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def remove_task_decorator(python_source: str, task_decorator_name: str) -> str:
    """The source of a function without a decorator's lines."""
    if task_decorator_name not in python_source:
        return python_source
    before, rest = python_source.split(task_decorator_name, 1)
    if not rest.startswith("("):
        return before + rest.split("\n", 1)[-1]
    depth, end = 0, len(rest)
    for index, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            end = index + 1
            break
    return before + rest[end:].split("\n", 1)[-1]


def fixup_decorator_warning_stack(func: Any) -> None:
    """Nothing to do."""
