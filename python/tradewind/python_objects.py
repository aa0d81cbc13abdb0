"""Values, assets, schedules and deadlines of a document as Python source."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from tradewind import serde
from tradewind.python_text import Call, Code, source
from tradewind.values import WORDS, NotSaid

if TYPE_CHECKING:
    from typing import Any

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001}
_ISO = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?\Z")
_MAPPERS = frozenset(
    """
    IdentityMapper StartOfHourMapper StartOfDayMapper StartOfWeekMapper StartOfMonthMapper
    StartOfQuarterMapper StartOfYearMapper AllowedKeyMapper ProductMapper ChainMapper
    """.split()
)
# Timetables by type: class, members given by position, members that are durations.
_TIMETABLES = {
    "cron_trigger": ("CronTriggerTimetable", ("cron",), ("interval", "run_immediately")),
    "cron_data_interval": ("CronDataIntervalTimetable", ("cron",), ()),
    "delta_trigger": ("DeltaTriggerTimetable", ("delta",), ("delta", "interval")),
    "delta_data_interval": ("DeltaDataIntervalTimetable", ("delta",), ("delta",)),
    "cron_partition": ("CronPartitionTimetable", ("cron",), ("run_immediately",)),
}


def seconds_of(value: Any) -> Any:
    """The seconds of a duration of a document: a number, `1h30m`, or `PT1H30M`."""
    if isinstance(value, (int, float)):
        return float(value)
    iso = _ISO.match(value.strip())
    if iso and len(value) > 1:
        parts = [float(part or 0) for part in iso.groups()]
        return sum(part * unit for part, unit in zip(parts, (604800, 86400, 3600, 60, 1)))
    found = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|us|[dhms])", value)
    if not found or re.sub(r"(\d+(?:\.\d+)?)\s*(ms|us|[dhms])|\s", "", value):
        return float(value)
    return sum(float(number) * _UNITS[unit] for number, unit in found)


def class_path(text: str) -> Any:
    """`module:Class` of `module.Class`; what is `file.py:Class` stays."""
    if ":" in text:
        return text
    module, _, name = text.rpartition(".")
    return f"{module}:{name}"


class Objects:
    """
    Makes source of values. `used`: names of tradewind.sdk, `modules`: names of datetime and of
    tradewind.reference that the source needs; `names`: the variables of tasks, by id.
    """

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.used = {"DAG"}
        self.modules: set[str] = set()
        self.arguments_of_group: set[str] | None = None  # of the mapped group that is being written

    def sdk(self, name: str, arguments: Any) -> Any:
        """A call of a name of the SDK."""
        self.used.add(name)
        return Call(name, arguments)

    def duration(self, value: Any) -> Any:
        """timedelta(...) in the largest unit that divides it."""
        seconds = seconds_of(value)
        self.modules.add("timedelta")
        for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
            if seconds and seconds % size == 0:
                return Call("timedelta", [(unit, int(seconds // size))])
        return Call("timedelta", [("seconds", int(seconds) if seconds == int(seconds) else seconds)])

    def moment(self, value: Any) -> Any:
        """datetime(...) with its offset."""
        found = dt.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        self.modules.update(("datetime", "timezone"))
        parts = [found.year, found.month, found.day, found.hour, found.minute, found.second]
        parts.append(found.microsecond)
        while len(parts) > 3 and parts[-1] == 0:
            parts.pop()
        zone: Any = Code("timezone.utc")
        offset = found.utcoffset()
        if offset:
            zone = Call("timezone", [(None, self.duration(offset.total_seconds()))])
        return Call("datetime", [*((None, part) for part in parts), ("tzinfo", zone)])

    def function(self, reference: str) -> Any:
        """function("file.py:name"): found when it is called."""
        self.modules.add("function")
        return Call("function", [(None, reference)])

    def load(self, reference: str) -> Any:
        """load("file.py:name"): the thing itself."""
        self.modules.add("load")
        return Call("load", [(None, reference)])

    def argument(self, value: Any) -> Any:
        """A value of the document (tradewind.values). NotSaid."""
        if isinstance(value, list):
            return [self.argument(item) for item in value]
        if not isinstance(value, dict):
            return value
        if serde.TYPE in value:
            return self._typed(value)
        if len(value) == 1:
            ((word, inner),) = value.items()
            if word in WORDS:
                return getattr(self, "_" + word.strip("_"))(inner)
        return {key: self.argument(item) for key, item in value.items()}

    def _typed(self, value: Any) -> Any:
        name, inner = value[serde.TYPE], value.get("value")
        if name in ("tuple", "set", "frozenset"):
            return Call(name, [(None, [self.argument(item) for item in inner])])
        if name == "timedelta":
            self.modules.add("timedelta")
            return Call("timedelta", [(None, number) for number in inner])
        if name == "datetime" and not value.get("zone") and ("+" in inner[10:] or "-" in inner[10:]):
            return self.moment(inner)
        self.modules.add("decode")
        return Call("decode", [(None, value)])

    def _xcom(self, inner: Any) -> Any:
        name = self.names.get(inner["task_id"])
        if name is None:
            raise NotSaid(
                f"the XCom of {inner['task_id']!r}, which comes after it: write that task first"
            )
        if inner.get("key", "return_value") == "return_value":
            return Code(f"{name}.output")
        return self.sdk("XComArg", [(None, Code(name)), ("key", inner["key"])])

    def _whole(self, value: Any) -> Any:
        return source(self.argument(value))

    def _map(self, inner: Any) -> Any:
        if not inner.get("functions"):
            raise NotSaid("__map__ without 'functions': name those that are called on each")
        calls = "".join(f".map({source(self.function(one))})" for one in inner["functions"])
        return Code(self._whole(inner["of"]) + calls)

    def _zip(self, inner: Any) -> Any:
        first, *others = inner["of"]
        arguments: list[tuple[str | None, Any]] = [(None, self.argument(one)) for one in others]
        if "fillvalue" in inner:
            arguments.append(("fillvalue", self.argument(inner["fillvalue"])))
        return Code(source(Call(f"{self._whole(first)}.zip", arguments)))

    def _concat(self, inner: Any) -> Any:
        first, *others = inner["of"]
        arguments: list[tuple[str | None, Any]] = [(None, self.argument(one)) for one in others]
        return Code(source(Call(f"{self._whole(first)}.concat", arguments)))

    def _mapped(self, inner: Any) -> Any:
        if self.arguments_of_group is None or inner not in self.arguments_of_group:
            raise NotSaid(f"__mapped__: no mapped task group around it has an argument {inner!r}")
        return Code(inner)

    def _param(self, inner: Any) -> Any:
        self.modules.add("DagParam")
        return Call("DagParam", [(None, inner)])

    def _object(self, inner: Any) -> Any:
        return self.load(inner)

    def _literal(self, inner: Any) -> Any:
        return self.sdk("literal", [(None, self.argument(inner))])

    def _asset(self, inner: Any) -> Any:
        return self.asset(inner)

    # ---- assets ----

    def asset(self, data: Any) -> Any:
        """An asset, alias, reference or combination."""
        kind = data.get("type")
        if kind == "asset":
            return self._one_asset(data)
        if kind == "asset_alias":
            group = [("group", data["group"])] if data.get("group", "asset") != "asset" else []
            return self.sdk("AssetAlias", [(None, data["name"]), *group])
        if kind == "asset_ref":
            self.used.add("Asset")
            name = "name" if "name" in data else "uri"
            return Call("Asset.ref", [(name, data[name])])
        if kind in ("all", "any"):
            name = "AssetAll" if kind == "all" else "AssetAny"
            return self.sdk(name, [(None, self.asset(one)) for one in data.get("of") or ()])
        raise NotSaid(f"an asset of the type {kind!r}")

    def _one_asset(self, data: Any) -> Any:
        arguments = [(name, data[name]) for name in ("name", "uri") if data.get(name) is not None]
        if data.get("group", "asset") != "asset":
            arguments.append(("group", data["group"]))
        if data.get("extra"):
            arguments.append(("extra", data["extra"]))
        watchers = []
        for one in data.get("watchers") or ():
            made = self.load(class_path(one["trigger"]["classpath"]))
            trigger = Call(source(made), list((one["trigger"].get("kwargs") or {}).items()))
            watchers.append(self.sdk("AssetWatcher", [(None, one["name"]), ("trigger", trigger)]))
        if watchers:
            arguments.append(("watchers", watchers))
        return self.sdk("Asset", arguments)

    # ---- schedules ----

    def schedule(self, data: Any) -> Any:
        """The DAG's schedule: text as it is, an object by its type. NotSaid."""
        if not isinstance(data, dict):
            return data
        kind = data["type"]
        rest = {key: value for key, value in data.items() if key != "type"}
        if kind in _TIMETABLES:
            return self._timetable(kind, rest)
        if kind == "multiple_cron_trigger":
            crons = [(None, one) for one in rest.pop("crons")]
            durations = ("interval", "run_immediately")
            named = [(key, self._span(key, one, durations)) for key, one in rest.items()]
            return self.sdk("MultipleCronTriggerTimetable", crons + named)
        if kind == "events":
            dates = [self.moment(one) for one in rest.pop("event_dates")]
            return self.sdk("EventsTimetable", [("event_dates", dates), *rest.items()])
        if kind == "assets":
            return self.asset(rest["condition"])
        if kind == "asset_or_time":
            timetable, assets = self.schedule(rest["timetable"]), self.asset(rest["condition"])
            return self.sdk("AssetOrTimeSchedule", [("timetable", timetable), ("assets", assets)])
        if kind == "partitioned_assets":
            return self._partitioned(rest)
        if kind == "python":
            made = source(self.load(class_path(rest["classpath"])))
            return Call(f"{made}.deserialize", [(None, rest.get("data") or {})])
        raise NotSaid(f"schedule: the type {kind!r}")

    def _span(self, key: str, value: Any, durations: Any) -> Any:
        """A member that is a duration, or a boolean."""
        if key not in durations or isinstance(value, bool) or value is None:
            return value
        if isinstance(value, dict):
            if value.keys() - {"years", "months", "days", "hours", "minutes", "seconds"}:
                raise NotSaid(f"schedule: {key} counts weekdays; use a cron expression")
            self.modules.add("relativedelta")
            return Call("relativedelta", list(value.items()))
        return self.duration(value)

    def _timetable(self, kind: str, rest: Any) -> Any:
        name, first, durations = _TIMETABLES[kind]
        offset = rest.get("run_offset")
        if isinstance(offset, dict):
            rest["run_offset"] = self._span("run_offset", offset["duration"], ("run_offset",))
        arguments = [(None, self._span(key, rest.pop(key), durations)) for key in first]
        arguments += [(key, self._span(key, one, durations)) for key, one in rest.items()]
        return self.sdk(name, arguments)

    def _partitioned(self, rest: Any) -> Any:
        arguments = [
            ("assets", self.asset(rest["condition"])),
            ("default_partition_mapper", self._mapper(rest["default_mapper"])),
        ]
        pairs = [[self.asset(one["asset"]), self._mapper(one["mapper"])] for one in rest["mappers"]]
        if pairs:
            arguments.append(("partition_mapper_config", Call("dict", [(None, pairs)])))
        return self.sdk("PartitionedAssetTimetable", arguments)

    def _mapper(self, data: Any) -> Any:
        rest = {key: value for key, value in data.items() if key != "type"}
        if data["type"] not in _MAPPERS:
            made = source(self.load(class_path(data["type"])))
            return Call(f"{made}.deserialize", [(None, rest)])
        several = [(None, self._mapper(one)) for one in rest.pop("mappers", ())]
        return self.sdk(data["type"], several + list(rest.items()))

    # ---- deadlines ----

    def deadline(self, data: Any) -> Any:
        """A DeadlineAlert."""
        reference, callback = data["reference"], data.get("callback")
        if not callback or data.get("channels"):
            raise NotSaid("deadline: channels (Airflow has callbacks alone)")
        self.used.add("DeadlineReference")
        rest = {key: value for key, value in reference.items() if key != "type"}
        kind = reference["type"]
        made: Any
        if kind == "fixed_datetime":
            made = Call("DeadlineReference.FIXED_DATETIME", [(None, self.moment(rest["datetime"]))])
        elif kind == "average_runtime":
            made = Call("DeadlineReference.AVERAGE_RUNTIME", list(rest.items()))
        elif kind in ("dagrun_logical_date", "dagrun_queued_at"):
            made = Code(f"DeadlineReference.{kind.upper()}")
        else:
            raise NotSaid(f"deadline: the reference {kind!r}")
        kind = callback.get("type", "SyncCallback")
        if kind not in ("AsyncCallback", "SyncCallback"):
            raise NotSaid(f"deadline: a callback of the type {kind!r}")
        arguments: list[tuple[str | None, Any]] = [(None, callback["path"])]
        arguments += [(name, callback[name]) for name in ("kwargs", "executor") if callback.get(name)]
        seconds = data["interval"]
        self.modules.add("timedelta")
        negative = isinstance(seconds, (int, float)) and seconds < 0
        if isinstance(seconds, str) and seconds.startswith("-"):
            raise NotSaid("deadline: a negative interval that is a text; write it as seconds")
        interval = Call("timedelta", [("seconds", seconds)]) if negative else self.duration(seconds)
        alert = [("reference", made), ("interval", interval)]
        alert.append(("callback", self.sdk(kind, arguments)))
        if data.get("name"):
            alert.append(("name", data["name"]))
        return self.sdk("DeadlineAlert", alert)
