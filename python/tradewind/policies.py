"""
Policies of an installation: functions of the module airflow_local_settings, in $TRADEWIND_HOME/config,
$AIRFLOW_HOME/config or anywhere on sys.path. dag_policy(dag) and task_policy(task) see every DAG and
task of a file after its import and may change or refuse it; task_instance_mutation_hook(ti) may change
where and how instances of a task run: for each task after the import, not for each run; and it sees a
task instance in its process; get_airflow_context_vars(context) adds to its environment.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, NoReturn

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
    if _settings and _settings[0] is None and _settings[1] != sys.path:
        _settings.clear()
    if not _settings:
        try:
            _settings.append(importlib.import_module("airflow_local_settings"))
        except ModuleNotFoundError as error:
            if error.name != "airflow_local_settings":
                raise
            _settings.append(None)
        _settings.append(list(sys.path))
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


# What the hook may change of an instance, and what that is of its task.
MUTABLE = {
    "queue": "queue",
    "pool": "pool",
    "pool_slots": "pool_slots",
    "priority_weight": "priority_weight",
    "max_tries": "retries",
    "executor": "executor",
    "executor_config": "executor_config",
}


class AnyInstance:
    """
    What the hook sees when a file is loaded: an instance of the task in no run yet. OfOneRun for what
    only a run has.
    """

    try_number = 0
    map_index = -1
    state = None
    hostname = ""

    def __init__(self, task: Any) -> None:
        self.task, self.task_id, self.dag_id = task, task.task_id, task.dag.dag_id
        self.operator, self.run_as_user = task.task_type, task.run_as_user
        for name, of_task in MUTABLE.items():
            setattr(self, name, getattr(task, of_task))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise OfOneRun(name)

    def apply(self) -> None:
        """Gives the task what the hook changed."""
        for name, of_task in MUTABLE.items():
            value = getattr(self, name)
            if value != getattr(self.task, of_task):
                setattr(self.task, of_task, value)
                if name == "priority_weight":
                    # Of the instance it is the whole weight.
                    self.task.weight_rule = "absolute"


class OfOneRun(AttributeError):
    """The hook asked for what only an instance in a run has."""


def _mutate(task: Any) -> bool:
    """The hook on a task. False: it asks for the run."""
    instance = AnyInstance(task)
    try:
        _call("task_instance_mutation_hook", instance)
    except OfOneRun as error:
        sys.stderr.write(
            f"tradewind: task_instance_mutation_hook asks for {error} of an instance of"
            f" {task.task_id!r}: it is asked once for each task, when the file is loaded, not for each"
            " run; what it says of queue, pool and priority has no effect\n"
        )
        return False
    instance.apply()
    return True


def task_instance_mutation_hook(task_instance: Any) -> None:
    """
    The installation's hook for task instances, on the one that runs in this process. What it changes of
    it now comes too late, and is warned of.
    """
    module = local_settings()
    if module is None or not hasattr(module, "task_instance_mutation_hook"):
        return
    before = {name: getattr(task_instance, name, None) for name in MUTABLE}
    _call("task_instance_mutation_hook", task_instance)
    late = [name for name in MUTABLE if getattr(task_instance, name, None) != before[name]]
    if late:
        sys.stderr.write(
            f"tradewind: task_instance_mutation_hook changes {', '.join(late)} of this instance: no"
            " effect, since it depends on the run; for each task it is asked when the file is loaded\n"
        )


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
        if hasattr(local_settings(), "task_instance_mutation_hook"):
            # Once warned is enough.
            all(_mutate(task) for task in dag.tasks)
    except AirflowClusterPolicySkipDag:
        return False
    return True
