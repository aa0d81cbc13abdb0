"""
Dynamic task mapping: one task, or a group of tasks, as many instances as an argument has items.

    download.partial(to="/data").expand(url=urls())            all combinations of the items
    copy.expand_kwargs([{"a": 1, "b": 2}, {"a": 3, "b": 4}])   the arguments of each instance
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tradewind import scope
from tradewind.baseoperator import BaseOperator
from tradewind.types import TriggerRule
from tradewind.xcom_arg import XComArg, is_mappable, item_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any, NoReturn

    from tradewind.context import Context
    from tradewind.dags import DAG
    from tradewind.hints import Mappable
    from tradewind.taskgroup import TaskGroup

# BaseOperator's arguments that each instance may have of its own.
_MAPPABLE_COMMON = frozenset(("params", "inlets", "outlets"))


def resolved(value: Any, context: Context) -> Any:
    """A value with the XComArgs in it resolved; the same object where there are none."""
    if isinstance(value, (XComArg, MappedArgument)):
        return value.resolve(context)
    if type(value) in (list, tuple) and any(_has_references(item) for item in value):
        return type(value)(resolved(item, context) for item in value)
    if type(value) is dict and any(_has_references(item) for item in value.values()):
        return {key: resolved(item, context) for key, item in value.items()}
    return value


def _has_references(value: Any) -> bool:
    return isinstance(value, MappedArgument) or any(True for _ in XComArg.iter_xcom_args(value))


class DictOfLists:
    """What expand() takes: name → what is mapped over. Instances: all combinations."""

    name = "expand"

    def __init__(self, value: dict[str, Any]) -> None:
        self.value = dict(value)

    def references(self) -> list[XComArg]:
        """The plain XComArgs in it."""
        return [ref for arg in XComArg.iter_xcom_args(self.value) for ref in arg.references]

    def mapped_references(self) -> list[XComArg]:
        """The plain XComArgs that are mapped over: their values must be mappable."""
        found = [value for value in self.value.values() if isinstance(value, XComArg)]
        return [ref for arg in found for ref in arg.references]

    def length(self, context: Any) -> int:
        """The number of instances."""
        number = 1
        for _, _, length in self._fields(context):
            number *= length
        return number

    def resolve(self, context: Any) -> tuple[dict[str, Any], list[Any]]:
        """
        (arguments of this instance, those of them that came from tasks). RuntimeError if the
        index is beyond the values.
        """
        index = context["ti"].map_index
        found = {}
        for key, value, length in reversed(self._fields(context)):
            if length < 1:
                raise RuntimeError(f"the argument {key!r} has nothing to map over")
            found[key] = resolved(item_at(value, index % length), context)
            index //= length
        if index:
            raise RuntimeError("the map index is beyond the values that are mapped over")
        found = {key: found[key] for key in self.value}
        return found, [v for k, v in found.items() if _has_references(self.value[k])]

    def _fields(self, context: Any) -> list[tuple[str, Any, int]]:
        out = []
        for key, given in self.value.items():
            # Only what is mapped over; the XComArgs within a literal are resolved by item.
            value = given
            if isinstance(given, (XComArg, MappedArgument)):
                value = given.resolve(context)
            if not is_mappable(value):
                raise TypeError(
                    f"the argument {key!r} is mapped over a {type(value).__name__}: it must be a"
                    " sequence or a dict"
                )
            out.append((key, value, len(value)))
        return out


class ListOfDicts:
    """What expand_kwargs() takes: the arguments of each instance."""

    name = "expand_kwargs"

    def __init__(self, value: Any) -> None:
        self.value = value

    def references(self) -> list[XComArg]:
        """The plain XComArgs in it."""
        return [ref for arg in XComArg.iter_xcom_args(self.value) for ref in arg.references]

    def mapped_references(self) -> list[XComArg]:
        """The plain XComArgs that are mapped over: their values must be mappable."""
        return self.value.references if isinstance(self.value, XComArg) else []

    def length(self, context: Any) -> int:
        """The number of instances."""
        return len(self._whole(context))

    def _whole(self, context: Any) -> Sequence[Any]:
        value = self.value.resolve(context) if isinstance(self.value, XComArg) else self.value
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            raise TypeError(
                f"expand_kwargs() is mapped over a {type(value).__name__}: it must be a list"
            )
        return value

    def resolve(self, context: Any) -> tuple[dict[str, Any], list[Any]]:
        """(arguments of this instance, those of them that came from tasks)."""
        index, whole = context["ti"].map_index, self._whole(context)
        given = whole[index]
        item = resolved(given, context)
        if not isinstance(item, Mapping):
            raise TypeError(
                f"expand_kwargs() needs a dict for each instance, not a {type(item).__name__} (at"
                f" index {index})"
            )
        for key in item:
            if not isinstance(key, str):
                raise TypeError(
                    f"expand_kwargs() needs text as names of arguments, not {key!r} (at index"
                    f" {index})"
                )
        if whole is self.value and isinstance(given, Mapping):
            return dict(item), [item[key] for key in item if _has_references(given[key])]
        return dict(item), list(item.values())


class MappedArgument:
    """An argument of a mapped task group within the group: this instance's."""

    def __init__(self, expand_input: DictOfLists | ListOfDicts, key: str) -> None:
        self.expand_input, self.key = expand_input, key

    def resolve(self, context: Any) -> Any:
        """The argument of this instance."""
        found, _ = self.expand_input.resolve(context)
        if self.key not in found:
            raise KeyError(f"the mapped group's argument {self.key!r} is not given for this index")
        return found[self.key]

    def __iter__(self) -> NoReturn:
        raise TypeError("a mapped argument cannot be iterated: its value is known only at run time")

    def __repr__(self) -> str:
        return f"MappedArgument({self.key!r})"


