"""
What the `with` blocks of a DAG file have open: DAGs, task groups, setups and teardowns. Per
process: one file per process.
"""

from __future__ import annotations

import contextlib

# Innermost last. Groups belong to the DAG that was open when they were entered.
dags = []
groups = []
setup_teardown = []

# DAGs that registered themselves while a file was imported, in order.
registered = []

# True while an instance of a mapped task is made: it joins no DAG by itself.
unmapping = []


def current_dag():
    """The innermost open DAG, or None."""
    return dags[-1] if dags else None


def current_group(dag=None):
    """
    The innermost open group of the DAG, its root group if none is open, or None without a DAG.
    """
    if groups and (dag is None or groups[-1].dag is dag):
        return groups[-1]
    return dag.task_group if dag is not None else None


def forget():
    """Drops what an import that failed half way left open."""
    for stack in (dags, groups, setup_teardown, registered, unmapping):
        stack.clear()


@contextlib.contextmanager
def hidden():
    """Within it nothing is open: an operator that is made belongs to no DAG and links no tasks."""
    stacks = (dags, groups, setup_teardown)
    kept = [list(stack) for stack in stacks]
    for stack in stacks:
        stack.clear()
    unmapping.append(True)
    try:
        yield
    finally:
        unmapping.pop()
        for stack, items in zip(stacks, kept):
            stack[:] = items
