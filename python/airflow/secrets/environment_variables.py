"""The environment as a secrets backend."""

from __future__ import annotations

from airflow.secrets.base_secrets import BaseSecretsBackend
from tradewind import connection, variable

CONN_ENV_PREFIX = "AIRFLOW_CONN_"
VAR_ENV_PREFIX = "AIRFLOW_VAR_"


class EnvironmentVariablesBackend(BaseSecretsBackend):
    """TRADEWIND_CONN_*, AIRFLOW_CONN_*, TRADEWIND_VAR_*, AIRFLOW_VAR_*."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """The connection's text, or None."""
        return connection.text_in_environment(conn_id)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """The variable's text, or None."""
        return variable.text_in_environment(key)
