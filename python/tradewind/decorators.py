"""@task and its kinds, @setup, @teardown: functions as tasks."""

from __future__ import annotations

import functools
import inspect
import re
import typing
from typing import TYPE_CHECKING, overload

from tradewind import scope
from tradewind.baseoperator import BaseOperator
from tradewind.exceptions import AirflowSkipException
from tradewind.mapped import (
    DictOfLists,
    ListOfDicts,
    check_expand,
    check_expand_kwargs,
    make_mapped,
)
from tradewind.operators.bash import BashOperator
from tradewind.operators.python import (
    BranchPythonOperator,
    PythonOperator,
    ShortCircuitOperator,
    call_with_context,
)
from tradewind.operators.virtualenv import (
    BranchExternalPythonOperator,
    BranchPythonVirtualenvOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
)
from tradewind.sensors.python import PythonSensor
from tradewind.xcom_arg import XComArg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, NoReturn

    from tradewind.context import Context
    from tradewind.dags import DAG
    from tradewind.hints import Condition, Decorator, P, R, Setup, Task, TaskKind
    from tradewind.taskgroup import TaskGroup

# Names of the context that a function may take without being given them.
CONTEXT_NAMES = frozenset("""
    conn dag dag_run data_interval_end data_interval_start ds ds_nodash exception
    expanded_ti_count inlet_events inlets logical_date macros map_index_template outlet_events
    outlets params prev_data_interval_end_success prev_data_interval_start_success
    prev_end_date_success prev_start_date_success reason run_id task task_instance
    task_instance_key_str task_reschedule_count templates_dict test_mode ti
    triggering_asset_events try_number ts ts_nodash ts_nodash_with_tz var
    """.split())


def unique_task_id(task_id: str, dag: DAG | None, group: TaskGroup | None) -> str:
    """The id, with `__1`, `__2` ... behind it if the DAG has it already."""
    if dag is None:
        return task_id
    taken = dag.used_ids()
    full = group.child_id(task_id) if group is not None else task_id
    if full not in taken:
        return task_id
    base = re.split(r"__\d+$", task_id)[0]
    number = 1
    while (group.child_id(f"{base}__{number}") if group else f"{base}__{number}") in taken:
        number += 1
    return f"{base}__{number}"


class _DecoratedMixin:
    """The call of a decorated function as an operator."""

    custom_operator_name = "@task"


def _decorated(name: str, base: type, custom_name: str) -> Any:
    members = {
        "custom_operator_name": custom_name,
        "__module__": __name__,
        "__doc__": f"The call of a function under {custom_name}, as a {base.__name__}.",
    }
    return type(name, (_DecoratedMixin, base), members)


DecoratedPythonOperator = _decorated("DecoratedPythonOperator", PythonOperator, "@task")
DecoratedBranchOperator = _decorated(
    "DecoratedBranchOperator", BranchPythonOperator, "@task.branch"
)
DecoratedShortCircuitOperator = _decorated(
    "DecoratedShortCircuitOperator", ShortCircuitOperator, "@task.short_circuit"
)
DecoratedSensor = _decorated("DecoratedSensor", PythonSensor, "@task.sensor")
DecoratedVirtualenvOperator = _decorated(
    "DecoratedVirtualenvOperator", PythonVirtualenvOperator, "@task.virtualenv"
)
DecoratedExternalPythonOperator = _decorated(
    "DecoratedExternalPythonOperator", ExternalPythonOperator, "@task.external_python"
)
DecoratedBranchVirtualenvOperator = _decorated(
    "DecoratedBranchVirtualenvOperator", BranchPythonVirtualenvOperator, "@task.branch_virtualenv"
)
DecoratedBranchExternalPythonOperator = _decorated(
    "DecoratedBranchExternalPythonOperator",
    BranchExternalPythonOperator,
    "@task.branch_external_python",
)
# Those whose annotation `-> dict` means multiple_outputs.
_BY_ANNOTATION = (
    DecoratedPythonOperator,
    DecoratedVirtualenvOperator,
    DecoratedExternalPythonOperator,
)


class DecoratedStubOperator(_DecoratedMixin, PythonOperator):
    """A task that something else than Python does: its function is empty."""

    custom_operator_name = "@task.stub"

    def __init__(self, *, python_callable: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        if not _is_empty(python_callable):
            raise ValueError(
                "the function of a @task.stub must be empty: `...` or `pass`, and no more"
            )

    def execute(self, context: Context) -> Any:
        """Raises: there is nobody here who could do it."""
        raise RuntimeError("a @task.stub is done by a worker of another language, not by Python")


def _is_empty(function: Callable[..., Any]) -> bool:
    import ast
    import textwrap

    try:
        tree: Any = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, SyntaxError, IndexError):
        return True
    return all(
        isinstance(one, ast.Pass)
        or isinstance(one, ast.Expr)
        and isinstance(one.value, ast.Constant)
        for one in tree.body
    )


