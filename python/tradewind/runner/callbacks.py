"""Kind "callback": callbacks of a DAG, or of a task that could not run its own, in this process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def run(start: dict[str, Any], task: Any, dag: Any, ti: Any, context: Any) -> dict[str, Any]:
    """
    Calls them all; the result. What one raises is in the log and keeps no other from being called.
    """
    from tradewind.exceptions import AirflowException
    from tradewind.importer import user_traceback
    from tradewind.runner.task import call

    word, of_task = start["callback"], start.get("callback_of") == "task"
    name = f"on_{word}_callback"
    ti.state = {"failure": "failed", "retry": "up_for_retry"}.get(word, word)
    context["reason"] = start.get("reason")
    if word != "success":
        context["exception"] = AirflowException(start.get("reason") or "failed")
    if not of_task:
        ti.dag_run.state = "success" if word == "success" else "failed"
    failed = 0
    for callback in as_list(getattr(task if of_task else dag, name, None)):
        try:
            call(callback, context)
        except Exception as error:
            failed += 1
            sys.stderr.write(f"tradewind: {name} failed:\n{user_traceback(error)}")
    if failed:
        return {"outcome": "failed", "error": f"{failed} callbacks failed"}
    return {"outcome": "success"}


def as_list(found: Any) -> list[Any]:
    """None, one, or several callbacks as a list."""
    if found is None:
        return []
    return list(found) if isinstance(found, (list, tuple)) else [found]
