"""Files that arrive are events of assets: once each, over restarts and kills, by path or by Airflow's file triggers."""
import json
import os
import signal

from conftest import wait_until
from test_run import bash
from test_scheduler import put, start, stop


def events(tw, name="drop"):
    if not os.path.exists(os.path.join(tw.home, "tradewind.db")):
        return []
    db = tw.db()
    try:
        rows = db.execute("SELECT e.extra FROM asset_event e JOIN asset a USING (asset_key) WHERE a.name = ? ORDER BY event_key", (name,))
        return [os.path.basename(json.loads(x)["payload"]["filepath"]) for x, in rows]
    except Exception:  # the store is being made
        return []
    finally:
        db.close()


def watched(tw, pattern, name="d"):
    os.makedirs(tw.path("in"), exist_ok=True)
    put(tw, name + ".yaml", dag_id=name, tasks={"t": {**bash("true"), "outlets": [
        {"type": "asset", "name": "drop", "uri": "file://drop", "watchers": [{"name": "w", "path": tw.path(pattern)}]}]}})


def drop(tw, name, text="x"):
    """As it is done well: written beside, then renamed."""
    with open(tw.path("in/.part"), "w") as f:
        f.write(text)
    os.rename(tw.path("in/.part"), tw.path("in/" + name))


def test_files_that_come_are_told_once(tw):
    watched(tw, "in/*.csv")
    drop(tw, "before.csv")
    p = start(tw)
    wait_until(lambda: events(tw) == ["before.csv"])
    drop(tw, "a.csv")
    wait_until(lambda: events(tw) == ["before.csv", "a.csv"])
    open(tw.path("in/other.txt"), "w").close()
    f = open(tw.path("in/slow.csv"), "w")
    f.write("begin")
    f.flush()
    drop(tw, "b.csv")
    wait_until(lambda: events(tw)[-1] == "b.csv")
    assert "slow.csv" not in events(tw)  # it is not closed yet
    f.close()
    wait_until(lambda: events(tw)[-1] == "slow.csv")
    drop(tw, "a.csv", "again")  # written anew: another arrival
    wait_until(lambda: events(tw) == ["before.csv", "a.csv", "b.csv", "slow.csv", "a.csv"])
    stop(p)


def test_nothing_is_told_twice_or_lost_over_a_kill(tw):
    watched(tw, "in/*.csv")
    p = start(tw)
    drop(tw, "a.csv")
    wait_until(lambda: events(tw) == ["a.csv"])
    p.send_signal(signal.SIGKILL)
    p.wait()
    drop(tw, "b.csv")
    os.unlink(tw.path("in/a.csv"))
    p = start(tw)
    wait_until(lambda: events(tw) == ["a.csv", "b.csv"])
    drop(tw, "a.csv")  # it went, and comes again
    wait_until(lambda: events(tw) == ["a.csv", "b.csv", "a.csv"])
    for i in range(30):
        drop(tw, "m%02d.csv" % i)
        if i == 15:
            p.send_signal(signal.SIGKILL)
            p.wait()
    p = start(tw)
    wait_until(lambda: len(events(tw)) == 33)
    assert sorted(events(tw)[3:]) == ["m%02d.csv" % i for i in range(30)]
    stop(p)


def test_a_folder_that_comes_later(tw):
    watched(tw, "in/later/*.csv")
    p = start(tw)
    wait_until(lambda: os.path.exists(os.path.join(tw.home, "engine.sock")))
    os.makedirs(tw.path("in/later"))
    open(tw.path("in/later/x.csv"), "w").close()
    wait_until(lambda: events(tw) == ["x.csv"])
    stop(p)


def test_a_watcher_that_no_dag_names_any_more_ends(tw):
    watched(tw, "in/*.csv")
    p = start(tw)
    drop(tw, "a.csv")
    wait_until(lambda: events(tw) == ["a.csv"])
    put(tw, "d.yaml", dag_id="d", tasks={"t": {**bash("true"), "outlets": [{"type": "asset", "name": "drop", "uri": "file://drop"}]}})
    put(tw, "e.yaml", dag_id="e", tasks={"t": {**bash("true"), "outlets": [
        {"type": "asset", "name": "two", "uri": "file://two", "watchers": [{"name": "w", "path": tw.path("in/*.txt")}]}]}})
    open(tw.path("in/x.txt"), "w").close()
    wait_until(lambda: events(tw, "two") == ["x.txt"])
    drop(tw, "b.csv")
    open(tw.path("in/y.txt"), "w").close()
    wait_until(lambda: events(tw, "two") == ["x.txt", "y.txt"])
    assert events(tw) == ["a.csv"]
    stop(p)


