"""From DAG objects to DAG documents (docs/reference/dag-document.md)."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tradewind import defaults, plugins, timezone, xcom
from tradewind.edges import DependencyMixin
from tradewind.exceptions import AirflowException
from tradewind.mapped import MappedArgument
from tradewind.operators.bash import BashOperator
from tradewind.operators.empty import EmptyOperator
from tradewind.operators.decide import ConditionOperator, FollowOperator
from tradewind.operators.python import BranchMixIn, ShortCircuitOperator
from tradewind.sensors.filesystem import FileSensor
from tradewind.sensors.http import HttpSensor
from tradewind.sensors.time import (
    DateTimeSensor,
    DateTimeSensorAsync,
    TimeDeltaSensor,
    TimeDeltaSensorAsync,
)
from tradewind.templates import LiteralValue, is_template
from tradewind.types import DEFAULT_POOL, NOTSET
from tradewind.xcom_arg import ConcatXComArg, MapXComArg, XComArg, ZipXComArg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from tradewind.baseoperator import BaseOperator
    from tradewind.dags import DAG

_CALLBACK_WORDS = ("execute", "success", "failure", "retry", "skipped")
# What of a task only its process in Python can do: calls, and the events of its assets.
_IN_PYTHON = (
    *(f"on_{word}_callback" for word in _CALLBACK_WORDS),
    "_pre_execute_hook",
    "_post_execute_hook",
    "inlets",
    "outlets",
)


def duration(value: Any) -> float:
    """A duration of the document: seconds, whole where it is whole."""
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else float(value)
    return int(seconds) if seconds == int(seconds) else seconds


def moment(value: Any) -> str | None:
    """A time of the document (RFC 3339); None stays None."""
    if value is None:
        return None
    if isinstance(value, str):
        value = timezone.from_text(value)
    elif not isinstance(value, dt.datetime) and isinstance(value, dt.date):
        value = dt.datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=defaults.zone())
    return dt.datetime.isoformat(value)


def plain(value: Any, what: str) -> Any:
    """The value as JSON: times become text. AirflowException that names what is not JSON."""
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, (set, frozenset, tuple)):
        value = list(value)
    if isinstance(value, list):
        return [plain(item, what) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item, what) for key, item in value.items()}
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise AirflowException(f"{what} is a {type(value).__name__}, not a JSON value") from None
    return value


def templated(value: Any) -> str:
    """
    A templated string of the document: an argument that is a task's result becomes the template
    that pulls it.
    """
    return value if isinstance(value, str) else str(value)


def _schedule(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dt.timedelta):
        return f"every {value}"
    return plain(value.as_data(), "the schedule")


def _timezone(dag: Any) -> Any:
    """
    The zone of a schedule that is text: that of start_date, as a name or an offset. UTC is said
    only where it is not the default.
    """
    start = dag.start_date
    text = isinstance(dag.schedule, str) and dag.schedule not in ("@once", "@continuous")
    if not text or not isinstance(start, dt.datetime) or start.tzinfo is None:
        return defaults.zone_name()
    name = getattr(start.tzinfo, "key", None) or getattr(start.tzinfo, "name", None)
    if not isinstance(name, str) or not name:
        minutes = int((start.utcoffset() or dt.timedelta()).total_seconds() // 60)
        name = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    if name in ("UTC", "Etc/UTC", "+00:00"):
        return None if defaults.zone_name() is None else "UTC"
    return name


def _params(node: Any, of: Any) -> dict[str, Any]:
    out = {}
    for name, param in node.params.params():
        what = f"param {name!r} of {of}"
        dumped = plain(param.dump(), what)
        only_value = set(dumped) == {"default"}
        if only_value and not isinstance(dumped["default"], dict):
            out[name] = dumped["default"]
        else:
            out[name] = {**dumped, "type": "object"} if only_value else dumped
    return out


def dag_document(dag: DAG) -> dict[str, Any]:
    """The document of a DAG. AirflowException says what cannot be written."""
    dag.validate()
    # A backend that cannot be used is told here, not by the first task.
    xcom.backend()
    out = {"version": 1, "dag_id": dag.dag_id}
    _put(out, "display_name", dag.dag_display_name, dag.dag_id)
    _put(out, "description", dag.description)
    _put(out, "doc_md", dag.doc_md)
    _put(out, "schedule", _schedule(dag.schedule))
    _put(out, "timezone", _timezone(dag))
    _put(out, "start_date", moment(dag.start_date))
    _put(out, "end_date", moment(dag.end_date))
    _put_said(out, dag, "catchup", bool(dag.catchup), False)
    _put(out, "is_paused_upon_creation", dag.is_paused_upon_creation)
    _put_said(out, dag, "max_active_tasks", dag.max_active_tasks, 16)
    _put_said(out, dag, "max_active_runs", dag.max_active_runs, 16)
    failed = dag.max_consecutive_failed_dag_runs
    _put_said(out, dag, "max_consecutive_failed_dag_runs", failed, 0)
    if dag.dagrun_timeout is not None:
        out["dagrun_timeout"] = duration(dag.dagrun_timeout)
    _put(out, "fail_fast", bool(dag.fail_fast), False)
    _put(out, "tags", [str(tag) for tag in dag.tags], [])
    _put(out, "params", _params(dag, f"DAG {dag.dag_id!r}"), {})
    _put(out, "callbacks", _callbacks(dag, ("success", "failure")), [])
    _put(out, "listeners", plugins.heard(), [])
    _put(out, "deadline", plain([one.as_data() for one in dag.deadline], "the deadline"), [])
    _put(out, "owner_links", plain(dag.owner_links, "owner_links"), {})
    _put(out, "allowed_run_types", dag.allowed_run_types, [])
    _put(out, "labels", _labels(dag), [])
    _put(out, "env", {str(k): str(v) for k, v in dag.env.items()}, {})
    out["python"] = {"file": dag.fileloc}
    groups: dict[str, dict[str, Any]] = {}
    for group_id, group in dag.task_group_dict.items():
        groups[group_id] = {}
        _put(groups[group_id], "tooltip", group.tooltip, "")
        _put(groups[group_id], "display_name", group.group_display_name, "")
        if group.is_mapped:
            groups[group_id].update(_expansion(group.expand_input))  # type: ignore[attr-defined]
        if not group.parent_group.is_root:
            groups[group_id]["parent"] = group.parent_group.group_id
    _put(out, "task_groups", groups, {})
    out["tasks"] = {task.task_id: task_document(task) for task in dag.tasks}
    return out


def _put(out: dict[str, Any], name: str, value: Any, default: Any = None) -> None:
    if value is not None and value != default:
        out[name] = value


def _put_said(out: dict[str, Any], node: Any, name: str, value: Any, built_in: Any) -> None:
    """
    What has a default among the settings: left out where nobody said it, and said even if it is
    what is built in where the default is another.
    """
    if name in node.filled_defaults and node.filled_defaults[name] == getattr(node, name):
        return
    if name in node.changed_defaults or value != built_in:
        out[name] = value


def _callbacks(node: Any, words: Iterable[str]) -> list[str]:
    return [word for word in words if getattr(node, f"on_{word}_callback")]


def _labels(dag: DAG) -> list[dict[str, str]]:
    found = [
        {"upstream": upstream, "downstream": downstream, "label": str(info["label"])}
        for upstream, below in dag.edge_info.items()
        for downstream, info in below.items()
        if info.get("label") is not None
    ]
    return sorted(found, key=lambda one: (one["upstream"], one["downstream"]))


def _assets(values: Iterable[Any]) -> list[Any]:
    """Inlets or outlets; what is none of the SDK's own as a text."""
    return [
        _literal(one.as_expression())
        if hasattr(one, "as_expression")
        else {"type": "object", "text": repr(one)[:1000]}
        for one in values
    ]


