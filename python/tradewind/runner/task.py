"""
The task process: one attempt. Sets up descriptors, environment and logging, finds the operator,
renders its fields, executes it, writes the result.

States: setting up → pid sent → rendering → executing → result written (by rename) → ended with exit
code 0 or 1.
Invariants: 1. the result is written once, by this process only (a fork of user code that returns
ends without one); 2. it is complete before the process ends; 3. exit code 0 goes with success,
skipped, reschedule and deferred only; 4. a traceback of user code goes to the log, its last line to
the result.
"""

from __future__ import annotations

import datetime as dt
import gc
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from tradewind.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    DagRunTriggerException,
    DownstreamTasksSkipped,
    TaskDeferred,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

    from tradewind.importer import Imported, Target
    from tradewind.runner.instance import TaskInstance

LOG_FORMAT = "[%(asctime)s] %(levelname)s %(name)s: %(message)s"
_GOOD = ("success", "skipped", "reschedule", "deferred")


def run(message: dict[str, Any], output: int, control: int, imported: Imported) -> NoReturn:
    """One attempt of a task whose file is imported. Never returns."""
    _guard(message, lambda: _run(message, output, control, imported))


def run_cold(
    message: dict[str, Any],
    output: int,
    control: int,
    target: Target,
    why: str,
    env: dict[str, str],
    timeout_s: float,
) -> NoReturn:
    """
    One attempt of a task whose file is imported here, because its import `why`. Never returns.
    """

    def work() -> int:
        _set_up(message, output, control, env)
        from tradewind.importer import run_import
        from tradewind.runner.instance import warn

        warn(
            f"{target.name} {why} when it is imported: it is imported again for each attempt, which"
            " costs time"
        )
        imported = run_import(target, timeout_s, emit=False)
        if imported.traceback:
            sys.stderr.write(imported.traceback)
            found = imported.errors[0]
            result = {
                "outcome": "failed",
                "error": f"import error: {found['file']}:{found['line']}: {found['text']}",
            }
            return _finish(message["python"], result)
        return _attempt(message, imported, None)

    _guard(message, work)


def _guard(message: dict[str, Any], work: Callable[[], int]) -> NoReturn:
    """Ends the process with the exit code of work(); with 1 if something of ours went wrong."""
    pid = os.getpid()
    code = 1
    try:
        code = work()
        if os.getpid() == pid:
            _run_exit_functions()
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        # A child forked by user code that came here must not go further up the stack it shares.
        os._exit(code if os.getpid() == pid else 0)


def _run_exit_functions() -> None:
    """What the interpreter would do at its end: waits for threads, calls atexit functions."""
    import atexit

    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()


def _run(message: dict[str, Any], output: int, control: int, imported: Imported) -> int:
    _set_up(message, output, control, env_of_message(message))
    return _attempt(message, imported, _version_note(message["python"].get("sources"), imported))


def _version_note(wanted: Any, imported: Any) -> Any:
    """What the log says if the file is not now what it was when the run was made."""
    target = imported.target
    if target.tree is not None:
        return (
            f"{target.original} or what it imports has changed since this run was made: the task runs"
            f" it as it was then ({target.path})"
        )
    for document in imported.documents if wanted else ():
        made_from = document["python"]
        if made_from.get("root") == wanted["root"] and made_from.get("tree") != wanted["tree"]:
            return (
                "the DAG file has changed since this run was made, and the earlier one is not kept: the"
                " task runs the file as it is now"
            )
    return None


def env_of_message(message: dict[str, Any]) -> dict[str, str]:
    """The attempt's environment as a dict."""
    from tradewind.runner.root import env_of

    return env_of(message.get("env"))


def reset_signals() -> None:
    """Default dispositions (and Python's own for SIGINT), nothing blocked."""
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _set_up(message: dict[str, Any], output: int, control: int, env: dict[str, str]) -> None:
    from tradewind import log
    from tradewind.runner import wire

    from tradewind.runner.keeper import close_but, report

    reset_signals()
    if os.getsid(0) != os.getpid():
        os.setsid()

    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    close_but(0, 1, 2, control)
    os.umask(0o022)
    report(control, {"type": "pid", "pid": os.getpid()})

    def mask(value: str) -> None:
        text = value.encode("utf-8", "replace")[: log.SECRET_BYTES_MAX].decode("utf-8", "ignore")
        report(control, {"type": "secret", "value": text})

    log.set_sink(mask)
    zone = os.environ.get("TZ")
    os.environ.clear()
    os.environ.update(env)
    if os.environ.get("TZ") != zone:
        import time

        time.tzset()
    _restore_streams()
    _reseed()
    gc.enable()
    if message.get("cwd"):
        os.chdir(message["cwd"])
    assert wire.MESSAGE_MAX > log.SECRET_BYTES_MAX


