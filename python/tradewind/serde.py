"""
XCom values as JSON. What JSON has no word for becomes {"__type__": name, "value": ...}: datetime,
date, time, timedelta, decimal, set, frozenset, tuple, bytes, uuid, float (nan, inf), dict (pairs:
keys that are not strings, or a key "__type__"), numpy.ndarray, pandas.DataFrame, pandas.Series.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowException

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TYPE = "__type__"
DEPTH_MAX = 56  # The engine's JSON depth is 64; the message around the value needs the rest.
BYTES_MAX = 64 << 20


class NotStorable(AirflowException):
    """The value cannot be stored; the text names its type and where it is."""


def encode(value: Any, where: str = "value", depth: int = 0) -> Any:
    """The value as something json.dumps takes. NotStorable."""
    if depth > DEPTH_MAX:
        raise NotStorable(f"{where[:80]}... is nested more than {DEPTH_MAX} deep, or holds itself")
    kind = type(value)
    if value is None or kind in (bool, int):
        return value
    if kind is str:
        return _text(value, where)
    if kind is float:
        return value if math.isfinite(value) else {TYPE: "float", "value": repr(value)}
    if kind is list:
        return [encode(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    if kind is dict:
        return _encode_dict(value, where, depth)
    if kind in (tuple, set, frozenset):
        items = list(value)
        if kind is not tuple:
            # Equal sets are stored alike where their elements can be ordered.
            try:
                items.sort()
            except TypeError:
                pass
        encoded = [encode(item, f"{where}[{i}]", depth + 2) for i, item in enumerate(items)]
        return {TYPE: kind.__name__, "value": encoded}
    return _encode_other(value, where, depth)


def _text(value: str, where: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise NotStorable(f"{where} holds text that is not Unicode (a lone surrogate)") from None
    return value


def _encode_dict(value: dict[Any, Any], where: str, depth: int) -> dict[str, Any]:
    if all(type(key) is str for key in value) and TYPE not in value:
        return {
            _text(key, where): encode(item, f"{where}[{key!r}]", depth + 1)
            for key, item in value.items()
        }
    pairs = [
        [encode(key, f"a key of {where}", depth + 3), encode(item, f"{where}[{key!r}]", depth + 3)]
        for key, item in value.items()
    ]
    return {TYPE: "dict", "value": pairs}


def _encode_other(value: Any, where: str, depth: int) -> Any:
    if isinstance(value, dt.datetime):
        zone = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "name", None)
        out = {TYPE: "datetime", "value": dt.datetime.isoformat(value)}
        return {**out, "zone": zone} if isinstance(zone, str) else out
    named: tuple[tuple[Any, str], ...] = ((dt.date, "date"), (dt.time, "time"))
    for kind, name in named:
        if isinstance(value, kind):
            return {TYPE: name, "value": value.isoformat()}
    if isinstance(value, dt.timedelta):
        return {TYPE: "timedelta", "value": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, (bytes, bytearray)):
        import base64

        return {TYPE: "bytes", "value": base64.b64encode(value).decode()}
    full = f"{type(value).__module__}.{type(value).__qualname__}"
    if full in ("decimal.Decimal", "uuid.UUID"):
        return {TYPE: type(value).__name__.lower(), "value": str(value)}
    import enum

    if isinstance(value, enum.Enum):
        return encode(value.value, where, depth)
    module = type(value).__module__.partition(".")[0]
    if module == "numpy":
        return _encode_numpy(value, where, depth)
    if full.startswith("pandas.") and type(value).__name__ in ("DataFrame", "Series"):
        return {
            TYPE: f"pandas.{type(value).__name__}",
            "value": json.loads(value.to_json(orient="split")),
        }
    kinds: tuple[Any, ...] = (str, int, float, list, tuple, dict)
    for plain in kinds:
        if isinstance(value, plain):
            # A subclass (a named tuple, an OrderedDict) is stored as what it is made from.
            return encode(plain(value), where, depth)
    raise NotStorable(
        f"{where} is a {full}, which cannot be stored as an XCom: return JSON values, datetimes,"
        " Decimals, sets, tuples, bytes, numpy arrays or pandas frames, or write it to a file and"
        " return the path"
    )


def _encode_numpy(value: Any, where: str, depth: int) -> Any:
    if hasattr(value, "ndim") and value.ndim == 0 and hasattr(value, "item"):
        item = value.item()
        if type(item) is not type(value):
            return encode(item, where, depth)
    if type(value).__name__ == "ndarray" and value.dtype.kind in "biufUS":
        return {
            TYPE: "numpy.ndarray",
            "dtype": str(value.dtype),
            "value": encode(value.tolist(), where, depth + 1),
        }
    raise NotStorable(
        f"{where} is a numpy {type(value).__name__} of {value.dtype}, which cannot be stored"
    )


def decode(value: Any) -> Any:
    """The value from its stored form. AirflowException for an unknown type."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if TYPE not in value:
        return {key: decode(item) for key, item in value.items()}
    name, inner = value[TYPE], value.get("value")
    make = _DECODERS.get(name)
    if make is None:
        raise AirflowException(f"an XCom holds a value of the unknown type {name!r}")
    return make(inner, value)


