"""Airflow's cache of secrets: here each is asked for when it is used."""

from __future__ import annotations


class SecretCache:
    """A cache that keeps nothing."""

    class NotPresentException(Exception):
        """The value is not in the cache."""

    @classmethod
    def init(cls):
        """Nothing to make."""

    @classmethod
    def reset(cls):
        """Nothing to drop."""

    @classmethod
    def get_variable(cls, key, **_):
        """Never there."""
        raise cls.NotPresentException

    @classmethod
    def get_connection_uri(cls, conn_id, **_):
        """Never there."""
        raise cls.NotPresentException

    @classmethod
    def save_variable(cls, *_, **__):
        """Kept nowhere."""

    save_connection_uri = invalidate_variable = save_variable
