"""Lineage: which assets hooks read and wrote. Nothing collects it: the collector keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from tradewind.assets import Asset


class HookLineage:
    """What was collected: nothing."""

    def __init__(self) -> None:
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.extra: list[Any] = []


class HookLineageCollector:
    """Takes what hooks say of assets, and keeps nothing of it."""

    has_collected = False

    def create_asset(
        self,
        *,
        scheme: str | None = None,
        uri: str | None = None,
        name: str | None = None,
        group: str | None = None,
        **kwargs: Any,
    ) -> Asset | None:
        """The asset; None without a name or URI."""
        from tradewind.assets import Asset

        if uri is None and name is None:
            return None
        return Asset(name=name, uri=uri, group=group, extra=kwargs.get("asset_extra"))

    def add_input_asset(self, context: Any, **asset: Any) -> None:
        """An asset was read."""

    def add_output_asset(self, context: Any, **asset: Any) -> None:
        """An asset was written."""

    def add_extra(self, context: Any, key: str, value: Any) -> None:
        """More that a hook has to say."""

    @property
    def collected_assets(self) -> HookLineage:
        """What was collected."""
        return HookLineage()


_collector = HookLineageCollector()


def get_hook_lineage_collector() -> HookLineageCollector:
    """The collector."""
    return _collector
