"""Time tables of the user's own, asked as the engine asks them."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

FILE = '''
import time
from datetime import datetime, timedelta, timezone
from tradewind.timetables import DagRunInfo, DataInterval, Timetable

class Daily(Timetable):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        print("said on standard output")
        if last_automated_data_interval is None:
            return DagRunInfo.interval(restriction.earliest, restriction.earliest + timedelta(days=1)) if restriction.earliest else None
        end = last_automated_data_interval.end
        return DagRunInfo.interval(end, end + timedelta(days=1))

    def infer_manual_data_interval(self, *, run_after):
        return DataInterval.exact(run_after)

class Hangs(Daily):
    def next_dagrun_info(self, **kwargs):
        while True:
            try:
                time.sleep(60)
            except Exception:
                pass

class Naive(Daily):
    def next_dagrun_info(self, **kwargs):
        return DagRunInfo.exact(datetime(2026, 1, 1))

class NoTable:
    pass
'''


def ask(tmp_path, classpath, **question):
    file = tmp_path / "dags.py"
    file.write_text(FILE)
    line = json.dumps({"file": str(file), "dag_id": "d", "ask": "next", "schedule": {"classpath": classpath, "data": {}}, **question})
    env = {**os.environ, "PYTHONPATH": os.path.dirname(HERE), "TRADEWIND_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "tradewind.timetable_answers"], input=line + "\n", env=env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_next_and_manual(tmp_path):
    first = {"run_after": "2026-01-02T00:00:00+00:00", "start": "2026-01-01T00:00:00+00:00", "end": "2026-01-02T00:00:00+00:00"}
    assert ask(tmp_path, "dags.py:Daily", earliest="2026-01-01T00:00:00+00:00") == {"run": first}
    assert ask(tmp_path, "tradewind_dag_dags.Daily", earliest="2026-01-01T00:00:00+00:00") == {"run": first}
    assert ask(tmp_path, "dags.py:Daily") == {"run": None}
    second = ask(tmp_path, "dags.py:Daily", last={"start": first["start"], "end": first["end"]})
    assert second["run"]["start"] == first["end"]
    manual = ask(tmp_path, "dags.py:Daily", ask="manual", run_after="2026-03-05T10:00:00+00:00")
    assert manual["run"]["start"] == manual["run"]["end"] == "2026-03-05T10:00:00+00:00"


def test_what_is_no_answer(tmp_path):
    said = ask(tmp_path, "dags.py:Hangs", timeout_s=0.5)["error"]
    assert "no answer within 0.5 s" in said and "dags.py:" in said
    assert "has no time zone" in ask(tmp_path, "dags.py:Naive")["error"]
    assert "is no Timetable" in ask(tmp_path, "dags.py:NoTable")["error"]
    assert "Nope" in ask(tmp_path, "dags.py:Nope")["error"]
    assert "nowhere" in ask(tmp_path, "nowhere.Nope")["error"]
