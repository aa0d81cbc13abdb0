"""Airflow's settings: tradewind.configuration, and the secrets backends that they name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tradewind.configuration import (  # noqa: F401
    AirflowConfigException as AirflowConfigException,
    Configuration as Configuration,
    conf as conf,
    run_command as run_command,
)

if TYPE_CHECKING:
    from typing import Any

AirflowConfigParser = Configuration


def get_airflow_home() -> str:
    """$AIRFLOW_HOME, else $TRADEWIND_HOME, else ~/.tradewind."""
    home = os.environ.get("AIRFLOW_HOME") or os.environ.get("TRADEWIND_HOME") or "~/.tradewind"
    return os.path.expanduser(home)


AIRFLOW_HOME = get_airflow_home()


def get_custom_secret_backend(*_: Any) -> Any:
    """The backend of [secrets] backend, or None. Made anew for each call."""
    made = conf.getimport("secrets", "backend")
    if made is None:
        return None
    return made(**(conf.getjson("secrets", "backend_kwargs", fallback={}) or {}))


def initialize_secrets_backends(*_: Any) -> list[Any]:
    """Where variables and connections are looked for before the engine, in order."""
    from airflow.secrets.environment_variables import EnvironmentVariablesBackend

    own = get_custom_secret_backend()
    return [*([own] if own is not None else []), EnvironmentVariablesBackend()]


ensure_secrets_loaded = initialize_secrets_backends
