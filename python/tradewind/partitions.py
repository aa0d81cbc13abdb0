"""Partition mappers: from the partition key of an asset's event to that of a DAG's run."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tradewind import timezone as zones

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from tradewind.hints import Zone


def zone_name(zone: Any) -> str:
    """The name of a time zone that is a name, a zone of zoneinfo or pendulum, or an offset."""
    if isinstance(zone, str):
        return zone
    return getattr(zone, "key", None) or getattr(zone, "name", None) or str(zone)


class PartitionMapper:
    """A subclass defines to_downstream(key)."""

    def to_downstream(self, key: str) -> str:
        """The key of the run, from the key of the event. ValueError if it has none."""
        raise NotImplementedError(f"{type(self).__name__} does not define to_downstream()")

    def serialize(self) -> dict[str, Any]:
        """Its arguments as data."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PartitionMapper:
        """From serialize()."""
        return cls(**data)

    def as_data(self) -> dict[str, Any]:
        """As data: the form of the DAG document."""
        module = type(self).__module__
        name = type(self).__name__
        own = module == __name__
        return {"type": name if own else f"{module}.{name}", **self.serialize()}


class IdentityMapper(PartitionMapper):
    """The same key."""

    def to_downstream(self, key: str) -> str:
        return key


class _TemporalMapper(PartitionMapper):
    """A key that is a time, cut down to the beginning of something."""

    default_output_format = ""

    def __init__(
        self,
        *,
        timezone: Zone = "UTC",
        input_format: str = "%Y-%m-%dT%H:%M:%S",
        output_format: str | None = None,
    ) -> None:
        self.timezone = zone_name(timezone)
        zones.parse_timezone(self.timezone)
        self.input_format = input_format
        self.output_format = output_format or self.default_output_format

    def start(self, moment: dt.datetime) -> dt.datetime:
        """The beginning of what the moment is in."""
        raise NotImplementedError

    def to_downstream(self, key: str) -> str:
        moment = dt.datetime.strptime(key, self.input_format)
        if moment.tzinfo is not None:
            moment = moment.astimezone(zones.parse_timezone(self.timezone))
        start = self.start(moment.replace(minute=0, second=0, microsecond=0))
        form = self.output_format.replace("{quarter}", str((start.month + 2) // 3))
        return start.strftime(form)

    def serialize(self) -> dict[str, Any]:
        return {
            "timezone": self.timezone,
            "input_format": self.input_format,
            "output_format": self.output_format,
        }


class StartOfHourMapper(_TemporalMapper):
    """2026-03-13T10:42:15 → 2026-03-13T10."""

    default_output_format = "%Y-%m-%dT%H"

    def start(self, moment: dt.datetime) -> dt.datetime:
        return moment


class StartOfDayMapper(_TemporalMapper):
    """2026-03-13T10:42:15 → 2026-03-13."""

    default_output_format = "%Y-%m-%d"

    def start(self, moment: dt.datetime) -> dt.datetime:
        return moment.replace(hour=0)


class StartOfWeekMapper(_TemporalMapper):
    """2026-03-13T10:42:15 → 2026-03-09 (W11), the Monday."""

    default_output_format = "%Y-%m-%d (W%V)"

    def start(self, moment: dt.datetime) -> dt.datetime:
        return moment.replace(hour=0) - dt.timedelta(days=moment.weekday())


class StartOfMonthMapper(_TemporalMapper):
    """2026-03-13T10:42:15 → 2026-03."""

    default_output_format = "%Y-%m"

    def start(self, moment: dt.datetime) -> dt.datetime:
        return moment.replace(hour=0, day=1)


class StartOfQuarterMapper(_TemporalMapper):
    """2026-03-13T10:42:15 → 2026-Q1."""

    default_output_format = "%Y-Q{quarter}"

    def start(self, moment: dt.datetime) -> dt.datetime:
        return moment.replace(hour=0, day=1, month=(moment.month - 1) // 3 * 3 + 1)


class StartOfYearMapper(_TemporalMapper):
    """2026-03-13T10:42:15 → 2026."""

    default_output_format = "%Y"

    def start(self, moment: dt.datetime) -> dt.datetime:
        return moment.replace(hour=0, day=1, month=1)


class _Several(PartitionMapper):
    def __init__(
        self, mapper0: PartitionMapper, mapper1: PartitionMapper, /, *mappers: PartitionMapper
    ) -> None:
        self.mappers = [mapper0, mapper1, *mappers]
        for mapper in self.mappers:
            if not isinstance(mapper, PartitionMapper):
                raise TypeError(f"expected a PartitionMapper, got {type(mapper).__name__}")

    def serialize(self) -> dict[str, Any]:
        return {"mappers": [mapper.as_data() for mapper in self.mappers]}


class ProductMapper(_Several):
    """Keys of several parts, each with a mapper of its own: "eu|2026-03-13T10:00:00"."""

    def __init__(
        self,
        mapper0: PartitionMapper,
        mapper1: PartitionMapper,
        /,
        *mappers: PartitionMapper,
        delimiter: str = "|",
    ) -> None:
        super().__init__(mapper0, mapper1, *mappers)
        self.delimiter = delimiter

    def to_downstream(self, key: str) -> str:
        parts = key.split(self.delimiter)
        if len(parts) != len(self.mappers):
            raise ValueError(
                f"the partition key {key!r} has {len(parts)} parts, expected {len(self.mappers)}"
            )
        return self.delimiter.join(
            mapper.to_downstream(part) for mapper, part in zip(self.mappers, parts)
        )

    def serialize(self) -> dict[str, Any]:
        return {**super().serialize(), "delimiter": self.delimiter}


class ChainMapper(_Several):
    """One mapper after the other."""

    def to_downstream(self, key: str) -> str:
        for mapper in self.mappers:
            key = mapper.to_downstream(key)
        return key


class AllowedKeyMapper(PartitionMapper):
    """The same key, if it is one of those allowed."""

    def __init__(self, allowed_keys: Iterable[str]) -> None:
        self.allowed_keys = list(allowed_keys)

    def to_downstream(self, key: str) -> str:
        if key not in self.allowed_keys:
            raise ValueError(f"the partition key {key!r} is none of {self.allowed_keys}")
        return key

    def serialize(self) -> dict[str, Any]:
        return {"allowed_keys": self.allowed_keys}
