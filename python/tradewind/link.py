"""The running task's way to the engine, for what has no task instance at hand: variables, connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_engine: list[Any] = []
_reader: list[Any] = []


def set_engine(engine: Any) -> None:
    """For the runner: whom to ask from now on in this process."""
    _engine[:] = [engine]


def has_engine() -> bool:
    """True within a running task that was started with an engine to ask."""
    return bool(_engine) and bool(getattr(_engine[0], "path", None))


def set_reader(reader: Any) -> None:
    """For the importer: whom look_up asks while there is no engine; None for nobody."""
    _reader[:] = [] if reader is None else [reader]


def look_up(kind: str, **members: Any) -> Any:
    """As ask, for what may be there or not: `found` false where nobody can be asked."""
    if not has_engine():
        return _reader[0].ask(kind, **members) if _reader else {"found": False}
    from tradewind.runner.engine import QuestionUnknown

    try:
        return ask(kind, **members)
    except QuestionUnknown:
        return {"found": False}


def ask(kind: str, **members: Any) -> Any:
    """The engine's answer; see runner.engine.Engine.ask."""
    return _engine[0].ask(kind, **members)
