"""
Timetables: schedules that are more than a cron expression, as data of the DAG document. A user's
own is a subclass of Timetable; it is named by its class and what `serialize` gives.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, NamedTuple

from tradewind import timezone as zones
from tradewind.assets import BaseAsset, condition_of
from tradewind.partitions import IdentityMapper, PartitionMapper, zone_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any

    from tradewind.hints import Delta, Zone

_PRESETS = (
    "@hourly @daily @weekly @monthly @quarterly @yearly @annually @midnight @once @continuous"
).split()
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _DAYS),
    ("second", 0, 59, ()),
    ("year", 1970, 2099, ()),
)


def check_cron(text: str) -> str:
    """The expression itself. ValueError names the field that is wrong."""
    if not isinstance(text, str):
        raise TypeError(f"a cron expression must be a string, not {type(text).__name__}")
    if text in _PRESETS:
        return text
    fields = text.split()
    if not 5 <= len(fields) <= 7:
        raise ValueError(
            f"the cron expression {text!r} has {len(fields)} fields: there must be 5, 6 with"
            " seconds, or 7 with the year"
        )
    for field, (name, low, high, words) in zip(fields, _FIELDS):
        for item in field.split(","):
            if not _cron_item(item.lower(), name, low, high, words):
                raise ValueError(f"the cron expression {text!r}: {item!r} is no {name}")
    return text


def _cron_item(item: str, name: str, low: int, high: int, words: Sequence[str]) -> bool:
    span, slash, step = item.partition("/")
    if slash and not (step.isdigit() and int(step) > 0):
        return False
    if span in ("*", "?") or span == "l" and name == "day":
        return True
    if name == "weekday":
        span = re.sub(r"^l(?=[0-7]$)|(#[1-5]|l)$", "", span)
    if name == "day":
        span = re.sub(r"^w(?=\d+$)|(?<=\d)w$", "", span)
        span = re.sub(r"(?<=\d)-l$", "-31", span)
    numbers = []
    for part in span.split("-"):
        if part in words:
            part = str(words.index(part) + low)
        if not part.isdigit() or not low <= int(part) <= high:
            return False
        numbers.append(int(part))
    return len(numbers) in (1, 2)


def _seconds(what: str, value: Any) -> Any:
    """A duration as seconds; a relativedelta as its members."""
    if isinstance(value, dt.timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds == int(seconds) else seconds
    if type(value).__name__ == "relativedelta":
        names = ("years", "months", "days", "hours", "minutes", "seconds", "weekday")
        found = {name: getattr(value, name, None) for name in names}
        found["weekday"] = str(found["weekday"]) if found["weekday"] else None
        return {name: number for name, number in found.items() if number}
    raise TypeError(f"{what} must be a timedelta or a relativedelta, not {type(value).__name__}")


def _zone(zone: Any) -> str:
    name = zone_name(zone)
    try:
        zones.parse_timezone(name)
    except Exception:
        raise ValueError(f"there is no time zone {name!r}") from None
    return name


class DataInterval(NamedTuple):
    """What a run is for: from start to end."""

    start: Any
    end: Any

    @classmethod
    def exact(cls, at: Any) -> DataInterval:
        """An interval without length."""
        return cls(at, at)


class TimeRestriction(NamedTuple):
    """The bounds of a DAG's runs."""

    earliest: Any
    latest: Any
    catchup: bool


class DagRunInfo(NamedTuple):
    """When a run is, and what for."""

    run_after: Any
    data_interval: DataInterval

    @classmethod
    def exact(cls, at: Any) -> DagRunInfo:
        """A run at, and for, one moment."""
        return cls(at, DataInterval.exact(at))

    @classmethod
    def interval(cls, start: Any, end: Any) -> DagRunInfo:
        """A run at the end of its interval."""
        return cls(end, DataInterval(start, end))

    @property
    def logical_date(self) -> Any:
        """What the run is for."""
        return self.data_interval.start


class Timetable:
    """
    A schedule. A subclass defines next_dagrun_info and infer_manual_data_interval, and serialize
    and deserialize where it has arguments.
    """

    description = ""
    periodic = True
    can_be_scheduled = True
    run_ordering = ("data_interval_end", "logical_date")
    active_runs_limit: int | None = None

    @property
    def summary(self) -> str:
        """A short text for lists."""
        return type(self).__name__

    def serialize(self) -> dict[str, Any]:
        """Its arguments as data."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        """From serialize()."""
        return cls()

    def validate(self) -> None:
        """Raises if it is wrong."""

    def infer_manual_data_interval(self, *, run_after: Any) -> DataInterval:
        """The interval of a run that is made by hand."""
        raise NotImplementedError(f"{type(self).__name__}.infer_manual_data_interval()")

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run (DagRunInfo), or None."""
        raise NotImplementedError(f"{type(self).__name__}.next_dagrun_info()")

    def as_data(self) -> dict[str, Any]:
        """As data: the form of the DAG document."""
        return {
            "type": "python",
            "classpath": f"{type(self).__module__}.{type(self).__qualname__}",
            "data": self.serialize(),
            "summary": str(self.summary),
        }