class DecoratedBashOperator(_DecoratedMixin, BashOperator):
    """A function whose return value is the command to run."""

    custom_operator_name = "@task.bash"
    template_fields = (*BashOperator.template_fields, "op_args", "op_kwargs")
    runs_in_python = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Iterable[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("bash_command", None)
        super().__init__(bash_command="", **kwargs)
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = list(op_args or ()), dict(op_kwargs or {})

    def execute(self, context: Context) -> Any:
        """Calls the function, renders what it returns and runs it."""
        command = call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)
        if not isinstance(command, str) or not command.strip():
            raise TypeError(
                "the function of a @task.bash must return a command: a string that is not empty"
            )
        object.__setattr__(self, "bash_command", self.render_template(command, context))
        return super().execute(context)


def check_arguments(function: Any, args: Any, kwargs: Any) -> None:
    """
    TypeError at the call if the arguments do not fit, as Python would say; context names may be left
    out.
    """
    signature = inspect.signature(function)
    parameters = [
        (
            p.replace(default=None)
            if p.name in CONTEXT_NAMES
            and p.default is p.empty
            and p.kind is not p.POSITIONAL_ONLY
            else p
        )
        for p in signature.parameters.values()
    ]
    seen_default = False
    for index, p in enumerate(parameters):
        if p.kind is p.POSITIONAL_OR_KEYWORD:
            if p.default is not p.empty:
                seen_default = True
            elif seen_default:
                # Valid in the original order: a required name after a context name.
                parameters[index] = p.replace(default=None)
    signature.replace(parameters=parameters).bind(*args, **kwargs)


