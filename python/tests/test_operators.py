"""The standard provider's operators and sensors, and the kinds of @task."""

from __future__ import annotations

import datetime as dt
import inspect
import os
import sys

import pytest

from tradewind import exceptions, timezone
from tradewind.dags import DAG
from tradewind.emit import dag_document
from tradewind.operators.datetime import BranchDateTimeOperator, target_times_as_dates
from tradewind.operators.virtualenv import PythonVirtualenvOperator, source_of
from tradewind.operators.weekday import BranchDayOfWeekOperator
from tradewind.sdk import EmptyOperator, task
from tradewind.ticks import next_tick
from tradewind.weekday import WeekDay

CLASSES = {
    "operators.datetime BranchDateTimeOperator": (
        "follow_task_ids_if_true follow_task_ids_if_false target_lower target_upper"
        " use_task_logical_date"
    ),
    "operators.weekday BranchDayOfWeekOperator": (
        "follow_task_ids_if_true follow_task_ids_if_false week_day use_task_logical_date"
    ),
    "operators.latest_only LatestOnlyOperator": "",
    "operators.smooth SmoothOperator": "",
    "operators.virtualenv PythonVirtualenvOperator": (
        "python_callable requirements python_version serializer system_site_packages"
        " pip_install_options op_args op_kwargs string_args templates_dict templates_exts"
        " expect_airflow skip_on_exit_code index_urls index_urls_from_connection_ids"
        " venv_cache_path env_vars inherit_env"
    ),
    "operators.virtualenv ExternalPythonOperator": (
        "python python_callable serializer op_args op_kwargs string_args templates_dict"
        " templates_exts expect_airflow expect_pendulum skip_on_exit_code env_vars inherit_env"
    ),
    "operators.virtualenv BranchPythonVirtualenvOperator": "requirements",
    "operators.virtualenv BranchExternalPythonOperator": "python",
    "sensors.bash BashSensor": "bash_command env output_encoding retry_exit_code",
    "sensors.weekday DayOfWeekSensor": "week_day use_task_logical_date",
    "sensors.time WaitSensor": "time_to_wait deferrable",
    "sensors.time DateTimeSensorAsync": "start_from_trigger end_from_trigger trigger_kwargs",
    "sensors.time TimeSensorAsync": "target_time",
    "sensors.time TimeDeltaSensorAsync": "end_from_trigger delta",
    "sensors.time TimeSensor": (
        "target_time deferrable start_from_trigger end_from_trigger trigger_kwargs"
    ),
    "sensors.filesystem FileSensor": (
        "filepath fs_conn_id recursive deferrable start_from_trigger trigger_kwargs"
    ),
}


@pytest.mark.parametrize("where", CLASSES)
def test_parameters_of_the_standard_provider(where):
    import importlib

    from tradewind.mapped import parameters_of

    module, name = where.split()
    found = parameters_of(getattr(importlib.import_module(f"tradewind.{module}"), name))
    assert set(CLASSES[where].split()) <= found


FILE = """
    import datetime as dt
    from tradewind.sdk import *
    from tradewind.operators.datetime import BranchDateTimeOperator
    from tradewind.operators.latest_only import LatestOnlyOperator
    from tradewind.operators.smooth import SmoothOperator
    from tradewind.operators.virtualenv import *
    from tradewind.operators.weekday import BranchDayOfWeekOperator
    from tradewind.sensors.bash import BashSensor
    from tradewind.sensors.time import WaitSensor
    from tradewind.sensors.weekday import DayOfWeekSensor

    with DAG("d", schedule="@hourly", user_defined_macros={"twice": lambda x: 2 * x}) as d:
        yes, no = EmptyOperator(task_id="yes"), EmptyOperator(task_id="no")
        arms = dict(follow_task_ids_if_true="yes", follow_task_ids_if_false="no")
        weekday = BranchDayOfWeekOperator(
            task_id="weekday", week_day="Saturday", use_task_logical_date=True, **arms)
        between = BranchDateTimeOperator(task_id="between", target_lower=dt.datetime(2026, 1, 1),
            target_upper=dt.datetime(2026, 2, 1), use_task_logical_date=True, **arms)
        late = BranchDateTimeOperator(task_id="late", target_lower=dt.time(0, 1),
            target_upper=dt.time(0, 2), use_task_logical_date=True, **arms)
        latest = LatestOnlyOperator(task_id="latest")
        for one in (weekday, between, late, latest):
            one >> [yes, no]
        SmoothOperator(task_id="smooth")
        BashSensor(task_id="bash", bash_command="echo hello {{ twice(2) }}")
        BashSensor(task_id="never", bash_command="exit 3", retry_exit_code=4)
        DayOfWeekSensor(task_id="day", week_day={"saturday"}, use_task_logical_date=True)
        WaitSensor(task_id="wait", time_to_wait=dt.timedelta(milliseconds=10))

        @task.run_if(lambda context: context["task"].task_id.endswith("1"), "not this one")
        @task
        def ran():
            return "ran"

        @task.skip_if(lambda context: (True, "because"))
        @task
        def skipped():
            pass

        ran(), ran(), skipped()

        @task.stub
        def stub(): ...
        stub()

        hooked = []
        PythonOperator(task_id="hooks", python_callable=lambda: hooked.append(2) or list(hooked),
            pre_execute=lambda context: hooked.append(1),
            post_execute=lambda context, result: print("after", result))

        import sys

        @task.external_python(python=sys.executable)
        def other(x, ds, params=None):
            import os
            return {"x": x, "ds": ds, "pid": os.getpid()}
        other(5)

        @task.external_python(python=sys.executable, skip_on_exit_code=7)
        def exits():
            raise SystemExit(7)
        exits()

        @task.external_python(python="/nowhere/python")
        def nowhere():
            pass
        nowhere()

        @task.branch_external_python(python=sys.executable)
        def branch():
            return "yes"
        branch() >> [yes, no]

        @task.virtualenv(requirements=[], system_site_packages=False)
        def venv(who):
            import sys
            return [who, sys.prefix]
        venv("me")
"""


