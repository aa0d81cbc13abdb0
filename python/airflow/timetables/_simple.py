"""Timetables that are words: no schedule, once, without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.timetables import Timetable

if TYPE_CHECKING:
    from typing import Any


class _Word(Timetable):
    word: str | None = None

    def as_data(self) -> Any:
        """The word, as `schedule` takes it."""
        return self.word

    @property
    def summary(self) -> str:
        """The word."""
        return str(self.word)


class NullTimetable(_Word):
    """No schedule."""

    can_be_scheduled = False


class OnceTimetable(_Word):
    """One run."""

    word = "@once"


class ContinuousTimetable(_Word):
    """A run as soon as the one before has ended."""

    word = "@continuous"
    active_runs_limit = 1