def set_up_streams() -> None:
    """
    Standard output and error as UTF-8 text, line by line; logging to standard error. Done once, in
    the root: the objects live on in all forks, and what user code or a logging handler keeps of
    them stays good.
    """
    import logging

    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = open(
            fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=LOG_FORMAT)


def _restore_streams() -> None:
    """What an import did to the streams does not reach the task's log."""
    for name in ("stdout", "stderr"):
        if getattr(sys, f"__{name}__").closed:
            set_up_streams()
        setattr(sys, name, getattr(sys, f"__{name}__"))


def _reseed() -> None:
    """
    Forks must not all draw the same numbers: the standard library sees to itself, numpy does not.
    """
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _attempt(message: dict[str, Any], imported: Imported, note: str | None) -> int:
    """Runs the operator; the exit code."""
    from tradewind.runner.instance import exported_environment, make_context, warn

    start = message["python"]
    if note:
        warn(note)
    try:
        task, dag = _find_task(start, imported)
        ti = _instance(start, task)
        os.environ.update(exported_environment(start, task))
        sys.argv = [imported.target.original or imported.target.name or ""]
        context = make_context(start, task, dag, ti)
    except Exception as error:
        return _finish(start, _of_exception(error, None, None))
    if start.get("kind") == "callback":
        from tradewind.context import set_current_context
        from tradewind.runner import callbacks

        set_current_context(context)
        return _finish(start, callbacks.run(start, task, dag, ti, context))
    _tell("on_starting", component=TaskRunnerMarker())
    try:
        return _finish(start, _execute(start, task, ti, context))
    finally:
        _tell("before_stopping", component=TaskRunnerMarker())


class TaskRunnerMarker:
    """What listeners hear of that starts and stops: the process of a task."""


def _tell(event: str, **arguments: Any) -> None:
    """Listeners of plugins, where there are any."""
    plugins = sys.modules.get("tradewind.plugins")
    if plugins is not None and plugins.get_listener_manager().has_listeners:
        plugins.get_listener_manager().tell(event, **arguments)


def _instance(start: dict[str, Any], task: Any) -> TaskInstance:
    from tradewind import link
    from tradewind.runner.engine import Engine
    from tradewind.runner.instance import TaskInstance

    engine = Engine(start.get("engine", ""), start.get("attempt", ""))
    link.set_engine(engine)
    return TaskInstance(start, task, engine)


def _find_task(start: dict[str, Any], imported: Imported) -> tuple[Any, Any]:
    """The operator and its DAG. AirflowException says what the file lacks."""
    from tradewind.exceptions import DagNotFound

    kind = start.get("kind")
    if kind in ("render", "bash") or not str(start["file"]).endswith(".py"):
        from tradewind.runner import plain

        makers = {
            "render": plain.render_task,
            "bash": plain.command_task,
            "callback": plain.callback_task,
        }
        return makers.get(str(kind), plain.plain_task)(start, imported)
    for dag in imported.dags:
        if dag.dag_id == start["dag_id"]:
            return dag.get_task(start["task_id"]), dag
    raise DagNotFound(
        f"{start['file']} has no DAG {start['dag_id']!r} (any more); it has: "
        + (", ".join(repr(dag.dag_id) for dag in imported.dags) or "none")
    )


