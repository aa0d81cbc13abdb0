"""JSON of XCom values."""

from __future__ import annotations

import json

from tradewind.serde import decode, encode


class XComEncoder(json.JSONEncoder):
    """Writes what XCom can hold."""

    def default(self, o):
        """What JSON has no word for."""
        return encode(o)


AirflowJsonEncoder = WebEncoder = XComEncoder


class XComDecoder(json.JSONDecoder):
    """Reads it back."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, object_hook=lambda d: decode(d), **kwargs)