def _weight(out: dict[str, Any], task: Any) -> None:
    rule = task.weight_rule
    if isinstance(rule, str):
        _put(out, "priority_weight", task.priority_weight, 1)
        _put_said(out, task, "weight_rule", rule, "downstream")
        return
    from tradewind.weights import weight_of

    out.update(priority_weight=weight_of(rule, task), weight_rule="absolute")


def task_document(task: Any) -> dict[str, Any]:
    """The task's object in the document."""
    out = _operator(task)
    _put(out, "upstream", sorted(task.upstream_task_ids), [])
    rule = "all_done_setup_success" if task.is_teardown else "all_success"
    _put(out, "trigger_rule", task.trigger_rule, rule)
    _retries(out, task)
    limit = task.execution_timeout
    _put_said(out, task, "execution_timeout", 0 if limit is None else duration(limit), 0)
    _weight(out, task)
    _put(out, "pool", task.pool, DEFAULT_POOL)
    _put(out, "pool_slots", task.pool_slots, 1)
    _put(out, "max_active_tis_per_dag", task.max_active_tis_per_dag)
    _put(out, "max_active_tis_per_dagrun", task.max_active_tis_per_dagrun)
    for name in (
        "depends_on_past",
        "ignore_first_depends_on_past",
        "wait_for_downstream",
        "wait_for_past_depends_before_skipping",
        "on_failure_fail_dagrun",
    ):
        _put(out, name, bool(getattr(task, name)), False)
    _put(out, "setup", task.is_setup, False)
    _put(out, "teardown", task.is_teardown, False)
    if task.task_group is not None and not task.task_group.is_root:
        out["group"] = task.task_group.group_id
    _put(out, "display_name", task.task_display_name, task.task_id)
    _put(out, "doc_md", task.doc_md or task.doc)
    _put(out, "owner", task.owner, "airflow")
    _put(out, "do_xcom_push", bool(task.do_xcom_push), True)
    _put(out, "map_index_template", task.map_index_template)
    _put(out, "callbacks", _callbacks(task, _CALLBACK_WORDS), [])
    _put(out, "inlets", _assets(task.inlets), [])
    _put(out, "outlets", _assets(task.outlets), [])
    _put(out, "queue", task.queue, "default")
    _put(out, "executor", task.executor)
    _put(out, "executor_config", _literal(task.executor_config), {})
    _put(out, "params", _params(task, f"task {task.task_id!r}"), {})
    _kept(out, task)
    return out


