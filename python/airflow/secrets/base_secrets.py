"""The base of secrets backends, named in [secrets] backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradewind.connection import Connection


class BaseSecretsBackend:
    """A subclass gives get_conn_value and get_variable; None: look elsewhere."""

    @staticmethod
    def build_path(path_prefix: str | None, secret_id: str, sep: str = "/") -> str:
        """The name of a secret within the backend."""
        return f"{path_prefix}{sep}{secret_id}" if path_prefix else secret_id

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """A connection as URI or JSON text, or None."""
        raise NotImplementedError

    def deserialize_connection(self, conn_id: str, value: str) -> Connection:
        """The Connection of a URI or JSON text."""
        from tradewind.connection import Connection

        value = value.strip()
        if value.startswith("{"):
            return Connection.from_json(value, conn_id=conn_id)
        return Connection(conn_id, uri=value)

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Connection | None:
        """The Connection, or None."""
        value = self.get_conn_value(conn_id=conn_id)
        return self.deserialize_connection(conn_id, value) if value else None

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """A variable's text, or None."""
        raise NotImplementedError

    def get_config(self, key: str) -> str | None:
        """An option's text, or None."""
        return None
