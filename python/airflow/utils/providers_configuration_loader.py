"""Options of providers: `conf` has them without loading."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradewind.hints import F


def providers_configuration_loaded(func: F) -> F:
    """The function as it is."""
    return func
