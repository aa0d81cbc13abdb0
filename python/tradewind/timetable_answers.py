"""
`python3 -m tradewind.timetable_answers`: asks a time table of the user's own. A line of JSON on standard input,

    {"file", "dag_id", "schedule": {"classpath", "data"}, "ask": "next" | "manual",
     "last": {"start", "end"} | null, "earliest", "latest", "catchup", "run_after", "timeout_s"}

and one on standard output: {"run": {"run_after", "start", "end"} | null}, or {"error": text}. What the class itself
prints goes to standard error. A partition mapper of the user's own is asked in the same way: {"file", "dag_id", "ask": "partition",
"mapper": {"type", ...}, "key", "timeout_s"}, answered by {"key": text}. And listeners of plugins are told of import errors: {"ask":
"import_errors", "errors": [{"file", "text", "new"}...], "timeout_s"}, answered by {"failed": how many of their functions raised}.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from tradewind import link, lookup, plugins, reference, timezone
from tradewind.importer import Target, describe, run_import
from tradewind.partitions import PartitionMapper
from tradewind.timetables import DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    from typing import Any


class AnswerTimeout(BaseException):
    """The class took too long. No Exception, so that what it catches does not catch this."""


# What the class looks up of variables and connections is read from the store, as when a DAG file is imported.
_reader = lookup.Reader() if lookup.available() else None


def find_class(classpath: str, file: str) -> Any:
    """The class: of the DAG file, of another file beside it, of a plugin, or of any module. ImportError, AttributeError."""
    if ":" in classpath:
        return reference.find(classpath, os.path.dirname(file))
    module_name, _, name = classpath.rpartition(".")
    module: Any = sys.modules.get(module_name)
    stem = os.path.splitext(os.path.basename(file))[0]
    if module is None and module_name == f"tradewind_dag_{stem}":
        result = run_import(Target.of(file), emit=False, tasks=False)
        link.set_reader(_reader)
        if result.module is None or result.errors:
            error = result.errors[0]
            raise ImportError(f"{error['file']}:{error['line']}: {error['text']}")
        module = result.module
    elif module is None:
        module = importlib.import_module(module_name)
    for part in name.split("."):
        module = getattr(module, part)
    return module


def _complete_pendulum() -> None:
    """Time tables of Airflow 3 are written for pendulum 3: DateTime.combine takes a tzinfo there."""
    pendulum: Any = timezone.pendulum_or_none()
    if pendulum is None or not pendulum.__version__.startswith(("1.", "2.")):
        return
    own = pendulum.DateTime.combine

    def combine(cls: Any, date: Any, time: Any, tzinfo: Any = None) -> Any:
        if tzinfo is None:
            return own(date, time)
        return pendulum.instance(dt.datetime.combine(date, time), tz=tzinfo)

    pendulum.DateTime.combine = classmethod(combine)


def _prepare(file: str) -> None:
    """Modules are found as when the DAG file is imported."""
    _complete_pendulum()
    target = Target.of(file, kind="callback")
    folder = os.path.dirname(os.path.abspath(file))
    for place in (target.root, os.environ.get("TRADEWIND_DAGS")):
        if place and place not in sys.path:
            sys.path.append(place)
    sys.path.insert(0, folder)
    plugins.prepare(plugins.folders())
    importlib.invalidate_caches()


def make(schedule: dict[str, Any], file: str) -> Timetable:
    """The time table, from what its serialize() said."""
    found = find_class(schedule["classpath"], file)
    if not isinstance(found, type) or not issubclass(found, Timetable):
        raise TypeError(f"{schedule['classpath']} is no Timetable")
    return found.deserialize(schedule.get("data") or {})


def _mapped(question: dict[str, Any]) -> str:
    """The key of the run, as the mapper makes it."""
    data = dict(question["mapper"])
    classpath = data.pop("type")
    found = find_class(classpath, question["file"])
    if not isinstance(found, type) or not issubclass(found, PartitionMapper):
        raise TypeError(f"{classpath} is no PartitionMapper")
    key = found.deserialize(data).to_downstream(question["key"])
    if not isinstance(key, str):
        raise TypeError(f"{classpath}.to_downstream() made {key!r}, not a text")
    return key


def _told(errors: list[dict[str, Any]]) -> int:
    """Listeners of all plugins hear of errors of DAG files. How many of their functions failed."""
    plugins.load()
    tell = plugins.get_listener_manager().tell
    failed = 0
    for error in errors:
        event = f"on_{'new' if error['new'] else 'existing'}_dag_import_error"
        failed += tell(event, filename=error["file"], stacktrace=error["text"])
    return failed


def _text(what: str, moment: Any) -> str:
    if not isinstance(moment, dt.datetime):
        raise TypeError(f"{what} must be a datetime, not {type(moment).__name__}")
    if moment.tzinfo is None:
        raise ValueError(f"{what} has no time zone: {moment}")
    return dt.datetime.isoformat(moment.astimezone(dt.timezone.utc))


def _interval(question: dict[str, Any]) -> DataInterval | None:
    last = question.get("last")
    if not last:
        return None
    return DataInterval(timezone.coerce_datetime(last["start"]), timezone.coerce_datetime(last["end"]))


def answer(question: dict[str, Any]) -> dict[str, Any] | None:
    """What the class says: a run as data, or None."""
    _prepare(question["file"])
    timetable = make(question["schedule"], question["file"])
    if question["ask"] == "manual":
        run_after = timezone.coerce_datetime(question["run_after"])
        interval = timetable.infer_manual_data_interval(run_after=run_after)
        return {
            "run_after": _text("run_after", run_after),
            "start": _text("the interval's start", interval.start),
            "end": _text("the interval's end", interval.end),
        }
    restriction = TimeRestriction(
        timezone.coerce_datetime(question.get("earliest")),
        timezone.coerce_datetime(question.get("latest")),
        bool(question.get("catchup")),
    )
    info = timetable.next_dagrun_info(
        last_automated_data_interval=_interval(question), restriction=restriction
    )
    if info is None:
        return None
    return {
        "run_after": _text("run_after", info.run_after),
        "start": _text("the interval's start", info.data_interval.start),
        "end": _text("the interval's end", info.data_interval.end),
    }


def main() -> int:
    """Exit code 0 with an answer, whatever it is."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    question = json.loads(sys.stdin.readline())
    limit = float(question.get("timeout_s") or 20)

    def ring(signum: int, frame: object) -> None:
        raise AnswerTimeout(f"no answer within {limit:g} s")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit)
    said: dict[str, Any]
    link.set_reader(_reader)
    try:
        if question["ask"] == "import_errors":
            said = {"failed": _told(question["errors"])}
        elif question["ask"] == "partition":
            _prepare(question["file"])
            said = {"key": _mapped(question)}
        else:
            said = {"run": answer(question)}
    except BaseException as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        found = describe(error, Target.of(question.get("file") or __file__, kind="callback"))
        where = f"{found['file']}:{found['line']}: " if found.get("line") else ""
        said = {"error": f"{where}{found['text']}"}
    signal.setitimer(signal.ITIMER_REAL, 0)
    out.write(json.dumps(said) + "\n")
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
