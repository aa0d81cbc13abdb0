"""BaseHook: what hooks of providers are made from."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from tradewind.connection import Connection

if TYPE_CHECKING:
    from logging import Logger
    from typing import Any


def secrets_backend() -> Any:
    """The object of [secrets] backend, or None. Made once in a process."""
    if not _backend:
        _backend.append(_configured())
    return _backend[0]


_backend: list[Any] = []


def forget_backend() -> None:
    """It is made again."""
    _backend.clear()


def _configured() -> Any:
    name = "SECRETS__BACKEND"
    if not (
        os.environ.get(f"AIRFLOW__{name}")
        or os.environ.get(f"TRADEWIND__{name}")
        or os.environ.get("AIRFLOW_HOME")
    ):
        return None
    from airflow.configuration import get_custom_secret_backend

    return get_custom_secret_backend()


class BaseHook:
    """
    Access to another system. A subclass names `conn_name_attr`, `default_conn_name`, `conn_type`,
    `hook_name`, and gives get_conn().
    """

    _logger_name = None
    _log_config_logger_name = None

    def __init__(self, logger_name: str | None = None) -> None:
        self._logger_name = logger_name or self._logger_name

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """The connection of that id, its password masked in the log. AirflowNotFoundException."""
        conn = Connection.get(conn_id)
        logging.getLogger("airflow.hooks.base").info(
            "Retrieving connection '%s'", conn.conn_id
        )
        return conn

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Connection:
        """The same within a coroutine."""
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(None, cls.get_connection, conn_id)

    @classmethod
    def get_connections(cls, conn_id: str) -> list[Connection]:
        """A list of the one."""
        return [cls.get_connection(conn_id)]

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """The hook of the provider that serves the connection's type."""
        return cls.get_connection(conn_id).get_hook(hook_params=hook_params)

    def get_conn(self) -> Any:
        """The client. To be defined by subclasses."""
        raise NotImplementedError()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """No more fields in a form."""
        return {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Nothing to hide or to name otherwise."""
        return {}

    @property
    def log(self) -> Logger:
        """The hook's logger."""
        name = self._logger_name or f"{type(self).__module__}.{type(self).__qualname__}"
        return logging.getLogger(f"airflow.task.hooks.{name}")


class DiscoverableHook:
    """For annotations of hooks that providers name."""
