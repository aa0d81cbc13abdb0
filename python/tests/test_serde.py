"""XCom values: what goes in comes out, and what cannot is named."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import json
import math
import uuid

import pytest

from tradewind.serde import NotStorable, decode, encode, storable

VALUES = [
    None,
    True,
    0,
    -5,
    10**40,
    1.5,
    "x",
    "ü\n",
    [],
    [1, [2]],
    {},
    {"a": {"b": None}},
    (1, (2, "x")),
    {1, 2},
    frozenset({"a"}),
    dt.datetime(2026, 1, 2, 3, 4, 5, 6),
    dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc),
    dt.date(2026, 1, 2),
    dt.datetime(2026, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
    dt.time(1, 2, 3),
    dt.timedelta(days=-1, microseconds=1),
    decimal.Decimal("1.10"),
    b"\x00\xff",
    uuid.UUID(int=5),
    {1: "a", (1, 2): "b"},
    {"__type__": "datetime", "value": "no"},
    [{"x": (dt.date(2026, 1, 1),)}],
    float("inf"),
    float("-inf"),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_round_trip(value):
    text = json.dumps(storable(value, "value"), allow_nan=False)
    found = decode(json.loads(text))
    assert found == value
    if not isinstance(value, dt.datetime):
        assert type(found) is type(value)


def test_nan_and_subclasses():
    assert math.isnan(decode(encode(float("nan"))))
    point = collections.namedtuple("point", "x y")
    assert decode(encode(point(1, 2))) == (1, 2)

    class Colour(enum.Enum):
        RED = "red"

    assert encode(Colour.RED) == "red"
    assert encode(collections.OrderedDict(a=1)) == {"a": 1}


def test_pendulum_comes_back_as_pendulum():
    pendulum = pytest.importorskip("pendulum")
    moment = pendulum.datetime(2026, 7, 1, 12, tz="Europe/Berlin")
    found = decode(json.loads(json.dumps(encode(moment))))
    assert (
        found == moment
        and isinstance(found, pendulum.DateTime)
        and found.timezone_name == "Europe/Berlin"
    )


@pytest.mark.parametrize(
    "value, words",
    [
        (object(), "builtins.object"),
        ({"a": [1, object()]}, r"value\['a'\]\[1\]"),
        (lambda: 1, "function"),
        ("\ud800", "not Unicode"),
        (1j, "complex"),
    ],
)
def test_what_cannot_be_stored_is_named(value, words):
    with pytest.raises(NotStorable, match=words):
        storable(value, "value")


def test_cycles_and_depth():
    loop = []
    loop.append(loop)
    with pytest.raises(NotStorable, match="deep"):
        storable(loop, "value")


def test_too_big(monkeypatch):
    monkeypatch.setattr("tradewind.serde.BYTES_MAX", 100)
    with pytest.raises(NotStorable, match="the result takes 202 bytes"):
        storable("x" * 200, "the result")


def test_unknown_type():
    with pytest.raises(Exception, match="'martian'"):
        decode({"__type__": "martian"})
