"""
Dependencies between tasks: `>>`, `<<`, set_upstream, set_downstream, chain, chain_linear,
cross_downstream, Label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from tradewind.dags import DAG
    from tradewind.hints import Linkable, Other


class DependencyMixin:
    """
    Whatever can stand on either side of `>>`. A subclass gives `roots`, `leaves` and
    `_set_relatives`.
    """

    @property
    def roots(self) -> Sequence[DependencyMixin]:
        """Its first nodes: what gets an upstream."""
        return [self]

    @property
    def leaves(self) -> Sequence[DependencyMixin]:
        """Its last nodes: what gets a downstream."""
        return [self]

    def set_upstream(self, other: Linkable, edge_modifier: EdgeModifier | None = None) -> None:
        """Makes `other` (a task, a group, an XComArg, or a list of them) run before this."""
        self._set_relatives(other, upstream=True, edge_modifier=edge_modifier)

    def set_downstream(self, other: Linkable, edge_modifier: EdgeModifier | None = None) -> None:
        """Makes `other` (a task, a group, an XComArg, or a list of them) run after this."""
        self._set_relatives(other, upstream=False, edge_modifier=edge_modifier)

    def _set_relatives(
        self, other: Linkable, upstream: bool, edge_modifier: EdgeModifier | None = None
    ) -> None:
        raise NotImplementedError

    def update_relative(
        self,
        other: DependencyMixin,
        upstream: bool = True,
        edge_modifier: EdgeModifier | None = None,
    ) -> None:
        """Called on the other side of a new dependency; groups remember it."""

    def as_setup(self) -> DependencyMixin:
        """Marks this as a setup; see BaseOperator.as_setup."""
        raise NotImplementedError

    def as_teardown(
        self, *, setups: Linkable | None = None, on_failure_fail_dagrun: bool | None = None
    ) -> DependencyMixin:
        """Marks this as a teardown; see BaseOperator.as_teardown."""
        raise NotImplementedError

    def __rshift__(self, other: Other) -> Other:
        self.set_downstream(other)
        return other

    def __lshift__(self, other: Other) -> Other:
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Linkable) -> Self:
        self.__lshift__(other)
        return self

    def __rlshift__(self, other: Linkable) -> Self:
        self.__rshift__(other)
        return self


def as_list(value: Any) -> list[Any]:
    """A list of what is one thing or a sequence of things."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return list(value)
    return [value]


def check_linkable(thing: object) -> None:
    """TypeError that names what cannot be linked."""
    if not isinstance(thing, DependencyMixin):
        raise TypeError(
            "only tasks, task groups, XComArgs and lists of them can be linked, not"
            f" {type(thing).__name__!r} ({thing!r:.80})"
        )


class EdgeModifier(DependencyMixin):
    """A label between two tasks: `a >> Label("text") >> b`."""

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        self._upstream: list[DependencyMixin] = []
        self._downstream: list[DependencyMixin] = []

    @property
    def roots(self) -> Sequence[DependencyMixin]:
        return self._downstream

    @property
    def leaves(self) -> Sequence[DependencyMixin]:
        return self._upstream

    def _set_relatives(
        self, other: Linkable, upstream: bool, edge_modifier: EdgeModifier | None = None
    ) -> None:
        nodes = as_list(other)
        for node in nodes:
            check_linkable(node)
        side = self._upstream if upstream else self._downstream
        side.extend(node for node in nodes if node not in side)
        self._connect()

    def update_relative(
        self,
        other: DependencyMixin,
        upstream: bool = True,
        edge_modifier: EdgeModifier | None = None,
    ) -> None:
        side = self._upstream if upstream else self._downstream
        if other not in side:
            side.append(other)
        self._connect()

    def _connect(self) -> None:
        if self._upstream and self._downstream:
            for node in self._upstream:
                node.set_downstream(self._downstream, edge_modifier=self)

    def add_edge_info(self, dag: DAG, upstream_id: str, downstream_id: str) -> None:
        """Keeps the label with the DAG."""
        dag.set_edge_info(upstream_id, downstream_id, {"label": self.label})


def Label(label: str) -> EdgeModifier:  # noqa: N802
    """A label for the edge between two tasks."""
    return EdgeModifier(label)


def chain(*tasks: Linkable) -> None:
    """
    Links each to the next. Two lists that follow each other are linked pairwise and must be of the
    same length (ValueError).
    """
    for before, after in zip(tasks, tasks[1:]):
        if isinstance(before, DependencyMixin):
            before.set_downstream(after)
        elif isinstance(after, DependencyMixin):
            after.set_upstream(before)
        elif not isinstance(before, Sequence) or not isinstance(after, Sequence):
            raise TypeError(
                f"chain takes tasks and lists of tasks, not {type(before).__name__} and"
                f" {type(after).__name__}"
            )
        elif len(before) != len(after):
            raise ValueError(
                "chain: two lists that follow each other must be of the same length, not"
                f" {len(before)} and {len(after)}"
            )
        else:
            for one, other in zip(before, after):
                one.set_downstream(other)


def chain_linear(*elements: Linkable) -> None:
    """
    Links all of each element to all of the next. Empty lists are passed over; ValueError if nothing
    was linked.
    """
    if not elements:
        raise ValueError("chain_linear: nothing to link")
    before, linked = None, False
    for element in elements:
        nodes = as_list(element)
        for node in nodes:
            check_linkable(node)
        if not nodes:
            continue
        if before is not None:
            for node in nodes:
                node.set_upstream(before)
            linked = True
        before = nodes
    if not linked:
        raise ValueError(
            "chain_linear: no dependencies were made; did you forget to expand with `*`?"
        )


def cross_downstream(from_tasks: Sequence[DependencyMixin], to_tasks: Linkable) -> None:
    """Links each of `from_tasks` to each of `to_tasks`."""
    for task in from_tasks:
        task.set_downstream(to_tasks)
