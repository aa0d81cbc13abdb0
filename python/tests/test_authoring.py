"""Assets, timetables, deadlines, notifiers, strategies, storage, settings: data of the document."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys

import pytest

from tradewind import exceptions, sdk
from tradewind.dags import DAG
from tradewind.emit import dag_document
from tradewind.sdk import (
    Asset,
    AssetAlias,
    AssetAll,
    AssetAny,
    AssetOrTimeSchedule,
    AsyncCallback,
    BaseNotifier,
    BashOperator,
    ChainMapper,
    CronDataIntervalTimetable,
    CronPartitionTimetable,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    EmptyOperator,
    EventsTimetable,
    IdentityMapper,
    Label,
    Metadata,
    MultipleCronTriggerTimetable,
    ObjectStoragePath,
    PartitionedAssetTimetable,
    PriorityWeightStrategy,
    ProductMapper,
    StartOfDayMapper,
    StartOfQuarterMapper,
    StartOfWeekMapper,
    SyncCallback,
    asset,
    conf,
)
from tradewind.timetables import Timetable, check_cron

AIRFLOW_SDK = """
__version__ AllowedKeyMapper Asset AssetAlias AssetAll AssetAny AssetOrTimeSchedule AssetWatcher
AsyncCallback BaseAsyncOperator BaseBranchOperator BaseHook BaseNotifier BaseOperator BaseOperatorLink
BaseSensorOperator BaseXCom BranchMixIn ChainMapper Connection Context CronDataIntervalTimetable
CronTriggerTimetable CronPartitionTimetable DAG DagRunState DeadlineAlert DeadlineReference
DeltaDataIntervalTimetable DeltaTriggerTimetable EdgeModifier EventsTimetable IdentityMapper Label
Metadata MultipleCronTriggerTimetable ObjectStoragePath Param ParamsDict PartitionedAssetTimetable
PartitionMapper PokeReturnValue ProductMapper SkipMixin SyncCallback StartOfDayMapper
StartOfHourMapper StartOfMonthMapper StartOfQuarterMapper StartOfWeekMapper StartOfYearMapper
TaskGroup TaskInstance TaskInstanceState TriggerRule Variable WeightRule XComArg asset chain
chain_linear conf cross_downstream dag get_current_context get_parsing_context literal lineage
macros setup task task_group teardown
"""


def test_names_of_airflow_sdk():
    for name in AIRFLOW_SDK.split():
        assert getattr(sdk, name) is not None and name in sdk.__all__, name


def schedule_of(value):
    return dag_document(DAG("d", schedule=value))["schedule"]


# Assets.

A, B = Asset("a"), Asset(uri="s3://bucket/b/", name="b", group="g", extra={"k": 1})
A_DATA = {"type": "asset", "name": "a", "uri": "a", "group": "asset"}
B_DATA = {"type": "asset", "name": "b", "uri": "s3://bucket/b", "group": "g", "extra": {"k": 1}}


def test_uris_are_normalized():
    assert Asset("S3://user:secret@host/x/?b=1&a=2#f").uri == "s3://user@host/x?a=2&b=1"
    assert Asset("plain name").uri == "plain name" and Asset("x-own://A//").uri == "x-own://A//"
    for wrong, kind in ((" ", ValueError), ("airflow://x", ValueError), (5, TypeError)):
        with pytest.raises(kind):
            Asset(name=wrong)
    with pytest.raises(TypeError, match="'name' or 'uri'"):
        Asset()


def test_asset_schedules():
    assert schedule_of([A]) == {"type": "assets", "condition": {"type": "all", "of": [A_DATA]}}
    assert schedule_of(A | B & Asset.ref(name="c"))["condition"] == {
        "type": "any",
        "of": [A_DATA, {"type": "all", "of": [B_DATA, {"type": "asset_ref", "name": "c"}]}],
    }
    assert schedule_of(AssetAlias("x"))["condition"]["type"] == "asset_alias"
    assert len(list(AssetAll(A, AssetAny(A, B)).iter_assets())) == 2
    with pytest.raises(ValueError, match="assets"):
        DAG("d", schedule=[A, 1])
    with pytest.raises(TypeError, match="schedule must be"):
        DAG("d", schedule=3)


def test_inlets_and_outlets_are_run_in_python():
    with DAG("d") as d:
        BashOperator(task_id="t", bash_command="true", outlets=A, inlets=[B, object])
        EmptyOperator(task_id="e", outlets=[AssetAlias("x")])
    found = dag_document(d)["tasks"]
    assert found["t"]["operator"] == "python" == found["e"]["operator"]
    assert found["t"]["outlets"] == [A_DATA] and found["t"]["inlets"][0] == B_DATA


@asset(schedule="@daily", uri="s3://x/y", tags=["t"])
def made(self, context, other):
    """Words."""


@asset.multi(schedule=None, outlets=[A, B])
def several():
    pass


def test_the_asset_decorators():
    assert made.name == "made" and made.uri == "s3://x/y"
    d = DAG("consumer", schedule=made & several)
    assert len(dag_document(d)["schedule"]["condition"]["of"]) == 2
    with pytest.raises(ValueError, match="nested"):
        asset(schedule=None)(lambda: None)


EVENTS = """
    from tradewind.sdk import *

    a, alias = Asset("a"), AssetAlias("al")

    @asset(schedule=None)
    def made(self, context, other):
        context["outlet_events"][self].extra = {"name": other.name}
        return self.uri

    with DAG("d") as d:
        @task(outlets=[a, alias, Asset.ref(name="r")])
        def t(outlet_events):
            outlet_events[a].extra["rows"] = 3
            outlet_events[Asset.ref(name="a")].extra["more"] = 1
            outlet_events[alias].add(Asset("b"), extra={"k": 2})

        @task(outlets=[a])
        def yields():
            yield Metadata(a, {"n": 1})
            return 7

        @task(outlets=[a])
        def fails():
            raise ValueError("no")

        t(), yields(), fails()
        BashOperator(task_id="bash", bash_command="true", outlets=a)
        @task
        def triggered(triggering_asset_events):
            return len(triggering_asset_events), triggering_asset_events == {}
        triggered()
