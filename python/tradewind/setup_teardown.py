"""`with setup:` and `with teardown:`: the tasks of the block run between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind import scope

if TYPE_CHECKING:
    from tradewind.baseoperator import BaseOperator


class SetupTeardownContext:
    """One open block: its setups, its teardowns, and the tasks made within it."""

    def __init__(self, setups: list[BaseOperator], teardowns: list[BaseOperator]) -> None:
        self.setups = setups
        self.teardowns = teardowns
        self.tasks: list[BaseOperator] = []

    def add(self, task: BaseOperator) -> None:
        """A task of the block."""
        if task not in self.setups and task not in self.teardowns and task not in self.tasks:
            self.tasks.append(task)

    @classmethod
    def push(cls, operator: BaseOperator) -> None:
        """
        Opens a block for a setup (with its downstream teardowns) or a teardown (with its upstream
        setups).
        """
        if operator.is_setup:
            setups = [operator]
            teardowns = [task for task in operator.downstream_list if task.is_teardown]
        else:
            setups = [task for task in operator.upstream_list if task.is_setup]
            teardowns = [operator]
        scope.setup_teardown.append(cls(setups, teardowns))

    @classmethod
    def pop(cls, link: bool = True) -> None:
        """Closes the innermost block: setups before its first tasks, teardowns after its last."""
        block = scope.setup_teardown.pop()
        if link:
            block._link()
        if scope.setup_teardown:
            for task in (*block.setups, *block.tasks, *block.teardowns):
                scope.setup_teardown[-1].add(task)

    def _link(self) -> None:
        ids = {task.task_id for task in self.tasks}
        for task in self.tasks:
            if not task.is_teardown and not (task.upstream_task_ids & ids):
                for setup in self.setups:
                    task.set_upstream(setup)
            below = {
                i for i in task.downstream_task_ids & ids if not task.dag.get_task(i).is_teardown
            }
            if not task.is_teardown and not below:
                for teardown in self.teardowns:
                    task.set_downstream(teardown)
