"""Weight rules, and the range of priorities."""

from __future__ import annotations

from tradewind.types import WeightRule as WeightRule  # noqa: F401

DB_SAFE_MINIMUM = -2147483648
DB_SAFE_MAXIMUM = 2147483647


def db_safe_priority(priority_weight: int) -> int:
    """The weight within 32 bits."""
    return max(DB_SAFE_MINIMUM, min(DB_SAFE_MAXIMUM, priority_weight))
