"""Events of assets: what a task says of its outlets (`outlet_events`), and reads of its inlets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.assets import Asset, AssetAlias, AssetNameRef, AssetRef, AssetUriRef
from tradewind.serde import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from tradewind.assets import BaseAsset, Metadata


class OutletEvent:
    """The event of one outlet: its extra; for an alias also the assets that are added to it."""

    def __init__(self, key: BaseAsset) -> None:
        self.key = key
        self.extra: dict[str, Any] = {}
        self.asset_alias_events: list[tuple[Asset, dict[str, Any]]] = []

    def add(self, asset: Asset, extra: dict[str, Any] | None = None) -> None:
        """Adds an asset to the alias. TypeError for what is no alias."""
        if not isinstance(self.key, AssetAlias):
            raise TypeError("assets can be added to the events of an AssetAlias only")
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


class OutletEvents:
    """`outlet_events[asset]`: what is said of an outlet with the task's success."""

    def __init__(self, outlets: list[Any]) -> None:
        self._outlets = outlets
        self._events: dict[Any, OutletEvent] = {}

    def __getitem__(self, thing: Any) -> OutletEvent:
        key = _key_of(thing, self._outlets)
        if key not in self._events:
            self._events[key] = OutletEvent(key)
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
        """The events, one for each outlet and each asset of an alias: for the result."""
        out, said = [], set()
        for outlet in self._outlets:
            if not hasattr(outlet, "iter_assets"):
                continue
            for key, asset in outlet.iter_assets():
                if key not in said:
                    said.add(key)
                    out.append(_event(asset, self[asset].extra))
            for reference in outlet.iter_asset_refs():
                name = {reference.attribute: reference.text}
                extra = storable(self[reference].extra, f"the extra of {reference!r}")
                out.append({"type": "asset_ref", **name, "extra": extra})
        aliases = {
            name for one in self._outlets if hasattr(one, "iter_asset_aliases")
            for name, _ in one.iter_asset_aliases()
        }
        for key, event in self._events.items():
            if isinstance(key, AssetAlias) and key.name in aliases:
                for asset, extra in event.asset_alias_events:
                    out.append({**_event(asset, extra), "alias": key.name})
        return out


def _event(asset: Asset, extra: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "asset",
        "name": asset.name,
        "uri": asset.uri,
        "group": asset.group,
        "extra": storable(dict(extra), f"the extra of {asset!r}"),
    }


class InletEvents:
    """`inlet_events[asset]`: earlier events of an inlet, which the engine does not give yet."""

    def __init__(self, inlets: list[Any]) -> None:
        self._inlets = inlets

    def __getitem__(self, thing: Any) -> Any:
        _key_of(thing, self._inlets)
        raise NotImplementedError("inlet_events: reading earlier asset events is not supported yet")

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)
