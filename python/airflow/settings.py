"""Airflow's settings: folders and policies. There is no database session to have."""

from __future__ import annotations

import json as json  # noqa: F401
from typing import TYPE_CHECKING

from airflow.configuration import AIRFLOW_HOME, conf
from tradewind import timezone
from tradewind.policies import (  # noqa: F401
    dag_policy as dag_policy,
    get_airflow_context_vars as get_airflow_context_vars,
    pod_mutation_hook as pod_mutation_hook,
    task_instance_mutation_hook as task_instance_mutation_hook,
    task_policy as task_policy,
)

if TYPE_CHECKING:
    from typing import Any, NoReturn

TIMEZONE = timezone.utc
DAGS_FOLDER = conf.get("core", "dags_folder")
PLUGINS_FOLDER = conf.get("core", "plugins_folder")
LOGGING_LEVEL = conf.get("logging", "logging_level")
AIRFLOW_HOME = AIRFLOW_HOME
STATE_COLORS: dict = {}
LAZY_LOAD_PLUGINS = LAZY_LOAD_PROVIDERS = True
MASK_SECRETS_IN_LOGS = True


def initialize() -> None:
    """Nothing to do: everything is read when it is used."""


def get_session() -> NoReturn:
    """RuntimeError: a task has no database session."""
    from airflow.utils.session import create_session

    create_session()


def __getattr__(name: str) -> Any:
    if name in ("Session", "engine", "NonScopedSession", "AsyncSession", "async_engine"):
        raise RuntimeError(
            f"airflow.settings.{name}: tasks and DAG files have no access to the store; use"
            " Variable, Connection, XCom and the context"
        )
    raise AttributeError(f"module 'airflow.settings' has no attribute {name!r}")