class TaskDecorator:
    """
    A decorated function. Calling it within a DAG makes a task; the call's value stands for the
    task's result.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        operator_class: type[BaseOperator],
        options: dict[str, Any],
        multiple_outputs: bool | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.operator_class: Any = operator_class
        self.kwargs = options
        self.multiple_outputs = multiple_outputs
        self.partial_kwargs: dict[str, Any] = {}
        self.is_setup = self.is_teardown = False
        self.on_failure_fail_dagrun = False

    _is_task_decorator = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if scope.current_dag() is None and self.kwargs.get("dag") is None:
            from tradewind.context import _current

            if _current:
                # Within a running task it is the plain function.
                return self.function(*args, **kwargs)
        kwargs = {**self.partial_kwargs, **kwargs}
        self._check_arguments(args, kwargs)
        options = self._options()
        operator = self.operator_class(
            python_callable=self.function, op_args=args, op_kwargs=kwargs, **options
        )
        return self._result(operator)

    def _options(self) -> dict[str, Any]:
        """The operator's arguments: with an id that is free, the text, multiple_outputs."""
        options = dict(self.kwargs)
        dag = options.get("dag") or scope.current_dag()
        group = options.get("task_group") or scope.current_group(dag)
        options["task_id"] = unique_task_id(
            options.get("task_id") or self.function.__name__, dag, group
        )
        if not any(
            options.get(name) for name in ("doc", "doc_md", "doc_json", "doc_yaml", "doc_rst")
        ):
            options["doc_md"] = (
                inspect.cleandoc(self.function.__doc__) if self.function.__doc__ else None
            )
        if self._wants_multiple_outputs():
            options["multiple_outputs"] = True
        return options

    def _result(self, operator: BaseOperator) -> XComArg:
        if self.is_setup:
            operator.as_setup()
        if self.is_teardown:
            operator.as_teardown(on_failure_fail_dagrun=self.on_failure_fail_dagrun)
        return XComArg(operator)

    def _wants_multiple_outputs(self) -> bool:
        if self.multiple_outputs is not None:
            return self.multiple_outputs
        if self.operator_class not in _BY_ANNOTATION:
            return False
        try:
            returns = typing.get_type_hints(self.function).get("return")
        except Exception:
            # Annotations may name what exists only for type checkers.
            return False
        returns = typing.get_origin(returns) or returns
        try:
            return isinstance(returns, type) and issubclass(returns, dict)
        except TypeError:
            return False

    def _check_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        # A provider's operator may give the function arguments of its own: it checks when it is made.
        if not getattr(self.operator_class, "checks_arguments", False):
            check_arguments(self.function, args, kwargs)

    def override(self, **options: Any) -> TaskDecorator:
        """The same function with other task arguments (`task_id`, `retries` ...)."""
        multiple_outputs = options.pop("multiple_outputs", self.multiple_outputs)
        made = TaskDecorator(
            self.function, self.operator_class, {**self.kwargs, **options}, multiple_outputs
        )
        made.is_setup, made.is_teardown = self.is_setup, self.is_teardown
        made.on_failure_fail_dagrun = self.on_failure_fail_dagrun
        made.partial_kwargs = self.partial_kwargs
        return made

    def partial(self, **kwargs: Any) -> TaskDecorator:
        """The function's arguments that all instances of a mapped task have in common."""
        self._check_names("partial", kwargs)
        made = self.override()
        made.partial_kwargs = {**self.partial_kwargs, **kwargs}
        return made

    def expand(self, **map_kwargs: Any) -> XComArg:
        """Makes a mapped task: an instance for each combination of the arguments' items."""
        what = f"task {self.function.__name__!r}"
        check_expand(what, map_kwargs)
        self._check_names("expand", map_kwargs)
        for name in map_kwargs:
            if name in self.partial_kwargs:
                raise TypeError(f"{what}: unmappable or already specified argument {name!r}")
        self._check_arguments((), {**self.partial_kwargs, **map_kwargs})
        return self._mapped(DictOfLists(map_kwargs))

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg:
        """Makes a mapped task: an instance for each dict of arguments."""
        check_expand_kwargs(f"task {self.function.__name__!r}", kwargs)
        return self._mapped(ListOfDicts(kwargs), strict)

    def _mapped(self, expand_input: DictOfLists | ListOfDicts, strict: bool = True) -> XComArg:
        options = self._options()
        options.update(python_callable=self.function, op_kwargs=self.partial_kwargs)
        operator = make_mapped(
            self.operator_class, options, expand_input, op_kwargs=True, strict=strict
        )
        return self._result(operator)

    def _check_names(self, method: str, kwargs: Mapping[str, Any]) -> None:
        parameters = inspect.signature(self.function).parameters
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return
        unknown = sorted(set(kwargs) - set(parameters))
        if unknown:
            raise TypeError(
                f"{self.function.__name__}.{method}() got an unexpected keyword"
                f" argument{'s' if len(unknown) > 1 else ''} " + ", ".join(map(repr, unknown))
            )


def _kind(operator_class: type[BaseOperator], name: str) -> Any:
    def decorate(
        python_callable: Any = None, multiple_outputs: bool | None = None, **options: Any
    ) -> Any:
        if python_callable is not None:
            if not callable(python_callable) or isinstance(python_callable, type):
                raise TypeError(
                    f"@{name} decorates a function, not {type(python_callable).__name__}"
                )
            if isinstance(python_callable, TaskDecorator):
                raise TypeError(f"@{name}: the function is decorated as a task already")
            return TaskDecorator(python_callable, operator_class, options, multiple_outputs)
        return lambda function: decorate(function, multiple_outputs, **options)

    decorate.__name__ = name
    decorate.__doc__ = (
        f"Makes a function a task ({operator_class.__name__}). Used bare or with the operator's"
        " arguments."
    )
    return staticmethod(decorate)


def _condition(
    condition: Callable[[Context], Any], skip_message: str | None, wanted: bool, name: str
) -> Condition:
    """
    Asks the condition before the task is executed: true or false, or a pair of that and the reason.
    """
    if not callable(condition):
        raise TypeError(f"@task.{name} takes a function of the context")

    def check(context: Context) -> None:
        answer, reason = condition(context), None
        if isinstance(answer, tuple):
            answer, reason = answer
        if bool(answer) != wanted:
            raise AirflowSkipException(reason or skip_message or f"skipped by @task.{name}")

    def decorate(decorated: Any) -> Any:
        if not isinstance(decorated, TaskDecorator):
            raise TypeError(f"@task.{name} goes above @task")
        earlier = decorated.kwargs.get("pre_execute")

        def both(context: Context) -> None:
            if earlier is not None:
                earlier(context)
            check(context)

        return decorated.override(pre_execute=both)

    return decorate


# Decorators that providers bring, and the provider's name.
_OF_PROVIDERS = {
    "agent": "common-ai",
    "docker": "docker",
    "kubernetes": "cncf-kubernetes",
    "kubernetes_cmd": "cncf-kubernetes",
    "llm": "common-ai",
    "llm_branch": "common-ai",
    "pyspark": "apache-spark",
    "snowpark": "snowflake",
    "sql": "common-sql",
}


