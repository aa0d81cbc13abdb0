"""From a document to the source of a Python DAG file."""

from __future__ import annotations

import datetime as dt
import keyword
import re
from typing import TYPE_CHECKING

from tradewind.python_text import Call, Code, source

if TYPE_CHECKING:
    from typing import Any

_DAG = {
    "dag_id": None, "display_name": "dag_display_name", "description": None, "doc_md": None, "schedule": None,
    "start_date": None, "end_date": None, "catchup": None, "is_paused_upon_creation": None, "max_active_tasks": None,
    "max_active_runs": None, "max_consecutive_failed_dag_runs": None, "dagrun_timeout": None, "fail_fast": None,
    "tags": None, "env": None, "owner_links": None,
}  # fmt: skip
_COMMON = {
    "trigger_rule": None, "retries": None, "retry_delay": None, "retry_exponential_backoff": None, "max_retry_delay": None,
    "execution_timeout": None, "priority_weight": None, "weight_rule": None, "pool": None, "pool_slots": None,
    "max_active_tis_per_dag": None, "max_active_tis_per_dagrun": None, "depends_on_past": None,
    "ignore_first_depends_on_past": None, "wait_for_downstream": None, "wait_for_past_depends_before_skipping": None,
    "display_name": "task_display_name", "doc_md": None, "owner": None, "do_xcom_push": None, "queue": None,
    "map_index_template": None,
}  # fmt: skip
_DURATIONS = ("retry_delay", "max_retry_delay", "execution_timeout", "dagrun_timeout", "poke_interval", "timeout", "delta")
_ELSEWHERE = ("operator", "upstream", "group", "setup", "teardown", "on_failure_fail_dagrun")
_CLASSES = {
    "bash": ("BashOperator", ("bash_command", "env", "append_env", "cwd", "skip_on_exit_code", "output_encoding")),
    "empty": ("EmptyOperator", ()),
    "python": ("PythonOperator", ("python_callable", "op_args", "op_kwargs", "templates_dict")),
    "branch": ("BranchPythonOperator", ("python_callable", "op_args", "op_kwargs", "templates_dict")),
    "short_circuit": (
        "ShortCircuitOperator",
        ("python_callable", "op_args", "op_kwargs", "templates_dict", "ignore_downstream_trigger_rules"),
    ),
    "wait_time": ("TimeDeltaSensor", ("delta",)),
    "wait_file": ("FileSensor", ("filepath", "poke_interval", "timeout", "soft_fail")),
    "wait_http": ("HttpSensor", ("endpoint", "method", "headers", "poke_interval", "timeout", "soft_fail")),
}
_IMPORTS = ("DAG", "Param", "TaskGroup", "XComArg")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001}
_ISO = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?\Z")


class NotSaid(Exception):
    """Something that the SDK has no word for."""


def seconds_of(value: Any) -> float:
    """The seconds of a duration of a document: a number, `1h30m`, or `PT1H30M`."""
    if isinstance(value, (int, float)):
        return float(value)
    iso = _ISO.match(value.strip())
    if iso and len(value) > 1:
        parts = [float(part or 0) for part in iso.groups()]
        return sum(part * unit for part, unit in zip(parts, (604800, 86400, 3600, 60, 1)))
    found = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|us|[dhms])", value)
    if not found or re.sub(r"(\d+(?:\.\d+)?)\s*(ms|us|[dhms])|\s", "", value):
        return float(value)
    return sum(float(number) * _UNITS[unit] for number, unit in found)


