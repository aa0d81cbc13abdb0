"""Tasks of YAML DAGs: a plain function, or an operator of any class, as the document names it."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.baseoperator import BaseOperator
from tradewind.exceptions import AirflowException, AirflowFailException
from tradewind.log import is_sensitive, mask_secret, masked, shell_words
from tradewind.mapped import DictOfLists, ListOfDicts, make_mapped, parameters_of, resolved
from tradewind.operators.python import BranchMixIn, PythonOperator, followed_list
from tradewind.param import Param
from tradewind.python_objects import seconds_of
from tradewind.reference import of_task
from tradewind.templates import LiteralValue
from tradewind.values import Reader, asset
from tradewind.xcom_arg import XComArg

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

    from tradewind.context import Context
    from tradewind.importer import Imported


# What `dag` has of the document as names: what they stand for is found when it is used.
_NAMED = ("user_defined_macros", "user_defined_filters")


class PlainDag:
    """What templates see as `dag` where there is no DAG object."""

    render_template_as_native_obj = False
    template_searchpath = ()

    def __init__(
        self, dag_id: str, folder: str, fileloc: str = "", members: dict[str, Any] | None = None
    ) -> None:
        self.dag_id = dag_id
        self.folder = folder
        self.fileloc = fileloc
        self.dag_display_name = dag_id
        self.description = self.doc_md = self.schedule = None
        self.tags: list[str] = []
        self.catchup = False
        reader = _reader(None, folder)
        for name, value in (members or {}).items():
            if name in _NAMED:
                value = {key: reader.named(one) for key, one in (value or {}).items()}
            elif name == "template_undefined" and value:
                value = reader.named(value)
            elif name == "template_searchpath":
                value = [value] if isinstance(value, str) else list(value or ())
                value = [os.path.join(folder, one) for one in value]
            elif name == "callbacks":
                for word, found in _callbacks(value, folder):
                    setattr(self, f"on_{word}_callback", found)
                continue
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"


def _plain_dag(start: dict[str, Any], imported: Imported) -> PlainDag:
    folder = os.path.dirname(os.path.abspath(str(start["file"])))
    return PlainDag(start["dag_id"], folder, str(start["file"]), start.get("dag"))


def _callbacks(value: Any, folder: str) -> Iterator[Any]:
    """Pairs of a word and its functions, which are found when they are called."""
    for word, names in (value if isinstance(value, dict) else {}).items():
        names = [names] if isinstance(names, str) else names
        yield word, [_Callback(name, folder) for name in names]


class _Callback:
    """A callback by name: a function of the context, or a notifier."""

    def __init__(self, reference: str, folder: str) -> None:
        self.reference, self.folder = reference, folder

    def __call__(self, context: Context) -> None:
        from tradewind.runner.task import call

        call(_reader(None, self.folder).named(self.reference), context)


# Members of a task's object that are attributes of an operator as they are.
_OF_TASK = (
    "depends_on_past",
    "doc_json",
    "doc_md",
    "doc_rst",
    "doc_yaml",
    "email",
    "email_on_failure",
    "email_on_retry",
    "logger_name",
    "pool",
    "pool_slots",
    "priority_weight",
    "queue",
    "render_template_as_native_obj",
    "retries",
    "run_as_user",
    "trigger_rule",
    "wait_for_downstream",
)


def _give_members(task: Any, start: dict[str, Any], folder: str | None = None) -> None:
    """What templates may ask of `task`, where the operator stands for one of a document."""
    spec = start.get("spec") or {}
    object.__setattr__(task, "task_id", start["task_id"])
    for name in _OF_TASK:
        if spec.get(name) is not None:
            object.__setattr__(task, name, spec[name])
    for name in ("start_date", "end_date"):
        if spec.get(name) is not None:
            object.__setattr__(task, name, timezone.from_text(str(spec[name])))
    if spec.get("execution_timeout") is not None:
        # Its limit is the engine's; some operators ask for it.
        seconds = seconds_of(spec["execution_timeout"])
        object.__setattr__(task, "execution_timeout", dt.timedelta(seconds=seconds))
    if folder is not None:
        for word, found in _callbacks(spec.get("callbacks"), folder):
            object.__setattr__(task, f"on_{word}_callback", found)


class XComReference(XComArg):
    """{"__xcom__": {"task_id", "key"}} of a document. group: ids of the mapped group's tasks."""

    references = ()  # type: ignore[assignment]

    def __init__(self, task_id: str, key: str, group: Collection[str] = ()) -> None:
        self.task_id = task_id
        self.key = key
        self.group = group

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"XComReference({self.task_id!r}, key={self.key!r})"

    def resolve(self, context: Context) -> Any:
        """
        The value, or all values of a mapped task; of a task of the same mapped group that of the same
        index; None if the task has pushed none.
        """
        ti = context["ti"]
        if self.task_id in self.group and ti.map_index >= 0:
            return ti.xcom_pull(task_ids=self.task_id, key=self.key, map_indexes=ti.map_index)
        return ti.xcom_pull(task_ids=self.task_id, key=self.key)