def _decode_datetime(text: str, whole: dict[str, Any]) -> Any:
    from tradewind import timezone

    naive = not (text[-6:-5] in "+-" and text[-3:-2] == ":") and not text.endswith("Z")
    if naive and len(text) <= 26:
        return dt.datetime.fromisoformat(text)
    moment = timezone.from_text(text)
    if whole.get("zone"):
        try:
            moment = moment.astimezone(timezone.parse_timezone(whole["zone"]))
        except Exception:
            # The zone is not known on this machine: the instant is the same.
            pass
    return timezone.coerce_datetime(moment)


def _decode_numpy(inner: Any, whole: dict[str, Any]) -> Any:
    import numpy

    return numpy.array(decode(inner), dtype=whole["dtype"])


def _decode_pandas(kind: str) -> Callable[[Any, dict[str, Any]], Any]:
    def make(inner: Any, whole: dict[str, Any]) -> Any:
        import pandas

        if kind == "Series":
            return pandas.Series(inner["data"], index=inner["index"], name=inner.get("name"))
        return pandas.DataFrame(inner["data"], index=inner["index"], columns=inner["columns"])

    return make


def _decode_bytes(inner: Any, whole: dict[str, Any]) -> bytes:
    import base64

    return base64.b64decode(inner)


def _decode_named(module: str, name: str) -> Callable[[Any, dict[str, Any]], Any]:
    def make(inner: Any, whole: dict[str, Any]) -> Any:
        import importlib

        return getattr(importlib.import_module(module), name)(inner)

    return make


_DECODERS = {
    "datetime": _decode_datetime,
    "date": lambda inner, _: dt.date.fromisoformat(inner),
    "time": lambda inner, _: dt.time.fromisoformat(inner),
    "timedelta": lambda inner, _: dt.timedelta(*inner),
    "decimal": _decode_named("decimal", "Decimal"),
    "uuid": _decode_named("uuid", "UUID"),
    "bytes": _decode_bytes,
    "float": lambda inner, _: float(inner),
    "tuple": lambda inner, _: tuple(decode(inner)),
    "set": lambda inner, _: set(decode(inner)),
    "frozenset": lambda inner, _: frozenset(decode(inner)),
    "dict": lambda inner, _: {decode(key): decode(item) for key, item in inner},
    "numpy.ndarray": _decode_numpy,
    "pandas.DataFrame": _decode_pandas("DataFrame"),
    "pandas.Series": _decode_pandas("Series"),
}


def storable(value: Any, what: str) -> Any:
    """
    encode(), with the limit of LIMIT_XCOM_BYTES. NotStorable; `what` names the value: "the return
    value of task 'x'".
    """
    try:
        encoded = encode(value, what)
        size = len(json.dumps(encoded, ensure_ascii=False).encode())
    except (ValueError, RecursionError) as error:
        raise NotStorable(f"{what}: {error}") from None
    if size > BYTES_MAX:
        raise NotStorable(
            f"{what} takes {size} bytes as JSON; an XCom may take {BYTES_MAX}: write it to a file"
            " and return the path"
        )
    return encoded
