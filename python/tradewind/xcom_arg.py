"""A task's result as an argument of another task. Using one makes the dependency."""

from __future__ import annotations

from tradewind.edges import DependencyMixin
from tradewind.exceptions import XComNotFound
from tradewind.types import NOTSET, XCOM_RETURN_KEY


class XComArg(DependencyMixin):
    """
    The XCom `key` of `operator`, resolved when the task that uses it runs. Prints as a template
    that pulls it.
    """

    def __init__(self, operator, key=XCOM_RETURN_KEY):
        self.operator = operator
        self.key = key

    @property
    def roots(self):
        return [self.operator]

    @property
    def leaves(self):
        return [self.operator]

    @property
    def is_setup(self):
        """Whether its task is a setup."""
        return self.operator.is_setup

    @property
    def is_teardown(self):
        """Whether its task is a teardown."""
        return self.operator.is_teardown

    @property
    def dag(self):
        """The DAG of its task."""
        return self.operator.dag

    def _set_relatives(self, other, upstream, edge_modifier=None):
        self.operator._set_relatives(other, upstream=upstream, edge_modifier=edge_modifier)

    def as_setup(self):
        self.operator.as_setup()
        return self

    def as_teardown(self, *, setups=None, on_failure_fail_dagrun=None):
        self.operator.as_teardown(setups=setups, on_failure_fail_dagrun=on_failure_fail_dagrun)
        return self

    def __enter__(self):
        self.operator.__enter__()
        return self

    def __exit__(self, *exc_info):
        self.operator.__exit__(*exc_info)

    def add_task(self, task):
        """Within `with setup_or_teardown:`, names a task that was made outside of the block."""
        self.operator.add_task(task)

    def __getitem__(self, key):
        if not isinstance(key, str):
            raise ValueError(f"an XComArg takes only a string as key, not {type(key).__name__}")
        return XComArg(self.operator, key)

    def __iter__(self):
        raise TypeError(
            "an XComArg cannot be iterated: its value is known only when its task has run"
        )

    def __bool__(self):
        return True

    def __eq__(self, other):
        if not isinstance(other, XComArg):
            return NotImplemented
        return self.operator is other.operator and self.key == other.key

    def __hash__(self):
        return hash((id(self.operator), self.key))

    def __repr__(self):
        return f"XComArg({self.operator.task_id!r}, key={self.key!r})"

    def __str__(self):
        return f"{{{{ ti.xcom_pull(task_ids={self.operator.task_id!r}, key={self.key!r}) }}}}"

    def resolve(self, context):
        """
        The value, pulled through the task instance of `context`. XComNotFound if there is none.
        """
        value = context["ti"].xcom_pull(
            task_ids=self.operator.task_id, key=self.key, default=NOTSET
        )
        if value is not NOTSET:
            return value
        if self.key == XCOM_RETURN_KEY or getattr(self.operator, "multiple_outputs", False):
            return None
        raise XComNotFound(self.operator.dag_id, self.operator.task_id, self.key)

    def map(self, function):
        """Not supported yet."""
        raise NotImplementedError("XComArg.map: dynamic task mapping is not supported yet")

    zip = concat = map

    @staticmethod
    def iter_xcom_args(value):
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
    def apply_upstream_relationship(operator, value):
        """Makes the tasks of all XComArgs in `value` upstream of `operator`."""
        for arg in XComArg.iter_xcom_args(value):
            if arg.operator is not operator:
                operator.set_upstream(arg.operator)