def test_airflows_file_triggers(tw):
    os.makedirs(tw.path("in"))
    os.makedirs(tw.path("dags"))
    tw.write("dags/up.py", """
        from airflow.sdk import DAG, Asset, AssetWatcher
        from airflow.providers.standard.operators.empty import EmptyOperator
        from airflow.providers.standard.triggers.file import FileDeleteTrigger
        drop = Asset("drop", watchers=[AssetWatcher("w", FileDeleteTrigger(filepath=%r))])
        with DAG("up", schedule=[drop]):
            EmptyOperator(task_id="t")
        """ % tw.path("in/go"))
    p = start(tw)
    for n in (1, 2):
        drop(tw, "go")
        wait_until(lambda: events(tw) == ["go"] * n)
        wait_until(lambda: not os.path.exists(tw.path("in/go")))
    stop(p)


def test_what_cannot_be_watched_is_said(tw):
    watched(tw, "in/*/x.csv")
    put(tw, "r.yaml", dag_id="r", tasks={"t": {**bash("true"), "outlets": [
        {"type": "asset", "name": "rel", "uri": "file://rel", "watchers": [{"name": "w", "path": "in/x.csv"}]}]}})
    p = start(tw)
    wait_until(lambda: tw("dags", "list-import-errors", code=None).stdout.count("a watcher of an asset") == 2)
    told = tw("dags", "list-import-errors", code=None).stdout
    assert "only the last part of a path may be a pattern" in told and "is no absolute path" in told
    stop(p)
    errors = tw("dags", "validate", tw.path("dags/r.yaml"), code=65)
    assert "r.yaml:1:" in errors.stdout + errors.stderr and "a watcher of an asset: 'in/x.csv' is no absolute path" in errors.stdout + errors.stderr


def payloads(tw, name):
    if not os.path.exists(os.path.join(tw.home, "tradewind.db")):
        return []
    db = tw.db()
    try:
        return [json.loads(x)["payload"] for x, in db.execute(
            "SELECT e.extra FROM asset_event e JOIN asset a USING (asset_key) WHERE a.name = ? ORDER BY event_key", (name,))]
    except Exception:  # the store is being made
        return []
    finally:
        db.close()


def test_triggers_of_ones_own(tw):
    """A BaseEventTrigger tells one event after the other; each is durable before it goes on; it is made again when it fails or its process dies."""
    os.makedirs(tw.path("dags"))
    tw.write("dags/mytriggers.py", """
        import asyncio, os
        from airflow.triggers.base import BaseEventTrigger, TriggerEvent

        class Lines(BaseEventTrigger):
            \"\"\"The lines of a file from where it had come to.\"\"\"
            def __init__(self, path):
                super().__init__()
                self.path = path
            def serialize(self):
                return "mytriggers.Lines", {"path": self.path}
            async def run(self):
                while True:
                    lines = open(self.path).read().split() if os.path.exists(self.path) else []
                    done = int(open(self.path + ".done").read()) if os.path.exists(self.path + ".done") else 0
                    for n, line in list(enumerate(lines))[done:]:
                        if line == "die":
                            open(self.path + ".done", "w").write(str(n + 1))
                            os._exit(1)
                        if line == "fail":
                            open(self.path + ".done", "w").write(str(n + 1))
                            raise ValueError("told to")
                        yield TriggerEvent({"line": line})
                        open(self.path + ".done", "w").write(str(n + 1))  # only now: it is durable
                    await asyncio.sleep(0.05)
        """)
    tw.write("dags/up.py", """
        from airflow.sdk import DAG, Asset, AssetWatcher
        from airflow.providers.standard.operators.empty import EmptyOperator
        from mytriggers import Lines
        with DAG("up", schedule=[Asset("queue", watchers=[AssetWatcher("w", Lines(%r))])]):
            EmptyOperator(task_id="t")
        """ % tw.path("lines"))
    tw.write("lines", "a\nb\n")
    p = start(tw)
    wait_until(lambda: [x["line"] for x in payloads(tw, "queue")] == ["a", "b"])
    tw.write("lines", "a\nb\nfail\nc\ndie\nd\n")
    wait_until(lambda: [x["line"] for x in payloads(tw, "queue")] == ["a", "b", "c", "d"])
    wait_until(lambda: open(tw.path("lines.done")).read() == "6")  # killed before this, it would rightly tell d again
    p.send_signal(signal.SIGKILL)
    p.wait()
    tw.write("lines", "a\nb\nfail\nc\ndie\nd\ne\n")
    p = start(tw)
    wait_until(lambda: [x["line"] for x in payloads(tw, "queue")] == ["a", "b", "c", "d", "e"])
    stop(p)
