"""Task groups: tasks under a common prefix that can be linked as one."""

from __future__ import annotations

import functools
import inspect
import re
from typing import TYPE_CHECKING, overload

from tradewind import scope
from tradewind.baseoperator import BaseOperator, check_id
from tradewind.edges import DependencyMixin, as_list, check_linkable
from tradewind.exceptions import AirflowException, DuplicateTaskIdFound, TaskAlreadyInTaskGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, NoReturn

    from typing_extensions import Self

    from tradewind.dags import DAG
    from tradewind.edges import EdgeModifier
    from tradewind.hints import GroupDecorator, GroupFactory, Linkable, P, R


class TaskGroup(DependencyMixin):
    """
    A group of tasks and groups. Ids of its members get `group_id.` in front unless prefix_group_id
    is False. Dependencies set on a group hold for its first (roots) or last (leaves) tasks at that
    moment; a last task that is a teardown does not count.
    """

    dag: DAG
    parent_group: Any  # None of a DAG's own group.
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]
    upstream_group_ids: set[str]
    downstream_group_ids: set[str]

    def __init__(
        self,
        group_id: str | None = None,
        prefix_group_id: bool = True,
        parent_group: TaskGroup | None = None,
        dag: DAG | None = None,
        default_args: dict[str, Any] | None = None,
        tooltip: str = "",
        ui_color: str = "CornflowerBlue",
        ui_fgcolor: str = "#000",
        add_suffix_on_collision: bool = False,
        group_display_name: str = "",
    ) -> None:
        self.prefix_group_id = prefix_group_id
        self.default_args = dict(default_args or {})
        self.tooltip, self.ui_color, self.ui_fgcolor = tooltip, ui_color, ui_fgcolor
        self.group_display_name = group_display_name
        self.children: dict[str, BaseOperator | TaskGroup] = {}
        self.upstream_task_ids, self.downstream_task_ids = set(), set()
        self.upstream_group_ids, self.downstream_group_ids = set(), set()
        self._group_id: Any = None
        self._root = group_id is None
        if group_id is None:
            self.dag, self.parent_group = dag, None  # type: ignore[assignment]
            return
        check_id("group_id", group_id)
        found = dag or (parent_group.dag if parent_group else None) or scope.current_dag()
        if found is None:
            raise AirflowException(f"task group {group_id!r} must be made within a DAG")
        self.dag = found
        parent: Any = parent_group or scope.current_group(self.dag)
        self.parent_group = parent
        self._group_id = self._free_id(group_id, add_suffix_on_collision)
        self.dag.task_group_dict[self.group_id] = self
        parent.add(self)

    def _free_id(self, group_id: str, add_suffix: bool) -> str:
        taken = self.dag.used_ids()
        prefix = self.parent_group.child_id("")
        if prefix + group_id not in taken:
            return group_id
        if not add_suffix:
            raise DuplicateTaskIdFound(
                f"the id {prefix + group_id!r} is used more than once in DAG {self.dag.dag_id!r}"
            )
        base = re.split(r"__\d+$", group_id)[0]
        number = 1
        while f"{prefix}{base}__{number}" in taken:
            number += 1
        return f"{base}__{number}"

    is_mapped = False

    @property
    def is_root(self) -> bool:
        """True for the DAG's own group, which has no id."""
        return self._root

    @property
    def group_id(self) -> Any:
        """The id, with the groups around it; None for the DAG's own."""
        if self._root:
            return None
        return self.parent_group.child_id(self._group_id)

    node_id = group_id

    @property
    def label(self) -> Any:
        """The id without the groups around it."""
        return self._group_id

    def child_id(self, label: str) -> str:
        """The full id of a member with that label."""
        if self.prefix_group_id and not self._root:
            return f"{self.group_id}.{label}"
        return self.parent_group.child_id(label) if self.parent_group is not None else label

    def add(self, node: BaseOperator | TaskGroup) -> None:
        """Puts a task or group into this group. TaskAlreadyInTaskGroup, DuplicateTaskIdFound."""
        node_id: Any = node.node_id
        if isinstance(node, BaseOperator):
            if node.task_group is not None and node.task_group is not self:
                raise TaskAlreadyInTaskGroup(
                    f"task {node_id!r} is already in the group {node.task_group.group_id!r}"
                )
            object.__setattr__(node, "task_group", self)
            if self.dag is not None and not node.has_dag():
                self.dag.add_task(node)
        if self.children.get(node_id, node) is not node:
            raise DuplicateTaskIdFound(f"the id {node_id!r} is used more than once")
        self.children[node_id] = node

    def iter_tasks(self) -> Iterator[BaseOperator]:
        """All its tasks, those of inner groups too."""
        todo = list(self.children.values())[::-1]
        while todo:
            node = todo.pop()
            if isinstance(node, TaskGroup):
                todo.extend(list(node.children.values())[::-1])
            else:
                yield node

    def __iter__(self) -> Iterator[BaseOperator | TaskGroup]:
        return iter(self.children.values())

    def has_task(self, task: BaseOperator) -> bool:
        """True if the task is in it or in an inner group."""
        return any(member is task for member in self.iter_tasks())

    def get_roots(self) -> list[BaseOperator]:
        """Its tasks without an upstream in it."""
        tasks = list(self.iter_tasks())
        ids = {task.task_id for task in tasks}
        return [task for task in tasks if not task.upstream_task_ids & ids]

    def get_leaves(self) -> list[BaseOperator]:
        """
        Its tasks without a downstream in it; for a teardown, the last ones before it that are none.
        """
        tasks = {task.task_id: task for task in self.iter_tasks()}
        found, seen = {}, set()
        todo = [task for task in tasks.values() if not task.downstream_task_ids & tasks.keys()][
            ::-1
        ]
        while todo:
            task = todo.pop()
            if task.task_id in seen:
                continue
            seen.add(task.task_id)
            if not task.is_teardown:
                found[task.task_id] = task
                continue
            for upstream_id in sorted(task.upstream_task_ids & tasks.keys(), reverse=True):
                if not tasks[upstream_id].is_setup:
                    todo.append(tasks[upstream_id])
        return list(found.values())

    @property
    def roots(self) -> list[BaseOperator]:
        return self.get_roots()

    @property
    def leaves(self) -> list[BaseOperator]:
        return self.get_leaves()

    def _set_relatives(
        self, other: Linkable, upstream: bool, edge_modifier: EdgeModifier | None = None
    ) -> None:
        nodes = as_list(other)
        for node in nodes:
            check_linkable(node)
        for task in self.get_roots() if upstream else self.get_leaves():
            if upstream:
                task.set_upstream(nodes, edge_modifier=edge_modifier)
            else:
                task.set_downstream(nodes, edge_modifier=edge_modifier)
        for node in nodes:
            self.update_relative(node, upstream, edge_modifier=edge_modifier)

    def update_relative(
        self,
        other: DependencyMixin,
        upstream: bool = True,
        edge_modifier: EdgeModifier | None = None,
    ) -> None:
        if isinstance(other, TaskGroup):
            (self.upstream_group_ids if upstream else self.downstream_group_ids).add(other.group_id)
            return
        for node in (other.leaves if upstream else other.roots):
            if isinstance(node, BaseOperator):
                (self.upstream_task_ids if upstream else self.downstream_task_ids).add(node.task_id)

    def as_setup(self) -> NoReturn:
        raise AirflowException("a task group cannot be a setup")

    def as_teardown(
        self, *, setups: Linkable | None = None, on_failure_fail_dagrun: bool | None = None
    ) -> NoReturn:
        raise AirflowException("a task group cannot be a teardown")

    def __enter__(self) -> Self:
        scope.groups.append(self)
        if self.dag is not None:
            scope.dags.append(self.dag)
        return self

    def __exit__(self, *exc_info: object) -> None:
        scope.groups.pop()
        if self.dag is not None:
            scope.dags.pop()

    def __repr__(self) -> str:
        return f"<TaskGroup: {self.group_id}>"


