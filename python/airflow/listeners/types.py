"""What listeners are given."""

from __future__ import annotations

from tradewind.runner.events import AssetEvent

__all__ = ["AssetEvent"]
