"""What names assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tradewind.assets import Asset


class AssetUniqueKey(NamedTuple):
    """An asset by name and URI."""

    name: str
    uri: str

    @classmethod
    def from_asset(cls, asset: Asset) -> AssetUniqueKey:
        """Of an asset."""
        return cls(name=asset.name, uri=asset.uri)


class AssetAliasUniqueKey(NamedTuple):
    """An alias by name."""

    name: str


class AssetAliasEvent(NamedTuple):
    """An event of an asset that an alias stands for."""

    source_alias_name: str
    dest_asset_key: AssetUniqueKey
    extra: dict