class _Own(Timetable):
    """One of this module: the engine knows it by its type."""

    type = ""

    def serialize(self) -> dict[str, Any]:
        raise NotImplementedError

    def as_data(self) -> dict[str, Any]:
        return {"type": self.type, **self.serialize()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Own) or type(self) is not type(other):
            return False
        return self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((self.type, repr(self.serialize())))


class CronTriggerTimetable(_Own):
    """
    A run at each time of the expression. interval: how long before it the data interval begins.
    run_immediately: whether a missed last time runs at once when there is no start_date.
    """

    type = "cron_trigger"

    def __init__(
        self,
        cron: str,
        *,
        timezone: Zone = "UTC",
        interval: Delta = dt.timedelta(),
        run_immediately: bool | dt.timedelta = False,
    ) -> None:
        self.expression, self.timezone = check_cron(cron), _zone(timezone)
        self.interval, self.run_immediately = interval, run_immediately
        self._interval = _seconds("interval", interval)

    @property
    def summary(self) -> str:
        return self.expression

    def serialize(self) -> dict[str, Any]:
        immediately = self.run_immediately
        if isinstance(immediately, dt.timedelta):
            immediately = _seconds("run_immediately", immediately)
        return {
            "cron": self.expression,
            "timezone": self.timezone,
            "interval": self._interval,
            "run_immediately": immediately,
        }


class CronDataIntervalTimetable(_Own):
    """A run for each span between two times of the expression, at its end."""

    type = "cron_data_interval"

    def __init__(self, cron: str, timezone: Zone = "UTC") -> None:
        self.expression, self.timezone = check_cron(cron), _zone(timezone)

    @property
    def summary(self) -> str:
        return self.expression

    def serialize(self) -> dict[str, Any]:
        return {"cron": self.expression, "timezone": self.timezone}


class DeltaTriggerTimetable(_Own):
    """A run every `delta`. interval: how long before it the data interval begins."""

    type = "delta_trigger"

    def __init__(self, delta: Delta, *, interval: Delta = dt.timedelta()) -> None:
        self.delta, self.interval = delta, interval
        self._delta, self._interval = _seconds("delta", delta), _seconds("interval", interval)
        if self._delta == 0 or isinstance(self._delta, (int, float)) and self._delta < 0:
            raise ValueError(f"schedule interval must be positive, not {delta!r}")

    @property
    def summary(self) -> str:
        return str(self.delta)

    def serialize(self) -> dict[str, Any]:
        return {"delta": self._delta, "interval": self._interval}


class DeltaDataIntervalTimetable(_Own):
    """A run for each span of `delta`, at its end."""

    type = "delta_data_interval"

    def __init__(self, delta: Delta) -> None:
        self.delta, self._delta = delta, _seconds("delta", delta)
        if self._delta == 0 or isinstance(self._delta, (int, float)) and self._delta < 0:
            raise ValueError(f"schedule interval must be positive, not {delta!r}")

    @property
    def summary(self) -> str:
        return str(self.delta)

    def serialize(self) -> dict[str, Any]:
        return {"delta": self._delta}


class MultipleCronTriggerTimetable(_Own):
    """A run at each time of any of the expressions."""

    type = "multiple_cron_trigger"

    def __init__(
        self,
        *crons: str,
        timezone: Zone = "UTC",
        interval: Delta = dt.timedelta(),
        run_immediately: bool | dt.timedelta = False,
    ) -> None:
        if not crons:
            raise ValueError("MultipleCronTriggerTimetable needs a cron expression")
        self._timetables = [
            CronTriggerTimetable(
                cron, timezone=timezone, interval=interval, run_immediately=run_immediately
            )
            for cron in crons
        ]

    @property
    def summary(self) -> str:
        return ", ".join(one.summary for one in self._timetables)

    def serialize(self) -> dict[str, Any]:
        first = self._timetables[0].serialize()
        del first["cron"]
        return {"crons": [one.expression for one in self._timetables], **first}