def _execute(start: dict[str, Any], task: Any, ti: Any, context: Any) -> dict[str, Any]:
    """The result of the attempt, without the members that every result has."""
    from tradewind import policies
    from tradewind.baseoperator import BaseOperator
    from tradewind.context import set_current_context
    from tradewind.links import addresses
    from tradewind.emit import plain

    set_current_context(context)
    _handle_sigterm(task)
    rendered = {}
    try:
        policies.task_instance_mutation_hook(ti)
        os.environ.update(policies.get_airflow_context_vars(context))
        task = _unmapped(task, ti, context)
        task.render_template_fields(context)
        if start.get("kind") == "render":
            fields = {name[len("field_") :]: getattr(task, name) for name in task.template_fields}
            return {
                "outcome": "success",
                "rendered": plain(fields, f"a field of task {task.task_id!r}"),
            }
        rendered = _rendered(task)
        _tell_listeners(ti, "running")
        _callbacks(task, "on_execute_callback", context)
        task.pre_execute(context)
        value = _work(start, task, context)
        task.post_execute(context, value)
        _push(task, ti, value)
        result: dict[str, Any] = {"outcome": "success"}
        result.update(_skips(task, ti))
        if task.outlets:
            result["asset_events"] = context["outlet_events"].as_data()
    except BaseException as error:
        result = _of_exception(error, task, ti)
        context["exception"] = error
    _name_instance(result, task, context)
    if isinstance(task, BaseOperator):
        # As they are, whatever the backend of XComs: for people, and for who shows them.
        ti.pushed.update(addresses(task, ti))
    result["xcoms"] = [{"key": key, "value": value} for key, value in ti.pushed.items()]
    result["rendered"] = rendered
    _after(task, ti, result, context)
    return result


def _work(start: dict[str, Any], task: Any, context: Any) -> Any:
    """execute, or the method with which a deferred try goes on."""
    resume = start.get("resume")
    if resume:
        from tradewind.serde import decode

        kwargs = decode(resume.get("kwargs") or {})
        if resume["method"] != "__fail__":
            kwargs["event"] = decode(resume.get("event"))
        return task.resume_execution(resume["method"], kwargs, context)
    args = getattr(task, "start_trigger_args", None)
    if getattr(task, "start_from_trigger", False) and args is not None:
        return _start_from_trigger(args)
    try:
        return task.execute(context)
    except DagRunTriggerException as asked:
        from tradewind.operators.trigger_dagrun import make_run

        make_run(
            context["ti"],
            asked.trigger_dag_id,
            asked.dag_run_id,
            conf=asked.conf,
            logical_date=asked.logical_date,
            reset_dag_run=asked.reset_dag_run,
            skip_when_already_exists=asked.skip_when_already_exists,
            note=asked.note,
        )
        return None


def _start_from_trigger(args: Any) -> NoReturn:
    """The task begins deferred. Its process is started for that alone."""
    from tradewind.runner.triggers import find_class

    trigger = find_class(args.trigger_cls, None)(**(args.trigger_kwargs or {}))
    raise TaskDeferred(
        trigger=trigger,
        method_name=args.next_method,
        kwargs=args.next_kwargs,
        timeout=args.timeout,
    )


def _deferral(deferred: TaskDeferred, task: Any) -> dict[str, Any]:
    """The result of a task that defers itself."""
    from tradewind.serde import storable

    classpath, kwargs = deferred.trigger.serialize()
    what = f"the trigger of task {getattr(task, 'task_id', None)!r}"
    timeout = deferred.timeout
    if timeout is not None:
        seconds = timeout.total_seconds() if isinstance(timeout, dt.timedelta) else float(timeout)
        now = dt.datetime.now(dt.timezone.utc)
        timeout = _microseconds(now + dt.timedelta(seconds=seconds))
    print(f"tradewind: deferred: waits for {classpath}", file=sys.stderr)
    return {
        "outcome": "deferred",
        "trigger": {"classpath": classpath, "kwargs": storable(kwargs, what)},
        "method": deferred.method_name,
        "kwargs": storable(deferred.kwargs or {}, f"the kwargs with which {what} goes on"),
        "timeout_us": timeout,
    }


def _unmapped(task: Any, ti: Any, context: Any) -> Any:
    """The operator of this instance, which the context names from now on."""
    from tradewind.runner.events import InletEvents, OutletEvents
    from tradewind.runner.instance import merge_params

    if task.is_mapped and ti.map_index < 0:
        raise AirflowFailException(
            f"task {task.task_id!r} is mapped, and this attempt is of none of its instances"
        )
    made = task.unmap(context)
    if made is not task:
        ti.task = made
        context.update(
            task=made,
            inlets=made.inlets,
            outlets=made.outlets,
            inlet_events=InletEvents(made.inlets, ti),
            outlet_events=OutletEvents(made.outlets, ti),
        )
        merge_params(context, made)
        _handle_sigterm(made)
    return made