@overload
def task_group(python_callable: Callable[P, R], **group_args: Any) -> GroupFactory[P, R]: ...
@overload
def task_group(python_callable: str | None = None, **group_args: Any) -> GroupDecorator: ...


def task_group(python_callable: Any = None, **group_args: Any) -> Any:
    """
    Makes a group of the tasks that the decorated function creates when it is called; the value is
    what the function returns, or the group. Used bare or with TaskGroup's arguments;
    `.override(**args)` changes them for one call.
    """
    if python_callable is None:
        return functools.partial(task_group, **group_args)
    if isinstance(python_callable, str):
        return functools.partial(task_group, group_id=python_callable, **group_args)
    return _TaskGroupFactory(python_callable, group_args)


class _TaskGroupFactory:
    def __init__(
        self,
        function: Callable[..., Any],
        group_args: dict[str, Any],
        partial_kwargs: dict[str, Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.group_args = group_args
        self.partial_kwargs = partial_kwargs or {}

    def override(self, **group_args: Any) -> _TaskGroupFactory:
        """The same with other arguments."""
        options: dict[str, Any] = {**self.group_args, **group_args}
        return _TaskGroupFactory(self.function, options, self.partial_kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._make(TaskGroup, args, {**self.partial_kwargs, **kwargs})

    def _make(
        self, group_class: Callable[..., TaskGroup], args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        options: dict[str, Any] = {
            "group_id": self.function.__name__,
            "tooltip": _first_line(self.function),
            "add_suffix_on_collision": True,
        }
        options.update(self.group_args)
        with group_class(**options) as group:
            result = self.function(*args, **kwargs)
        return group if result is None else result

    def partial(self, **kwargs: Any) -> _TaskGroupFactory:
        """The arguments that all instances of a mapped group have in common."""
        self._check_names("partial", kwargs)
        return _TaskGroupFactory(self.function, self.group_args, {**self.partial_kwargs, **kwargs})

    def expand(self, **kwargs: Any) -> Any:
        """Makes a mapped group: an instance for each combination of the arguments' items."""
        from tradewind.mapped import DictOfLists, check_expand

        what = f"task group {self.function.__name__!r}"
        check_expand(what, kwargs)
        self._check_names("expand", kwargs)
        for name in kwargs:
            if name in self.partial_kwargs:
                raise TypeError(f"{what}: already specified argument {name!r}")
        return self._mapped(DictOfLists(kwargs), kwargs)

    def expand_kwargs(self, kwargs: Any) -> Any:
        """Makes a mapped group: an instance for each dict of arguments."""
        from tradewind.mapped import ListOfDicts, check_expand_kwargs

        check_expand_kwargs(f"task group {self.function.__name__!r}", kwargs)
        names = set(inspect.signature(self.function).parameters) - set(self.partial_kwargs)
        return self._mapped(ListOfDicts(kwargs), sorted(names))

    def _mapped(self, expand_input: Any, names: Iterable[str]) -> Any:
        from tradewind.mapped import MappedArgument

        arguments = {name: MappedArgument(expand_input, name) for name in names}
        inspect.signature(self.function).bind(**self.partial_kwargs, **arguments)
        make = functools.partial(MappedTaskGroup, expand_input=expand_input)
        return self._make(make, (), {**self.partial_kwargs, **arguments})

    def _check_names(self, method: str, kwargs: Mapping[str, Any]) -> None:
        parameters = inspect.signature(self.function).parameters
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return
        for name in kwargs:
            if name not in parameters:
                raise TypeError(
                    f"{self.function.__name__}.{method}() got an unexpected keyword argument"
                    f" {name!r}"
                )


class MappedTaskGroup(TaskGroup):
    """A group that runs once for each item of what it is mapped over."""

    is_mapped = True

    def __init__(self, *args: Any, expand_input: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        from tradewind.mapped import refuse_inside_mapped

        self.expand_input = expand_input
        refuse_inside_mapped(self.parent_group, f"task group {self.group_id!r}")

    def __exit__(self, *exc_info: object) -> None:
        references = self.expand_input.references()
        if exc_info[0] is None:
            for reference in references:
                self.set_upstream(reference.operator)
            for task in self.iter_tasks():
                if references and task.trigger_rule == "always":
                    raise ValueError(
                        f"task {task.task_id!r} is in a group that is mapped over a task's result:"
                        " it cannot have the trigger rule 'always'"
                    )
        super().__exit__(*exc_info)


def _first_line(function: Callable[..., Any]) -> str:
    return (function.__doc__ or "").strip()