class EventsTimetable(_Own):
    """
    A run at each of the times given. restrict_to_events: runs by hand take the last of them as
    their date.
    """

    type = "events"
    periodic = False

    def __init__(
        self,
        event_dates: Iterable[dt.datetime],
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        dates = [zones.coerce_datetime(moment) for moment in event_dates]
        self.event_dates = dates if presorted else sorted(dates)
        if not self.event_dates:
            raise ValueError("EventsTimetable needs at least one date")
        self.restrict_to_events = restrict_to_events
        self.description = description or f"{len(dates)} events"

    def serialize(self) -> dict[str, Any]:
        return {
            "event_dates": [dt.datetime.isoformat(moment) for moment in self.event_dates],
            "restrict_to_events": bool(self.restrict_to_events),
            "description": self.description,
        }


class AssetTriggeredTimetable(_Own):
    """A run when the condition on assets is met."""

    type = "assets"
    periodic = False

    def __init__(self, assets: BaseAsset | Collection[BaseAsset]) -> None:
        self.asset_condition = condition_of(assets)

    def serialize(self) -> dict[str, Any]:
        return {"condition": self.asset_condition.as_expression()}


class AssetOrTimeSchedule(AssetTriggeredTimetable):
    """A run at the times of a timetable, and when the condition on assets is met."""

    type = "asset_or_time"

    def __init__(self, *, timetable: Timetable, assets: BaseAsset | Collection[BaseAsset]) -> None:
        super().__init__(assets)
        if not isinstance(timetable, Timetable):
            raise TypeError(f"timetable must be a Timetable, not {type(timetable).__name__}")
        self.timetable = timetable

    def serialize(self) -> dict[str, Any]:
        return {**super().serialize(), "timetable": self.timetable.as_data()}


def _check_mapper(mapper: PartitionMapper) -> PartitionMapper:
    if not isinstance(mapper, PartitionMapper):
        raise TypeError(f"expected a PartitionMapper, got {type(mapper).__name__}")
    return mapper


class PartitionedAssetTimetable(AssetTriggeredTimetable):
    """A run for each partition whose assets are all there."""

    type = "partitioned_assets"

    def __init__(
        self,
        *,
        assets: BaseAsset | Collection[BaseAsset],
        partition_mapper_config: Mapping[BaseAsset, PartitionMapper] | None = None,
        default_partition_mapper: PartitionMapper | None = None,
    ) -> None:
        super().__init__(assets)
        self.default_partition_mapper = _check_mapper(default_partition_mapper or IdentityMapper())
        self.partition_mapper_config = dict(partition_mapper_config or {})
        for one, mapper in self.partition_mapper_config.items():
            _check_mapper(mapper)
            if not isinstance(one, BaseAsset):
                raise TypeError(f"partition_mapper_config: {one!r} is no asset")

    def serialize(self) -> dict[str, Any]:
        return {
            **super().serialize(),
            "default_mapper": self.default_partition_mapper.as_data(),
            "mappers": [
                {"asset": one.as_expression(), "mapper": mapper.as_data()}
                for one, mapper in self.partition_mapper_config.items()
            ],
        }


class CronPartitionTimetable(_Own):
    """
    A run at each time of the expression, for the partition that is `run_offset` (a number of ticks
    or a duration) away from it.
    """

    type = "cron_partition"

    def __init__(
        self,
        cron: str,
        *,
        timezone: Zone = "UTC",
        run_offset: int | Delta | None = None,
        run_immediately: bool | dt.timedelta = False,
        key_format: str = "%Y-%m-%dT%H:%M:%S",
    ) -> None:
        self.expression, self.timezone = check_cron(cron), _zone(timezone)
        self.run_offset, self.run_immediately = run_offset, run_immediately
        self.key_format = key_format

    @property
    def summary(self) -> str:
        return self.expression

    def serialize(self) -> dict[str, Any]:
        offset: Any = self.run_offset
        immediately = self.run_immediately
        if offset is not None and not isinstance(offset, int):
            offset = {"duration": _seconds("run_offset", offset)}
        if isinstance(immediately, dt.timedelta):
            immediately = _seconds("run_immediately", immediately)
        return {
            "cron": self.expression,
            "timezone": self.timezone,
            "run_offset": offset,
            "run_immediately": immediately,
            "key_format": self.key_format,
        }


def schedule_of(value: Any) -> Any:
    """
    A DAG's schedule, checked: None, text, a duration, or a Timetable. ValueError, TypeError.
    """
    if value is None or isinstance(value, (str, dt.timedelta, Timetable)):
        return value
    if type(value).__name__ == "relativedelta":
        return DeltaTriggerTimetable(value)
    if isinstance(value, BaseAsset) or isinstance(value, (list, tuple, set)):
        return AssetTriggeredTimetable(value)
    raise TypeError(
        "schedule must be a cron expression, a timedelta, a timetable, or assets, not"
        f" {type(value).__name__}"
    )
