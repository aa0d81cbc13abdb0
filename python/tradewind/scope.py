"""
What the `with` blocks of a DAG file have open: DAGs, task groups, setups and teardowns. Per
process: one file per process.
"""

from __future__ import annotations

# Innermost last. Groups belong to the DAG that was open when they were entered.
dags = []
groups = []
setup_teardown = []

# DAGs that registered themselves while a file was imported, in order.
registered = []


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
    for stack in (dags, groups, setup_teardown, registered):
        stack.clear()
