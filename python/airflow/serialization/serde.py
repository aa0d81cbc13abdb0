"""Values as JSON and back: tradewind.serde's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.serde import decode, storable

if TYPE_CHECKING:
    from typing import Any

CLASSNAME, VERSION, DATA = "__classname__", "__version__", "__data__"


def serialize(value: Any, depth: int = 0) -> Any:
    """The value as JSON can hold it; TypeError names what it cannot."""
    return storable(value, "the value")


def deserialize(value: Any, full: bool = True, type_hint: Any = None) -> Any:
    """What serialize() made back."""
    return decode(value)
