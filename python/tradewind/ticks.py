"""Times of a schedule, for tasks that ask when the next run is: cron expressions and durations."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.timetables import _DAYS, _MONTHS, DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_YEARS_MAX = 9


def _numbers(field: str, low: int, high: int, words: Sequence[str] = ()) -> set[int]:
    out: set[int] = set()
    for item in field.lower().split(","):
        span, _, step = item.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            ends = [
                words.index(part) + low if part in words else int(part) for part in span.split("-")
            ]
            first, last = ends[0], ends[-1] if len(ends) > 1 or not step else high
        out.update(range(first, last + 1, int(step or 1)))
    return out


def _day_matches(
    day: dt.date, days: set[Any], months: set[int], weekdays: set[int], either: bool
) -> bool:
    if day.month not in months:
        return False
    last = calendar.monthrange(day.year, day.month)[1]
    by_day = day.day in days or "L" in days and day.day == last
    by_weekday = (day.isoweekday() % 7) in weekdays
    return by_day or by_weekday if either else by_day and by_weekday


def next_tick(expression: str, zone: Any, after: dt.datetime) -> dt.datetime | None:
    """
    The first time of a cron expression (5 fields or a preset) after a moment, or None within nine
    years. ValueError for what it does not know (#, the L of weekdays, seconds, years).
    """
    fields = _PRESETS.get(expression, expression).split()
    if len(fields) != 5 or "#" in fields[4] or "l" in fields[4].lower():
        raise ValueError(f"cannot tell the next time of the cron expression {expression!r}")
    minutes, hours = _numbers(fields[0], 0, 59), _numbers(fields[1], 0, 23)
    days: set[Any] = {"L"} if fields[2].lower() == "l" else _numbers(fields[2], 1, 31)
    months, weekdays = _numbers(fields[3], 1, 12, _MONTHS), _numbers(fields[4], 0, 7, _DAYS)
    weekdays = {number % 7 for number in weekdays}
    either = not fields[2].startswith(("*", "?")) and not fields[4].startswith(("*", "?"))
    zone = timezone.parse_timezone(zone)
    local = after.astimezone(zone)
    day = dt.date(local.year, local.month, local.day)
    for _ in range(366 * _YEARS_MAX):
        if _day_matches(day, days, months, weekdays, either):
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    tick = dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                    # There and back: a local time that the clocks leave out becomes a real one.
                    tick = tick.astimezone(timezone.utc)
                    if tick > after:
                        return tick
        day += dt.timedelta(days=1)
    return None


def _of_timetable(table: Any, run: Any) -> dt.datetime | None:
    after = run.data_interval_end or run.run_after
    data = table.as_data()
    if data["type"] in ("cron_trigger", "cron_data_interval", "cron_partition"):
        return next_tick(data["cron"], data["timezone"], after)
    if data["type"] == "multiple_cron_trigger":
        found = [next_tick(cron, data["timezone"], after) for cron in data["crons"]]
        return min((one for one in found if one is not None), default=None)
    if data["type"] in ("delta_trigger", "delta_data_interval"):
        return after + table.delta
    if data["type"] == "events":
        return next((moment for moment in table.event_dates if moment > after), None)
    if data["type"] == "asset_or_time":
        return _of_timetable(table.timetable, run)
    if data["type"] != "python":
        return None
    info = table.next_dagrun_info(
        last_automated_data_interval=DataInterval(run.data_interval_start, run.data_interval_end),
        restriction=TimeRestriction(None, None, True),
    )
    return info.run_after if info is not None else None


def next_run_after(schedule: Any, run: Any) -> dt.datetime | None:
    """When the run after this one is due; None if there is none or only events tell."""
    after = run.data_interval_end or run.run_after
    if isinstance(schedule, Timetable):
        return _of_timetable(schedule, run)
    if isinstance(schedule, dt.timedelta):
        return after + schedule
    if schedule in (None, "@once", "@continuous"):
        return None
    return next_tick(schedule, "UTC", after)
