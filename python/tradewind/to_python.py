"""From a document to the source of a Python DAG file."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

from tradewind import sdk
from tradewind.mapped import parameters_of
from tradewind.operators.python import PythonOperator
from tradewind.python_objects import Objects, seconds_of
from tradewind.python_text import Call, Code, source
from tradewind.values import NotSaid

if TYPE_CHECKING:
    from typing import Any

_DAG = {
    "dag_id": None, "display_name": "dag_display_name", "description": None, "doc_md": None, "schedule": None,
    "start_date": None, "end_date": None, "catchup": None, "is_paused_upon_creation": None, "max_active_tasks": None,
    "max_active_runs": None, "max_consecutive_failed_dag_runs": None, "dagrun_timeout": None, "fail_fast": None,
    "tags": None, "env": None, "owner_links": None, "allowed_run_types": None, "template_searchpath": None,
    "render_template_as_native_obj": None, "jinja_environment_kwargs": None, "access_control": None, "deadline": None,
    "user_defined_macros": None, "user_defined_filters": None, "template_undefined": None,
}  # fmt: skip
_COMMON = {
    "trigger_rule": None, "retries": None, "retry_delay": None, "retry_exponential_backoff": None, "max_retry_delay": None,
    "execution_timeout": None, "priority_weight": None, "weight_rule": None, "pool": None, "pool_slots": None,
    "max_active_tis_per_dag": None, "max_active_tis_per_dagrun": None, "depends_on_past": None,
    "ignore_first_depends_on_past": None, "wait_for_downstream": None, "wait_for_past_depends_before_skipping": None,
    "display_name": "task_display_name", "doc_md": None, "owner": None, "do_xcom_push": None, "queue": None,
    "map_index_template": None, "executor": None, "executor_config": None, "email": None, "email_on_failure": None,
    "email_on_retry": None, "run_as_user": None, "doc_json": None, "doc_yaml": None, "doc_rst": None, "logger_name": None,
    "render_template_as_native_obj": None, "multiple_outputs": None, "start_date": None, "end_date": None, "params": None,
    "inlets": None, "outlets": None,
}  # fmt: skip
_DURATIONS = ("retry_delay", "max_retry_delay", "execution_timeout", "dagrun_timeout", "poke_interval", "timeout", "delta")
_ELSEWHERE = ("operator", "operator_class", "upstream", "group", "setup", "teardown", "on_failure_fail_dagrun")
_CALLED = ("python_callable", "op_args", "op_kwargs", "templates_dict")
_CLASSES = {
    "bash": ("BashOperator", ("bash_command", "env", "append_env", "cwd", "skip_on_exit_code", "output_encoding")),
    "empty": ("EmptyOperator", ()),
    "python": ("PythonOperator", _CALLED),
    "branch": ("BranchPythonOperator", _CALLED),
    "short_circuit": ("ShortCircuitOperator", (*_CALLED, "ignore_downstream_trigger_rules")),
    "wait_time": ("TimeDeltaSensor", ("delta",)),
    "wait_file": ("FileSensor", ("filepath", "poke_interval", "timeout", "soft_fail")),
    "wait_http": (
        "HttpSensor",
        ("endpoint", "method", "headers", "expect_status", "expect_text", "poke_interval", "timeout", "soft_fail"),
    ),
}
_DECIDE = {
    "follow": ("FollowOperator", ("follow",)),
    "condition": ("ConditionOperator", ("condition", "ignore_downstream_trigger_rules")),
}
_CALLABLE = ("python", "branch", "short_circuit")
_SDK = frozenset(one for one, _ in _CLASSES.values()) | {"DateTimeSensor", "PythonSensor"}
_DECORATORS = {"python": "task", "branch": "task.branch", "short_circuit": "task.short_circuit"}
_CALLBACKS = ("execute", "success", "failure", "retry", "skipped")
# Names that the generated file has already, for variables to keep away from.
_TAKEN = frozenset(
    """
    DAG Param TaskGroup XComArg Label Asset AssetAll AssetAny AssetAlias AssetWatcher datetime date
    timedelta timezone function load decode literal task task_group DagParam TaskDecorator dict
    tuple set frozenset relativedelta
    """.split()
)


class _Writer(Objects):
    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__()
        self.document = document
        self.groups: dict[str, str] = {}  # group id -> variable
        self.problems: list[tuple[str | None, str]] = []
        self.body: list[str] = []
        self.local: set[str] = set()  # names of arguments of mapped groups
        self.classes: dict[str, str] = {}  # operator_class -> the name that it is imported by

    # ---- names ----

    def name(self, text: str) -> str:
        """A variable that no other task or group has."""
        base = re.sub(r"\W", "_", text, flags=re.ASCII) or "task"
        if base[0].isdigit() or keyword.iskeyword(base) or base in _TAKEN:
            base = f"task_{base}"
        taken = {*self.names.values(), *self.groups.values(), *self.local, *self.classes.values()}
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        return name

    def find_classes(self) -> None:
        """The classes of operators of other modules, each by a name of its own; of files by load()."""
        for spec in self.document["tasks"].values():
            path = spec.get("operator_class")
            if not path or path in self.classes:
                continue
            where, _, name = path.rpartition(":")
            used = {*self.classes.values(), *_TAKEN, *_SDK}
            if not where.endswith(".py") and name.isidentifier() and name not in used:
                self.classes[path] = name

    def class_of(self, path: str) -> Any:
        """The source of an operator's class."""
        where, _, name = path.rpartition(":")
        if name in _SDK and getattr(getattr(sdk, name), "__module__", None) == where:
            self.used.add(name)
            return name
        return self.classes.get(path) or source(self.load(path))

    # ---- tasks ----

    def task(self, label: str, spec: dict[str, Any]) -> Any:
        """The source of the call that makes the task, as far as it is on its first lines."""
        kind = spec["operator"]
        if kind not in _CLASSES:
            raise NotSaid(f"operator {kind!r}: Python has no class for it")
        values = {key: value for key, value in spec.items() if key not in _ELSEWHERE}
        if values.get("python") is not None:
            raise NotSaid("python: Python DAGs have one interpreter; use @task.external_python")
        expand = [(name, values.pop(name)) for name in ("expand", "expand_kwargs") if name in values]
        decorated = bool(expand) and kind in _CALLABLE and _maps_function(spec)
        values.pop("map_function", None)
        class_name, arguments = self._class(kind, spec, values, decorated)
        for word in _CALLBACKS:
            if word in (values.get("callbacks") or {}):
                arguments.append((f"on_{word}_callback", self._callback(values["callbacks"][word])))
        values.pop("callbacks", None)
        for name, common in _COMMON.items():
            if name in values:
                arguments.append((common or name, self._common(name, values.pop(name))))
        if values:
            raise NotSaid(", ".join(values) + f": operator {kind!r} of Python has none")
        arguments.insert(0, ("task_id", label))
        if not expand:
            return Call(class_name, arguments)
        ((method, over),) = expand
        if decorated:
            first = self._decorated(kind, spec, class_name, arguments)
        else:
            first = source(Call(f"{class_name}.partial", arguments), 4)
        end = ".operator" if decorated else ""
        over = self.argument(over)
        given = list(over.items()) if method == "expand" else [(None, over)]
        _check_identifiers([key for key, _ in given if key is not None])
        return Code(source(Call(f"{first}.{method}", given), 4) + end)

    def _class(self, kind: str, spec: dict[str, Any], values: Any, decorated: Any) -> Any:
        """(the class's source, its own arguments), which are taken from `values`."""
        if spec.get("operator_class"):
            own: Any = {key: self.argument(one) for key, one in (values.pop("arguments", None) or {}).items()}
            _check_identifiers(own)
            name = "ignore_downstream_trigger_rules"
            if name in values:
                own.setdefault(name, values.pop(name))
            return self.class_of(spec["operator_class"]), list(own.items())
        class_name, own = _CLASSES[kind]
        for name, (decides, members) in _DECIDE.items():
            if spec.get(name) is not None and kind in _CALLABLE:
                class_name, own = decides, members
        if kind == "wait_time" and "until" in values:
            class_name, own = "DateTimeSensor", ("target_time",)
            values["target_time"] = values.pop("until")
        if kind == "wait_http":
            values["endpoint"] = values.pop("url")
        if kind == "bash" and "env" in spec:
            values.setdefault("append_env", True)
        elif kind == "bash":
            values.pop("append_env", None)
        arguments = []
        for name in own:
            if name in values and not (decorated and name in ("python_callable", "op_kwargs")):
                arguments.append((name, self._own(name, values.pop(name))))
        if decorated:
            values.pop("python_callable")
            values.pop("op_kwargs", None)
        more = values.pop("arguments", None) or {}
        _check_identifiers(more)
        arguments += [(key, self.argument(one)) for key, one in more.items()]
        if class_name in ("FollowOperator", "ConditionOperator"):
            self.modules.add(class_name)
        elif not decorated:
            self.used.add(class_name)
        return class_name, arguments

    def _decorated(self, kind: str, spec: dict[str, Any], class_name: str, arguments: Any) -> Any:
        """A function that is mapped: `task(function(...)).partial(...)`."""
        if spec.get("op_args"):
            raise NotSaid("op_args of a function whose arguments are mapped; use op_kwargs")
        if spec.get("operator_class"):
            own = dict(arguments)
            function, shared = own.pop("python_callable", None), own.pop("op_kwargs", {})
            if function is None:
                raise NotSaid("map_function of an operator without python_callable")
            self.modules.add("TaskDecorator")
            several = own.pop("multiple_outputs", None)
            made = Call("TaskDecorator", [(None, function), (None, Code(class_name)), (None, own)])
            if several is not None:
                made.arguments.append((None, several))
        else:
            function = self.function(spec["python_callable"])
            shared = self.argument(spec.get("op_kwargs") or {})
            self.used.add("task")
            made = Call(_DECORATORS[kind], [(None, function), *arguments])
        _check_identifiers(shared)
        text = source(made, 4)
        return source(Call(f"{text}.partial", list(shared.items())), 4) if shared else text

    def _callback(self, names: Any) -> Any:
        if isinstance(names, list):
            return [self.function(one) for one in names]
        return self.function(names)

    def _own(self, name: str, value: Any) -> Any:
        if name == "python_callable":
            return self.function(value)
        if name == "delta":
            return self.duration(value)
        return self._common(name, self.argument(value))

    def _common(self, name: str, value: Any) -> Any:
        if name in ("poke_interval", "timeout"):
            seconds = seconds_of(value)
            return int(seconds) if seconds == int(seconds) else seconds
        if name in ("start_date", "end_date"):
            return self.moment(value)
        if name == "params":
            return {key: self._run_param(one) for key, one in value.items()}
        if name in ("inlets", "outlets"):
            return [self.asset(one) for one in value]
        return self.duration(value) if name in _DURATIONS else value

    # ---- the whole ----

    def dag(self) -> Call:
        """The call that makes the DAG."""
        arguments, left = [], []
        for name, value in self.document.items():
            if name in ("version", "tasks", "task_groups", "python", "default_args", "labels"):
                continue
            try:
                if name == "timezone":
                    self._check_timezone()
                elif name == "callbacks":
                    for word, functions in value.items():
                        arguments.append((f"on_{word}_callback", self._callback(functions)))
                elif name == "params":
                    arguments.append((name, self._common(name, value)))
                elif name not in _DAG:
                    left.append(name)
                else:
                    arguments.append((_DAG[name] or name, self._of_dag(name, value)))
            except NotSaid as error:
                self.problems.append((None, str(error)))
        if left:
            self.problems.append((None, ", ".join(left)))
        if self.document.get("default_args"):
            arguments.append(("default_args", self._defaults(self.document["default_args"])))
        return Call("DAG", arguments)

    def _check_timezone(self) -> None:
        if not (self.document.get("start_date") or self.document.get("end_date")):
            raise NotSaid("timezone without start_date: in Python it is that of start_date")

    def _in_zone(self, moment: Any) -> Any:
        """In Python the DAG's time zone is that of its dates."""
        name = self.document.get("timezone")
        if not name:
            return moment
        self.modules.add("ZoneInfo")
        return Code(f"{source(moment, 4)}.astimezone(ZoneInfo({name!r}))")

    def _of_dag(self, name: str, value: Any) -> Any:
        if name in ("start_date", "end_date"):
            return self._in_zone(self.moment(value))
        if name == "schedule":
            return self.schedule(value)
        if name == "deadline":
            return [self.deadline(one) for one in value]
        if name in ("user_defined_macros", "user_defined_filters"):
            return {key: self.load(one) for key, one in value.items()}
        if name == "template_undefined":
            return self.load(value)
        return self._common(name, value)

    def _defaults(self, given: Any) -> Any:
        """default_args; members by their names in Python."""
        out = {}
        for name, value in given.items():
            if name == "callbacks":
                for word, functions in value.items():
                    out[f"on_{word}_callback"] = self._callback(functions)
            else:
                out[_COMMON.get(name) or name] = self._common(name, value)
        return out

    def _run_param(self, value: Any) -> Any:
        if not isinstance(value, dict) or not ({"default", "type", "enum", "const"} & value.keys()):
            return value
        self.used.add("Param")
        rest = {key: item for key, item in value.items() if key != "default"}
        arguments: list[tuple[str | None, Any]] = [(None, value["default"])] if "default" in value else []
        if all(key.isidentifier() and not keyword.iskeyword(key) for key in rest):
            return Call("Param", arguments + list(rest.items()))
        return Call("Param", arguments + [("schema", rest)])

    def _in_order(self) -> dict[Any, Any]:
        """The tasks as they are written, but each after those whose results it is given."""
        tasks = self.document["tasks"]
        done: dict[str, Any] = {}
        for first in tasks:
            todo, waiting = [first], set()
            while todo:
                task_id = todo[-1]
                before = [one for one in self._needs(task_id) if one in tasks and one not in done]
                if task_id in done or task_id in waiting or not before:
                    done[todo.pop()] = None
                    continue
                waiting.add(task_id)
                todo.extend(reversed(before))
        return {task_id: tasks[task_id] for task_id in done}

    def _needs(self, task_id: str) -> list[Any]:
        """Ids of the tasks whose results its source names."""
        spec, found = self.document["tasks"][task_id], []
        todo = [spec, *(self._group(group) for group in self._path(spec.get("group")))]
        while todo:
            item = todo.pop()
            if isinstance(item, dict) and item.keys() == {"__xcom__"}:
                found.append(item["__xcom__"].get("task_id"))
            elif isinstance(item, (dict, list)):
                todo.extend(item.values() if isinstance(item, dict) else item)
        return sorted(set(found))

    def write_tasks(self) -> None:
        """The tasks in their order, each within its groups."""
        open_groups: list[str] = []
        closed: set[str] = set()
        self.document["tasks"] = self._in_order()
        for task_id, spec in self.document["tasks"].items():
            wanted = self._path(spec.get("group"))
            while open_groups != wanted[: len(open_groups)]:
                self._close(open_groups.pop(), len(open_groups), closed)
            for group in wanted[len(open_groups) :]:
                if group in closed:
                    self.problems.append((None, _reopened(group)))
                self._open(group, len(open_groups))
                open_groups.append(group)
            indent = 4 * (len(open_groups) + 1)
            label = self._label(task_id, open_groups)
            name = self.name(label)
            try:
                made = source(self.task(label, spec), indent, len(name) + 3)
            except NotSaid as error:
                self.problems.append((task_id, str(error)))
                self.used.add("EmptyOperator")
                self.body.append(" " * indent + f"# not converted: {error}")
                made = source(Call("EmptyOperator", [("task_id", label)]), indent)
            self.names[task_id] = name
            self.body.append(" " * indent + f"{name} = {made}")
        while open_groups:
            self._close(open_groups.pop(), len(open_groups), closed)

    def _group(self, group: str) -> Any:
        return (self.document.get("task_groups") or {}).get(group) or {}

    def _is_mapped(self, group: str) -> bool:
        return any(name in self._group(group) for name in ("expand", "expand_kwargs"))

    def _path(self, group: str | None) -> list[str]:
        path: list[str] = []
        while group:
            path.insert(0, group)
            group = self._group(group).get("parent")
        return path

    def _has_prefix(self, group: str) -> bool:
        """True if all members of the group bear its id."""
        tasks, groups = self.document["tasks"], self.document.get("task_groups") or {}
        members = [task_id for task_id, spec in tasks.items() if group in self._path(spec.get("group"))]
        members += [other for other in groups if other != group and group in self._path(other)]
        return all(member.startswith(group + ".") for member in members)

    def _label(self, full: str, path: list[str]) -> str:
        for group in reversed(path):
            if self._has_prefix(group):
                return full[len(group) + 1 :]
        return full

    def _open(self, group: str, depth: int) -> None:
        indent = " " * (4 * (depth + 1))
        if group in self.groups:
            self.body.append(f"{indent}with {self.groups[group]}:")
            return
        if self._is_mapped(group):
            self._open_mapped(group, indent)
            return
        made = source(self._group_call(group), len(indent), 5)
        self.body.append(f"{indent}with {made} as {self.groups[group]}:")

    def _open_mapped(self, group: str, indent: str) -> None:
        """A function that makes the group's tasks; _close calls it."""
        arguments = sorted(self._arguments_of(group))
        try:
            _check_identifiers(arguments)
        except NotSaid as error:
            self.problems.append((None, f"task group {group!r}: {error}"))
        self.local.update(arguments)
        self.arguments_of_group = set(arguments)
        call = self._group_call(group)
        self.used.discard("TaskGroup" if not self._plain_groups() else "")
        self.used.add("task_group")
        call.name, call.arguments[0] = "task_group", ("group_id", call.arguments[0][1])
        if self.body:
            self.body.append("")
        self.body.append(f"{indent}@{source(call, len(indent), 1)}")
        self.body.append(f"{indent}def {self.groups[group]}({', '.join(arguments)}):")

    def _plain_groups(self) -> bool:
        return any(not self._is_mapped(one) for one in self.document.get("task_groups") or {})

    def _arguments_of(self, group: str) -> Any:
        """The names of what a group is mapped over: those given, and those that its tasks ask for."""
        known = self._group(group)
        names = set(known.get("expand") or ())
        if isinstance(known.get("expand_kwargs"), list):
            names.update(key for one in known["expand_kwargs"] for key in one)
        todo = [
            spec
            for spec in self.document["tasks"].values()
            if group in self._path(spec.get("group"))
        ]
        while todo:
            item = todo.pop()
            if isinstance(item, dict) and item.keys() == {"__mapped__"}:
                names.add(item["__mapped__"])
            elif isinstance(item, (dict, list)):
                todo.extend(item.values() if isinstance(item, dict) else item)
        return names

    def _close(self, group: str, depth: int, closed: Any) -> None:
        if not self._is_mapped(group):
            return
        closed.add(group)
        self.arguments_of_group = None
        indent, name = " " * (4 * (depth + 1)), self.groups[group]
        inside = [
            self.names[task_id]
            for task_id, spec in self.document["tasks"].items()
            if task_id in self.names and group in self._path(spec.get("group"))
        ]
        listed = ", ".join(inside)
        self.body += [f"{indent}    return {listed}", ""]
        known = self._group(group)
        try:
            if "expand" in known:
                over = list(self.argument(known["expand"]).items())
            else:
                over = [(None, self.argument(known["expand_kwargs"]))]
        except NotSaid as error:
            self.problems.append((None, f"task group {group!r}: {error}"))
            over = []
        method = "expand" if "expand" in known else "expand_kwargs"
        made = source(Call(f"{name}.{method}", over), len(indent), len(listed) + 3)
        self.body.append(f"{indent}{listed} = {made}")

    def _group_call(self, group: str, *more: Any) -> Call:
        known = self._group(group)
        arguments: list[tuple[str | None, Any]] = [(None, self._label(group, self._path(group)[:-1]))]
        if not self._has_prefix(group):
            arguments.append(("prefix_group_id", False))
        for name, word in (("tooltip", "tooltip"), ("display_name", "group_display_name")):
            if known.get(name):
                arguments.append((word, known[name]))
        if known.get("default_args"):
            arguments.append(("default_args", self._defaults(known["default_args"])))
        self.used.add("TaskGroup")
        self.groups[group] = self.name(f"{group}_group" if group in self.document["tasks"] else group)
        return Call("TaskGroup", arguments + list(more))

    def write_empty_groups(self) -> None:
        """The groups that no task is in."""
        known = self.document.get("task_groups") or {}
        for group in sorted(known, key=lambda one: len(self._path(one))):
            if group in self.groups:
                continue
            if self._is_mapped(group):
                self.problems.append((None, f"the mapped task group {group!r}: it has no task"))
                continue
            parent = (known[group] or {}).get("parent")
            more = [("parent_group", Code(self.groups[parent]))] if parent else []
            made = source(self._group_call(group, *more), 4)
            self.body.append(f"    {self.groups[group]} = {made}")

    def write_edges(self) -> None:
        """Setups and teardowns, then what waits for what, then labels."""
        lines = []
        for task_id, spec in self.document["tasks"].items():
            if spec.get("setup"):
                lines.append(f"    {self.names[task_id]}.as_setup()")
            if spec.get("teardown"):
                given = "on_failure_fail_dagrun=True" if spec.get("on_failure_fail_dagrun") else ""
                lines.append(f"    {self.names[task_id]}.as_teardown({given})")
        for task_id, spec in self.document["tasks"].items():
            above = [Code(self.names[one]) for one in spec.get("upstream") or []]
            if above:
                left = source(above, 4) if len(above) > 1 else str(above[0])
                lines.append(f"    {left} >> {self.names[task_id]}")
        for one in self.document.get("labels") or ():
            self.used.add("Label")
            label = source(Call("Label", [(None, one["label"])]))
            upstream, downstream = (self.names[one[name]] for name in ("upstream", "downstream"))
            lines.append(f"    {upstream} >> {label} >> {downstream}")
        if lines:
            self.body += ["", *lines]

    def text(self) -> str:
        """The file."""
        self.find_classes()
        dag = source(self.dag(), 0, 6)
        self.write_tasks()
        self.write_empty_groups()
        self.write_edges()
        return "\n".join([*self._imports(), "", f"with {dag}:", *(self.body or ["    pass"])]) + "\n"

    def _imports(self) -> list[Any]:
        lines = []
        standard = sorted(self.modules & {"datetime", "timedelta", "timezone"})
        if standard:
            lines.append(f"from datetime import {', '.join(standard)}")
        if "ZoneInfo" in self.modules:
            lines.append("from zoneinfo import ZoneInfo")
        if "relativedelta" in self.modules:
            lines.append("from dateutil.relativedelta import relativedelta")
        if lines:
            lines.append("")
        for module, names in (
            ("tradewind.dags", ("DagParam",)),
            ("tradewind.decorators", ("TaskDecorator",)),
            ("tradewind.operators.decide", ("ConditionOperator", "FollowOperator")),
            ("tradewind.reference", ("function", "load")),
            ("tradewind.serde", ("decode",)),
        ):
            found = sorted(self.modules & set(names))
            if found:
                lines.append(f"from {module} import {', '.join(found)}")
        for path, name in sorted(self.classes.items()):
            lines.append(f"from {path.rpartition(':')[0]} import {name}")
        used = sorted(self.used)
        one_line = f"from tradewind.sdk import {', '.join(used)}"
        if len(one_line) > 88:
            one_line = "from tradewind.sdk import (\n" + "".join(f"    {n},\n" for n in used) + ")"
        return [*lines, one_line]


def _reopened(group: str) -> str:
    return f"the mapped task group {group!r}: its tasks do not follow one another; put them in one place"


def _maps_function(spec: dict[str, Any]) -> bool:
    """As the runner decides it: said, or no name is one of the operator's."""
    if "map_function" in spec or spec.get("operator_class"):
        return bool(spec.get("map_function"))
    names = set(spec.get("expand") or ())
    return bool(names) and not names & parameters_of(PythonOperator)


def _check_identifiers(names: Any) -> None:
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise NotSaid(f"the argument {name!r}, which is no name in Python")


def convert(document: dict[str, Any]) -> tuple[str, list[Any]]:
    """(source, problems): [(task id or None, reason)]."""
    writer = _Writer(document)
    return writer.text(), writer.problems