def _kept(out: dict[str, Any], task: Any) -> None:
    """What the engine only keeps: for the task's process, for templates, for people."""
    email = task.email
    _put(out, "email", email if email is None or isinstance(email, str) else list(email))
    _put(out, "email_on_failure", bool(task.email_on_failure), True)
    _put(out, "email_on_retry", bool(task.email_on_retry), True)
    _put(out, "start_date", moment(task.start_date))
    _put(out, "end_date", moment(task.end_date))
    for name in ("run_as_user", "doc_json", "doc_yaml", "doc_rst", "logger_name"):
        value = getattr(task, name)
        _put(out, name, value if value is None else str(value))
    native = task.render_template_as_native_obj
    _put(out, "render_template_as_native_obj", native if native is None else bool(native))


def _retries(out: dict[str, Any], task: Any) -> None:
    _put_said(out, task, "retries", task.retries, 0)
    _put_said(out, task, "retry_delay", duration(task.retry_delay), 300)
    backoff = task.retry_exponential_backoff
    if backoff:
        # Airflow's older form: True is doubling.
        out["retry_exponential_backoff"] = 2.0 if backoff is True else float(backoff)
    if task.max_retry_delay is not None:
        out["max_retry_delay"] = duration(task.max_retry_delay)


def _needs_python(task: Any) -> bool:
    """
    True if something of the task can only be done by Python: then the runner executes the operator
    itself.
    """
    if any(getattr(task, name) for name in _IN_PYTHON):
        return True
    if type(task).render_template_fields is not _base().render_template_fields:
        return True
    values = [getattr(task, name, None) for name in task.template_fields]
    if xcom.is_custom() and (isinstance(task, BashOperator) or _any(values, _names_xcom)):
        # The backend is Python.
        return True
    if _any(values, lambda v: isinstance(v, (LiteralValue, MappedArgument)) or _not_plain(v)):
        return True
    dag = task.get_dag()
    customised = dag is not None and (
        dag.user_defined_macros
        or dag.user_defined_filters
        or dag.jinja_environment_kwargs
        or dag.template_undefined
        or dag.render_template_as_native_obj
    )
    return bool(customised) and _any(values, lambda v: isinstance(v, str) and is_template(v))


def _names_xcom(value: Any) -> Any:
    return isinstance(value, XComArg) or isinstance(value, str) and "xcom" in value


