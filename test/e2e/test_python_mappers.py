"""Partition mappers of the user's own, in Python: asked before an event is committed, over kills and refusals."""
import os
import signal

from test_asset_runs import ready, runs, trigger
from test_run import bash
from test_scheduler import start, stop

CONSUMER = '''
    import os, time
    from airflow.sdk import DAG, Asset, ChainMapper, PartitionedAssetTimetable, PartitionMapper, StartOfDayMapper, task

    class Region(PartitionMapper):
        """eu-2026-03-10T09:00:00 -> EU; it asks nobody twice."""
        def __init__(self, sep="-"):
            self.sep = sep

        def serialize(self):
            return {"sep": self.sep}

        def to_downstream(self, key):
            with open("%(log)s", "a") as f:
                f.write(key + "\\n")
            while os.path.exists("%(hold)s"):
                time.sleep(0.05)
            print("no answer")
            if self.sep not in key:
                raise ValueError("no region in " + key)
            return key.split(self.sep)[0].upper()

    class Time(PartitionMapper):
        def to_downstream(self, key):
            return key.split("-", 1)[1]

    with DAG("regions", schedule=PartitionedAssetTimetable(assets=Asset("a") & Asset("b"), default_partition_mapper=Region())):
        @task
        def t(dag_run=None):
            return dag_run.partition_key

    with DAG("days", schedule=PartitionedAssetTimetable(assets=Asset("a"), default_partition_mapper=ChainMapper(Time(), StartOfDayMapper()))):
        @task
        def t(dag_run=None):
            return dag_run.partition_key
'''


def produce(tw):
    os.makedirs(tw.path("dags"))
    tw.write("dags/c.py", CONSUMER % {"log": tw.path("asked"), "hold": tw.path("hold")})
    for name in "ab":
        outlets = [{"type": "asset", "name": name, "uri": name}]
        tw.dag({"make": {**bash("true"), "outlets": outlets}}, name="dags/make_%s.yaml" % name, dag_id="make_" + name)


def keys(tw, dag):
    return sorted(r["partition_key"] for r in runs(tw, dag))


def asked(tw):
    with open(tw.path("asked")) as f:
        return f.read().split()


def test_runs_of_the_keys_that_the_class_makes(tw, until):
    produce(tw)
    p = start(tw)
    ready(tw, "regions", "days", "make_a", "make_b")
    for key in ("eu-2026-03-10T09:00:00", "us-2026-03-10T10:00:00"):
        trigger(tw, "make_a", "--partition-key", key)
    until(lambda: keys(tw, "days") == ["2026-03-10", "2026-03-10"] or keys(tw, "days") == ["2026-03-10"])
    trigger(tw, "make_b", "--partition-key", "eu-x")
    until(lambda: keys(tw, "regions") == ["EU"])
    tw("assets", "create-event", "b", "--partition-key", "us-x")
    until(lambda: keys(tw, "regions") == ["EU", "US"])
    assert sorted(set(asked(tw))) == sorted(asked(tw))  # each once
    # What the class refuses starts nothing, and the log says why.
    trigger(tw, "make_b", "--partition-key", "nowhere")
    tw("assets", "create-event", "a", "--partition-key", "nowhere")
    assert keys(tw, "regions") == ["EU", "US"]
    assert "no region in nowhere" in stop(p)


def test_killed_while_the_class_is_asked(tw, until):
    produce(tw)
    p = start(tw)
    ready(tw, "regions", "days", "make_a", "make_b")
    open(tw.path("hold"), "w").close()
    tw("dags", "trigger", "make_a", "--partition-key", "eu-2026-03-10T09:00:00")
    until(lambda: os.path.exists(tw.path("asked")))
    p.send_signal(signal.SIGKILL)
    p.wait()
    os.unlink(tw.path("hold"))
    p = start(tw)
    until(lambda: tw("assets", "create-event", "b", "--partition-key", "eu-y", code=None).returncode == 0)  # it works again
    until(lambda: keys(tw, "regions") == ["EU"] and keys(tw, "days") == ["2026-03-10"])
    db = tw.db()
    assert db.execute("SELECT count(*) FROM asset_event").fetchone()[0] == 2
    stop(p)