def check_expand(what: str, kwargs: dict[str, Any]) -> None:
    """TypeError or ValueError that says why these cannot be given to expand()."""
    if not kwargs:
        raise TypeError(f"{what}: expand() needs at least one argument to map over")
    for name, value in kwargs.items():
        if isinstance(value, MappedArgument):
            _refuse_nested(what)
        if not isinstance(value, XComArg) and not is_mappable(value):
            raise ValueError(
                f"{what}: expand() cannot map the argument {name!r} over a {type(value).__name__}:"
                " give a list, a dict or a task's result"
            )
    _check_keys(what, [value for value in kwargs.values() if isinstance(value, XComArg)])


def check_expand_kwargs(what: str, value: Any) -> None:
    """TypeError or ValueError that says why this cannot be given to expand_kwargs()."""
    if isinstance(value, MappedArgument):
        _refuse_nested(what)
    if isinstance(value, XComArg):
        return _check_keys(what, [value])
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise TypeError(
            f"{what}: expand_kwargs() takes a list of dicts or a task's result, not"
            f" {type(value).__name__}"
        )
    for item in value:
        if not isinstance(item, (Mapping, XComArg)):
            raise TypeError(
                f"{what}: expand_kwargs() takes a list of dicts, not one with a"
                f" {type(item).__name__} in it"
            )


def _check_keys(what: str, args: Iterable[XComArg]) -> None:
    for arg in args:
        for reference in arg.references:
            if reference.key != "return_value":
                raise ValueError(
                    f"{what}: cannot map over the output {reference.key!r} of task"
                    f" {reference.operator.task_id!r}: only over a task's whole return value"
                )


def _refuse_nested(what: str) -> NoReturn:
    raise NotImplementedError(
        f"{what}: mapping over an argument of a mapped task group (nested mapping) is not supported"
    )


def refuse_inside_mapped(group: TaskGroup | None, what: str) -> None:
    """NotImplementedError if `group` is within a mapped task group."""
    while group is not None:
        if group.is_mapped:
            raise NotImplementedError(
                f"{what}: mapping inside of the mapped task group {group.group_id!r} is not"
                " supported"
            )
        group = group.parent_group


def parameters_of(operator_class: type[Any]) -> set[str]:
    """The names of all arguments that an operator class takes."""
    names: set[str] = set()
    for cls in operator_class.__mro__:
        init = cls.__dict__.get("__init__")
        if init is not None and issubclass(cls, BaseOperator):
            init = inspect.unwrap(init)
            names.update(
                p.name
                for p in list(inspect.signature(init).parameters.values())[1:]
                if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            )
    return names


