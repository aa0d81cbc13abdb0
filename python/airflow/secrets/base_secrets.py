"""The base of secrets backends, named in [secrets] backend."""

from __future__ import annotations


class BaseSecretsBackend:
    """A subclass gives get_conn_value and get_variable; None: look elsewhere."""

    @staticmethod
    def build_path(path_prefix, secret_id, sep="/"):
        """The name of a secret within the backend."""
        return f"{path_prefix}{sep}{secret_id}" if path_prefix else secret_id

    def get_conn_value(self, conn_id, team_name=None):
        """A connection as URI or JSON text, or None."""
        raise NotImplementedError

    def deserialize_connection(self, conn_id, value):
        """The Connection of a URI or JSON text."""
        from tradewind.connection import Connection

        value = value.strip()
        if value.startswith("{"):
            return Connection.from_json(value, conn_id=conn_id)
        return Connection(conn_id, uri=value)

    def get_connection(self, conn_id, team_name=None):
        """The Connection, or None."""
        value = self.get_conn_value(conn_id=conn_id)
        return self.deserialize_connection(conn_id, value) if value else None

    def get_variable(self, key, team_name=None):
        """A variable's text, or None."""
        raise NotImplementedError

    def get_config(self, key):
        """An option's text, or None."""
        return None
