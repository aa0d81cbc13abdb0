"""From a Python DAG to a document that says all of it without Python objects: what YAML has."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tradewind.deadline import Callback
from tradewind.emit import dag_document
from tradewind.legacy import TASK_DROPPED, TASK_RENAMED
from tradewind.mapped import DictOfLists, common_parameters
from tradewind.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator
from tradewind.reference import FunctionReference, loaded
from tradewind.timetables import Timetable
from tradewind.values import NotSaid, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from tradewind.baseoperator import BaseOperator
    from tradewind.dags import DAG

_CALLBACK_WORDS = ("execute", "success", "failure", "retry", "skipped")
_FUNCTIONS = ("python", "branch", "short_circuit")
# BaseOperator's arguments that are members of the task's object, or of the graph: written by emit.
_MEMBERS = frozenset(
    """
    task_id dag task_group default_args owner email email_on_retry email_on_failure retries
    retry_delay retry_exponential_backoff max_retry_delay start_date end_date depends_on_past
    ignore_first_depends_on_past wait_for_past_depends_before_skipping wait_for_downstream params
    priority_weight weight_rule queue pool pool_slots execution_timeout trigger_rule
    map_index_template max_active_tis_per_dag max_active_tis_per_dagrun executor executor_config
    do_xcom_push inlets outlets doc doc_md doc_json doc_yaml doc_rst task_display_name run_as_user
    logger_name render_template_as_native_obj on_execute_callback on_failure_callback
    on_success_callback on_retry_callback on_skipped_callback multiple_outputs
    """.split()
)
# Of Airflow 2, or without effect there as here.
_IGNORED = frozenset(("sla", "resources", "allow_nested_operators", *TASK_RENAMED, *TASK_DROPPED))


class Converted:
    """document: what could be said; problems: [(line or 0, task id or None, reason)]."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.problems: list[tuple[int, str | None, str]] = []


def convert(dag: DAG, module: Any, folder: str) -> Converted:
    """The DAG's document; what is in the file is named relative to `folder`."""
    result = Converted()
    document = dag_document(dag)
    document.pop("python", None)
    # What is installed here is not of the DAG.
    document.pop("listeners", None)
    names = _Names(module, folder)
    for node in (document, *document["tasks"].values()):
        for name, param in node.get("params", {}).items():
            if isinstance(param, dict) and "default" in param:
                node["params"][name] = {"default": param["default"], **param}
    for write in (_dag_callbacks, _dag_templates, _dag_schedule, _dag_deadline, _dag_rest):
        try:
            write(dag, document, names)
        except NotSaid as error:
            result.problems.append((dag.lineno, None, str(error)))
    _groups(dag, document, names, result)
    tasks = document["tasks"]
    for task in dag.tasks:
        try:
            tasks[task.task_id] = _task(task, tasks[task.task_id], names)
        except NotSaid as error:
            result.problems.append((_line(task), task.task_id, str(error)))
            spec = {k: v for k, v in tasks[task.task_id].items() if k in _COMMON}
            tasks[task.task_id] = {"operator": "empty", **spec, "__reason__": str(error)}
    document["tasks"] = document.pop("tasks")
    result.document = document
    return result


# Members that stay where a task that cannot be said becomes an empty one.
_COMMON = ("upstream", "trigger_rule", "group", "display_name", "doc_md", "setup", "teardown", "owner")


class _Names:
    """The names of objects of the DAG file and of modules."""

    def __init__(self, module: Any, folder: str) -> None:
        self.module, self.folder = module, folder

    def __call__(self, thing: Any) -> Any:
        """`file.py:name` or `module:name`. NotSaid with what to do."""
        if isinstance(thing, FunctionReference):
            return thing.reference
        if loaded.get(id(thing), (None,))[0] is thing:
            _, where, name = loaded[id(thing)]
            where = os.path.relpath(where, self.folder) if where.endswith(".py") else where
            return f"{where}:{name}"
        name = getattr(thing, "__qualname__", "") if callable(thing) else ""
        home = self._home(thing)
        if name and home is not None and getattr(thing, "__self__", None) is None:
            if self._is(home, name, thing):
                return self._in(home, name)
        for where in (home, self.module):
            for key, value in list(vars(where).items()) if where is not None else ():
                if not key.startswith("__") and _same(value, thing):
                    return self._in(where, key)
        raise NotSaid(_why(thing, name))

    def of_task(self, task: Any) -> Any:
        """`file.py:DAG/TASK`: the function of a task that has no name of its own. NotSaid."""
        function = getattr(task, "python_callable", None)
        try:
            return self(function)
        except NotSaid:
            if function is None or task.dag.fileloc != self.module.__file__:
                raise
            return self._in(self.module, f"{task.dag_id}/{task.task_id}")

    def _home(self, thing: Any) -> Any:
        named = getattr(thing, "__module__", None)
        if named is None and hasattr(thing, "__objclass__"):
            named = thing.__objclass__.__module__  # `str.upper`
        if not named or named == self.module.__name__:
            return self.module
        return sys.modules.get(named)

    def _is(self, home: Any, name: str, thing: Any) -> Any:
        found = home
        for part in name.split("."):
            found = getattr(found, part, None)
        return found is not None and _same(found, thing)

    def _in(self, where: Any, name: str) -> str:
        if where is self.module:
            return f"{os.path.relpath(where.__file__, self.folder)}:{name}"
        if getattr(where, "__file__", None) and where.__name__.startswith("tradewind_dag_"):
            return f"{os.path.relpath(where.__file__, self.folder)}:{name}"
        return f"{where.__name__}:{name}"


