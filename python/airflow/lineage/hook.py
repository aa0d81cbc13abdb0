"""
Lineage of hooks: what a hook read and wrote, collected by readers of plugins. Without a reader (as
here) nothing is collected.
"""

from __future__ import annotations

from typing import Any, NamedTuple

LineageContext = Any


class AssetLineageInfo(NamedTuple):
    """An asset that a hook touched."""

    asset: Any
    count: int
    context: Any


class ExtraLineageInfo(NamedTuple):
    """Anything else that a hook told."""

    key: str
    value: Any
    count: int
    context: Any


class HookLineage(NamedTuple):
    """What was collected."""

    inputs: list = []
    outputs: list = []
    extra: list = []


DatasetLineageInfo = AssetLineageInfo


class HookLineageCollector:
    """Collects what hooks tell it; a subclass may keep it."""

    def create_asset(self, **_):
        """None: nobody asks for the asset."""

    def add_input_asset(self, *_, **__):
        """A hook read something."""

    def add_output_asset(self, *_, **__):
        """A hook wrote something."""

    def add_extra(self, *_, **__):
        """A hook tells something else."""

    create_dataset = create_asset
    add_input_dataset, add_output_dataset = add_input_asset, add_output_asset

    @property
    def collected_assets(self):
        """What was collected: nothing."""
        return HookLineage([], [], [])

    collected_datasets = collected_assets

    @property
    def has_collected(self):
        """False."""
        return False


class NoOpCollector(HookLineageCollector):
    """The collector where there is no reader."""


class HookLineageReader:
    """Reads what was collected."""

    def __init__(self, **_):
        self.lineage_collector = get_hook_lineage_collector()

    def retrieve_hook_lineage(self):
        """What was collected."""
        return self.lineage_collector.collected_assets


_collector = NoOpCollector()


def get_hook_lineage_collector():
    """The collector of this process."""
    return _collector