def _not_plain(value: Any) -> bool:
    """True for an XComArg that a template cannot pull."""
    if not isinstance(value, XComArg):
        return False
    return (
        type(value) is not XComArg
        or value.operator.is_mapped
        or value.operator.mapped_group is not None
    )


def _base() -> type[BaseOperator]:
    from tradewind.baseoperator import BaseOperator

    return BaseOperator


def _any(value: Any, test: Callable[[Any], Any]) -> bool:
    todo = [value]
    while todo:
        item = todo.pop()
        if test(item):
            return True
        if isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, (list, tuple, set)) and not isinstance(item, DependencyMixin):
            todo.extend(item)
    return False


def _reference(value: Any) -> dict[str, Any]:
    """An XComArg, or an argument of a mapped group, as the document has it."""
    if isinstance(value, MappedArgument):
        return {"__mapped__": value.key}
    if isinstance(value, MapXComArg):
        return {"__map__": {"of": _reference(value.args[0])}}
    if isinstance(value, ZipXComArg):
        out = {"of": [_reference(arg) for arg in value.args]}
        if value.fillvalue is not NOTSET:
            out["fillvalue"] = _literal(value.fillvalue)
        return {"__zip__": out}
    if isinstance(value, ConcatXComArg):
        return {"__concat__": {"of": [_reference(arg) for arg in value.args]}}
    out = {"task_id": value.operator.task_id}
    _put(out, "key", value.key, "return_value")
    return {"__xcom__": out}


