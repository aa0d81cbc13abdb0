"""Lineage of hooks (tradewind.lineage), and the types that providers name."""

from __future__ import annotations

from typing import Any, NamedTuple

from tradewind.lineage import (
    HookLineage,
    HookLineageCollector,
    get_hook_lineage_collector,
)

LineageContext = Any
NoOpCollector = HookLineageCollector
DatasetLineageInfo = AssetLineageInfo = HookLineage


class ExtraLineageInfo(NamedTuple):
    """What a hook told beside assets."""

    key: str
    value: Any
    count: int  # type: ignore[assignment]
    context: Any


class HookLineageReader:
    """Reads what was collected."""

    def __init__(self, **_: Any) -> None:
        self.lineage_collector = get_hook_lineage_collector()

    def retrieve_hook_lineage(self) -> HookLineage:
        """What was collected."""
        return self.lineage_collector.collected_assets
