"""BranchDateTimeOperator."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.exceptions import AirflowException
from tradewind.operators.python import BaseBranchOperator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from tradewind.context import Context


def target_times_as_dates(
    base_date: dt.datetime, lower: dt.datetime | dt.time | None, upper: dt.datetime | dt.time | None
) -> tuple[dt.datetime | None, ...]:
    """
    The two bounds as points in time: times of day are those of base_date's day; an upper one that
    is before the lower one is of the next day.
    """
    if isinstance(lower, dt.time) and isinstance(upper, dt.time) and upper < lower:
        upper = dt.datetime.combine(base_date, upper) + dt.timedelta(days=1)
    bounds = [
        dt.datetime.combine(base_date, one) if isinstance(one, dt.time) else one
        for one in (lower, upper)
    ]
    return tuple(None if one is None else timezone.coerce_datetime(one) for one in bounds)


class BranchDateTimeOperator(BaseBranchOperator):
    """
    Follows follow_task_ids_if_true between target_lower and target_upper (datetimes or times of
    day; None: no bound), else follow_task_ids_if_false. The moment is now, or the logical date.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        target_lower: dt.datetime | dt.time | None,
        target_upper: dt.datetime | dt.time | None,
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if target_lower is None and target_upper is None:
            raise AirflowException(
                f"task {self.task_id!r}: one of target_lower and target_upper must be given"
            )
        self.target_lower, self.target_upper = target_lower, target_upper
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date

    def choose_branch(self, context: Context) -> str | Iterable[str]:
        given = context.get("logical_date") if self.use_task_logical_date else None
        now = given or timezone.utcnow()
        lower, upper = target_times_as_dates(
            now.astimezone(timezone.utc), self.target_lower, self.target_upper
        )
        if upper is not None and upper < now or lower is not None and lower > now:
            return self.follow_task_ids_if_false
        return self.follow_task_ids_if_true
