"""The context's type, and what is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.connection import ConnectionAccessor as ConnectionAccessor  # noqa: F401
from tradewind.context import Context as Context, LazyContext as LazyContext  # noqa: F401
from tradewind.variable import VariableAccessor as VariableAccessor  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Iterable

OutletEventAccessorsProtocol = OutletEventAccessors = Any
KNOWN_CONTEXT_KEYS: set = set()


def context_merge(context: Any, *args: Any, **kwargs: Any) -> None:
    """Adds to the context, in place."""
    if context is None:
        return
    context.update(*args, **kwargs)


def context_get_outlet_events(context: Any) -> Any:
    """The accessors of outlets' events, or an empty dict."""
    return context.get("outlet_events", {})


def context_copy_partial(source: Any, keys: Iterable[str]) -> Any:
    """A context with some of the names."""
    return LazyContext({key: source[key] for key in keys if key in source})
