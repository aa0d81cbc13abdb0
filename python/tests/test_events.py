"""Earlier asset events as tasks read them, without an engine: questions are answered here."""

import datetime as dt

import pytest

from tradewind.runner.events import (
    EVENTS_MAX,
    EXTRA_BYTES_MAX,
    PAGE,
    PAGES_KEPT,
    InletEvents,
    OutletEvents,
    TriggeringEvents,
)
from tradewind.sdk import Asset, AssetAlias

A, ALIAS = Asset("a", "s3://a"), AssetAlias("al")


class Ti:
    """Answers as the engine does, of `count` events of the asset a."""

    has_engine = True

    def __init__(self, count):
        self.keys = list(range(1, count + 1))
        self.asked = []

    def ask(self, kind, **q):
        self.asked.append((kind, q))
        if kind == "asset_get":
            if "s3://a" not in q.values() and "a" not in q.values():
                return {"found": False}
            return {"found": True, "name": "a", "uri": "s3://a", "group": "asset", "extra": {}}
        keys = [k for k in self.keys if q.get("above", 0) < k < q.get("below", 1 << 60)]
        if kind == "asset_count":
            return {"count": len(keys), "newest": keys[-1] if keys else 0}
        if q.get("newest_first"):
            keys.reverse()
        offset = q.get("offset", 0)
        return {"events": [event(k) for k in keys[offset : offset + q["limit"]]]}

    def get_dagrun_of(self, dag_id, run_id):
        return None


def event(key):
    return {
        "id": key,
        "timestamp": "2026-01-01T00:00:00+00:00",
        "name": "a",
        "uri": "s3://a",
        "group": "asset",
        "asset_extra": {},
        "extra": {"n": key},
        "dag_id": "d",
        "task_id": "t",
        "run_id": "r",
        "map_index": -1,
        "aliases": ["al"],
    }


def read(count, **changes):
    ti = Ti(count)
    events = InletEvents([A], ti)[A]
    for name, value in changes.items():
        events = getattr(events, name)(value)
    return ti, events


def test_nothing_is_asked_before_it_is_used():
    ti, events = read(3)
    assert ti.asked == []
    assert len(events) == 3 and len(events) == 3
    assert [kind for kind, _ in ti.asked] == ["asset_count"]
    assert [e.extra["n"] for e in events] == [1, 2, 3]
    assert events[-1].id == 3 and events[0].asset == A
    assert events[0].source_aliases == [ALIAS] and events[0].source_task_instance is None
    assert len(ti.asked) == 2


def test_slices_and_ends():
    _, events = read(PAGE + 7)
    assert [e.id for e in events[PAGE - 1 : PAGE + 2]] == [PAGE, PAGE + 1, PAGE + 2]
    assert [e.id for e in events[:-2:50]] == [1, 51, 101]
    assert events[-1:][0].id == PAGE + 7 and len(events[:-2]) == PAGE + 5
    assert next(reversed(events)).id == PAGE + 7
    for wrong in (PAGE + 7, -PAGE - 8):
        with pytest.raises(IndexError):
            events[wrong]
    _, none = read(0)
    assert list(none[:-2]) == [] and not list(none)
    with pytest.raises(IndexError):
        none[-1]


def test_a_million_events_are_read_in_pages():
    count = PAGE * 30
    ti, events = read(count)
    assert events[-1].id == count
    # One count, one page; not the others.
    assert [q.get("offset") for _, q in ti.asked] == [None, count - PAGE]
    assert sum(1 for _ in events) == count
    assert len(events._pages) == PAGES_KEPT
    # A page goes on from the last event of the one before: its question skips nothing.
    assert [q["offset"] for k, q in ti.asked if k == "asset_events" and q.get("above")] == [0] * 29


def test_what_comes_later_is_not_seen():
    ti, events = read(3, ascending=False)
    assert len(events) == 3
    ti.keys.append(4)
    assert [e.id for e in events] == [3, 2, 1]


def test_order_and_limit():
    ti, events = read(9, ascending=False, limit=2)
    assert [e.id for e in events] == [9, 8] and len(events) == 2
    assert len(events.limit(None)) == 9
    assert events.ascending()[0].id == 1
    with pytest.raises(ValueError, match="limit"):
        events.limit(-1)
    count = PAGE * 2 + 5
    _, many = read(count, ascending=False)
    assert [e.id for e in many] == list(range(count, 0, -1))


def test_times():
    ti, events = read(3, after="2026-01-02", before=dt.datetime(2026, 1, 3))
    len(events)
    assert ti.asked[0][1] == {
        "name": "a",
        "uri": "s3://a",
        "from": "2026-01-02T00:00:00+00:00",
        "to": "2026-01-03T00:00:00+00:00",
    }
    with pytest.raises(ValueError):
        events.after("soon")


def test_which_inlets():
    ti = Ti(1)
    inlets = InletEvents([A, ALIAS, Asset.ref(uri="s3://b"), object], ti)
    assert len(inlets) == 4 and list(inlets)[0] is A
    assert inlets[0][0].id == 1 and inlets.for_asset(name="a", uri="s3://a")[0].id == 1
    assert inlets[Asset.ref(name="a")]._which == {"name": "a"}
    assert inlets[Asset("x", "s3://b")]._which == {"name": "x", "uri": "s3://b"}
    assert inlets.for_asset_alias(name="al")._which == {"alias": "al"}
    for absent in (Asset("zz"), Asset.ref(name="zz"), AssetAlias("zz")):
        with pytest.raises(KeyError):
            inlets[absent]
    with pytest.raises(IndexError):
        inlets[3]
    with pytest.raises(TypeError):
        inlets["a"]
    # Here by name, there by URI: the engine knows that it is one.
    assert InletEvents([Asset.ref(uri="s3://a")], ti)[Asset.ref(name="a")][0].id == 1


def test_events_of_outlets():
    outlets = [A, ALIAS, AssetAlias("other"), Asset.ref(name="a"), Asset.ref(name="ghost")]
    events = OutletEvents(outlets, Ti(0))
    events[A].extra["n"] = 1
    for alias in outlets[1:3]:
        events[alias].add(Asset("b"), {"k": 2})
    events[ALIAS].add(Asset("b"))
    events[ALIAS].add(Asset.ref(uri="s3://a"))
    events[AssetAlias("no outlet")].add(Asset("c"))
    events[Asset("no outlet")].extra["n"] = 1
    found = [(e["name"], e["extra"], e.get("aliases")) for e in events.as_data()]
    # The reference names the asset that is an outlet itself: Airflow has an event for each of the two.
    assert found == [
        ("a", {"n": 1}, None),
        ("a", {"n": 1}, None),
        ("b", {"k": 2}, ["al", "other"]),
        ("b", {}, ["al"]),
        ("a", {}, ["al"]),
    ]


def test_limits_of_outlets():
    events = OutletEvents([A, ALIAS], None)
    events[A].extra["x"] = "y" * EXTRA_BYTES_MAX
    with pytest.raises(ValueError, match="store the data elsewhere"):
        events.as_data()
    events[A].extra = {}
    for i in range(EVENTS_MAX):
        events[ALIAS].add(Asset(f"b{i}"))
    with pytest.raises(ValueError, match="asset events of one task"):
        events.as_data()


def test_triggering_events():
    events = TriggeringEvents(Ti(0), [event(1), event(2)])
    assert [e.id for e in events[A]] == [1, 2] == [e.id for e in events.for_asset_alias(name="al")]
    assert events[Asset.ref(uri="s3://a")] == events[A] and len(events) == 2
    with pytest.raises(KeyError):
        events[Asset("zz")]
