"""Options of providers: `conf` has them without loading."""

from __future__ import annotations


def providers_configuration_loaded(func):
    """The function as it is."""
    return func