def _same(found: Any, thing: Any) -> Any:
    if found is thing:
        return True
    return getattr(found, "_is_task_decorator", False) and found.function is thing


def _why(thing: Any, name: str) -> Any:
    move = "; move it to the top level of the file and give it a name"
    if "<lambda>" in name:
        return "a lambda" + move
    if getattr(thing, "__self__", None) is not None:
        return "a method of an object; use a function"
    if "<locals>" in name:
        kind = "class" if isinstance(thing, type) else "function"
        return f"a {kind} within a function ({name})" + move
    if name:
        return f"{name} is not what has that name in its module" + move
    return f"an object of the class {type(thing).__name__} that has no name" + move


# ---- the DAG ----


def _dag_callbacks(dag: Any, document: dict[str, Any], names: Any) -> None:
    document.pop("callbacks", None)
    found = _callbacks(dag, ("success", "failure"), names)
    if found:
        document["callbacks"] = found
    if getattr(dag, "sla_miss_callback", None):
        raise NotSaid("sla_miss_callback: Airflow 3 has no SLAs; use `deadline`")


def _callbacks(node: Any, words: Iterable[str], names: Any) -> Any:
    out = {}
    for word in words:
        found = getattr(node, f"on_{word}_callback", None)
        if not found:
            continue
        many = isinstance(found, (list, tuple))
        try:
            named = [names(one) for one in (found if many else [found])]
        except NotSaid as error:
            raise NotSaid(f"on_{word}_callback: {error}") from None
        out[word] = named if many else named[0]
    return out


def _dag_templates(dag: Any, document: dict[str, Any], names: Any) -> None:
    for name in ("user_defined_macros", "user_defined_filters"):
        given = getattr(dag, name, None)
        if given:
            document[name] = {key: _named(one, names, f"{name}: {key}") for key, one in given.items()}
    if dag.template_undefined:
        document["template_undefined"] = _named(dag.template_undefined, names, "template_undefined")
    if dag.template_searchpath:
        document["template_searchpath"] = list(dag.template_searchpath)
    if dag.render_template_as_native_obj:
        document["render_template_as_native_obj"] = True
    if dag.jinja_environment_kwargs:
        document["jinja_environment_kwargs"] = _json(
            dag.jinja_environment_kwargs, "jinja_environment_kwargs"
        )


def _named(thing: Any, names: Any, what: str) -> Any:
    try:
        return names(thing)
    except NotSaid as error:
        raise NotSaid(f"{what}: {error}") from None


def _json(value: Any, what: str) -> Any:
    def refuse(thing: Any) -> Any:
        raise NotSaid(f"{what}: a {type(thing).__name__}, which is not JSON")

    encoded = encode(value, refuse, what)
    if encoded != value:
        raise NotSaid(f"{what}: values that are not JSON")
    return encoded


def _dag_schedule(dag: Any, document: dict[str, Any], names: Any) -> None:
    """A Timetable of the file is named as one of the file."""
    schedule = dag.schedule
    data = document.get("schedule")
    if isinstance(schedule, Timetable) and isinstance(data, dict) and data.get("type") == "python":
        document["schedule"] = {**data, "classpath": _named(type(schedule), names, "schedule")}
    for value in _walk(data):
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind.startswith("tradewind_dag_"):
            name = kind.partition(".")[2]
            raise NotSaid(f"schedule: {name}, a partition mapper of the file itself; move it to a module of its own")
        if isinstance(value, dict) and isinstance(value.get("trigger"), dict):
            _json(value["trigger"].get("kwargs") or {}, "an asset's watcher")


def _walk(value: Any) -> Iterator[Any]:
    todo = [value]
    while todo:
        item = todo.pop()
        yield item
        if isinstance(item, (dict, list)):
            todo.extend(item.values() if isinstance(item, dict) else item)


def _dag_deadline(dag: Any, document: dict[str, Any], names: Any) -> None:
    for alert in dag.deadline:
        if not isinstance(alert.callback, Callback):
            raise NotSaid("deadline: a callback of a class of its own")


