"""
PythonOperator, BranchPythonOperator, ShortCircuitOperator, and how functions are called with the
context.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from tradewind.baseoperator import BaseOperator
from tradewind.exceptions import AirflowException
from tradewind.types import XCOM_RETURN_KEY as XCOM_RETURN_KEY  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
    from typing import Any

    from tradewind.context import Context


def arguments_from_context(
    function: Callable[..., Any], op_args: Sequence[Any], op_kwargs: Mapping[str, Any], context: Any
) -> dict[str, Any]:
    """
    The keyword arguments of a call, by Airflow's rule: with **kwargs all of the context, else the
    names that the function takes; op_kwargs win. ValueError if a positional argument would take the
    place of a context name.
    """
    parameters = inspect.signature(function).parameters
    names = list(parameters)
    for name in names[: len(op_args)]:
        if name in context and name not in op_kwargs:
            raise ValueError(
                f"the argument {name!r} given by position is a name of the context and therefore"
                " reserved"
            )
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        taken = set(names[: len(op_args)])
        merged = {name: context[name] for name in context.names() if name not in taken}
        merged.update(op_kwargs)
        return merged
    merged = {
        name: context[name]
        for name in names[len(op_args) :]
        if name not in op_kwargs
        and name in context
        and parameters[name].kind
        not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    }
    merged.update(op_kwargs)
    return merged


def call_with_context(
    function: Callable[..., Any], op_args: Sequence[Any], op_kwargs: Mapping[str, Any], context: Any
) -> Any:
    """Calls it; an async function is run to its end, of a generator Metadata is taken."""
    kwargs = arguments_from_context(function, op_args, op_kwargs, context)
    return call(function, op_args, kwargs, context)


def call(
    function: Callable[..., Any], args: Iterable[Any], kwargs: Mapping[str, Any], context: Any
) -> Any:
    """Calls it with just these arguments; otherwise as call_with_context."""
    result = function(*args, **kwargs)
    if inspect.iscoroutine(result):
        import asyncio

        result = asyncio.run(result)
    if inspect.isgenerator(result) and inspect.isgeneratorfunction(inspect.unwrap(function)):
        result = _take_metadata(result, context)
    return result


def _take_metadata(generator: Generator[Any, Any, Any], context: Any) -> Any:
    """Runs a generator function: the Metadata that it yields are its outlets'; its return value."""
    from tradewind.assets import Metadata

    while True:
        try:
            found = next(generator)
        except StopIteration as end:
            return end.value
        if not isinstance(found, Metadata):
            raise TypeError(
                f"a task's function may yield only Metadata, not {type(found).__name__}; return"
                " a list instead"
            )
        context["outlet_events"].take(found)


class PythonOperator(BaseOperator):
    """
    Calls python_callable(*op_args, **op_kwargs); it may take names of the context. Its return value
    is the XCom.
    """

    template_fields: Collection[str] = ("templates_dict", "op_args", "op_kwargs")
    template_fields_renderers = {"templates_dict": "json", "op_args": "py", "op_kwargs": "py"}
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Iterable[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise AirflowException(
                f"python_callable of task {self.task_id!r} must be callable, not"
                f" {type(python_callable).__name__}"
            )
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = list(op_args or ()), dict(op_kwargs or {})
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = tuple(templates_exts)
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: Context) -> Any:
        """The function's return value."""
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        return call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)

    def call(self, context: Context, kwargs: Mapping[str, Any]) -> Any:
        """The function called with just these arguments."""
        return call(self.python_callable, (), kwargs, context)

    def execute_callable(self) -> Any:
        """The function called with op_args and op_kwargs alone."""
        return self.python_callable(*self.op_args, **self.op_kwargs)


def _flat(tasks: Any) -> Iterable[Any]:
    return [tasks] if isinstance(tasks, str) or hasattr(tasks, "task_id") else tasks


class BaseAsyncOperator(BaseOperator):
    """A task whose work is a coroutine: a subclass defines aexecute(context)."""

    @property
    def is_async(self) -> bool:
        """True: it is run in an event loop."""
        return True

    async def aexecute(self, context: Context) -> Any:
        """Does the work; the return value is pushed as XCom."""
        raise NotImplementedError(f"{type(self).__name__} does not define aexecute()")

    def execute(self, context: Context) -> Any:
        """Runs aexecute, for at most execution_timeout."""
        import asyncio

        limit = self.execution_timeout
        seconds = limit.total_seconds() if limit is not None else None
        return asyncio.run(asyncio.wait_for(self.aexecute(context), seconds))


