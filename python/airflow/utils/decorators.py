"""Airflow's helpers for decorators."""

from __future__ import annotations

import functools


def apply_defaults(function):
    """Airflow 1's: not needed any more, the function as it is."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def remove_task_decorator(python_source, task_decorator_name):
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


def fixup_decorator_warning_stack(func):
    """Nothing to do."""