def common_parameters() -> set[str]:
    """The names of BaseOperator's arguments."""
    return set(inspect.signature(BaseOperator.__init__).parameters) - {"self"}


def _check_names(operator_class: type[BaseOperator], method: str, names: Iterable[str]) -> None:
    unknown = sorted(set(names) - parameters_of(operator_class))
    if unknown:
        raise TypeError(
            f"{operator_class.__name__}.{method}() got an unexpected keyword"
            f" argument{'s' if len(unknown) > 1 else ''} " + ", ".join(map(repr, unknown))
        )


class OperatorPartial:
    """The common arguments of a task that is to be mapped."""

    def __init__(self, operator_class: type[BaseOperator], kwargs: dict[str, Any]) -> None:
        _check_names(operator_class, "partial", kwargs)
        if "task_id" not in kwargs:
            raise TypeError(f"{operator_class.__name__}.partial() needs a task_id")
        self.operator_class, self.kwargs = operator_class, kwargs

    def expand(self, **mapped_kwargs: Mappable) -> MappedOperator:
        """Makes the task: an instance for each combination of the arguments' items."""
        what = f"task {self.kwargs['task_id']!r}"
        check_expand(what, mapped_kwargs)
        _check_names(self.operator_class, "expand", mapped_kwargs)
        common = common_parameters() - _MAPPABLE_COMMON
        for name in mapped_kwargs:
            if name in self.kwargs or name in common:
                raise TypeError(f"{what}: unmappable or already specified argument {name!r}")
        return self._make(DictOfLists(mapped_kwargs))

    def expand_kwargs(
        self, kwargs: XComArg | Sequence[XComArg | Mapping[str, Any]], *, strict: bool = True
    ) -> MappedOperator:
        """Makes the task: an instance for each dict. strict: none may repeat a partial argument."""
        check_expand_kwargs(f"task {self.kwargs['task_id']!r}", kwargs)
        return self._make(ListOfDicts(kwargs), strict=strict)

    def _make(self, expand_input: DictOfLists | ListOfDicts, strict: bool = True) -> MappedOperator:
        return make_mapped(self.operator_class, self.kwargs, expand_input, strict=strict)

    def __repr__(self) -> str:
        return f"<{self.operator_class.__name__}.partial({self.kwargs.get('task_id')!r})>"


def make_mapped(
    operator_class: type[BaseOperator],
    kwargs: dict[str, Any],
    expand_input: DictOfLists | ListOfDicts,
    *,
    op_kwargs: bool = False,
    strict: bool = True,
) -> MappedOperator:
    """The mapped task of these arguments; it joins the DAG that is open."""
    common = common_parameters()
    return MappedOperator(
        mapped_class=operator_class,
        partial_kwargs=kwargs,
        expand_input=expand_input,
        maps_op_kwargs=op_kwargs,
        strict=strict,
        **{name: value for name, value in kwargs.items() if name in common},
    )


