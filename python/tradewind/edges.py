"""
Dependencies between tasks: `>>`, `<<`, set_upstream, set_downstream, chain, chain_linear,
cross_downstream, Label.
"""

from __future__ import annotations

from collections.abc import Sequence


class DependencyMixin:
    """
    Whatever can stand on either side of `>>`. A subclass gives `roots`, `leaves` and
    `_set_relatives`.
    """

    @property
    def roots(self):
        """Its first nodes: what gets an upstream."""
        return [self]

    @property
    def leaves(self):
        """Its last nodes: what gets a downstream."""
        return [self]

    def set_upstream(self, other, edge_modifier=None):
        """Makes `other` (a task, a group, an XComArg, or a list of them) run before this."""
        self._set_relatives(other, upstream=True, edge_modifier=edge_modifier)

    def set_downstream(self, other, edge_modifier=None):
        """Makes `other` (a task, a group, an XComArg, or a list of them) run after this."""
        self._set_relatives(other, upstream=False, edge_modifier=edge_modifier)

    def _set_relatives(self, other, upstream, edge_modifier=None):
        raise NotImplementedError

    def update_relative(self, other, upstream=True, edge_modifier=None):
        """Called on the other side of a new dependency; groups remember it."""

    def as_setup(self):
        """Marks this as a setup; see BaseOperator.as_setup."""
        raise NotImplementedError

    def as_teardown(self, *, setups=None, on_failure_fail_dagrun=None):
        """Marks this as a teardown; see BaseOperator.as_teardown."""
        raise NotImplementedError

    def __rshift__(self, other):
        self.set_downstream(other)
        return other

    def __lshift__(self, other):
        self.set_upstream(other)
        return other

    def __rrshift__(self, other):
        self.__lshift__(other)
        return self

    def __rlshift__(self, other):
        self.__rshift__(other)
        return self


def as_list(value):
    """A list of what is one thing or a sequence of things."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return list(value)
    return [value]


def check_linkable(thing):
    """TypeError that names what cannot be linked."""
    if not isinstance(thing, DependencyMixin):
        raise TypeError(
            "only tasks, task groups, XComArgs and lists of them can be linked, not"
            f" {type(thing).__name__!r} ({thing!r:.80})"
        )


class EdgeModifier(DependencyMixin):
    """A label between two tasks: `a >> Label("text") >> b`."""

    def __init__(self, label=None):
        self.label = label
        self._upstream = []
        self._downstream = []

    @property
    def roots(self):
        return self._downstream

    @property
    def leaves(self):
        return self._upstream

    def _set_relatives(self, other, upstream, edge_modifier=None):
        nodes = as_list(other)
        for node in nodes:
            check_linkable(node)
        side = self._upstream if upstream else self._downstream
        side.extend(node for node in nodes if node not in side)
        self._connect()

    def update_relative(self, other, upstream=True, edge_modifier=None):
        side = self._upstream if upstream else self._downstream
        if other not in side:
            side.append(other)
        self._connect()

    def _connect(self):
        if self._upstream and self._downstream:
            for node in self._upstream:
                node.set_downstream(self._downstream, edge_modifier=self)

    def add_edge_info(self, dag, upstream_id, downstream_id):
        """Keeps the label with the DAG."""
        dag.set_edge_info(upstream_id, downstream_id, {"label": self.label})


def Label(label):  # noqa: N802
    """A label for the edge between two tasks."""
    return EdgeModifier(label)


def chain(*tasks):
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


def chain_linear(*elements):
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


def cross_downstream(from_tasks, to_tasks):
    """Links each of `from_tasks` to each of `to_tasks`."""
    for task in from_tasks:
        task.set_downstream(to_tasks)
