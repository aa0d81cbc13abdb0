"""
Events of assets: what a task says of its outlets (`outlet_events`), what it reads of its inlets' earlier
events (`inlet_events`), and those that its run was made for (`triggering_asset_events`).
"""

from __future__ import annotations

import collections
import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.assets import Asset, AssetAlias, AssetNameRef, AssetRef, AssetUriRef
from tradewind.exceptions import AirflowRuntimeError
from tradewind.serde import decode, storable
from tradewind.types import XCOM_RETURN_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from tradewind.assets import BaseAsset, Metadata

PAGE = 100  # events of one question
PAGES_KEPT = 8  # of one sequence: what lies in memory however many there are
EXTRA_BYTES_MAX = 256 << 10
EVENTS_MAX = 10000  # of one task


def asset_known(ti: Any, reference: Any) -> Any:
    """The asset that a reference names, as the engine knows it; None if it does not."""
    if ti is None or not ti.has_engine:
        return None
    found = ti.ask("asset_get", **{reference.attribute: reference.text})
    if not found["found"]:
        return None
    return Asset(found["name"], found["uri"], group=found["group"], extra=found["extra"])


class OutletEvent:
    """The event of one outlet: its extra; for an alias also the assets that are added to it."""

    def __init__(self, key: BaseAsset, ti: Any = None) -> None:
        self.key = key
        self.extra: dict[str, Any] = {}
        self.asset_alias_events: list[tuple[Asset, dict[str, Any]]] = []
        self._ti = ti

    def add(self, asset: Asset, extra: dict[str, Any] | None = None) -> None:
        """Adds an asset, or a reference to one, to the alias. TypeError for what is no alias."""
        if not isinstance(self.key, AssetAlias):
            raise TypeError("assets can be added to the events of an AssetAlias only")
        if isinstance(asset, AssetRef):
            known = asset_known(self._ti, asset)
            if known is None:
                raise AirflowRuntimeError(f"{asset!r} is no asset of this home")
            asset = known
        if not isinstance(asset, Asset):
            raise TypeError(f"an Asset is expected, not {type(asset).__name__}")
        self.asset_alias_events.append((asset, dict(extra or {})))


def _key_of(thing: Any, outlets: Iterable[Any]) -> Any:
    """The asset or alias that is meant: itself, or the outlet that a reference or text names."""
    if isinstance(thing, (Asset, AssetAlias)):
        return thing
    if isinstance(thing, str):
        thing = AssetNameRef(thing)
    if isinstance(thing, AssetRef):
        for one in outlets:
            for _, asset in one.iter_assets() if hasattr(one, "iter_assets") else ():
                if thing in (AssetNameRef(asset.name), AssetUriRef(asset.uri)):
                    return asset
        return thing
    raise TypeError(f"an asset is expected, not {type(thing).__name__}")


class _ByAsset:
    """Airflow's other way to name what is asked for."""

    if TYPE_CHECKING:  # Of what it is mixed into.

        def __getitem__(self, thing: Any) -> Any: ...

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> Any:
        """Of the asset with this name, URI, or both."""
        if name and uri:
            return self[Asset(name=name, uri=uri)]
        if not name and not uri:
            raise ValueError("name and uri cannot both be None")
        return self[Asset.ref(name=name) if name else Asset.ref(uri=uri)]

    def for_asset_alias(self, *, name: str) -> Any:
        """Of the alias with this name."""
        return self[AssetAlias(name)]


