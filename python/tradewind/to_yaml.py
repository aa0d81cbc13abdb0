"""From a Python DAG to a document that says all of it without Python objects: what YAML has."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tradewind.emit import dag_document, plain
from tradewind.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator
from tradewind.templates import LiteralValue
from tradewind.types import XCOM_RETURN_KEY
from tradewind.xcom_arg import XComArg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tradewind.baseoperator import BaseOperator
    from tradewind.dags import DAG

_CALLBACKS = (
    "on_execute_callback",
    "on_success_callback",
    "on_failure_callback",
    "on_retry_callback",
    "on_skipped_callback",
    "_pre_execute_hook",
    "_post_execute_hook",
)
_FUNCTIONS = ("python", "branch", "short_circuit")


class NotSaid(Exception):
    """Something that a document cannot say."""


class Converted:
    """document: what could be said; problems: [(line or 0, task id or None, reason)]."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.problems: list[tuple[int, str | None, str]] = []


def convert(dag: DAG, module: Any, folder: str) -> Converted:
    """The DAG's document; functions of the file are named relative to `folder`."""
    result = Converted()
    document = dag_document(dag)
    document.pop("python", None)
    for name, param in document.get("params", {}).items():
        if isinstance(param, dict) and "default" in param:
            document["params"][name] = {"default": param["default"], **param}
    for name in _of_dag(dag):
        result.problems.append((0, None, name))
    tasks = document["tasks"]
    for task in dag.tasks:
        try:
            tasks[task.task_id] = _task(task, tasks[task.task_id], module, folder)
        except NotSaid as error:
            result.problems.append((_line(task), task.task_id, str(error)))
            spec = {k: v for k, v in tasks[task.task_id].items() if k in _COMMON}
            tasks[task.task_id] = {"operator": "empty", **spec, "__reason__": str(error)}
    document["tasks"] = document.pop("tasks")
    result.document = document
    return result


# Members that stay where a task that cannot be said becomes an empty one.
_COMMON = ("upstream", "trigger_rule", "group", "display_name", "doc_md", "setup", "teardown", "owner")


def _of_dag(dag: DAG) -> Iterator[str]:
    for name in ("on_success_callback", "on_failure_callback"):
        if getattr(dag, name, None):
            yield f"{name}: a Python function"
    for name in ("user_defined_macros", "user_defined_filters", "jinja_environment_kwargs", "template_undefined"):
        if getattr(dag, name, None):
            yield f"{name}: Python objects"
    if getattr(dag, "render_template_as_native_obj", False):
        yield "render_template_as_native_obj: templates of a document render to text"
    if getattr(dag, "deadline", None):
        yield "deadline: Python objects"
    if dag.schedule is not None and not isinstance(dag.schedule, str):
        yield f"schedule: a {type(dag.schedule).__name__}"


def _line(task: BaseOperator) -> int:
    code = getattr(getattr(task, "python_callable", None), "__code__", None)
    return code.co_firstlineno if code is not None else 0


def _task(task: Any, spec: dict[str, Any], module: Any, folder: str) -> dict[str, Any]:
    for name in _CALLBACKS:
        if getattr(task, name, None):
            raise NotSaid(f"{name.strip('_')}: a Python function")
    if spec["operator"] not in _FUNCTIONS:
        return spec
    kind: Any = next(
        (c for c in (BranchPythonOperator, ShortCircuitOperator, PythonOperator) if isinstance(task, c)),
        None,
    )
    if getattr(task, "is_mapped", False):
        raise NotSaid("a mapped task whose instances Python makes")
    if kind is None or type(task).execute is not kind.execute:
        raise NotSaid(f"an operator object of the class {type(task).__name__}")
    if getattr(task, "multiple_outputs", False):
        raise NotSaid("multiple_outputs: a function of a document pushes one value")
    out = {"operator": spec.pop("operator")}
    out["python_callable"] = _reference(task.python_callable, module, folder)
    for name in ("op_args", "op_kwargs", "templates_dict"):
        if getattr(task, name, None):
            out[name] = _value(getattr(task, name), name)
    out.update(spec)
    return out


def _reference(function: Any, module: Any, folder: str) -> str:
    if getattr(function, "reference", None):
        return function.reference
    name = getattr(function, "__qualname__", "")
    if "<lambda>" in name:
        raise NotSaid("python_callable: a lambda")
    if not name or "<locals>" in name:
        raise NotSaid("python_callable: a function within a function, or an object")
    if getattr(function, "__self__", None) is not None:
        raise NotSaid("python_callable: a method of an object")
    home: Any = module if function.__module__ == module.__name__ else sys.modules.get(function.__module__)
    found = home
    for part in name.split("."):
        found = getattr(found, part, None)
    if getattr(found, "function", found) is not function:
        raise NotSaid(f"python_callable: {name} is not the function of that name in its module")
    if home is module:
        return f"{os.path.relpath(module.__file__, folder)}:{name}"
    return f"{function.__module__}:{name}"


def _value(value: Any, what: str) -> Any:
    if isinstance(value, XComArg):
        reference = {"task_id": value.operator.task_id}
        if value.key != XCOM_RETURN_KEY:
            reference["key"] = value.key
        return {"__xcom__": reference}
    if isinstance(value, LiteralValue):
        raise NotSaid(f"{what}: literal()")
    if isinstance(value, (list, tuple)):
        return [_value(item, what) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise NotSaid(f"{what}: keys that are not strings")
        return {key: _value(item, what) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return plain(value, what)
    raise NotSaid(f"{what}: a {type(value).__name__}")
