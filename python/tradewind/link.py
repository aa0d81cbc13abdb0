"""The running task's way to the engine, for what has no task instance at hand: variables, connections."""

from __future__ import annotations

_engine = []


def set_engine(engine):
    """For the runner: whom to ask from now on in this process."""
    _engine[:] = [engine]


def has_engine():
    """True within a running task that was started with an engine to ask."""
    return bool(_engine) and bool(getattr(_engine[0], "path", None))


def look_up(kind, **members):
    """As ask, for what may be there or not: `found` false of an engine that has none of its kind."""
    from tradewind.runner.engine import QuestionUnknown

    try:
        return ask(kind, **members)
    except QuestionUnknown:
        return {"found": False}


def ask(kind, **members):
    """The engine's answer; see runner.engine.Engine.ask."""
    return _engine[0].ask(kind, **members)