class MappedOperator(BaseOperator):
    """
    A task of many instances. Has what BaseOperator has; `unmap` makes the operator of one instance.
    """

    is_mapped = True
    mapped_class: type[BaseOperator]
    partial_kwargs: dict[str, Any]
    expand_input: Any
    maps_op_kwargs: bool
    strict: bool

    def __init__(
        self,
        *,
        mapped_class: type[BaseOperator],
        partial_kwargs: dict[str, Any],
        expand_input: DictOfLists | ListOfDicts,
        maps_op_kwargs: bool,
        strict: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (
            ("mapped_class", mapped_class),
            ("partial_kwargs", dict(partial_kwargs)),
            ("expand_input", expand_input),
            ("maps_op_kwargs", maps_op_kwargs),
            ("strict", strict),
        ):
            object.__setattr__(self, name, value)
        self.python_callable = partial_kwargs.get("python_callable")
        refuse_inside_mapped(self.task_group, f"task {self.task_id!r}")
        if self.trigger_rule == TriggerRule.ALWAYS and expand_input.references():
            raise ValueError(
                f"task {self.task_id!r}: a task that is mapped over another's result cannot have"
                " the trigger rule 'always'"
            )
        self._check_required()

    def _check_required(self) -> None:
        if isinstance(self.expand_input, ListOfDicts) or self.maps_op_kwargs:
            return
        given = set(self.partial_kwargs) | set(self.expand_input.value) | set(self._defaults)
        for p in list(inspect.signature(self.mapped_class.__init__).parameters.values())[1:]:
            named = p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            if named and p.default is p.empty and p.name not in given:
                raise TypeError(
                    f"{self.mapped_class.__name__}: missing keyword argument {p.name!r}"
                )

    def _after_init(self) -> None:
        for name in self.mapped_class.template_fields:
            XComArg.apply_upstream_relationship(self, self.partial_kwargs.get(name))
        for reference in self.expand_input.references():
            self.set_upstream(reference.operator)

    @property
    def operator_class(self) -> type[BaseOperator]:  # type: ignore[override]
        """The class of its instances."""
        return self.mapped_class

    @property
    def task_type(self) -> str:
        """The name of the class of its instances."""
        return self.mapped_class.__name__

    operator_name = task_type

    @property
    def template_fields(self) -> Collection[str]:  # type: ignore[override]
        return self.mapped_class.template_fields

    @property
    def template_ext(self) -> Collection[str]:  # type: ignore[override]
        return self.mapped_class.template_ext

    @property
    def inherits_from_empty_operator(self) -> bool:  # type: ignore[override]
        return self.mapped_class.inherits_from_empty_operator

    def unmap(self, resolve: Any = None) -> BaseOperator:
        """
        The operator of one instance. resolve: its context, or the mapped arguments; None: only the
        partial ones.
        """
        keep = []
        if isinstance(resolve, dict) and "ti" not in resolve or resolve is None:
            mapped = dict(resolve or {})
        else:
            mapped, keep = self.expand_input.resolve(resolve)
        if self.strict:
            repeated = sorted(set(mapped) & self._fixed_names())
            if repeated:
                raise TypeError(
                    f"task {self.task_id!r}: unmappable or already specified argument"
                    f" {', '.join(map(repr, repeated))}"
                )
        operator = self._build(mapped)
        object.__setattr__(operator, "_not_rendered", keep)
        return operator

    def _fixed_names(self) -> set[str]:
        if self.maps_op_kwargs:
            return set(self.partial_kwargs.get("op_kwargs") or ())
        return set(self.partial_kwargs) | (common_parameters() - _MAPPABLE_COMMON)

    def _build(self, mapped: dict[str, Any]) -> BaseOperator:
        kwargs = {k: v for k, v in self.partial_kwargs.items() if k not in ("dag", "task_group")}
        if self.maps_op_kwargs:
            kwargs["op_kwargs"] = {**(kwargs.get("op_kwargs") or {}), **mapped}
        else:
            kwargs.update(mapped)
        kwargs.update(task_id=self.task_id, default_args=self._defaults)
        with scope.hidden():
            operator = self.mapped_class(**kwargs)
        for name in (
            "_dag label task_group upstream_task_ids downstream_task_ids trigger_rule is_setup"
            " is_teardown on_failure_fail_dagrun task_display_name map_index_template"
        ).split():
            object.__setattr__(operator, name, getattr(self, name))
        return operator

    def execute(self, context: Context) -> NoReturn:
        """Never called: the instances run."""
        raise NotImplementedError("a mapped task runs only as its instances")

    def __repr__(self) -> str:
        return f"<Mapped({self.mapped_class.__name__}): {self.task_id}>"


def mapped_over(dag: DAG) -> set[str]:
    """
    Ids of the DAG's tasks whose results others are mapped over. Found once: the DAG is complete.
    """
    found = dag.__dict__.get("_mapped_over")
    if found is None:
        nodes: list[Any] = [*dag.tasks, *dag.task_group_dict.values()]
        found = dag.__dict__["_mapped_over"] = {
            reference.operator.task_id
            for node in nodes
            if node.is_mapped
            for reference in node.expand_input.mapped_references()
        }
    return found
