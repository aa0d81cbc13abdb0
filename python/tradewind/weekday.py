"""WeekDay: days of the week by name and ISO number."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class WeekDay(enum.IntEnum):
    """Monday is 1, Sunday 7."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7

    @classmethod
    def get_weekday_number(cls, week_day_str: str) -> int:
        """The number of a day by its name."""
        return cls.convert(week_day_str).value

    @classmethod
    def convert(cls, day: str | WeekDay) -> WeekDay:
        """The day from itself or from its name. AttributeError for what is none."""
        if isinstance(day, cls):
            return day
        name = str(day).strip().upper()
        if name not in cls.__members__:
            days = ", ".join(cls.__members__)
            raise AttributeError(f"{day!r} is no day of the week: one of {days}")
        return cls[name]

    @classmethod
    def validate_week_day(cls, week_day: Any) -> set[int]:
        """The set of numbers of one day or several. TypeError, AttributeError."""
        if isinstance(week_day, (str, cls)):
            week_day = [week_day]
        if not isinstance(week_day, (list, tuple, set, frozenset, dict)):
            raise TypeError(
                "week_day must be a name, a WeekDay, or several of them, not"
                f" {type(week_day).__name__}"
            )
        return {cls.convert(day).value for day in week_day}
