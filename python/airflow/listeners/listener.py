"""The listeners of this process."""

from __future__ import annotations

from tradewind.plugins import ListenerManager, get_listener_manager

__all__ = ["ListenerManager", "get_listener_manager"]
