"""Database sessions: there are none for tasks and DAG files, as in Airflow 3."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from tradewind.hints import R

NEW_SESSION = None


def create_session(*_: Any, **__: Any) -> NoReturn:
    """RuntimeError that says what to use instead."""
    raise RuntimeError(
        "tasks and DAG files have no access to the store (as in Airflow 3): use Variable, Connection,"
        " XCom and the context"
    )


def provide_session(function: Callable[..., R]) -> Callable[..., R]:
    """The function as it is; `session` stays None, and using it fails."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper
