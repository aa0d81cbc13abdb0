"""Time tables of the user's own, in Python: asked by the scheduler, by commands, and for runs by hand."""
import datetime as dt
import os

from conftest import wait_until
from test_scheduler import day, scheduled, start, stop

NIGHTS = '''
    from datetime import timedelta
    from pendulum import UTC, DateTime, Time
    from airflow.plugins_manager import AirflowPlugin
    from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

    class Nights(Timetable):
        """Every n days, from midnight to midnight."""
        def __init__(self, n=1):
            self.n = n

        def serialize(self):
            return {"n": self.n}

        @classmethod
        def deserialize(cls, data):
            return cls(data["n"])

        def infer_manual_data_interval(self, run_after):
            end = DateTime.combine(run_after.date(), Time.min).replace(tzinfo=UTC)
            return DataInterval(end - timedelta(days=self.n), end)

        def next_dagrun_info(self, *, last_automated_data_interval, restriction):
            print("not an answer")
            if last_automated_data_interval is not None:
                start = last_automated_data_interval.end
            elif restriction.earliest is None:
                return None
            else:
                start = restriction.earliest
            if restriction.latest is not None and start > restriction.latest:
                return None
            return DagRunInfo.interval(start, start + timedelta(days=self.n))

    class NightsPlugin(AirflowPlugin):
        name = "nights"
        timetables = [Nights]
'''

DAGS = '''
    from airflow.sdk import DAG, task
    from nights import Nights
    import datetime as dt

    class Own(Nights):
        pass

    first = dt.datetime.fromisoformat(%r)
    for dag_id, schedule in (("plugged", Nights(1)), ("own", Own(2))):
        with DAG(dag_id, schedule=schedule, start_date=first, catchup=True):
            @task
            def t(data_interval_start=None, data_interval_end=None):
                return [data_interval_start.isoformat(), data_interval_end.isoformat()]
            t()
'''

BROKEN = '''
    from airflow.sdk import DAG, task
    from airflow.timetables.base import Timetable

    class Broken(Timetable):
        def next_dagrun_info(self, *, last_automated_data_interval, restriction):
            raise ValueError("no idea when")

    with DAG("broken", schedule=Broken()):
        @task
        def t():
            pass
        t()
'''


def write(tw, name, text):
    os.makedirs(os.path.dirname(tw.path(name)), exist_ok=True)
    return tw.write(name, text)


def test_runs_by_classes_of_plugins_and_of_the_file(tw):
    write(tw, "home/plugins/nights.py", NIGHTS)
    write(tw, "dags/n.py", DAGS % day(4).isoformat())
    p = start(tw)
    wait_until(lambda: list(scheduled(tw, "plugged").values()) == ["success"] * 4, patience=40)
    wait_until(lambda: list(scheduled(tw, "own").values()) == ["success"] * 2, patience=40)
    assert set(scheduled(tw, "plugged")) == {"scheduled__" + day(n).isoformat() for n in range(4)}
    assert set(scheduled(tw, "own")) == {"scheduled__" + day(n).isoformat() for n in (0, 2)}
    out = tw("dags", "next-execution", "plugged", "-n", "2").stdout.split()
    assert out == [day(-1).isoformat(), day(-2).isoformat()]
    # By hand: the interval is what the class infers.
    tw("run", tw.path("dags/n.py"), "--dag", "plugged", "--logical-date", "2026-03-05T10:00:00Z")
    assert tw.xcom("t") == ["2026-03-04T00:00:00+00:00", "2026-03-05T00:00:00+00:00"]
    p.kill()
    p.wait()
    p = start(tw)
    # It goes on from its last run: nothing is made twice.
    write(tw, "dags/later.py", DAGS.replace('"plugged"', '"later"').replace('"own"', '"later_own"') % day(1).isoformat())
    wait_until(lambda: list(scheduled(tw, "later").values()) == ["success"], patience=40)
    assert len(scheduled(tw, "plugged")) == 4
    stop(p)


def test_a_class_that_raises_gives_no_run_and_says_why(tw):
    write(tw, "dags/b.py", BROKEN)
    p = start(tw)
    wait_until(lambda: "broken" in tw("dags", "list", code=None).stdout)
    done = tw("dags", "next-execution", "broken", code=65)
    assert "no idea when" in done.stderr and "b.py:7" in done.stderr
    done = tw("run", tw.path("dags/b.py"), code=65)
    assert "infer_manual_data_interval" in done.stderr
    wait_until(lambda: os.path.exists(tw.path("home")) and scheduled(tw, "broken") == {})
    out = stop(p)
    assert "its time table is asked again" in out and "no idea when" in out


def test_the_interval_of_a_run_by_hand(tw):
    dag = tw.dag({"t": {"operator": "bash", "bash_command": "echo {{ data_interval_start | ds }} {{ data_interval_end | ds }}"}},
                 schedule={"type": "cron_data_interval", "cron": "0 0 * * *"}, start_date="2026-01-01")
    tw("run", dag, "--logical-date", "2026-03-05T10:00:00Z")
    assert tw.log("t") == "2026-03-04 2026-03-05\n"