class OutletEvents(_ByAsset):
    """`outlet_events[asset]`: what is said of an outlet with the task's success."""

    def __init__(self, outlets: list[Any], ti: Any = None) -> None:
        self._outlets, self._ti = outlets, ti
        self._events: dict[Any, OutletEvent] = {}

    def __getitem__(self, thing: Any) -> OutletEvent:
        key = _key_of(thing, self._outlets)
        if key not in self._events:
            self._events[key] = OutletEvent(key, self._ti)
        return self._events[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def take(self, metadata: Metadata) -> None:
        """What a Metadata says."""
        if metadata.alias is not None:
            self[metadata.alias].add(metadata.asset, metadata.extra)  # type: ignore[arg-type]
        else:
            self[metadata.asset].extra.update(metadata.extra)

    def as_data(self) -> list[dict[str, Any]]:
        """
        The events, for the result: of each outlet, of what each reference among them names, and of each
        asset that was added to an alias among them. An outlet that names no known asset has none, and
        the log says so. ValueError for an extra that is too large, or too many events.
        """
        out, said = [], set()
        for asset in self._assets():
            if asset not in said:
                said.add(asset)
                out.append(_event(asset, self[asset].extra))
        for reference in self._all("iter_asset_refs"):
            asset = asset_known(self._ti, reference)
            if asset is None:
                print(f"tradewind: the outlet {reference!r} is no known asset: it has no event")
            else:
                extra = {**self._said_of(asset), **self[reference].extra}
                out.append(_event(asset, extra))
        out.extend(self._of_aliases({name for name, _ in self._all("iter_asset_aliases")}))
        if len(out) > EVENTS_MAX:
            raise ValueError(f"{len(out)} asset events of one task; at most {EVENTS_MAX}")
        return out

    def _all(self, method: str) -> Iterator[Any]:
        for outlet in self._outlets:
            if hasattr(outlet, method):
                yield from getattr(outlet, method)()

    def _assets(self) -> Any:
        return (asset for _, asset in self._all("iter_assets"))

    def _said_of(self, asset: Any) -> Any:
        return self._events[asset].extra if asset in self._events else {}

    def _of_aliases(self, aliases: Any) -> list[Any]:
        """One for each asset and extra, with all aliases that it was added to."""
        found: dict[Any, Any] = {}
        for key, event in self._events.items():
            if isinstance(key, AssetAlias) and key.name in aliases:
                for asset, extra in event.asset_alias_events:
                    data = _event(asset, extra)
                    known = found.setdefault(json.dumps(data, sort_keys=True), (data, set()))
                    known[1].add(key.name)
        return [{**data, "aliases": sorted(names)} for data, names in found.values()]


def _event(asset: Asset, extra: dict[str, Any]) -> dict[str, Any]:
    data = {"name": asset.name, "uri": asset.uri, "group": asset.group}
    for name, value in (("extra", extra), ("asset_extra", asset.extra)):
        data[name] = storable(dict(value), f"the extra of {asset!r}")
        size = len(json.dumps(data[name], ensure_ascii=False).encode("utf-8", "replace"))
        if size > EXTRA_BYTES_MAX:
            raise ValueError(
                f"the extra of {asset!r} has {size >> 10} KiB; at most {EXTRA_BYTES_MAX >> 10}: store"
                " the data elsewhere, and where it is in the extra"
            )
    return data


class SourceTaskInstance:
    """The task instance that an event came from."""

    def __init__(self, ti: Any, dag_run: Any, task_id: str, map_index: Any) -> None:
        self._ti, self.dag_run = ti, dag_run
        self.task_id, self.map_index = task_id, map_index

    @property
    def dag_id(self) -> Any:
        """Of its DAG."""
        return self.dag_run.dag_id

    @property
    def run_id(self) -> Any:
        """Of its run."""
        return self.dag_run.run_id

    def xcom_pull(self, *, key: str = XCOM_RETURN_KEY, default: Any = None) -> Any:
        """An XCom of it; `default` without one."""
        value = self._ti.xcom_pull(
            task_ids=self.task_id,
            dag_id=self.dag_id,
            run_id=self.run_id,
            key=key,
            map_indexes=None if self.map_index < 0 else self.map_index,
        )
        return default if value is None else value

    def __repr__(self) -> str:
        return f"<SourceTaskInstance {self.dag_id}.{self.task_id} {self.run_id}>"


class AssetEvent:
    """An event of an asset: which, when, with what extra, and where it came from."""

    def __init__(self, ti: Any, data: Any) -> None:
        self._ti, self._data = ti, data
        self.id = data["id"]
        self.source_dag_id, self.source_task_id = data["dag_id"], data["task_id"]
        self.source_run_id, self.source_map_index = data["run_id"], data["map_index"]
        self.partition_key = data.get("partition_key")
        # Runs that it started are not told: they may come later.
        self.created_dagruns: list[Any] = []

    # Made when they are asked for: there may be many events.

    @functools.cached_property
    def timestamp(self) -> Any:
        """When it was."""
        return timezone.coerce_datetime(self._data["timestamp"])

    @functools.cached_property
    def extra(self) -> Any:
        """What the task said of it."""
        return decode(self._data["extra"])

    @functools.cached_property
    def asset(self) -> Any:
        """The asset, as it is known now."""
        data = self._data
        extra = decode(data["asset_extra"])
        return Asset(data["name"], data["uri"], group=data["group"], extra=extra)

    @functools.cached_property
    def source_aliases(self) -> Any:
        """The aliases that it came through."""
        return [AssetAlias(name) for name in self._data["aliases"]]

    @property
    def uri(self) -> Any:
        """The asset's URI (Airflow 2 has it here)."""
        return self.asset.uri

    @functools.cached_property
    def source_dag_run(self) -> Any:
        """The run that it came from; None if it was not a task's, or is not kept any more."""
        if not self.source_dag_id or not self.source_run_id:
            return None
        return self._ti.get_dagrun_of(self.source_dag_id, self.source_run_id)

    @functools.cached_property
    def source_task_instance(self) -> Any:
        """The task instance that it came from, or None."""
        if self.source_task_id is None or self.source_dag_run is None:
            return None
        return SourceTaskInstance(
            self._ti, self.source_dag_run, self.source_task_id, self.source_map_index
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetEvent) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return (
            f"AssetEvent(id={self.id}, timestamp={self.timestamp.isoformat()}, asset={self.asset!r},"
            f" extra={self.extra!r}, source={self.source_dag_id}.{self.source_task_id}"
            f" {self.source_run_id})"
        )


class _Slice(Sequence):
    """A part of a sequence of events, as lazy as that one."""

    def __init__(self, events: Any, indexes: Any) -> None:
        self._events, self._indexes = events, indexes

    def __len__(self) -> int:
        return len(self._indexes)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return _Slice(self._events, self._indexes[key])
        return self._events[self._indexes[key]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} asset events>"


class EarlierEvents(Sequence):
    """
    The earlier events of an asset or alias, oldest first, as a sequence. Asked for when they are first
    used, a page at a time; what comes later is not seen. after(), before() (both included),
    ascending() and limit() change what it is, and return it.
    """

    def __init__(self, ti: Any, **which: Any) -> None:
        self._ti, self._which = ti, which
        self._order: dict[str, Any] = {}
        self._first: int | None = None
        self._forget()

    def _forget(self) -> Any:
        self._length: Any = None
        self._total: Any = None
        self._below: Any = None
        self._newest: Any = None
        self._pages: collections.OrderedDict[int, Any] = collections.OrderedDict()
        return self

    def after(self, after: Any) -> Any:
        """Only those from this time (a datetime or text) on."""
        self._which["from"] = _time_text(after)
        return self._forget()

    def before(self, before: Any) -> Any:
        """Only those until this time."""
        self._which["to"] = _time_text(before)
        return self._forget()

    def ascending(self, ascending: bool = True) -> Any:
        """The oldest first; False: the newest."""
        self._order = {} if ascending else {"newest_first": True}
        return self._forget()

    def limit(self, limit: int | None) -> Any:
        """Only the first `limit` of them; None: all."""
        if limit is not None and (not isinstance(limit, int) or limit < 0):
            raise ValueError(f"limit is a number from 0 on, not {limit!r}")
        # As in Airflow, where 0 is none.
        self._first = limit or None
        return self._forget()

    def __len__(self) -> int:
        if self._length is None:
            known: dict[str, Any] = {} if self._below is None else {"below": self._below}
            found = self._ti.ask("asset_count", **self._which, **known)
            self._below = found["newest"] + 1
            self._total = count = found["count"]
            self._length = count if self._first is None else min(count, self._first)
        return self._length

    def _last(self) -> Any:
        """The newest event, without counting those before it; None without one."""
        if self._newest is None:
            found = self._ti.ask("asset_events", limit=1, newest_first=True, **self._which)
            for one in found["events"]:
                self._newest = AssetEvent(self._ti, one)
                self._below = self._newest.id + 1
        return self._newest

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return _Slice(self, range(len(self))[key])
        if key == -1 and self._length is None and not self._order and self._first is None:
            newest = self._last()
            if newest is not None:
                return newest
        index = range(len(self))[key]
        page = self._page(index // PAGE)
        if index % PAGE >= len(page):
            raise IndexError(f"event {index} is not kept any more")
        return page[index % PAGE]

    def __iter__(self) -> Iterator[Any]:
        if self._length is not None:
            return (e for n in range((len(self) + PAGE - 1) // PAGE) for e in self._page(n))
        return self._stream()

    def _stream(self) -> Any:
        """All of them without counting first: each page goes on from the last event of the one before."""
        if self._below is None and self._last() is None:
            return
        left = self._first
        asked = {"below": self._below, **self._which, **self._order}
        while left is None or left > 0:
            count = PAGE if left is None else min(PAGE, left)
            found = self._ti.ask("asset_events", limit=count, **asked)["events"]
            yield from (AssetEvent(self._ti, one) for one in found)
            if len(found) < count:
                return
            left = None if left is None else left - count
            asked["below" if self._order else "above"] = found[-1]["id"]

    def _page(self, number: int) -> Any:
        """A page of events; goes on from the page before where that one is at hand."""
        if number in self._pages:
            self._pages.move_to_end(number)
            return self._pages[number]
        first, count = number * PAGE, min(PAGE, len(self) - number * PAGE)
        asked = {"offset": first, "below": self._below, **self._which, **self._order}
        before = self._pages.get(number - 1)
        # What lies nearer to the other end is counted from there.
        turned = not before and first > self._total // 2
        if before:
            asked.update(offset=0, **{"below" if self._order else "above": before[-1].id})
        elif turned:
            asked.update(offset=self._total - first - count, newest_first=not self._order)
        found = self._ti.ask("asset_events", limit=count, **asked)["events"]
        events = [AssetEvent(self._ti, one) for one in (reversed(found) if turned else found)]
        self._pages[number] = events
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)
        return events

    def __repr__(self) -> str:
        what = {k: v for k, v in {**self._which, "limit": self._first}.items() if v is not None}
        return f"EarlierEvents({', '.join(f'{k}={v!r}' for k, v in what.items())})"


def _time_text(moment: Any) -> Any:
    """The moment as the engine takes it. ValueError if it is none."""
    if isinstance(moment, str):
        moment = timezone.parse(moment)
    return timezone.coerce_datetime(moment).isoformat()


class InletEvents(_ByAsset, Mapping):
    """`inlet_events[asset]`: the earlier events of an inlet, by asset, reference, alias or index."""

    def __init__(self, inlets: list[Any], ti: Any = None) -> None:
        self._inlets, self._ti = inlets, ti

    def __getitem__(self, thing: Any) -> Any:
        if isinstance(thing, int):
            thing = self._inlets[thing]
            if not isinstance(thing, (Asset, AssetAlias, AssetRef)):
                raise IndexError(thing)
        if isinstance(thing, AssetAlias):
            if thing not in self._inlets:
                raise KeyError(thing)
            return EarlierEvents(self._ti, alias=thing.name)
        if isinstance(thing, Asset):
            self._check(thing, AssetNameRef(thing.name), AssetUriRef(thing.uri))
            return EarlierEvents(self._ti, name=thing.name, uri=thing.uri)
        if isinstance(thing, AssetRef):
            self._check_reference(thing)
            return EarlierEvents(self._ti, **{thing.attribute: thing.text})
        raise TypeError(f"an inlet is an asset, alias or reference, not {type(thing).__name__}")

    def _check(self, asset: Any, *references: Any) -> None:
        for one in self._inlets:
            if one in references:
                return
            if isinstance(one, Asset) and (one.name, one.uri) == (asset.name, asset.uri):
                return
        raise KeyError(asset)

    def _check_reference(self, reference: Any) -> None:
        for one in self._inlets:
            if one == reference:
                return
            if isinstance(one, Asset) and getattr(one, reference.attribute) == reference.text:
                return
        for one in self._inlets:
            # By URI here, by name there: the engine knows whether it is the same.
            known = asset_known(self._ti, one) if isinstance(one, AssetRef) else None
            if known is not None and getattr(known, reference.attribute) == reference.text:
                return
        raise KeyError(reference)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)


class TriggeringEvents(_ByAsset, Mapping):
    """`triggering_asset_events`: the events that the run was made for, by asset and alias."""

    def __init__(self, ti: Any, events: Any) -> None:
        self._events: dict[Any, Any] = {}
        for event in [AssetEvent(ti, data) for data in events]:
            for key in (event.asset, *event.source_aliases):
                self._events.setdefault(key, []).append(event)

    def __getitem__(self, thing: Any) -> Any:
        if isinstance(thing, AssetRef):
            for key in self._events:
                if isinstance(key, Asset) and getattr(key, thing.attribute) == thing.text:
                    return self._events[key]
            raise KeyError(thing)
        return self._events[thing]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        return repr(self._events)