class SkipMixin:
    """What a task leaves out of the run, for the runner to report."""

    if TYPE_CHECKING:  # Of the operator that it is mixed into.
        dag: Any
        downstream_task_ids: Any

    def skip(self, tasks: Any) -> None:
        """Leaves out the tasks given (tasks or task ids)."""
        skipped = self.__dict__.setdefault("_skipped_ids", [])
        skipped.extend(getattr(task, "task_id", task) for task in _flat(tasks))

    def skip_all_except(self, branch_task_ids: str | Iterable[str] | None) -> None:
        """
        Leaves out the direct downstream tasks that are neither followed nor reachable from a
        followed one (Airflow's rule). branch_task_ids: ids of tasks or task groups, one or several,
        or None: follow none. AirflowException names wrong ones.
        """
        follow = followed_ids(self, branch_task_ids)
        reachable = set(follow)
        for task_id in follow:
            reachable |= self.dag.get_task(task_id).get_flat_relative_ids(upstream=False)
        self.skip(i for i in sorted(self.downstream_task_ids) if i not in reachable)


def followed_list(value: Any) -> list[str]:
    """
    What a branch returned as a list of ids. AirflowException if it is neither an id, nor several,
    nor None.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple, set, frozenset)):
        values = list(value)
        wrong = [item for item in values if not isinstance(item, str)]
        if not wrong:
            return sorted(values) if isinstance(value, (set, frozenset)) else values
        value = wrong[0]
    raise AirflowException(
        f"a branch must return a task id, several task ids, or None, not {type(value).__name__}"
    )


def followed_ids(operator: Any, value: Any) -> list[str]:
    """
    Ids of the tasks to follow: groups stand for their first tasks. AirflowException names unknown
    ones.
    """
    follow, unknown = [], []
    for name in followed_list(value):
        if operator.dag.has_task(name):
            follow.append(name)
        elif operator.dag.has_task_group(name):
            follow.extend(t.task_id for t in operator.dag.task_group_dict[name].get_roots())
        else:
            unknown.append(name)
    if unknown:
        raise AirflowException(
            f"branch {operator.task_id!r} returned ids that are no tasks or groups of DAG"
            f" {operator.dag_id!r}: " + ", ".join(repr(name) for name in unknown)
        )
    return follow


class BranchMixIn(SkipMixin):
    """For operators that choose what to follow."""

    def do_branch(self, context: Context, branches_to_execute: str | Iterable[str] | None) -> Any:
        """Leaves out the rest; the choice itself."""
        self.skip_all_except(branches_to_execute)
        return branches_to_execute


class BaseBranchOperator(BaseOperator, BranchMixIn):
    """A branch: a subclass defines choose_branch(context), which returns what to follow."""

    def choose_branch(self, context: Context) -> str | Iterable[str] | None:
        """A task id, several, or None: none."""
        raise NotImplementedError(f"{type(self).__name__} does not define choose_branch()")

    def execute(self, context: Context) -> Any:
        """The choice."""
        return self.do_branch(context, self.choose_branch(context))


class BranchPythonOperator(BaseBranchOperator, PythonOperator):
    """
    A branch whose function returns what to follow: a task id (or a group's), several, or None:
    none.
    """

    def choose_branch(self, context: Context) -> str | Iterable[str] | None:
        return PythonOperator.execute(self, context)


class ShortCircuitOperator(PythonOperator, SkipMixin):
    """
    If its function returns something false, what is downstream is skipped: all of it, or with
    ignore_downstream_trigger_rules=False only the direct downstream tasks. Teardowns are not
    skipped.
    """

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: Context) -> Any:
        """What the function returned."""
        condition = super().execute(context)
        if not condition:
            if self.ignore_downstream_trigger_rules:
                ids = self.get_flat_relative_ids(upstream=False)
            else:
                ids = self.downstream_task_ids
            self.skip(i for i in sorted(ids) if not self.dag.get_task(i).is_teardown)
        return condition