class _Writer:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.names: dict[str, str] = {}  # task id -> variable
        self.groups: dict[str, str] = {}  # group id -> variable
        self.used = {"DAG"}
        self.modules: set[str] = set()
        self.problems: list[tuple[str | None, str]] = []
        self.body: list[str] = []

    # ---- values ----

    def duration(self, value: Any) -> Call:
        """timedelta(...) in the largest unit that divides it."""
        seconds = seconds_of(value)
        self.modules.add("timedelta")
        for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
            if seconds and seconds % size == 0:
                return Call("timedelta", [(unit, int(seconds // size))])
        return Call("timedelta", [("seconds", int(seconds) if seconds == int(seconds) else seconds)])

    def moment(self, value: Any) -> Call:
        """datetime(...) with its offset."""
        found = dt.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        self.modules.update(("datetime", "timezone"))
        parts = [found.year, found.month, found.day, found.hour, found.minute, found.second, found.microsecond]
        while len(parts) > 3 and parts[-1] == 0:
            parts.pop()
        zone: Any = Code("timezone.utc")
        offset = found.utcoffset()
        if offset:
            zone = Call("timezone", [(None, self.duration(offset.total_seconds()))])
        return Call("datetime", [*((None, part) for part in parts), ("tzinfo", zone)])

    def argument(self, value: Any, task_id: str | None) -> Any:
        """A value in which references to XComs become tasks' outputs."""
        if isinstance(value, dict):
            known = value.get("__xcom__") if len(value) == 1 else None
            if isinstance(known, dict):
                return self.output(known, task_id)
            if any(str(key).startswith("__") for key in value):
                raise NotSaid("a function on XComs")
            return {key: self.argument(item, task_id) for key, item in value.items()}
        if isinstance(value, list):
            return [self.argument(item, task_id) for item in value]
        return value

    def output(self, reference: dict[str, Any], task_id: str | None) -> Any:
        """`task.output`, or XComArg(task, key)."""
        name = self.names.get(reference["task_id"])
        if name is None:
            raise NotSaid(f"the XCom of {reference['task_id']!r}, which comes after it")
        if reference.get("key", "return_value") == "return_value":
            return Code(f"{name}.output")
        self.used.add("XComArg")
        return Call("XComArg", [(None, Code(name)), ("key", reference["key"])])

    # ---- names ----

    def name(self, text: str) -> str:
        """A variable that no other task or group has."""
        base = re.sub(r"\W", "_", text, flags=re.ASCII) or "task"
        if base[0].isdigit() or keyword.iskeyword(base) or base in _IMPORTS or base in ("function", "datetime"):
            base = f"task_{base}"
        taken = {*self.names.values(), *self.groups.values()}
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        return name

    # ---- tasks ----

    def task(self, task_id: str, label: str, spec: dict[str, Any]) -> Call:
        """The call that makes the task."""
        kind = spec["operator"]
        if kind not in _CLASSES:
            raise NotSaid(f"operator {kind!r}")
        class_name, own = _CLASSES[kind]
        for name in ("follow", "condition", "expect_status", "expect_text", "python", "callbacks"):
            if spec.get(name) is not None:
                raise NotSaid(f"{name} of operator {kind!r}")
        arguments = [("task_id", label)]
        values = dict(spec)
        if kind == "wait_time" and "until" in spec:
            class_name, own = "DateTimeSensor", ("target_time",)
            values["target_time"] = values.pop("until")
        if kind == "wait_http":
            values["endpoint"] = values.pop("url")
        if kind == "bash" and "env" in spec:
            values.setdefault("append_env", True)
        elif kind == "bash":
            values.pop("append_env", None)
        for name in own:
            if name in values:
                arguments.append((name, self._own(name, values.pop(name), task_id)))
        for name, word in _COMMON.items():
            if name in values:
                arguments.append((word or name, self._common(name, values.pop(name))))
        mapped = [name for name in ("expand", "expand_kwargs") if name in values]
        over: Any = self.argument(values.pop(mapped[0]), task_id) if mapped else None
        left = [name for name in values if name not in _ELSEWHERE]
        if left:
            raise NotSaid(", ".join(left))
        if mapped and kind not in ("bash", "python"):
            raise NotSaid(f"{mapped[0]} of operator {kind!r}")
        self.used.add(class_name)
        if not mapped:
            return Call(class_name, arguments)
        partial = source(Call(f"{class_name}.partial", arguments), 4)
        if mapped[0] == "expand":
            return Call(f"{partial}.expand", list(over.items()))
        return Call(f"{partial}.expand_kwargs", [(None, over)])

    def _own(self, name: str, value: Any, task_id: str | None) -> Any:
        if name == "python_callable":
            self.modules.add("function")
            return Call("function", [(None, value)])
        if name == "delta":
            return self.duration(value)
        return self._common(name, self.argument(value, task_id))

    def _common(self, name: str, value: Any) -> Any:
        if name in ("poke_interval", "timeout"):
            seconds = seconds_of(value)
            return int(seconds) if seconds == int(seconds) else seconds
        return self.duration(value) if name in _DURATIONS else value

    # ---- the whole ----

    def dag(self) -> Call:
        """The call that makes the DAG."""
        arguments: list[tuple[str | None, Any]] = []
        left: list[str] = []
        for group, known in (self.document.get("task_groups") or {}).items():
            if any(name in known for name in ("expand", "expand_kwargs")):
                self.problems.append((None, f"the mapped task group {group!r}"))
        for name, value in self.document.items():
            if name in ("version", "tasks", "task_groups", "python", "default_args", "params"):
                continue
            if name not in _DAG:
                left.append(name)
            elif name in ("start_date", "end_date"):
                arguments.append((name, self.moment(value)))
            else:
                arguments.append((_DAG[name] or name, self._common(name, value)))
        if left:
            self.problems.append((None, ", ".join(left)))
        if self.document.get("default_args"):
            given = self.document["default_args"]
            arguments.append(("default_args", {key: self._common(key, given[key]) for key in given}))
        if self.document.get("params"):
            params = self.document["params"]
            arguments.append(("params", {key: self._param(params[key]) for key in params}))
        return Call("DAG", arguments)

    def _param(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        self.used.add("Param")
        rest = {key: item for key, item in value.items() if key != "default"}
        arguments: list[tuple[str | None, Any]] = [(None, value["default"])] if "default" in value else []
        if all(key.isidentifier() and not keyword.iskeyword(key) for key in rest):
            return Call("Param", arguments + list(rest.items()))
        return Call("Param", arguments + [("schema", rest)])

    def write_tasks(self) -> None:
        """The tasks in their order, each within its groups."""
        open_groups: list[str] = []
        for task_id, spec in self.document["tasks"].items():
            wanted = self._path(spec.get("group"))
            while open_groups != wanted[: len(open_groups)]:
                open_groups.pop()
            for group in wanted[len(open_groups) :]:
                self._open(group, len(open_groups))
                open_groups.append(group)
            indent = 4 * (len(open_groups) + 1)
            label = self._label(task_id, open_groups)
            name = self.name(label)
            try:
                made = source(self.task(task_id, label, spec), indent, len(name) + 3)
            except NotSaid as error:
                self.problems.append((task_id, str(error)))
                self.used.add("EmptyOperator")
                self.body.append(" " * indent + f"# not converted: {error}")
                made = source(Call("EmptyOperator", [("task_id", label)]), indent)
            self.names[task_id] = name
            self.body.append(" " * indent + f"{name} = {made}")

    def _path(self, group: str | None) -> list[str]:
        path: list[str] = []
        known = self.document.get("task_groups") or {}
        while group:
            path.insert(0, group)
            group = (known.get(group) or {}).get("parent")
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
        made = source(self._group_call(group), len(indent), 5)
        self.body.append(f"{indent}with {made} as {self.groups[group]}:")

    def _group_call(self, group: str, *more: Any) -> Call:
        known = (self.document.get("task_groups") or {}).get(group) or {}
        arguments: list[tuple[str | None, Any]] = [(None, self._label(group, self._path(group)[:-1]))]
        if not self._has_prefix(group):
            arguments.append(("prefix_group_id", False))
        if known.get("tooltip"):
            arguments.append(("tooltip", known["tooltip"]))
        self.used.add("TaskGroup")
        self.groups[group] = self.name(f"{group}_group" if group in self.document["tasks"] else group)
        return Call("TaskGroup", arguments + list(more))

    def write_empty_groups(self) -> None:
        """The groups that no task is in."""
        known = self.document.get("task_groups") or {}
        for group in sorted(known, key=lambda one: len(self._path(one))):
            if group not in self.groups:
                parent = (known[group] or {}).get("parent")
                more = [("parent_group", Code(self.groups[parent]))] if parent else []
                made = source(self._group_call(group, *more), 4)
                self.body.append(f"    {self.groups[group]} = {made}")

    def write_edges(self) -> None:
        """Setups and teardowns, then what waits for what."""
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
        if lines:
            self.body += ["", *lines]

    def text(self) -> str:
        """The file."""
        dag = source(self.dag(), 0, 6)
        self.write_tasks()
        self.write_empty_groups()
        self.write_edges()
        lines = []
        standard = sorted(self.modules & {"datetime", "timedelta", "timezone"})
        if standard:
            lines += [f"from datetime import {', '.join(standard)}", ""]
        if "function" in self.modules:
            lines.append("from tradewind.reference import function")
        names = sorted(self.used)
        one_line = f"from tradewind.sdk import {', '.join(names)}"
        if len(one_line) > 88:
            one_line = "from tradewind.sdk import (\n" + "".join(f"    {n},\n" for n in names) + ")"
        lines += [one_line, "", f"with {dag}:", *(self.body or ["    pass"])]
        return "\n".join(lines) + "\n"


def convert(document: dict[str, Any]) -> tuple[str, list[Any]]:
    """(source, problems): [(task id or None, reason)]."""
    writer = _Writer(document)
    return writer.text(), writer.problems
