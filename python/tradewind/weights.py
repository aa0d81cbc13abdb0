"""PriorityWeightStrategy: a task's priority by a rule of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from tradewind.baseoperator import BaseOperator

WEIGHT_MAX = 2**31 - 1


class PriorityWeightStrategy:
    """A subclass defines get_weight(ti), which is asked when the DAG is loaded."""

    def get_weight(self, ti: Any) -> Any:
        """The weight of the task instance."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_weight()")

    def serialize(self) -> dict[str, Any]:
        """Its arguments as data."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PriorityWeightStrategy:
        """From serialize()."""
        return cls(**data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PriorityWeightStrategy) or type(self) is not type(other):
            return False
        return self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((type(self), repr(self.serialize())))


class _LoadedInstance:
    """The first try of a task, as far as it is known when the DAG is loaded."""

    def __init__(self, task: BaseOperator) -> None:
        self.task, self.task_id, self.dag_id = task, task.task_id, task.dag_id
        self.try_number, self.map_index, self.max_tries = 1, -1, task.retries
        self.priority_weight = task.priority_weight


def weight_of(strategy: PriorityWeightStrategy, task: BaseOperator) -> int:
    """The weight that a strategy gives a task, within 32 bits. TypeError if it is no number."""
    weight = strategy.get_weight(_LoadedInstance(task))
    if not isinstance(weight, (int, float)) or isinstance(weight, bool):
        raise TypeError(
            f"{type(strategy).__name__}.get_weight() of task {task.task_id!r} must give a number,"
            f" not {type(weight).__name__}"
        )
    return max(-WEIGHT_MAX - 1, min(WEIGHT_MAX, int(weight)))
