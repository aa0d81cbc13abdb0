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

    if start.get("callback_of") == "listeners":
        return _listeners(start, dag, ti)
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


def _listeners(start: dict[str, Any], dag: Any, ti: Any) -> dict[str, Any]:
    """Listeners of the installation hear of the run, or of the events of the task's outlets."""
    from tradewind import plugins

    tell, word = plugins.get_listener_manager().tell, start["callback"]
    if word == "assets":
        failed = sum(_tell_event(tell, ti, data) for data in start.get("events") or [])
    else:
        run = ti.dag_run
        run.state, run.dag = word, dag
        given = {"running": "started", "success": "success"}
        message = given.get(word) or start.get("reason") or "task_failure"
        failed = tell(f"on_dag_run_{word}", dag_run=run, msg=message)
    if failed:
        return {"outcome": "failed", "error": f"{failed} listeners failed"}
    return {"outcome": "success"}


def _tell_event(tell: Any, ti: Any, data: Any) -> Any:
    """How many failed."""
    from tradewind.assets import AssetAlias
    from tradewind.runner.events import AssetEvent

    event = AssetEvent(ti, data)
    failed = tell("on_asset_created", asset=event.asset) if data.get("created") else 0
    for name in data.get("aliases_created") or []:
        failed += tell("on_asset_alias_created", asset_alias=AssetAlias(name))
    failed += tell("on_asset_changed", asset=event.asset)
    return failed + tell("on_asset_event_emitted", asset_event=event)


def as_list(found: Any) -> list[Any]:
    """None, one, or several callbacks as a list."""
    if found is None:
        return []
    return list(found) if isinstance(found, (list, tuple)) else [found]
