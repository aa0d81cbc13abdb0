"""Airflow's cache of secrets: here each is asked for when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, NoReturn


class SecretCache:
    """A cache that keeps nothing."""

    class NotPresentException(Exception):
        """The value is not in the cache."""

    @classmethod
    def init(cls) -> None:
        """Nothing to make."""

    @classmethod
    def reset(cls) -> None:
        """Nothing to drop."""

    @classmethod
    def get_variable(cls, key: str, **_: Any) -> NoReturn:
        """Never there."""
        raise cls.NotPresentException

    @classmethod
    def get_connection_uri(cls, conn_id: str, **_: Any) -> NoReturn:
        """Never there."""
        raise cls.NotPresentException

    @classmethod
    def save_variable(cls, *_: Any, **__: Any) -> None:
        """Kept nowhere."""

    save_connection_uri = invalidate_variable = save_variable