@pytest.fixture
def run(holder, write, folder):
    file = write("o.py", FILE)

    def start(task_id, outcome="success", **more):
        env = {"TRADEWIND_HOME": str(folder / "home")}
        attempt = holder.run(file, task_id, env=env, **more)
        result = attempt.outcome()
        assert result is not None and result["outcome"] == outcome, attempt.text
        result["text"] = attempt.text
        result["value"] = next((x["value"] for x in result["xcoms"]), None)
        return result

    return start


def test_branches(run):
    # 2026-01-31 is a Saturday.
    assert run("weekday")["skip"] == ["no"]
    assert run("between")["skip"] == ["no"]
    assert run("late")["skip"] == ["yes"]


def test_latest_only(run):
    assert run("latest")["skip"] == []
    assert run("latest", run_type="scheduled")["skip"] == ["no", "yes"]
    now = dt.datetime.now(dt.timezone.utc).isoformat()
    assert run("latest", run_type="scheduled", data_interval_end=now)["skip"] == []


def test_sensors(run):
    assert "hello 4" in run("bash")["text"]
    assert "exit code 3" in run("never", "fail")["error"]
    run("day"), run("wait")
    assert "Smooth Operator" in run("smooth")["text"]


def test_conditions_and_hooks(run):
    assert run("ran", "skipped")["error"].endswith("not this one")
    assert run("ran__1")["value"] == "ran"
    assert run("skipped", "skipped")["error"].endswith("because")
    assert "another language" in run("stub", "failed")["error"]
    found = run("hooks")
    assert found["value"] == [1, 2] and "after [1, 2]" in found["text"]


def test_another_python(run):
    found = run("other")["value"]
    assert found["x"] == 5 and found["ds"] == "2026-01-31" and found["pid"] != os.getpid()
    run("exits", "skipped")
    assert "/nowhere/python" in run("nowhere", "failed")["error"]
    assert run("branch")["skip"] == ["no"]


def test_a_virtual_environment_is_made_once(run, folder):
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        import shutil

        if not shutil.which("uv"):
            pytest.skip("neither uv nor python3-venv")
    who, prefix = run("venv")["value"]
    assert who == "me" and prefix.startswith(str(folder / "home" / "venvs" / "venv-"))
    made = os.stat(prefix).st_mtime_ns
    assert run("venv")["value"] == ["me", prefix] and os.stat(prefix).st_mtime_ns == made
    assert not [n for n in os.listdir(os.path.dirname(prefix)) if n.endswith(".tmp")]


def test_documents_of_branches_and_mapped_virtualenvs():
    with DAG("d") as d:
        arms = {"follow_task_ids_if_true": "x", "follow_task_ids_if_false": "y"}
        BranchDayOfWeekOperator(task_id="a", week_day=WeekDay.MONDAY, **arms)
        EmptyOperator(task_id="x"), EmptyOperator(task_id="y")

        @task.virtualenv(requirements=["x"])
        def v(x) -> dict:
            return {}

        v.expand(x=[1, 2])
    found = dag_document(d)["tasks"]
    assert found["a"]["operator"] == "branch" and found["v"]["expand"] == {"x": [1, 2]}
    assert d.get_task("v").multiple_outputs


def test_wrong_uses():
    with DAG("d"):
        arms = {"follow_task_ids_if_true": "x", "follow_task_ids_if_false": "y"}
        with pytest.raises(AttributeError, match="no day"):
            BranchDayOfWeekOperator(task_id="a", week_day="Someday", **arms)
        with pytest.raises(exceptions.AirflowException, match="target_lower"):
            BranchDateTimeOperator(task_id="b", target_lower=None, target_upper=None, **arms)
        with pytest.raises(ValueError, match="lambda"):
            PythonVirtualenvOperator(task_id="c", python_callable=lambda: None)
        with pytest.raises(exceptions.AirflowException, match="serializer"):
            PythonVirtualenvOperator(task_id="e", python_callable=inspect.cleandoc, serializer="x")
        with pytest.raises(TypeError, match="above @task"):
            task.run_if(lambda context: True)(print)

        @task.stub
        def full():
            return 1

        with pytest.raises(ValueError, match="empty"):
            full()
        with pytest.raises(ImportError, match="provider"):
            task.docker(image="x")
    assert source_of(test_wrong_uses).startswith("def test_wrong_uses")
    assert sys.version_info


def test_times_of_day_as_dates():
    day = dt.datetime(2026, 1, 31, tzinfo=timezone.utc)
    lower, upper = target_times_as_dates(day, dt.time(22), dt.time(2))
    assert (lower.day, upper.day, upper.month) == (31, 1, 2)


def test_next_ticks():
    at = dt.datetime(2026, 1, 31, 10, 30, tzinfo=timezone.utc)
    for expression, zone, expected in (
        ("@hourly", "UTC", "2026-01-31T11:00"),
        ("*/20 * * * *", "UTC", "2026-01-31T10:40"),
        ("0 9 * * mon-fri", "Europe/Berlin", "2026-02-02T08:00"),
        ("0 0 29 2 *", "UTC", "2028-02-29T00:00"),
        ("0 0 L * *", "UTC", "2026-02-28T00:00"),
        ("0 0 13 * 5", "UTC", "2026-02-06T00:00"),
    ):
        assert next_tick(expression, zone, at).isoformat()[:16] == expected, expression
    with pytest.raises(ValueError, match="cannot tell"):
        next_tick("0 0 * * 5#2", "UTC", at)
