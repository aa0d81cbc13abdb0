"""
What the `with` blocks of a DAG file have open: DAGs, task groups, setups and teardowns. Per
process: one file per process.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tradewind.dags import DAG
    from tradewind.setup_teardown import SetupTeardownContext
    from tradewind.taskgroup import TaskGroup

# Innermost last. Groups belong to the DAG that was open when they were entered.
dags: list[DAG] = []
groups: list[TaskGroup] = []
setup_teardown: list[SetupTeardownContext] = []

# DAGs that registered themselves while a file was imported, in order.
registered: list[DAG] = []

# True while an instance of a mapped task is made: it joins no DAG by itself.
unmapping: list[bool] = []


def current_dag() -> DAG | None:
    """The innermost open DAG, or None."""
    return dags[-1] if dags else None


def current_group(dag: DAG | None = None) -> TaskGroup | None:
    """
    The innermost open group of the DAG, its root group if none is open, or None without a DAG.
    """
    if groups and (dag is None or groups[-1].dag is dag):
        return groups[-1]
    return dag.task_group if dag is not None else None


def forget() -> None:
    """Drops what an import that failed half way left open."""
    stacks: tuple[list[Any], ...] = (dags, groups, setup_teardown, registered, unmapping)
    for stack in stacks:
        stack.clear()


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Within it nothing is open: an operator that is made belongs to no DAG and links no tasks."""
    stacks: tuple[list[Any], ...] = (dags, groups, setup_teardown)
    kept: list[list[Any]] = [list(stack) for stack in stacks]
    for stack in stacks:
        stack.clear()
    unmapping.append(True)
    try:
        yield
    finally:
        unmapping.pop()
        for stack, items in zip(stacks, kept):
            stack[:] = items
