"""Values as JSON and back: tradewind.serde's form."""

from __future__ import annotations

from tradewind.serde import decode, storable

CLASSNAME, VERSION, DATA = "__classname__", "__version__", "__data__"


def serialize(value, depth=0):
    """The value as JSON can hold it; TypeError names what it cannot."""
    return storable(value, "the value")


def deserialize(value, full=True, type_hint=None):
    """What serialize() made back."""
    return decode(value)
