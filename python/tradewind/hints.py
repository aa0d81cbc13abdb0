"""
What the annotations of this package name, for type checkers and editors only: nothing imports this module while a program runs.

An XComArg stands for a value that is known only when its task has run. Checkers take it wherever that value may stand
(tradewind.xcom_arg), so a @task's arguments are checked like the function's own, and take other tasks' results too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Union, overload

from typing_extensions import ParamSpec, Protocol

if TYPE_CHECKING:
    from dateutil.relativedelta import relativedelta

    from tradewind.assets import BaseAsset
    from tradewind.baseoperator import BaseOperator
    from tradewind.edges import DependencyMixin
    from tradewind.mapped import MappedArgument
    from tradewind.notifier import BaseNotifier
    from tradewind.taskgroup import TaskGroup
    from tradewind.timetables import Timetable
    from tradewind.xcom_arg import XComArg

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
C = TypeVar("C")
F = TypeVar("F", bound=Callable[..., Any])

# What stands on either side of `>>`: a task, a group, an XComArg, a label, or several in a list.
Linkable = Union["DependencyMixin", Sequence[Any]]
Other = TypeVar("Other", bound=Linkable)
# A member of a graph.
Node = Union["BaseOperator", "TaskGroup"]
# A timedelta, or a number of seconds.
Duration = Union[dt.timedelta, float]
# A timedelta, or a relativedelta.
Delta = Union[dt.timedelta, "relativedelta"]
# A function of the context, a notifier, or several.
Callback = Union[Callable[[Any], Any], "BaseNotifier"]
Callbacks = Union[Callback, Sequence[Callback]]
# What a task is mapped over.
Mappable = Union["XComArg", "MappedArgument", Sequence[Any], Mapping[Any, Any]]
# A DAG's schedule: text, a duration, a timetable, or assets.
Schedule = Union[str, dt.timedelta, "relativedelta", "Timetable", "BaseAsset", Collection["BaseAsset"]]
StrPath = Union[str, "PathLike[str]"]
# A time zone by its name, or the object.
Zone = Union[str, dt.tzinfo]


class Task(Protocol, Generic[P, R]):
    """A function under @task: called within a DAG it makes a task."""

    function: Callable[P, R]
    operator_class: type[BaseOperator]
    kwargs: dict[str, Any]
    is_setup: bool
    is_teardown: bool
    on_failure_fail_dagrun: bool
    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> XComArg:
        """Makes a task; what stands for its result."""
        ...

    def override(self, **options: Any) -> Task[P, R]:
        """The same function with other task arguments (`task_id`, `retries` ...)."""
        ...

    def partial(self, **kwargs: Any) -> Task[..., R]:
        """The function's arguments that all instances of a mapped task have in common."""
        ...

    def expand(self, **map_kwargs: Mappable) -> XComArg:
        """Makes a mapped task: an instance for each combination of the arguments' items."""
        ...

    def expand_kwargs(
        self, kwargs: XComArg | Sequence[XComArg | Mapping[str, Any]], *, strict: bool = True
    ) -> XComArg:
        """Makes a mapped task: an instance for each dict of arguments."""
        ...


class TaskKind(Protocol):
    """A kind of @task: bare, or with the operator's arguments."""

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


class Decorator(Protocol):
    """A kind of @task that was given the operator's arguments."""

    def __call__(self, python_callable: Callable[P, R], /) -> Task[P, R]: ...


class Setup(Protocol):
    """@teardown that was given arguments: above a function, or a @task."""

    @overload
    def __call__(self, function: Task[P, R], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


class Condition(Protocol):
    """Goes above @task: `@task.run_if(...)`."""

    def __call__(self, decorated: Task[P, R], /) -> Task[P, R]: ...


class GroupFactory(Protocol, Generic[P, R]):
    """A function under @task_group: called within a DAG it makes a group of the tasks that it makes."""

    function: Callable[P, R]

    @overload
    def __call__(  # type: ignore[misc, overload-overlap]
        self: GroupFactory[P, None], *args: P.args, **kwargs: P.kwargs
    ) -> TaskGroup: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    def override(self, **group_args: Any) -> GroupFactory[P, R]:
        """The same with other arguments."""
        ...

    def partial(self, **kwargs: Any) -> GroupFactory[..., R]:
        """The arguments that all instances of a mapped group have in common."""
        ...

    @overload
    def expand(  # type: ignore[misc, overload-overlap]
        self: GroupFactory[P, None], **kwargs: Mappable
    ) -> TaskGroup: ...
    @overload
    def expand(self, **kwargs: Mappable) -> R: ...

    @overload
    def expand_kwargs(  # type: ignore[misc, overload-overlap]
        self: GroupFactory[P, None], kwargs: XComArg | Sequence[XComArg | Mapping[str, Any]]
    ) -> TaskGroup: ...
    @overload
    def expand_kwargs(self, kwargs: XComArg | Sequence[XComArg | Mapping[str, Any]]) -> R: ...


class GroupDecorator(Protocol):
    """@task_group that was given the group's arguments."""

    def __call__(self, python_callable: Callable[P, R], /) -> GroupFactory[P, R]: ...
