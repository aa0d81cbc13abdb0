"""Database sessions: there are none for tasks and DAG files, as in Airflow 3."""

from __future__ import annotations

import functools

NEW_SESSION = None


def create_session(*_, **__):
    """RuntimeError that says what to use instead."""
    raise RuntimeError(
        "tasks and DAG files have no access to the store (as in Airflow 3): use Variable, Connection,"
        " XCom and the context"
    )


def provide_session(function):
    """The function as it is; `session` stays None, and using it fails."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper
