"""Kind "callback": callbacks of a DAG, or of a task that could not run its own, in this process."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import inspect
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
    if start.get("callback_of") == "deadline":
        return _deadline(start["events"], dag, ti)
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


def _deadline(events: dict[str, Any], dag: Any, ti: Any) -> dict[str, Any]:
    """The callback of a missed deadline: a function, a coroutine function, or a notifier."""
    from tradewind import timezone
    from tradewind.importer import user_traceback
    from tradewind.runner.task import call

    spec, deadline = events["callback"], dict(events["deadline"])
    deadline["deadline_time"] = timezone.parse(deadline["deadline_time"])
    context = {"dag_run": run_as_data(ti.dag_run, dag), "deadline": deadline, "dag": dag}
    kwargs = dict(spec.get("kwargs") or {})
    try:
        function = find(spec["path"])
        if isinstance(function, type):
            call(function(**kwargs), context)
        else:
            if takes(function, "context"):
                kwargs["context"] = context
            result = function(**kwargs)
            if inspect.isawaitable(result):
                asyncio.run(_wait(result))
    except Exception as error:
        sys.stderr.write(f"tradewind: {spec['path']} failed:\n{user_traceback(error)}")
        return {"outcome": "failed", "error": f"{spec['path']} failed"}
    return {"outcome": "success"}


async def _wait(awaitable: Any) -> Any:
    return await awaitable


def find(path: str) -> Any:
    """What a path "module.name" stands for; the module may be that of the DAG file itself."""
    parts = path.split(".")
    for n in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:n])
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name is None or not (name + ".").startswith(error.name + "."):
                    raise
                continue
        found: Any = sys.modules[name]
        for part in parts[n:]:
            found = getattr(found, part)
        return found
    raise ImportError(f"{path!r}: there is no module {'.'.join(parts[:-1])!r}")


def takes(function: Any, name: str) -> bool:
    """Whether a function can be called with an argument of that name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name == name or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def run_as_data(run: Any, dag: Any) -> dict[str, Any]:
    """A run as Airflow's REST API shows it, which is what callbacks of deadlines get."""
    names = (
        "dag_id logical_date queued_at start_date end_date data_interval_start data_interval_end"
        " run_after run_type state conf note"
    )
    out = {name: _plain(getattr(run, name, None)) for name in names.split()}
    out["dag_run_id"] = out["run_id"] = run.run_id
    out["dag_display_name"] = getattr(dag, "dag_display_name", None) or run.dag_id
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value


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