def _literal(value: Any) -> Any:
    """
    What is mapped over, with references; of what is not JSON only a text: the runner has the value.
    """
    if isinstance(value, (XComArg, MappedArgument)):
        return _reference(value)
    if isinstance(value, Mapping):
        return {str(key): _literal(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return [_literal(item) for item in value]
    try:
        return plain(value, "")
    except AirflowException:
        return repr(value)[:1000]


def _expansion(expand_input: Any) -> dict[str, Any]:
    value = expand_input.value
    return {expand_input.name: _literal(value)}


# Arguments of operators without Python that may be mapped: name → its values may be.
_NATIVE_MAPPED: dict[type, dict[str, Callable[[Any], bool]]] = {
    BashOperator: {
        "bash_command": lambda v: isinstance(v, str) and not is_template(v),
        "cwd": lambda v: isinstance(v, str) and not is_template(v),
    },
}


def _mapped_operator(task: Any) -> dict[str, Any]:
    """
    A mapped task: without Python only if all that is mapped is text that needs no rendering, or
    what a task returned.
    """
    out = _native_mapped(task) or _in_python(task.mapped_class, task.partial_kwargs.get)
    out.update(_expansion(task.expand_input))
    return out


def _native_mapped(task: Any) -> dict[str, Any] | None:
    known, mapped = _NATIVE_MAPPED.get(task.mapped_class), task.expand_input.value
    write = _NATIVE.get(task.mapped_class)
    # Several arguments: their order would have to survive; the runner keeps it.
    if known is None or write is None or not isinstance(mapped, dict) or len(mapped) != 1 or task.maps_op_kwargs:
        return None
    ((name, value),) = mapped.items()
    if name not in known or task.map_index_template or not (
        type(value) is XComArg
        or isinstance(value, (list, tuple))
        and all(known[name](item) for item in value)
    ):
        return None
    sample = task.unmap({name: "x"})
    if _needs_python(sample):
        return None
    out = write(sample)
    if out is not None:
        del out[name]
    return out


def _in_python(operator_class: type, argument: Callable[..., Any]) -> dict[str, Any]:
    """operator: python, branch or short_circuit. argument: the task's arguments by name."""
    if issubclass(operator_class, (ShortCircuitOperator, ConditionOperator)):
        out = {"operator": "short_circuit"}
        everything = argument("ignore_downstream_trigger_rules", True)
        _put(out, "ignore_downstream_trigger_rules", bool(everything), True)
        return out
    if issubclass(operator_class, BranchMixIn):
        return {"operator": "branch"}
    return {"operator": "python"}


def _operator(task: Any) -> dict[str, Any]:
    if task.is_mapped:
        return _mapped_operator(task)
    if isinstance(task, EmptyOperator) and not any(getattr(task, name) for name in _IN_PYTHON):
        if type(task).execute is EmptyOperator.execute:
            return {"operator": "empty"}
    write = _NATIVE.get(type(task))
    if write is not None and not _needs_python(task):
        out = write(task)
        if out is not None:
            return out
    return _in_python(type(task), lambda name, default: getattr(task, name, default))


def _bash(task: Any) -> dict[str, Any] | None:
    if task.output_processor is not None:
        return None
    command = task.bash_command
    if isinstance(command, (list, tuple)):
        command = [templated(word) for word in command]
    else:
        command = _from_file(task, templated(command))
    out = {"operator": "bash", "bash_command": command}
    if task.env is not None:
        if not isinstance(task.env, dict):
            return None
        out["env"] = {str(key): templated(value) for key, value in task.env.items()}
        out["append_env"] = bool(task.append_env)
    if task.cwd is not None:
        out["cwd"] = templated(task.cwd)
    _put(out, "skip_on_exit_code", task.skip_on_exit_code, [99])
    _put(out, "output_encoding", task.output_encoding, "utf-8")
    return out


def _from_file(task: Any, command: str) -> str:
    """
    A command that is the name of a template file, as Airflow has it, becomes that file's text;
    others stay.
    """
    if not command.endswith(task.template_ext):
        return command
    dag = task.get_dag()
    for folder in [dag.folder, *dag.template_searchpath] if dag is not None else []:
        path = os.path.join(folder, command.lstrip("/"))
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    return command


def _wait(task: Any, out: dict[str, Any]) -> dict[str, Any] | None:
    if task.exponential_backoff or task.silent_fail or task.never_fail:
        return None
    out["poke_interval"] = duration(task.poke_interval)
    out["timeout"] = duration(task.timeout)
    _put(out, "soft_fail", bool(task.soft_fail), False)
    return out


def _wait_file(task: Any) -> dict[str, Any] | None:
    return _wait(task, {"operator": "wait_file", "filepath": templated(task.filepath)})


def _wait_http(task: Any) -> dict[str, Any] | None:
    if task.response_check is not None or task.extra_options or task.request_kwargs:
        return None
    url = templated(task.endpoint)
    if not url.startswith("{{"):
        try:
            url = task.url()
        except AirflowException:
            # Only the task's process may have the connection.
            return None
    if task.request_params:
        import urllib.parse

        if _any(
            task.request_params,
            lambda v: isinstance(v, XComArg) or isinstance(v, str) and is_template(v),
        ):
            return None
        url += ("&" if "?" in url else "?") + urllib.parse.urlencode(task.request_params)
    out = {"operator": "wait_http", "url": url}
    _put(out, "method", task.method, "GET")
    _put(out, "headers", {str(k): templated(v) for k, v in task.headers.items()}, {})
    _put(out, "expect_status", task.expect_status)
    if task.expect_text is not None:
        out["expect_text"] = templated(task.expect_text)
    return _wait(task, out)


def _wait_until(task: Any) -> dict[str, Any]:
    return {"operator": "wait_time", "until": templated(task.target_time)}


def _wait_delta(task: Any) -> dict[str, Any]:
    return {"operator": "wait_time", "delta": duration(task.delta)}


def _follow(task: Any) -> dict[str, Any]:
    ids = task.follow
    if isinstance(ids, (list, tuple)):
        return {"operator": "branch", "follow": [templated(one) for one in ids]}
    return {"operator": "branch", "follow": templated(ids)}


def _condition(task: Any) -> Any:
    out = {"operator": "short_circuit", "condition": _literal(task.condition)}
    everything = bool(task.ignore_downstream_trigger_rules)
    _put(out, "ignore_downstream_trigger_rules", everything, True)
    return out


_NATIVE: dict[type, Callable[[Any], dict[str, Any] | None]] = {
    BashOperator: _bash,
    FileSensor: _wait_file,
    HttpSensor: _wait_http,
    FollowOperator: _follow,
    ConditionOperator: _condition,
    DateTimeSensor: _wait_until,
    DateTimeSensorAsync: _wait_until,
    TimeDeltaSensor: _wait_delta,
    TimeDeltaSensorAsync: _wait_delta,
}
