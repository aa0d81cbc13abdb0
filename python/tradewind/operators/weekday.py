"""BranchDayOfWeekOperator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.operators.python import BaseBranchOperator
from tradewind.weekday import WeekDay

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from tradewind.context import Context
    from tradewind.dags import DAG


def day_of(context: Context, use_task_logical_date: bool, dag: DAG | None) -> int:
    """The ISO weekday of the run's logical date, or of today, in the DAG's zone."""
    moment = context.get("logical_date") if use_task_logical_date else None
    zone = getattr(getattr(dag, "start_date", None), "tzinfo", None) or timezone.utc
    return (moment or timezone.utcnow()).astimezone(zone).isoweekday()


class BranchDayOfWeekOperator(BaseBranchOperator):
    """
    Follows follow_task_ids_if_true on a day that is one of week_day (a name, a WeekDay, or
    several), else follow_task_ids_if_false. The day is today, or that of the logical date.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        week_day: str | WeekDay | Iterable[str] | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.week_day, self.use_task_logical_date = week_day, use_task_logical_date
        self._week_day_num = WeekDay.validate_week_day(week_day)

    def choose_branch(self, context: Context) -> str | Iterable[str]:
        if day_of(context, self.use_task_logical_date, self._dag) in self._week_day_num:
            return self.follow_task_ids_if_true
        return self.follow_task_ids_if_false
