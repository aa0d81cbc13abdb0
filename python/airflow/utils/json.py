"""JSON of XCom values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tradewind.serde import decode, encode

if TYPE_CHECKING:
    from typing import Any


class XComEncoder(json.JSONEncoder):
    """Writes what XCom can hold."""

    def default(self, o: Any) -> Any:
        """What JSON has no word for."""
        return encode(o)


AirflowJsonEncoder = WebEncoder = XComEncoder


class XComDecoder(json.JSONDecoder):
    """Reads it back."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, object_hook=lambda d: decode(d), **kwargs)
