"""DayOfWeekSensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.operators.weekday import day_of
from tradewind.sensors.base import BaseSensorOperator
from tradewind.weekday import WeekDay

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from tradewind.context import Context


class DayOfWeekSensor(BaseSensorOperator):
    """Waits until it is one of week_day: today, or with use_task_logical_date the run's day."""

    def __init__(
        self,
        *,
        week_day: str | WeekDay | Iterable[str] | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.week_day, self.use_task_logical_date = week_day, use_task_logical_date
        self._week_day_num = WeekDay.validate_week_day(week_day)

    def poke(self, context: Context) -> bool:
        return day_of(context, self.use_task_logical_date, self._dag) in self._week_day_num
