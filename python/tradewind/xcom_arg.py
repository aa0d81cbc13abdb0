"""
A task's result as an argument of another task, and what can be mapped over. Using one makes the
dependency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tradewind.edges import DependencyMixin
from tradewind.exceptions import XComNotFound
from tradewind.types import NOTSET, XCOM_RETURN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, NoReturn

    from typing_extensions import Self

    from tradewind.baseoperator import BaseOperator
    from tradewind.context import Context
    from tradewind.dags import DAG
    from tradewind.edges import EdgeModifier
    from tradewind.hints import Linkable
    from tradewind.taskgroup import TaskGroup


if TYPE_CHECKING:

    class _Value(Any):
        """Checkers take an XComArg wherever the value that it stands for may stand."""

else:
    _Value = object


class XComArg(DependencyMixin, _Value):
    """
    The XCom `key` of `operator`, resolved when the task that uses it runs. Prints as a template
    that pulls it.
    """

    def __init__(self, operator: BaseOperator, key: str = XCOM_RETURN_KEY) -> None:
        self.operator = operator
        self.key = key

    @property
    def roots(self) -> Sequence[BaseOperator]:
        return [self.operator]

    @property
    def leaves(self) -> Sequence[BaseOperator]:
        return [self.operator]

    @property
    def is_setup(self) -> bool:
        """Whether its task is a setup."""
        return self.operator.is_setup

    @property
    def is_teardown(self) -> bool:
        """Whether its task is a teardown."""
        return self.operator.is_teardown

    @property
    def dag(self) -> DAG:
        """The DAG of its task."""
        return self.operator.dag

    def _set_relatives(
        self, other: Linkable, upstream: bool, edge_modifier: EdgeModifier | None = None
    ) -> None:
        self.operator._set_relatives(other, upstream=upstream, edge_modifier=edge_modifier)

    def as_setup(self) -> XComArg:
        self.operator.as_setup()
        return self

    def as_teardown(
        self, *, setups: Linkable | None = None, on_failure_fail_dagrun: bool | None = None
    ) -> XComArg:
        self.operator.as_teardown(setups=setups, on_failure_fail_dagrun=on_failure_fail_dagrun)
        return self

    def __enter__(self) -> Self:
        self.operator.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.operator.__exit__(*exc_info)

    def add_task(self, task: BaseOperator | XComArg) -> None:
        """Within `with setup_or_teardown:`, names a task that was made outside of the block."""
        self.operator.add_task(task)

    def __getitem__(self, key: str) -> XComArg:
        if not isinstance(key, str):
            raise ValueError(f"an XComArg takes only a string as key, not {type(key).__name__}")
        return XComArg(self.operator, key)

    def __iter__(self) -> NoReturn:
        raise TypeError(
            "an XComArg cannot be iterated: its value is known only when its task has run"
        )

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, XComArg):
            return NotImplemented
        return self.operator is other.operator and self.key == other.key

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def __repr__(self) -> str:
        return f"XComArg({self.operator.task_id!r}, key={self.key!r})"

    def __str__(self) -> str:
        return f"{{{{ ti.xcom_pull(task_ids={self.operator.task_id!r}, key={self.key!r}) }}}}"

    @property
    def references(self) -> list[XComArg]:
        """The plain XComArgs that it is made of: itself."""
        return [self]

    def resolve(self, context: Context) -> Any:
        """
        The value, pulled through the task instance of `context`: of a mapped task all values, as a
        sequence that is fetched when it is used; within a mapped group the value of the same index.
        XComNotFound if there is none.
        """
        ti, group = context["ti"], self.operator.mapped_group
        if self.operator.is_mapped or group is not None and not _same_group(context, group):
            return LazyXComSequence(ti, self.operator.task_id, self.key)
        index = ti.map_index if group is not None else None
        value = ti.xcom_pull(
            task_ids=self.operator.task_id, key=self.key, default=NOTSET, map_indexes=index
        )
        if value is not NOTSET:
            return value
        if self.key == XCOM_RETURN_KEY or getattr(self.operator, "multiple_outputs", False):
            return None
        raise XComNotFound(self.operator.dag_id, self.operator.task_id, self.key)

    def map(self, function: Callable[[Any], Any]) -> XComArg:
        """The values with `function` called on each, when a task is mapped over them."""
        return MapXComArg(self, [function])

    def zip(self, *others: XComArg, fillvalue: Any = NOTSET) -> XComArg:
        """
        Tuples of the values of this and the others: as many as the shortest has, or with a
        fillvalue as the longest has.
        """
        return ZipXComArg([self, *others], fillvalue)

    def concat(self, *others: XComArg) -> XComArg:
        """The values of this, then those of the others."""
        return ConcatXComArg([self, *others])

    @staticmethod
    def iter_xcom_args(value: Any) -> Iterator[XComArg]:
        """
        All XComArgs anywhere in a value: lists, tuples, sets, dicts, and objects with
        template_fields.
        """
        todo, seen = [value], set()
        while todo:
            item = todo.pop()
            if isinstance(item, XComArg):
                yield item
            elif isinstance(item, (list, tuple, set, frozenset, dict)):
                if id(item) in seen:
                    continue
                seen.add(id(item))
                todo.extend(item.values() if isinstance(item, dict) else item)
            elif (
                not isinstance(item, (type, DependencyMixin))
                and isinstance(getattr(item, "template_fields", None), (list, tuple))
                and id(item) not in seen
            ):
                seen.add(id(item))
                todo.extend(getattr(item, name, None) for name in item.template_fields)

    @staticmethod
    def apply_upstream_relationship(operator: BaseOperator, value: Any) -> None:
        """Makes the tasks of all XComArgs in `value` upstream of `operator`."""
        for arg in XComArg.iter_xcom_args(value):
            for reference in arg.references:
                if reference.operator is not operator:
                    operator.set_upstream(reference.operator)


def _same_group(context: Context, group: TaskGroup | None) -> bool:
    return getattr(context["ti"].task, "mapped_group", None) is group


class _DerivedXComArg(XComArg):
    """What is made of other XComArgs: only to be mapped over, or resolved whole."""

    def __init__(self, args: Iterable[XComArg]) -> None:
        self.args = list(args)
        for arg in self.args:
            if not isinstance(arg, XComArg):
                raise TypeError(f"an XComArg is expected, not {type(arg).__name__}")

    @property
    def references(self) -> list[XComArg]:
        """The plain XComArgs that it is made of."""
        return [reference for arg in self.args for reference in arg.references]

    @property
    def roots(self) -> list[BaseOperator]:
        return [reference.operator for reference in self.references]

    leaves = roots  # type: ignore[assignment]

    @property
    def operator(self) -> BaseOperator:  # type: ignore[override]
        """The task of the first of them."""
        return self.references[0].operator

    @property
    def dag(self) -> DAG:
        return self.operator.dag

    def _set_relatives(
        self, other: Linkable, upstream: bool, edge_modifier: EdgeModifier | None = None
    ) -> None:
        for reference in self.references:
            reference._set_relatives(other, upstream=upstream, edge_modifier=edge_modifier)

    def __getitem__(self, key: str) -> NoReturn:
        raise ValueError("the result of map, zip or concat has no outputs by key")

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __str__(self) -> str:
        return repr(self)

    def _resolved(self, context: Context, what: str) -> list[Any]:
        values = [arg.resolve(context) for arg in self.args]
        for value in values:
            if not is_mappable(value):
                raise ValueError(
                    f"XComArg.{what} needs a sequence or a dict, not {type(value).__name__}"
                )
        return values


class MapXComArg(_DerivedXComArg):
    """The values of another with functions called on each."""

    def __init__(self, arg: XComArg, functions: Iterable[Callable[[Any], Any]]) -> None:
        super().__init__([arg])
        for function in functions:
            if getattr(function, "_is_task_decorator", False) or not callable(function):
                raise ValueError("map() takes a plain function, not a @task or another object")
        self.functions = list(functions)

    def __repr__(self) -> str:
        return f"{self.args[0]!r}.map({len(self.functions)} functions)"

    def map(self, function: Callable[[Any], Any]) -> MapXComArg:
        return MapXComArg(self.args[0], [*self.functions, function])

    def resolve(self, context: Context) -> Sequence[Any]:
        """A sequence that calls the functions when an item is taken."""
        (value,) = self._resolved(context, "map")
        return _MapResult(value, self.functions)


class ZipXComArg(_DerivedXComArg):
    """Tuples of the values of several."""

    def __init__(self, args: Iterable[XComArg], fillvalue: Any = NOTSET) -> None:
        super().__init__(args)
        self.fillvalue = fillvalue

    def __repr__(self) -> str:
        return f"{self.args[0]!r}.zip({', '.join(map(repr, self.args[1:]))})"

    def resolve(self, context: Context) -> Sequence[Any]:
        """A sequence of tuples."""
        return _ZipResult(self._resolved(context, "zip"), self.fillvalue)


class ConcatXComArg(_DerivedXComArg):
    """The values of several, one after the other."""

    def __repr__(self) -> str:
        return f"{self.args[0]!r}.concat({', '.join(map(repr, self.args[1:]))})"

    def concat(self, *others: XComArg) -> ConcatXComArg:
        return ConcatXComArg([*self.args, *others])

    def resolve(self, context: Context) -> Sequence[Any]:
        """A sequence of all the items."""
        return _ConcatResult(self._resolved(context, "concat"))


def is_mappable(value: object) -> bool:
    """True for what a task can be mapped over: sequences that are no text, and mappings."""
    return isinstance(value, (Sequence, Mapping)) and not isinstance(value, (str, bytes, bytearray))


def item_at(container: Any, index: int) -> Any:
    """The item of a sequence, or the pair (key, value) of a mapping."""
    if isinstance(container, Mapping):
        for number, pair in enumerate(container.items()):
            if number == index:
                return pair
        raise IndexError(index)
    return container[index]


class _Result(Sequence):
    """A sequence whose items are made when they are taken."""

    def _item(self, index: int) -> Any:
        raise NotImplementedError

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._item(index)

    def __repr__(self) -> str:
        return f"<{type(self).__name__.strip('_')} of {len(self)}>"


class _MapResult(_Result):
    def __init__(self, value: Any, functions: list[Callable[[Any], Any]]) -> None:
        self.value, self.functions = value, functions

    def __len__(self) -> int:
        return len(self.value)

    def _item(self, index: int) -> Any:
        value = item_at(self.value, index)
        for function in self.functions:
            value = function(value)
        return value


class _ZipResult(_Result):
    def __init__(self, values: list[Any], fillvalue: Any) -> None:
        self.values, self.fillvalue = values, fillvalue

    def __len__(self) -> int:
        lengths = [len(value) for value in self.values]
        return min(lengths) if self.fillvalue is NOTSET else max(lengths)

    def _item(self, index: int) -> tuple[Any, ...]:
        return tuple(
            item_at(value, index) if index < len(value) else self.fillvalue
            for value in self.values
        )


class _ConcatResult(_Result):
    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __len__(self) -> int:
        return sum(len(value) for value in self.values)

    def _item(self, index: int) -> Any:
        for value in self.values:
            if index < len(value):
                return item_at(value, index)
            index -= len(value)
        raise IndexError(index)


class LazyXComSequence(_Result):
    """All XComs of a mapped task, in the order of their map indexes; fetched on first use."""

    def __init__(self, ti: Any, task_id: str, key: str) -> None:
        self._ti, self.task_id, self.key = ti, task_id, key
        self._values: list[Any] | None = None

    def _all(self) -> list[Any]:
        values = self._values
        if values is None:
            values = self._values = self._ti.xcom_list(self.task_id, self.key)
        return values

    def __len__(self) -> int:
        return len(self._all())

    def _item(self, index: int) -> Any:
        return self._all()[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (list, LazyXComSequence)):
            return list(self) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))
