"""The kinds of `@task` as functions, as Airflow's standard provider has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.decorators import task

if TYPE_CHECKING:
    from typing import Any

_KINDS = {
    "python_task": "python",
    "bash_task": "bash",
    "branch_task": "branch",
    "short_circuit_task": "short_circuit",
    "sensor_task": "sensor",
    "virtualenv_task": "virtualenv",
    "external_python_task": "external_python",
    "branch_virtualenv_task": "branch_virtualenv",
    "branch_external_python_task": "branch_external_python",
    "stub": "stub",
}


def __getattr__(name: str) -> Any:
    if name in _KINDS:
        return getattr(task, _KINDS[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
