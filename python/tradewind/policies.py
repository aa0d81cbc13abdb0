"""
Policies of an installation: functions of the module airflow_local_settings, in $TRADEWIND_HOME/config,
$AIRFLOW_HOME/config or anywhere on sys.path. dag_policy(dag) and task_policy(task) see every DAG and
task of a file after its import and may change or refuse it; task_instance_mutation_hook(ti) sees a
task instance in its process; get_airflow_context_vars(context) adds to its environment.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

hookimpl: Any
try:
    import pluggy

    hookimpl = pluggy.HookimplMarker("airflow.policy")
except ImportError:

    def _hookimpl(function: Any = None, **_: Any) -> Any:
        """Marks a policy; not needed here."""
        return function if function is not None else hookimpl

    hookimpl = _hookimpl


_settings: list = []


def local_settings() -> Any:
    """The module airflow_local_settings, or None. What its import raises is raised."""
    if not _settings:
        try:
            _settings.append(importlib.import_module("airflow_local_settings"))
        except ModuleNotFoundError as error:
            if error.name != "airflow_local_settings":
                raise
            _settings.append(None)
    return _settings[0]


def forget() -> None:
    """The module is looked for again (tests)."""
    _settings.clear()
    sys.modules.pop("airflow_local_settings", None)


def _call(name: str, *arguments: Any) -> Any:
    module = local_settings()
    function = getattr(module, name, None) if module is not None else None
    return function(*arguments) if function is not None else None


def dag_policy(dag: Any) -> None:
    """The installation's policy for DAGs."""
    _call("dag_policy", dag)


def task_policy(task: Any) -> None:
    """The installation's policy for tasks."""
    _call("task_policy", task)
    # Airflow 1's name.
    _call("policy", task)


def task_instance_mutation_hook(task_instance: Any) -> None:
    """The installation's hook for task instances."""
    _call("task_instance_mutation_hook", task_instance)


def pod_mutation_hook(pod: Any) -> None:
    """The installation's hook for pods, for operators that make some."""
    _call("pod_mutation_hook", pod)


def get_airflow_context_vars(context: Any) -> dict[str, str]:
    """More variables for a task's environment: names and texts. TypeError if they are not texts."""
    found = _call("get_airflow_context_vars", context) or {}
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"get_airflow_context_vars: {name!r} and its value must be text")
    return found


def apply(dag: Any) -> bool:
    """
    Both policies on a DAG and its tasks. False: a policy leaves the DAG out
    (AirflowClusterPolicySkipDag). AirflowClusterPolicyViolation and the rest are raised.
    """
    if local_settings() is None:
        return True
    from airflow._exceptions import AirflowClusterPolicySkipDag

    try:
        dag_policy(dag)
        for task in dag.tasks:
            task_policy(task)
    except AirflowClusterPolicySkipDag:
        return False
    return True