def _dag_rest(dag: Any, document: dict[str, Any], names: Any) -> None:
    if dag.access_control:
        document["access_control"] = _json(
            {
                role: sorted(what) if isinstance(what, (set, frozenset)) else what
                for role, what in dag.access_control.items()
            },
            "access_control",
        )


# ---- groups and tasks ----


def _groups(dag: Any, document: dict[str, Any], names: Any, result: Any) -> None:
    for group_id, group in dag.task_group_dict.items():
        if group.is_mapped:
            try:
                spec = document["task_groups"][group_id]
                spec.update(_expansion(group.expand_input, names))
            except NotSaid as error:
                result.problems.append((dag.lineno, None, f"task group {group_id!r}: {error}"))


def _expansion(expand_input: Any, names: Any) -> dict[str, Any]:
    value = expand_input.value
    if isinstance(expand_input, DictOfLists):
        return {"expand": {key: _over(one, names, key) for key, one in value.items()}}
    return {"expand_kwargs": _over(value, names, "expand_kwargs")}


def _over(value: Any, names: Any, what: str) -> Any:
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, (set, frozenset)):
        raise NotSaid(f"{what}: a set, which has no order; use a list")
    return encode(value, names, what)


def _line(task: Any) -> int:
    given = task.partial_kwargs if getattr(task, "is_mapped", False) else vars(task)
    code = getattr(given.get("python_callable"), "__code__", None)
    return code.co_firstlineno if code is not None else 0


def _task(task: Any, spec: dict[str, Any], names: Any) -> dict[str, Any]:
    callbacks = _callbacks(task, _CALLBACK_WORDS, names)
    spec.pop("callbacks", None)
    if callbacks:
        spec["callbacks"] = callbacks
    if spec["operator"] not in _FUNCTIONS or spec.get("follow") or "condition" in spec:
        if task.is_mapped:
            spec.update(_expansion(task.expand_input, names))
        return spec
    kind: Any = type(task)
    given = getattr(task, "_given", {})
    if task.is_mapped:
        kind, given = task.mapped_class, task.partial_kwargs
    out = {"operator": spec.pop("operator")}
    plain = next(
        (c for c in (BranchPythonOperator, ShortCircuitOperator, PythonOperator) if issubclass(kind, c)),
        None,
    )
    if plain is not None and kind.execute is plain.execute and _is_plain(kind):
        _function(out, task, given, names)
        _arguments(out, given, names, skip=("python_callable", "op_args", "op_kwargs", "templates_dict"))
        out["arguments"] = {
            k: v for k, v in out["arguments"].items() if k != "ignore_downstream_trigger_rules"
        }
    else:
        out["operator_class"] = _named(kind, names, f"an operator object of the class {kind.__name__}")
        now = dict(_current(task, kind, given))
        function = now.pop("python_callable", None)
        _arguments(out, now, names)
        if function is not None:
            try:
                out["arguments"]["python_callable"] = {"__object__": names.of_task(task)}
            except NotSaid as error:
                raise NotSaid(f"python_callable: {error}") from None
    if not out["arguments"]:
        del out["arguments"]
    if getattr(task, "multiple_outputs", False):
        out["multiple_outputs"] = True
    if task.is_mapped:
        spec.update(_expansion(task.expand_input, names))
        if task.maps_op_kwargs:
            out["map_function"] = True
    out.update(spec)
    return out


def _is_plain(kind: type) -> bool:
    """True for a class that a function alone says: the SDK's own."""
    return kind.__module__ in ("tradewind.operators.python", "tradewind.decorators")


def _current(task: Any, kind: Any, given: Any) -> Any:
    """The arguments given; of template fields what they are now."""
    if task.is_mapped:
        return given
    now = {name: vars(task)[name] for name in kind.template_fields if name in vars(task)}
    return {name: now.get(name, value) for name, value in given.items()}


def _function(out: dict[str, Any], task: Any, given: Any, names: Any) -> None:
    try:
        out["python_callable"] = names.of_task(task)
    except NotSaid as error:
        raise NotSaid(f"python_callable: {error}") from None
    for name in ("op_args", "op_kwargs", "templates_dict"):
        value = given.get(name) if task.is_mapped else getattr(task, name, None)
        if value:
            value = list(value) if isinstance(value, tuple) else value
            out[name] = encode(value, names, name)


def _arguments(out: dict[str, Any], given: Any, names: Any, skip: Any = ()) -> None:
    found = {}
    for name, value in given.items():
        if name in skip or name in _IGNORED or value is None:
            continue
        if name in _MEMBERS:
            continue
        if name in ("op_args", "op_kwargs") and not value:
            continue
        if name == "op_args":
            value = list(value)
        found[name] = encode(value, names, name)
    unknown = common_parameters() - _MEMBERS - _IGNORED - {"pre_execute", "post_execute"}
    assert not unknown, f"arguments of BaseOperator that nobody writes: {sorted(unknown)}"
    out["arguments"] = found