def _name_instance(result: dict[str, Any], task: Any, context: Any) -> None:
    """The name of a mapped instance, from map_index_template."""
    if not task.map_index_template or context["ti"].map_index < 0:
        return
    try:
        text = task.render_template(task.map_index_template, context)
    except Exception as error:
        if result["outcome"] == "success":
            print(f"tradewind: map_index_template: {error}", file=sys.stderr)
        return
    if text is not None:
        result["rendered_map_index"] = str(text)[:250]


def _skip_items(tasks: Iterable[Any], task: Any, ti: Any) -> list[Any]:
    """
    Task ids; of tasks in the same mapped group [task id, map index]: only this index is left out.
    """
    ids, out = {getattr(one, "task_id", one) for one in tasks}, []
    group = getattr(task, "mapped_group", None)
    inside = {one.task_id for one in group.iter_tasks()} if group is not None else ()
    for task_id in sorted(ids):
        out.append([task_id, ti.map_index] if task_id in inside and ti.map_index >= 0 else task_id)
    return out


def _skips(task: Any, ti: Any) -> dict[str, Any]:
    skipped = task.__dict__.get("_skipped_ids")
    out = {"skip": _skip_items(skipped, task, ti)} if skipped else {}
    for name in ("follow", "stop"):
        if name in task.__dict__.get("_graph_answer", {}):
            out[name] = task._graph_answer[name]
    return out


def _handle_sigterm(task: Any) -> None:
    """
    SIGTERM: the operator's on_kill, then an exception, so that `finally` and context managers of
    user code run.
    """
    pid = os.getpid()

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() != pid:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        try:
            task.on_kill()
        finally:
            raise AirflowTaskTerminated("the task was told to end (SIGTERM)")

    signal.signal(signal.SIGTERM, end)


def _push(task: Any, ti: Any, value: Any) -> None:
    """The return value as XCom, and its keys with multiple_outputs."""
    from tradewind.serde import encode
    from tradewind.types import XCOM_RETURN_KEY
    from tradewind.xcom import backend, is_custom, to_stored

    if not task.do_xcom_push:
        value = None
    _check_mappable(task, ti, value)
    if value is None:
        return
    if task.multiple_outputs:
        if not isinstance(value, dict):
            raise TypeError(
                f"task {task.task_id!r} has multiple_outputs: it must return a dict, not"
                f" {type(value).__name__}"
            )
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(
                    f"task {task.task_id!r} has multiple_outputs: the keys must be strings, not"
                    f" {key!r}"
                )
            what = f"the output {key!r} of task {task.task_id!r}"
            ti.pushed[key] = to_stored(item, what, ti, key)
    what = f"the return value of task {task.task_id!r}"
    ti.pushed[XCOM_RETURN_KEY] = to_stored(value, what, ti, XCOM_RETURN_KEY)
    if is_custom() and _is_mapped_over(task, ti) and ti.pushed[XCOM_RETURN_KEY] != encode(value):
        raise AirflowFailException(
            f"{what} is mapped over, and the XCom backend {backend().__name__} stores something else:"
            " the engine makes an instance for each item of what is stored"
        )


def _is_mapped_over(task: Any, ti: Any) -> Any:
    """True if the task's value makes instances of others."""
    from tradewind.dags import DAG
    from tradewind.mapped import mapped_over

    dag = task.get_dag()
    return ti.map_index < 0 and isinstance(dag, DAG) and ti.task_id in mapped_over(dag)


def _check_mappable(task: Any, ti: Any, value: Any) -> Any:
    """An exception that says why others, which are mapped over the value, cannot be."""
    from tradewind.configuration import conf
    from tradewind.exceptions import (
        UnmappableXComLengthPushed,
        UnmappableXComTypePushed,
        XComForMappingNotPushed,
    )
    from tradewind.xcom_arg import is_mappable

    if not _is_mapped_over(task, ti):
        return
    fits = is_mappable(value)
    if not fits:
        raise XComForMappingNotPushed() if value is None else UnmappableXComTypePushed(value)
    limit = conf.getint("core", "max_map_length")
    if len(value) > limit:
        raise UnmappableXComLengthPushed(
            f"unmappable return value length: {len(value)} > {limit} (max_map_length)"
        )