def _reader(start: dict[str, Any] | None, folder: str) -> Any:
    """Reads the values of the task's object."""
    group = (start or {}).get("map_group") or {}
    tasks = frozenset(group.get("tasks") or ())

    def xcom(task_id: str, key: str) -> Any:
        return XComReference(task_id, key, tasks)

    return Reader(folder, xcom, _expand_input(group, Reader(folder, xcom)))


class PlainOperator(PythonOperator):
    """
    A python, branch or short_circuit task of a document. What it leaves out, the engine works out:
    it has the graph.
    """

    def __init__(self, *, kind: str = "python", c_rendered: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.c_rendered = c_rendered

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Where the engine has rendered them, only references are left: nothing is rendered twice."""
        if not self.c_rendered:
            super().render_template_fields(context, jinja_env)
            return
        for name in self.template_fields:
            object.__setattr__(self, name, resolved(getattr(self, name), context))

    def execute(self, context: Context) -> Any:
        value = super().execute(context)
        if self.kind == "branch":
            object.__setattr__(self, "_graph_answer", {"follow": followed_list(value)})
        elif self.kind == "short_circuit" and not value:
            object.__setattr__(self, "_graph_answer", {"stop": True})
        return value


def plain_task(start: dict[str, Any], imported: Imported) -> tuple[Any, Any]:
    """
    The operator of a task, and what stands for its DAG. AirflowException if the function or class
    is not there.
    """
    spec = start.get("spec") or {}
    dag = _plain_dag(start, imported)
    reader = _reader(start, dag.folder)
    options = reader.read(spec.get("arguments") or {})
    options.update(
        task_id=start["task_id"].replace("/", "_"),
        do_xcom_push=spec.get("do_xcom_push", True),
        owner=spec.get("owner", "airflow"),
        map_index_template=spec.get("map_index_template"),
    )
    if spec.get("params"):
        options["params"] = {name: _param(one) for name, one in spec["params"].items()}
    for name in ("inlets", "outlets"):
        if spec.get(name):
            options[name] = [asset(one) for one in spec[name]]
    if spec.get("multiple_outputs"):
        options["multiple_outputs"] = True
    made = _class_of(spec, options, start, imported, reader)
    expand_input = _expand_input(spec, reader)
    if expand_input is None:
        task = made(**options)
    else:
        of_function = _maps_function(spec, made)
        if isinstance(expand_input, DictOfLists) and not of_function:
            options = {k: v for k, v in options.items() if k not in expand_input.value}
        options = {k: v for k, v in options.items() if v is not None}
        task = make_mapped(made, options, expand_input, op_kwargs=of_function, strict=False)
    _give_members(task, start, dag.folder)
    object.__setattr__(task, "_dag", dag)
    if expand_input is not None:
        _as_instances(task, start, spec, dag)
    else:
        _ask_the_engine(task, spec)
    return task, dag


def _param(value: Any) -> Any:
    schema = isinstance(value, dict) and ({"default", "type", "enum", "const"} & value.keys())
    return Param(**value) if schema else value


def _maps_function(spec: dict[str, Any], made: Any) -> bool:
    """Whether what is mapped over are arguments of the function: said, or none is the operator's."""
    if "map_function" in spec:
        return bool(spec["map_function"])
    names = set(spec.get("expand") or ())
    return bool(names) and not names & parameters_of(made)


def _as_instances(task: Any, start: dict[str, Any], spec: dict[str, Any], dag: Any) -> None:
    """Each instance has what the task has."""
    unmap = task.unmap

    def unmapped(resolve: Any = None) -> Any:
        made = unmap(resolve)
        _give_members(made, start, dag.folder)
        object.__setattr__(made, "_dag", dag)
        _ask_the_engine(made, spec)
        return made

    object.__setattr__(task, "unmap", unmapped)


def _ask_the_engine(task: Any, spec: dict[str, Any]) -> None:
    """Branches by an operator of another class: what is left out, the engine works out."""
    if not spec.get("operator_class"):
        return
    if isinstance(task, BranchMixIn):

        def skip_all_except(branch_task_ids: Any) -> None:
            answer = {"follow": followed_list(branch_task_ids)}
            object.__setattr__(task, "_graph_answer", answer)

        object.__setattr__(task, "skip_all_except", skip_all_except)
    elif spec.get("operator") == "short_circuit":
        execute = task.execute

        def stop(context: Context) -> Any:
            value = execute(context)
            if not value:
                object.__setattr__(task, "_graph_answer", {"stop": True})
            return value

        object.__setattr__(task, "execute", stop)
        object.__setattr__(task, "get_flat_relative_ids", lambda upstream=False: set())


def _class_of(
    spec: dict[str, Any],
    options: dict[str, Any],
    start: dict[str, Any],
    imported: Imported,
    reader: Any,
) -> Any:
    """The operator's class; its arguments that are members of the task's object go to `options`."""
    kind = spec.get("operator", "python")
    if spec.get("operator_class"):
        made = _of_module(str(spec["operator_class"]), imported)
        if not isinstance(made, type) or not issubclass(made, BaseOperator):
            raise AirflowException(f"{spec['operator_class']!r} is no operator class")
        return made
    if kind not in ("python", "branch", "short_circuit"):
        return _native(kind, spec, options)
    options.update(
        python_callable=_of_module(str(spec.get("python_callable", "")), imported),
        op_args=reader.read(spec.get("op_args") or []),
        op_kwargs=reader.read(spec.get("op_kwargs") or {}),
        templates_dict=reader.read(spec.get("templates_dict")),
        kind=kind,
        # `rendered`: the engine has rendered the members of this object that are templates.
        c_rendered=bool(start.get("rendered")),
    )
    if not isinstance(options["op_args"], list) or not isinstance(options["op_kwargs"], dict):
        raise AirflowException("op_args must be a list and op_kwargs an object")
    return PlainOperator


def _of_module(reference: str, imported: Imported) -> Any:
    """A function or class of the module that was imported for it."""
    name = reference.rpartition(":")[2]
    found = imported.module
    if "/" in name:
        try:
            return of_task(found, name)
        except AttributeError as error:
            raise AirflowException(f"{imported.target.name}: {error}") from None
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise AirflowException(f"{imported.target.name} has no function {name!r}")
    found = getattr(found, "function", found)
    if not callable(found):
        raise AirflowException(f"{name!r} of {imported.target.name} is not a function")
    return found


def _native(kind: str, spec: dict[str, Any], options: dict[str, Any]) -> Any:
    """The class of an operator that has callbacks, inlets or outlets, which are Python's."""
    from tradewind.operators.bash import BashOperator
    from tradewind.operators.empty import EmptyOperator
    from tradewind.sensors.filesystem import FileSensor
    from tradewind.sensors.http import HttpSensor
    from tradewind.sensors.time import DateTimeSensor, TimeDeltaSensor

    names, made = {
        "empty": ((), EmptyOperator),
        "bash": (
            ("bash_command", "env", "cwd", "skip_on_exit_code", "output_encoding"),
            BashOperator,
        ),
        "wait_file": (("filepath", "soft_fail"), FileSensor),
        "wait_http": (
            ("method", "headers", "expect_status", "expect_text", "soft_fail"),
            HttpSensor,
        ),
        "wait_time": ((), DateTimeSensor if "until" in spec else TimeDeltaSensor),
    }.get(kind, ((), None))
    if made is None:
        raise AirflowException(f"operator {kind!r} has no callbacks, inlets or outlets")
    options.update({name: spec[name] for name in names if spec.get(name) is not None})
    for name in ("poke_interval", "timeout", "delta"):
        if spec.get(name) is not None:
            options[name] = dt.timedelta(seconds=seconds_of(spec[name]))
    if kind == "bash":
        options["append_env"] = spec.get("append_env", True)
    elif kind == "wait_http":
        options.update(endpoint=spec["url"], expect_status=spec.get("expect_status", 200))
    elif "until" in spec:
        options["target_time"] = spec["until"]
    return made


def _expand_input(spec: dict[str, Any], reader: Any) -> Any:
    if spec.get("expand"):
        return DictOfLists({name: reader.read(one) for name, one in spec["expand"].items()})
    if spec.get("expand_kwargs") is not None:
        return ListOfDicts(reader.read(spec["expand_kwargs"]))
    return None


def callback_task(start: dict[str, Any], imported: Imported) -> Any:
    """For `kind` "callback": what has the callbacks of a task of a document, and of its DAG."""
    spec = start.get("spec") or {}
    dag = _plain_dag(start, imported)
    task = BaseOperator(
        task_id=start["task_id"].replace("/", "_"), owner=spec.get("owner", "airflow")
    )
    object.__setattr__(task, "_dag", dag)
    _give_members(task, start, dag.folder)
    return task, dag


class RenderOperator(BaseOperator):
    """
    Stands for any task whose templates only Jinja can render: its fields are members of the task's
    object in the document.
    """

    def __init__(self, *, members: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.template_fields = tuple(members)
        for name, value in members.items():
            object.__setattr__(self, name, value)


def render_task(start: dict[str, Any], imported: Imported) -> tuple[Any, Any]:
    """
    For `kind` "render": an operator whose template fields are start["fields"] of start["spec"], and
    its DAG.
    """
    spec = start.get("spec") or {}
    dag: Any = next((one for one in imported.dags if one.dag_id == start["dag_id"]), None)
    dag = dag or _plain_dag(start, imported)
    members = {f"field_{name}": references(spec.get(name)) for name in start.get("fields") or ()}
    task = RenderOperator(
        task_id=start["task_id"], members=members, owner=spec.get("owner", "airflow")
    )
    object.__setattr__(task, "_dag", dag)
    _give_members(task, start)
    return task, dag


class CommandOperator(BaseOperator):
    """
    A bash task whose templates only Jinja can render. What is rendered becomes this process: its
    exit code and output count as those of any command, and there is no result.
    """

    rendered_file: str
    template_fields: Collection[str] = ("bash_command", "env", "cwd")
    template_ext: Collection[str] = (".sh", ".bash")

    def __init__(
        self,
        *,
        bash_command: Any,
        env: dict[str, str] | None,
        cwd: str | None,
        append_env: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command, self.env, self.cwd = bash_command, env, cwd
        self.append_env = append_env

    def execute(self, context: Context) -> Any:
        """Never returns. OSError where the command cannot be executed."""
        command = self.bash_command
        if not isinstance(command, list) and not command.strip():
            raise AirflowFailException("bash_command is empty after rendering")
        env = self._environment()
        words = command if isinstance(command, list) else shell_words(command)[0]
        if not words or not words[0]:
            raise AirflowFailException("bash_command is empty")
        self._keep_rendered()
        if self.cwd:
            os.chdir(self.cwd)
        # Python ignores these two, and what is ignored stays so in a new program.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            os.execvpe(words[0], words, env)
        except OSError as error:
            raise AirflowException(
                f"cannot execute {words[0]}: {os.strerror(error.errno or 0)}"
            ) from None

    def _keep_rendered(self) -> None:
        """The rendered fields go to a file of their own: a result would outweigh the exit code."""
        fields = {"bash_command": self.bash_command, "env": self.env, "cwd": self.cwd}
        fields = {name: value for name, value in fields.items() if value is not None}
        partial = f"{self.rendered_file}.{os.getpid()}.tmp"
        with open(partial, "w", encoding="utf-8", errors="backslashreplace") as file:
            json.dump(masked(fields), file, ensure_ascii=False, default=str)
        os.rename(partial, self.rendered_file)

    def _environment(self) -> dict[str, str]:
        own = {str(key): str(value) for key, value in (self.env or {}).items()}
        mask_secret([value for key, value in own.items() if is_sensitive(key)])
        if self.append_env or self.env is None:
            return {**os.environ, **own}
        ours = ("PATH", "TRADEWIND_ATTEMPT")
        base = {k: v for k, v in os.environ.items() if k in ours or k.startswith("AIRFLOW_CTX_")}
        return {**base, **own}


def _with_literals(value: Any) -> Any:
    """The value with its {"__literal__": ...} objects, arguments that are no templates, as such."""
    if isinstance(value, list):
        return [_with_literals(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"__literal__"}:
            return LiteralValue(value["__literal__"])
        return {name: _with_literals(item) for name, item in value.items()}
    return value


def command_task(start: dict[str, Any], imported: Imported) -> tuple[Any, Any]:
    """For `kind` "bash": the operator that becomes the command, and its DAG."""
    spec = start.get("spec") or {}
    if start.get("map_index", -1) >= 0:
        spec = {name: _with_literals(value) for name, value in spec.items()}
    dag: Any = next((one for one in imported.dags if one.dag_id == start["dag_id"]), None)
    dag = dag or _plain_dag(start, imported)
    task = CommandOperator(
        task_id=start["task_id"].replace("/", "_"),
        bash_command=spec.get("bash_command"),
        env=spec.get("env"),
        cwd=spec.get("cwd"),
        append_env=spec.get("append_env", True),
        owner=spec.get("owner", "airflow"),
    )
    object.__setattr__(task, "rendered_file", start["result"] + ".rendered")
    object.__setattr__(task, "_dag", dag)
    _give_members(task, start)
    return task, dag


def references(value: Any, folder: str = "") -> Any:
    """The value with its references to XComs, for templates of a task that is rendered only."""
    return _reader(None, folder).read(value)
