"""Lineage: which assets hooks read and wrote. Nothing collects it: the collector keeps nothing."""

from __future__ import annotations


class HookLineage:
    """What was collected: nothing."""

    def __init__(self):
        self.inputs, self.outputs, self.extra = [], [], []


class HookLineageCollector:
    """Takes what hooks say of assets, and keeps nothing of it."""

    has_collected = False

    def create_asset(self, *, scheme=None, uri=None, name=None, group=None, **kwargs):
        """The asset; None without a name or URI."""
        from tradewind.assets import Asset

        if uri is None and name is None:
            return None
        return Asset(name=name, uri=uri, group=group, extra=kwargs.get("asset_extra"))

    def add_input_asset(self, context, **asset):
        """An asset was read."""

    def add_output_asset(self, context, **asset):
        """An asset was written."""

    def add_extra(self, context, key, value):
        """More that a hook has to say."""

    @property
    def collected_assets(self):
        """What was collected."""
        return HookLineage()


_collector = HookLineageCollector()


def get_hook_lineage_collector():
    """The collector."""
    return _collector