def _rendered(task: Any) -> dict[str, Any]:
    """The rendered fields for people to read: strings as they are, the rest as text."""
    out = {}
    for name in task.template_fields:
        value = getattr(task, name, None)
        try:
            text = json.dumps(value, default=repr, allow_nan=True)
        except (TypeError, ValueError, RecursionError):
            text = json.dumps(repr(value))
        if len(text) > 4096:
            value = "(too long to keep)"
        elif "NaN" in text or "Infinity" in text:
            value = repr(value)
        else:
            value = json.loads(text)
        out[name] = value
    return out


def _of_exception(error: BaseException, task: Any, ti: Any) -> dict[str, Any]:
    """
    The result for what user code raised; writes the traceback to the log where there is one to
    write.
    """
    from tradewind.importer import one_line, user_traceback

    if isinstance(error, AirflowSkipException):
        print(f"tradewind: skipped: {error}", file=sys.stderr)
        return {"outcome": "skipped", "error": one_line(error)}
    if isinstance(error, AirflowRescheduleException):
        return {"outcome": "reschedule", "until_us": _microseconds(error.reschedule_date)}
    if isinstance(error, DownstreamTasksSkipped):
        return {"outcome": "success", "skip": _skip_items(error.tasks, task, ti)}
    if isinstance(error, TaskDeferred):
        try:
            return _deferral(error, task)
        except Exception as problem:
            error = problem
    text = one_line(error)
    if isinstance(error, SystemExit):
        text = f"SystemExit: {error.code}"
    sys.stderr.write(user_traceback(error))
    no_retry = isinstance(error, (AirflowFailException, AirflowSensorTimeout))
    return {"outcome": "fail" if no_retry else "failed", "error": text}


def _microseconds(moment: dt.datetime) -> int:
    from tradewind import timezone

    moment = timezone.coerce_datetime(moment)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    return (dt.datetime.fromisoformat(dt.datetime.isoformat(moment)) - epoch) // dt.timedelta(
        microseconds=1
    )


def _after(task: Any, ti: Any, result: dict[str, Any], context: Any) -> None:
    """The callback of the outcome."""
    outcome = result["outcome"]
    name = {"success": "on_success_callback", "skipped": "on_skipped_callback"}.get(outcome)
    if outcome == "failed" and ti.is_eligible_to_retry:
        name = "on_retry_callback"
    elif outcome in ("failed", "fail"):
        name = "on_failure_callback"
    if name is not None:
        ti.state = {"on_retry_callback": "up_for_retry", "on_failure_callback": "failed"}.get(
            name, outcome
        )
        event = {"success": "success", "skipped": "skipped"}.get(outcome, "failed")
        _tell_listeners(ti, event, error=context.get("exception") or result.get("error"))
        _callbacks(task, name, context)


def call(callback: Any, context: Any) -> None:
    """Calls a callback, or a notifier."""
    notify = callback if callable(callback) else callback.notify
    notify(context)


def _tell_listeners(ti: Any, event: str, **arguments: Any) -> None:
    """Listeners of plugins hear what the task comes to."""
    before = "queued" if event == "running" else "running"
    _tell(f"on_task_instance_{event}", previous_state=before, task_instance=ti, **arguments)


def _callbacks(task: Any, name: str, context: Any) -> None:
    """Calls them; what they raise is logged and changes nothing."""
    from tradewind.importer import user_traceback

    found = getattr(task, name)
    for callback in found if isinstance(found, (list, tuple)) else [found] if found else []:
        try:
            call(callback, context)
        except Exception as error:
            sys.stderr.write(f"tradewind: {name} failed:\n{user_traceback(error)}")


def _finish(start: dict[str, Any], result: dict[str, Any]) -> int:
    """Writes the result, with `***` for masked values; the exit code."""
    from tradewind import log

    result = {"v": 1, "xcoms": [], "skip": [], **result}
    for name in ("error", "rendered"):
        if name in result:
            result[name] = log.masked(result[name])
    path = start["result"]
    partial = f"{path}.{os.getpid()}.tmp"
    try:
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(result, file, ensure_ascii=False, allow_nan=False)
        os.rename(partial, path)
    except UnicodeEncodeError:
        with open(partial, "w", encoding="ascii") as file:
            json.dump(result, file, ensure_ascii=True, allow_nan=False)
        os.rename(partial, path)
    return 0 if result["outcome"] in _GOOD else 1
