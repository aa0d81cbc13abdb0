"""What providers build `@task.NAME` from."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING

from airflow.utils.operator_helpers import (  # noqa: F401
    KeywordParameters as KeywordParameters,
    determine_kwargs as determine_kwargs,
)
from tradewind import scope
from tradewind.baseoperator import BaseOperator
from tradewind.decorators import TaskDecorator, check_arguments, unique_task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from tradewind.context import Context
    from tradewind.dags import DAG
    from tradewind.taskgroup import TaskGroup

Task = TaskDecorator
DecoratedMappedOperator = BaseOperator


def get_unique_task_id(
    task_id: str, dag: DAG | None = None, task_group: TaskGroup | None = None
) -> str:
    """The id, with `__1`, `__2` ... behind it if the DAG has it already."""
    dag = dag or scope.current_dag()
    return unique_task_id(task_id, dag, task_group or scope.current_group(dag))


def unwrap_callable(func: Any) -> Any:
    """The function within decorators and partials."""
    while isinstance(func, (TaskDecorator, functools.partial)):
        func = func.function if isinstance(func, TaskDecorator) else func.func
    return inspect.unwrap(func)


def is_async_callable(func: Any) -> bool:
    """True for a coroutine function, also within a partial."""
    func = unwrap_callable(func)
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
        getattr(func, "__call__", None)  # noqa: B004
    )


class DecoratedOperator(BaseOperator):
    """
    The call of a decorated function, before an operator class in the bases:
    `class X(DecoratedOperator, SomeOperator)`. kwargs_to_upstream: arguments for SomeOperator.
    """

    template_fields = ("op_args", "op_kwargs")
    template_fields_renderers = {"op_args": "py", "op_kwargs": "py"}
    custom_operator_name = "@task"
    checks_arguments = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Iterable[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        kwargs_to_upstream: Mapping[str, Any] | None = None,
        multiple_outputs: bool = False,
        **kwargs: Any,
    ) -> None:
        if not callable(python_callable):
            raise TypeError("`python_callable` param must be callable")
        super().__init__(
            task_id=task_id,
            multiple_outputs=multiple_outputs,
            **{**kwargs, **(kwargs_to_upstream or {})},
        )
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = list(op_args or ()), dict(op_kwargs or {})
        check_arguments(python_callable, self.op_args, self.op_kwargs)

    @property
    def operator_name(self) -> str:  # type: ignore[override]
        """The decorator's name."""
        return self.custom_operator_name

    def execute(self, context: Context) -> Any:
        """What the operator class does."""
        return super().execute(context)

    def get_python_source(self) -> str:
        """The function's source without its decorator."""
        import textwrap

        from airflow.utils.decorators import remove_task_decorator

        source = textwrap.dedent(inspect.getsource(self.python_callable))
        return remove_task_decorator(source, self.custom_operator_name)


def task_decorator_factory(
    python_callable: Callable[..., Any] | None = None,
    *,
    multiple_outputs: bool | None = None,
    decorated_operator_class: type[BaseOperator],
    **kwargs: Any,
) -> Any:
    """The decorator that makes tasks of the class. Used bare or with the operator's arguments."""
    if multiple_outputs is None:
        multiple_outputs = kwargs.pop("multiple_outputs", None)
    if python_callable is not None:
        if isinstance(python_callable, TaskDecorator):
            raise TypeError("the function is decorated as a task already")
        return TaskDecorator(python_callable, decorated_operator_class, kwargs, multiple_outputs)
    return lambda function: TaskDecorator(
        function, decorated_operator_class, kwargs, multiple_outputs
    )