def _of_provider(name: str) -> Any:
    """
    `@task.NAME` of an installed provider, or None. ImportError says which provider it needs, or what
    keeps that one from being used.
    """
    import importlib

    from airflow.providers_manager import ProvidersManager, unreadable

    path = ProvidersManager().taskflow_decorators.get(name)
    if path is not None:
        module, _, attribute = path.rpartition(".")
        return getattr(importlib.import_module(module), attribute)
    if name not in _OF_PROVIDERS:
        return None
    package = f"apache-airflow-providers-{_OF_PROVIDERS[name]}"
    if package in unreadable():
        raise ImportError(
            f"@task.{name}: the provider {package} is installed, but cannot be used:"
            f" {unreadable()[package]}"
        )
    raise ImportError(
        f"@task.{name} needs the provider: pip install --no-deps {package}, and the clients that it"
        " needs"
    )


class TaskDecoratorCollection:
    """`task`, with its kinds as attributes."""

    python: TaskKind = _kind(DecoratedPythonOperator, "task")
    branch: TaskKind = _kind(DecoratedBranchOperator, "task.branch")
    short_circuit: TaskKind = _kind(DecoratedShortCircuitOperator, "task.short_circuit")
    bash: TaskKind = _kind(DecoratedBashOperator, "task.bash")
    sensor: TaskKind = _kind(DecoratedSensor, "task.sensor")
    virtualenv: TaskKind = _kind(DecoratedVirtualenvOperator, "task.virtualenv")
    external_python: TaskKind = _kind(DecoratedExternalPythonOperator, "task.external_python")
    branch_virtualenv: TaskKind = _kind(
        DecoratedBranchVirtualenvOperator, "task.branch_virtualenv"
    )
    branch_external_python: TaskKind = _kind(
        DecoratedBranchExternalPythonOperator, "task.branch_external_python"
    )
    stub: TaskKind = _kind(DecoratedStubOperator, "task.stub")

    @staticmethod
    def run_if(condition: Callable[[Context], Any], skip_message: str | None = None) -> Condition:
        """Above @task: the task is skipped unless condition(context) is true."""
        return _condition(condition, skip_message, True, "run_if")

    @staticmethod
    def skip_if(condition: Callable[[Context], Any], skip_message: str | None = None) -> Condition:
        """Above @task: the task is skipped if condition(context) is true."""
        return _condition(condition, skip_message, False, "skip_if")

    @overload
    def __call__(
        self,
        python_callable: Callable[P, R],
        multiple_outputs: bool | None = None,
        **options: Any,
    ) -> Task[P, R]: ...
    @overload
    def __call__(
        self, python_callable: None = None, multiple_outputs: bool | None = None, **options: Any
    ) -> Decorator: ...

    def __call__(
        self, python_callable: Any = None, multiple_outputs: bool | None = None, **options: Any
    ) -> Any:
        return self.python(python_callable, multiple_outputs, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = _of_provider(name)
        if found is not None:
            return found
        raise AttributeError(f"task decorator {name!r} not found")


task = TaskDecoratorCollection()


@overload
def setup(function: Task[P, R]) -> Task[P, R]: ...
@overload
def setup(function: Callable[P, R]) -> Task[P, R]: ...


def setup(function: Any) -> Any:
    """Makes a function, or a @task, a setup."""
    made: Any = function if isinstance(function, TaskDecorator) else task(function)
    made.is_setup = True
    return made


@overload
def teardown(
    function: Task[P, R], *, on_failure_fail_dagrun: bool = False
) -> Task[P, R]: ...
@overload
def teardown(
    function: Callable[P, R], *, on_failure_fail_dagrun: bool = False
) -> Task[P, R]: ...
@overload
def teardown(function: None = None, *, on_failure_fail_dagrun: bool = False) -> Setup: ...


def teardown(function: Any = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """
    Makes a function, or a @task, a teardown. on_failure_fail_dagrun: its failure fails the run.
    """
    if function is None:
        return lambda f: teardown(f, on_failure_fail_dagrun=on_failure_fail_dagrun)
    made: Any = function if isinstance(function, TaskDecorator) else task(function)
    made.is_teardown = True
    made.on_failure_fail_dagrun = on_failure_fail_dagrun
    return made


__all__ = ["BaseOperator", "setup", "task", "teardown"]
