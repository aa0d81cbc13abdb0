"""Tasks of YAML DAGs: a plain function, named by `python_callable`, as an operator."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from tradewind.baseoperator import BaseOperator
from tradewind.exceptions import AirflowException, AirflowFailException
from tradewind.log import is_sensitive, mask_secret, masked, shell_words
from tradewind.mapped import DictOfLists, ListOfDicts, make_mapped
from tradewind.operators.python import PythonOperator, followed_list
from tradewind.types import NOTSET, XCOM_RETURN_KEY
from tradewind.xcom_arg import ConcatXComArg, XComArg, ZipXComArg

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from tradewind.context import Context
    from tradewind.importer import Imported


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
        for name, value in (members or {}).items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"


def _plain_dag(start: dict[str, Any], imported: Imported) -> PlainDag:
    return PlainDag(
        start["dag_id"], imported.target.folder, str(start["file"]), start.get("dag")
    )


# Members of a task's object that are attributes of an operator as they are.
_OF_TASK = (
    "depends_on_past",
    "doc_md",
    "email",
    "pool",
    "pool_slots",
    "priority_weight",
    "queue",
    "retries",
    "trigger_rule",
    "wait_for_downstream",
)


def _give_members(task: Any, start: dict[str, Any]) -> None:
    """What templates may ask of `task`, where the operator stands for one of a document."""
    spec = start.get("spec") or {}
    object.__setattr__(task, "task_id", start["task_id"])
    for name in _OF_TASK:
        if spec.get(name) is not None:
            object.__setattr__(task, name, spec[name])


class XComReference(XComArg):
    """{"__xcom__": {"task_id", "key"}} of a document."""

    references = ()  # type: ignore[assignment]

    def __init__(self, task_id: str, key: str) -> None:
        self.task_id = task_id
        self.key = key

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"XComReference({self.task_id!r}, key={self.key!r})"

    def resolve(self, context: Context) -> Any:
        """The value, or all values of a mapped task; None if the task has pushed none."""
        return context["ti"].xcom_pull(task_ids=self.task_id, key=self.key)


class PlainOperator(PythonOperator):
    """
    A python, branch or short_circuit task of a document. What it leaves out, the engine works out:
    it has the graph.
    """

    def __init__(self, *, kind: str = "python", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def execute(self, context: Context) -> Any:
        value = super().execute(context)
        if self.kind == "branch":
            object.__setattr__(self, "_graph_answer", {"follow": followed_list(value)})
        elif self.kind == "short_circuit" and not value:
            object.__setattr__(self, "_graph_answer", {"stop": True})
        return value


def plain_task(start: dict[str, Any], imported: Imported) -> tuple[Any, Any]:
    """
    The operator of a task, and what stands for its DAG. AirflowException if the function is not
    there.
    """
    spec = start.get("spec") or {}
    name = str(spec.get("python_callable", "")).rpartition(":")[2]
    found = imported.module
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise AirflowException(f"{imported.target.name} has no function {name!r}")
    found = getattr(found, "function", found)
    if not callable(found):
        raise AirflowException(f"{name!r} of {imported.target.name} is not a function")
    dag = _plain_dag(start, imported)
    op_args, op_kwargs = spec.get("op_args") or [], spec.get("op_kwargs") or {}
    if not isinstance(op_args, list) or not isinstance(op_kwargs, dict):
        raise AirflowException("op_args must be a list and op_kwargs an object")
    options = dict(
        task_id=start["task_id"].replace("/", "_"),
        python_callable=found,
        op_args=references(op_args),
        op_kwargs=references(op_kwargs),
        templates_dict=references(spec.get("templates_dict")),
        do_xcom_push=spec.get("do_xcom_push", True),
        owner=spec.get("owner", "airflow"),
        map_index_template=spec.get("map_index_template"),
        kind=spec.get("operator", "python"),
    )
    task: Any
    expand_input = _expand_input(spec)
    if expand_input is None:
        task = PlainOperator(**options)
        _give_members(task, start)
        return task, dag
    if isinstance(expand_input, DictOfLists):
        options = {k: v for k, v in options.items() if k not in expand_input.value}
    task = make_mapped(PlainOperator, options, expand_input, strict=False)
    object.__setattr__(task, "_dag", dag)
    return task, dag


def _expand_input(spec: dict[str, Any]) -> Any:
    if spec.get("expand"):
        return DictOfLists(references(spec["expand"]))
    if spec.get("expand_kwargs") is not None:
        return ListOfDicts(references(spec["expand_kwargs"]))
    return None


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


def command_task(start: dict[str, Any], imported: Imported) -> tuple[Any, Any]:
    """For `kind` "bash": the operator that becomes the command, and its DAG."""
    spec = start.get("spec") or {}
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


def references(value: Any) -> Any:
    """The value with its {"__xcom__": ...}, __zip__ and __concat__ objects as references."""
    if isinstance(value, list):
        return [references(item) for item in value]
    if isinstance(value, dict):
        if len(value) == 1:
            ((name, inner),) = value.items()
            if name == "__xcom__" and isinstance(inner, dict) and "task_id" in inner:
                return XComReference(inner["task_id"], inner.get("key", XCOM_RETURN_KEY))
            if name == "__zip__" and isinstance(inner, dict):
                return ZipXComArg(references(inner["of"]), inner.get("fillvalue", NOTSET))
            if name == "__concat__" and isinstance(inner, dict):
                return ConcatXComArg(references(inner["of"]))
        return {key: references(item) for key, item in value.items()}
    return value
