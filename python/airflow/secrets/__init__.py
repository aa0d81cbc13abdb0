"""Secrets backends: where variables and connections are looked for."""

from __future__ import annotations

from airflow.secrets.base_secrets import BaseSecretsBackend

__all__ = ["DEFAULT_SECRETS_SEARCH_PATH", "BaseSecretsBackend"]

DEFAULT_SECRETS_SEARCH_PATH = [
    "airflow.secrets.environment_variables.EnvironmentVariablesBackend",
]