"""


def test_events(holder, write):
    file = write("e.py", EVENTS)

    def events(task_id, **more):
        return holder.run(file, task_id, **more).outcome()

    found = events("t")["asset_events"]
    assert [(e["name"], e["extra"]) for e in found] == [
        ("a", {"rows": 3, "more": 1}),
        ("b", {"k": 2}),
    ]
    assert found[1]["aliases"] == ["al"] and found[1]["uri"] == "b"
    result = events("yields")
    assert result["asset_events"][0]["extra"] == {"n": 1} and result["xcoms"][0]["value"] == 7
    assert events("bash")["asset_events"][0]["name"] == "a"
    assert "asset_events" not in events("fails")
    assert events("triggered")["xcoms"][0]["value"]["value"] == [0, True]
    result = events("made", dag_id="made")
    assert result["asset_events"][0]["extra"] == {"name": "other"}, result


# Timetables.


@pytest.mark.parametrize(
    "text", ["* * * * *", "*/5 0-6 1,15 jan-mar mon", "0 0 L * 5#2", "@daily", "0 0 * * * 30 2026"]
)
def test_crons(text):
    assert check_cron(text) == text


@pytest.mark.parametrize("text", ["", "* * * *", "60 * * * *", "* * * * fry", "*/0 * * * *", "a b"])
def test_wrong_crons(text):
    with pytest.raises(ValueError, match="cron"):
        CronTriggerTimetable(text, timezone="UTC")


def test_a_wrong_cron_names_the_line(write):
    file = write("c.py", "from tradewind.sdk import *\n\nx = CronTriggerTimetable('61 * * * *')\n")
    out = subprocess.run(
        [sys.executable, "-m", "tradewind.document", str(file)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(sdk.__file__).rsplit("/", 2)[0], "PATH": "/usr/bin:/bin"},
    )
    (error,) = json.loads(out.stdout)["errors"]
    assert error["line"] == 3 and error["file"] == str(file) and "'61' is no minute" in error["text"]


def test_timetables_as_data():
    hour = dt.timedelta(hours=1)
    assert schedule_of(CronTriggerTimetable("@daily", timezone="Europe/Berlin", interval=hour)) == {
        "type": "cron_trigger",
        "cron": "@daily",
        "timezone": "Europe/Berlin",
        "interval": 3600,
        "run_immediately": False,
    }
    assert schedule_of(CronDataIntervalTimetable("0 1 * * *", "UTC"))["type"] == "cron_data_interval"
    assert schedule_of(DeltaTriggerTimetable(hour)) == {
        "type": "delta_trigger",
        "delta": 3600,
        "interval": 0,
    }
    assert schedule_of(DeltaDataIntervalTimetable(hour))["delta"] == 3600
    several = schedule_of(MultipleCronTriggerTimetable("@daily", "@hourly", timezone="UTC"))
    assert several["crons"] == ["@daily", "@hourly"]
    dates = [dt.datetime(2026, 2, 1), dt.datetime(2026, 1, 1)]
    assert schedule_of(EventsTimetable(dates))["event_dates"][0] == "2026-01-01T00:00:00+00:00"
    both = schedule_of(
        AssetOrTimeSchedule(timetable=CronTriggerTimetable("@daily", timezone="UTC"), assets=[A])
    )
    assert both["timetable"]["type"] == "cron_trigger" and both["condition"]["of"] == [A_DATA]
    with pytest.raises(ValueError, match="time zone"):
        CronTriggerTimetable("@daily", timezone="Nowhere/Land")
    with pytest.raises(ValueError, match="positive"):
        DeltaTriggerTimetable(-hour)


class Workday(Timetable):
    def __init__(self, hour=8):
        self.hour = hour

    def serialize(self):
        return {"hour": self.hour}

    def validate(self):
        if self.hour > 23:
            raise ValueError("no such hour")


def test_a_timetable_of_the_users():
    assert schedule_of(Workday(9)) == {
        "type": "python",
        "classpath": f"{__name__}.Workday",
        "data": {"hour": 9},
        "summary": "Workday",
    }
    with pytest.raises(ValueError, match="no such hour"):
        schedule_of(Workday(24))


def test_partitions():
    key = "2026-03-13T10:42:15"
    assert StartOfDayMapper().to_downstream(key) == "2026-03-13"
    assert StartOfWeekMapper().to_downstream(key) == "2026-03-09 (W11)"
    assert StartOfQuarterMapper().to_downstream(key) == "2026-Q1"
    product = ProductMapper(IdentityMapper(), StartOfDayMapper())
    assert product.to_downstream(f"eu|{key}") == "eu|2026-03-13"
    assert ChainMapper(IdentityMapper(), StartOfDayMapper()).to_downstream(key) == "2026-03-13"
    with pytest.raises(ValueError, match="none of"):
        sdk.AllowedKeyMapper(["a"]).to_downstream("b")
    found = schedule_of(
        PartitionedAssetTimetable(
            assets=A & B,
            default_partition_mapper=product,
            partition_mapper_config={Asset.ref(name="b"): StartOfDayMapper()},
        )
    )
    assert found["default_mapper"]["mappers"][1]["type"] == "StartOfDayMapper"
    assert found["mappers"][0]["asset"] == {"type": "asset_ref", "name": "b"}
    found = schedule_of(CronPartitionTimetable("0 * * * *", timezone="UTC", run_offset=-1))
    assert found["run_offset"] == -1 and found["type"] == "cron_partition"


# The rest.


async def hello(**kwargs):
    pass


def test_deadlines():
    late = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=dt.timedelta(minutes=-5),
        callback=AsyncCallback(hello, kwargs={"text": "late"}),
    )
    average = DeadlineAlert(
        DeadlineReference.AVERAGE_RUNTIME(5, 2), dt.timedelta(), SyncCallback("os.getcwd")
    )
    found = dag_document(DAG("d", deadline=[late, average]))["deadline"]
    assert found[0] == {
        "reference": {"type": "dagrun_queued_at"},
        "interval": -300,
        "callback": {
            "type": "AsyncCallback",
            "path": f"{__name__}.hello",
            "kwargs": {"text": "late"},
        },
    }
    assert found[1]["reference"] == {"type": "average_runtime", "max_runs": 5, "min_runs": 2}
    with pytest.raises(AttributeError, match="awaitable"):
        AsyncCallback(print)


def test_more_members_of_the_document():
    with DAG(
        "d",
        on_failure_callback=print,
        owner_links={"me": "mailto:me@example.com"},
        allowed_run_types=["manual"],
    ) as d:
        a = EmptyOperator(task_id="a", queue="q", executor="x", executor_config={"k": {1}})
        b = EmptyOperator(task_id="b", on_retry_callback=print, on_execute_callback=print)
        a >> Label("yes") >> b
    out = dag_document(d)
    assert out["callbacks"] == ["failure"] and out["allowed_run_types"] == ["manual"]
    assert out["owner_links"] == {"me": "mailto:me@example.com"}
    assert out["labels"] == [{"upstream": "a", "downstream": "b", "label": "yes"}]
    assert out["tasks"]["a"]["queue"] == "q" and out["tasks"]["a"]["executor"] == "x"
    assert out["tasks"]["b"]["callbacks"] == ["execute", "retry"]


def test_priority_by_a_strategy():
    class Falling(PriorityWeightStrategy):
        def get_weight(self, ti):
            return max(3 - ti.try_number + 1, 1)

    with DAG("d") as d:
        EmptyOperator(task_id="a", weight_rule=Falling())
        EmptyOperator(task_id="b", weight_rule=Falling)
    found = dag_document(d)["tasks"]["a"]
    assert found["priority_weight"] == 3 and found["weight_rule"] == "absolute"


def test_a_notifier_is_a_callback():
    class Tell(BaseNotifier):
        template_fields = ("text",)

        def __init__(self, text):
            super().__init__()
            self.text = text

        def notify(self, context):
            self.told = self.text

    one = Tell("run {{ run_id }}")
    one({"run_id": "r"})
    assert one.told == "run r"


def test_storage(folder):
    base = ObjectStoragePath(f"file://{folder}")
    (base / "sub").mkdir()
    path = base / "sub" / "x.txt"
    path.write_text("hello")
    assert path.exists() and path.read_bytes() == b"hello" and path.suffix == ".txt"
    path.copy(base / "y.txt")
    assert sorted(p.name for p in base.iterdir()) == ["sub", "y.txt"]
    assert [p.name for p in base.glob("*.txt")] == ["y.txt"]
    path.move(base / "z.txt")
    assert not path.exists() and open(base / "z.txt").read() == "hello"
    assert ObjectStoragePath.deserialize(path.serialize()) == path
    away = ObjectStoragePath("s3://conn@bucket/a/b", conn_id=None)
    assert (away.bucket, away.key, away.conn_id) == ("bucket", "a/b", "conn")
    try:
        import fsspec  # noqa: F401
    except ImportError:
        with pytest.raises(exceptions.AirflowException, match="fsspec"):
            away.exists()


def test_settings(monkeypatch):
    assert conf.getint("core", "parallelism") == 32
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "5")
    assert conf.getint("core", "parallelism") == 5
    monkeypatch.setenv("TRADEWIND__CORE__PARALLELISM", "x")
    with pytest.raises(exceptions.AirflowException, match="whole number"):
        conf.getint("core", "parallelism")
    assert conf.getboolean("core", "load_examples") is False
    assert conf.get("my", "own", fallback=None) is None
    with pytest.raises(exceptions.AirflowException, match="not found"):
        conf.get("my", "own")


def test_metadata_is_of_an_asset():
    with pytest.raises(TypeError):
        Metadata(AssetAlias("x"))
    assert Metadata(A, alias="x").alias == AssetAlias("x")


def test_dag_test_runs_the_program(folder, monkeypatch):
    program = folder / "tradewind"
    program.write_text('#!/bin/sh\necho "$@" > "$0.args"\ntest "$5" != fail\n')
    program.chmod(0o755)
    monkeypatch.setenv("TRADEWIND", str(program))
    d = DAG("d")
    d.test(run_conf={"a": 1})
    words = (folder / "tradewind.args").read_text().split(" ", 2)
    assert words[0] == "run" and words[2] == '--dag d --conf {"a": 1}\n'
    monkeypatch.setenv("TRADEWIND", "/nowhere")
    with pytest.raises(exceptions.AirflowException, match="not found"):
        d.test()


def test_a_generator_is_no_list(holder, write):
    file = write(
        "g.py",
        """
        from tradewind.sdk import *
        with DAG("d"):
            @task
            def t():
                yield 1
            t()
        """,
    )
    assert "only Metadata" in holder.run(file, "t").outcome()["error"]


