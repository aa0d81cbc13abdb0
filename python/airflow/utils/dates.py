"""Airflow 2's dates: presets of cron, `days_ago`, ranges and scales."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tradewind import timezone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

cron_presets = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}


def days_ago(
    n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0
) -> dt.datetime:
    """That time of the day n days before today, UTC."""
    today = timezone.utcnow().replace(
        hour=hour, minute=minute, second=second, microsecond=microsecond
    )
    return today - dt.timedelta(days=n)


def round_time(
    date: dt.datetime, delta: dt.timedelta, start_date: dt.datetime | None = None
) -> dt.datetime:
    """The date rounded to a whole number of deltas after start_date."""
    start = timezone.make_aware(dt.datetime.min) if start_date is None else start_date
    if date.tzinfo is None:
        start = start.replace(tzinfo=None)
    steps = round((date - start) / delta)
    return start + steps * delta


def date_range(
    start_date: dt.datetime,
    end_date: dt.datetime | None = None,
    num: int | None = None,
    delta: Any = None,
) -> list[dt.datetime]:
    """Dates from start_date by timedelta, to end_date or `num` of them. ValueError."""
    if (end_date is None) == (num is None):
        raise ValueError("either end_date or num must be given, and not both")
    if not isinstance(delta, dt.timedelta):
        raise ValueError("delta must be a timedelta")
    dates: list[dt.datetime] = []
    date = start_date
    while date <= end_date if end_date is not None else len(dates) < abs(num or 0):
        dates.append(date)
        date = date + delta if num is None or num > 0 else date - delta
    return sorted(dates)


def datetime_to_nano(datetime: dt.datetime | None) -> int | None:
    """Nanoseconds since 1970, or None."""
    return int(datetime.timestamp() * 1_000_000_000) if datetime else None


def infer_time_unit(time_seconds_arr: Collection[float]) -> str:
    """The largest unit that shows the seconds well."""
    most = max(time_seconds_arr, default=0)
    for limit, unit in ((60 * 2, "seconds"), (60 * 60 * 2, "minutes"), (24 * 60 * 60 * 2, "hours")):
        if most <= limit:
            return unit
    return "days"


def scale_time_units(time_seconds_arr: Iterable[float], unit: str) -> list[float]:
    """Seconds in another unit."""
    factor = {"minutes": 60, "hours": 3600, "days": 86400}.get(unit, 1)
    return [seconds / factor for seconds in time_seconds_arr]


def parse_execution_date(execution_date_str: str) -> dt.datetime:
    """A point in time from text."""
    return timezone.parse(execution_date_str)
