"""Runs that asset events start: by the scheduler, over kills, by partition; and the chain of Airflow's own example."""
import json
import os
import signal
import time

from conftest import wait_until
from test_scheduler import put, start, stop


def asset(name):
    return {"type": "asset", "name": name, "uri": "s3://" + name}


def all_of(*names):
    return {"type": "all", "of": [asset(n) for n in names]}


def any_of(*names):
    return {"type": "any", "of": [asset(n) for n in names]}


def producer(tw, dag, *names, command="true", **more):
    put(tw, dag + ".yaml", dag_id=dag,
        tasks={"p": {"operator": "bash", "bash_command": command, "outlets": [asset(n) for n in names]}}, **more)


def consumer(tw, dag, condition, command="true", type="assets", schedule=None, **more):
    put(tw, dag + ".yaml", dag_id=dag, schedule={"type": type, "condition": condition, **(schedule or {})},
        tasks={"c": {"operator": "bash", "bash_command": command}}, **more)


def runs(tw, dag):
    """All runs of a DAG, oldest first; none while it is not known."""
    if not os.path.exists(os.path.join(tw.home, "tradewind.db")):
        return []
    done = tw("runs", "list", dag, "-n", "1000", "--json", code=None)
    return json.loads(done.stdout)[::-1] if done.returncode == 0 else []


def states(tw, dag):
    return [r["state"] for r in runs(tw, dag) if r["run_id"].startswith("asset_triggered__")]


def trigger(tw, dag, *more):
    tw("run", tw.path("dags/%s.yaml" % dag), *more)


def ready(tw, *dags):
    wait_until(lambda: tw("dags", "list", code=None).returncode == 0 and all(d in tw("dags", "list").stdout for d in dags))


def finish(tw, dag):
    wait_until(lambda: runs(tw, dag) and all(r["state"] in ("success", "failed") for r in runs(tw, dag)))


def test_all_any_and_a_chain(tw):
    producer(tw, "pa", "a")
    producer(tw, "pb", "b")
    consumer(tw, "both", all_of("a", "b"), command="echo {{ run_id }} {{ dag_run.run_type }} {{ logical_date | default('none') }}")
    consumer(tw, "either", any_of("a", "b"))
    put(tw, "last.yaml", dag_id="last", schedule={"type": "assets", "condition": asset("made")},
        tasks={"t": {"operator": "bash", "bash_command": "true"}})
    put(tw, "middle.yaml", dag_id="middle", schedule={"type": "assets", "condition": asset("a")},
        tasks={"t": {"operator": "bash", "bash_command": "true", "outlets": [asset("made")]}})
    p = start(tw)
    ready(tw, "both", "either", "middle", "last", "pa", "pb")
    trigger(tw, "pa")
    wait_until(lambda: states(tw, "either") == ["success"] and states(tw, "last") == ["success"])
    assert states(tw, "both") == []
    trigger(tw, "pa")
    wait_until(lambda: len(states(tw, "either")) == 2)
    trigger(tw, "pb")
    wait_until(lambda: states(tw, "both") == ["success"] and states(tw, "either") == ["success"] * 3)
    one = [r for r in runs(tw, "both")][0]
    assert one["logical_date"] is None and one["run_type"] == "asset_triggered"
    assert tw("tasks", "logs", "both", one["run_id"], "c").stdout == one["run_id"] + " asset_triggered none\n"
    stop(p)


def test_events_without_a_scheduler_count(tw):
    producer(tw, "pa", "a")
    consumer(tw, "c", asset("a"))
    p = start(tw)
    ready(tw, "c", "pa")
    stop(p)
    tw("run", tw.path("dags/pa.yaml"))
    tw("run", tw.path("dags/pa.yaml"))
    assert states(tw, "c") == []
    p = start(tw)
    wait_until(lambda: states(tw, "c") == ["success"])
    stop(p)


def test_paused_consumers_do_not_gather(tw):
    producer(tw, "pa", "a")
    producer(tw, "pb", "b")
    consumer(tw, "c", all_of("a", "b"))
    p = start(tw)
    ready(tw, "c", "pa", "pb")
    trigger(tw, "pa")
    finish(tw, "pa")
    tw("dags", "pause", "c")
    trigger(tw, "pb")
    finish(tw, "pb")
    tw("dags", "unpause", "c")
    trigger(tw, "pa")
    wait_until(lambda: [r["state"] for r in runs(tw, "pa")] == ["success"] * 2)
    assert states(tw, "c") == []
    trigger(tw, "pb")
    wait_until(lambda: states(tw, "c") == ["success"])
    stop(p)


def test_a_changed_condition_and_a_file_that_comes_back(tw):
    producer(tw, "pa", "a")
    producer(tw, "pb", "b")
    consumer(tw, "c", all_of("a", "b"))
    p = start(tw)
    ready(tw, "c", "pa", "pb")
    trigger(tw, "pa")
    finish(tw, "pa")
    consumer(tw, "c", all_of("a", "x"))  # a stays
    consumer(tw, "d", all_of("a", "b"))  # new: what was before is not for it
    ready(tw, "d")
    consumer(tw, "c", all_of("a", "b"))
    os.rename(tw.path("dags/c.yaml"), tw.path("c.kept"))
    trigger(tw, "pb")
    finish(tw, "pb")
    os.rename(tw.path("c.kept"), tw.path("dags/c.yaml"))
    wait_until(lambda: states(tw, "c") == ["success"])
    assert states(tw, "d") == []
    stop(p)


def test_killed_at_any_time_each_event_is_of_one_run(tw):
    producer(tw, "pa", "a", max_active_runs=50)
    for i in range(5):
        consumer(tw, "c%d" % i, asset("a"), max_active_runs=3)
    p = start(tw)
    ready(tw, "pa", *["c%d" % i for i in range(5)])
    for i in range(8):
        # Runs that the killed one could not tell of count too; where it lives, is what they wait for.
        wait_until(lambda: tw("run", tw.path("dags/pa.yaml"), code=None).returncode == 0)
        clients = [tw.start("run", tw.path("dags/pa.yaml")) for _ in range(4)]
        time.sleep(0.02 * i)
        os.kill(p.pid, signal.SIGKILL)
        p.wait()
        for c in clients:  # one of them may be the engine meanwhile
            c.communicate(timeout=60)
        p = start(tw)
    finish(tw, "pa")
    events = {e["id"] for e in json.loads(tw("assets", "events", "--limit", "1000", "--json").stdout)}
    assert len(events) == len(runs(tw, "pa")) >= 8
    for i in range(5):
        dag = "c%d" % i
        wait_until(lambda: sum(len(consumed(tw, dag, r["run_id"])) for r in runs(tw, dag)) >= len(events))
        seen = [e for r in runs(tw, dag) for e in consumed(tw, dag, r["run_id"])]
        assert sorted(seen) == sorted(events)
    stop(p)


def consumed(tw, dag, run):
    db = tw.db()
    rows = db.execute("SELECT x.event_key FROM run_asset_event AS x JOIN run AS r ON r.run_key = x.run_key JOIN dag AS d"
                      " ON d.dag_key = r.dag_key WHERE d.dag_id = ? AND r.run_id = ?", (dag, run)).fetchall()
    db.close()
    return [r[0] for r in rows]


def test_partitions(tw):
    producer(tw, "hourly", "h")
    producer(tw, "daily", "d")
    consumer(tw, "c", all_of("h", "d"), type="partitioned_assets",
             command="echo {{ dag_run.partition_key }}",
             schedule={"default_mapper": {"type": "StartOfDayMapper"},
                       "mappers": [{"asset": asset("d"), "mapper": {"type": "IdentityMapper"}}]})
    consumer(tw, "plain", asset("h"))
    p = start(tw)
    ready(tw, "c", "plain", "hourly", "daily")
    for key in ("2026-03-01T10:00:00", "2026-03-02T11:00:00", "2026-03-02T12:00:00", "no time"):
        trigger(tw, "hourly", "--partition-key", key)
    trigger(tw, "hourly")  # without a key: for nobody who is started by partition
    wait_until(lambda: states(tw, "plain") == ["success"])
    assert states(tw, "c") == []
    trigger(tw, "daily", "--partition-key", "2026-03-02")
    wait_until(lambda: states(tw, "c") == ["success"])
    one = runs(tw, "c")[0]
    assert one["partition_key"] == "2026-03-02"
    assert len(consumed(tw, "c", one["run_id"])) == 3
    assert tw("tasks", "logs", "c", one["run_id"], "c").stdout == "2026-03-02\n"
    trigger(tw, "daily", "--partition-key", "2026-03-01")
    wait_until(lambda: states(tw, "c") == ["success"] * 2)
    assert {r["partition_key"] for r in runs(tw, "c")} == {"2026-03-01", "2026-03-02"}
    out = stop(p)
    assert "'no time' is no time" in out and "without a partition key" in out


def test_partitions_of_a_cron(tw):
    put(tw, "p.yaml", dag_id="p", start_date="2026-01-01", catchup=True, end_date="2026-01-03",
        schedule={"type": "cron_partition", "cron": "0 0 * * *", "run_offset": -1, "key_format": "%Y-%m-%d"},
        tasks={"t": {"operator": "bash", "bash_command": "true", "outlets": [asset("a")]}})
    consumer(tw, "c", asset("a"), type="partitioned_assets", schedule={"default_mapper": {"type": "StartOfMonthMapper", "input_format": "%Y-%m-%d"}})
    p = start(tw)
    wait_until(lambda: [r["state"] for r in runs(tw, "p")] == ["success"] * 3)
    assert [r["partition_key"] for r in runs(tw, "p")] == ["2025-12-31", "2026-01-01", "2026-01-02"]
    wait_until(lambda: sum(len(consumed(tw, "c", r["run_id"])) for r in runs(tw, "c")) == 3)
    assert {r["partition_key"] for r in runs(tw, "c")} == {"2025-12", "2026-01"}
    stop(p)


def test_what_tasks_in_python_see(tw):
    os.makedirs(tw.path("dags"))
    tw.write("dags/both.py", '''
        from airflow.sdk import DAG, Asset, AssetAlias, AssetOrTimeSchedule, Metadata, task
        from airflow.timetables.trigger import CronTriggerTimetable
        a, alias = Asset("a"), AssetAlias("al")

        with DAG("make"):
            @task(outlets=[a, alias])
            def make(outlet_events):
                yield Metadata(a, {"rows": 3})
                outlet_events[alias].add(Asset("x"), {"k": 1})
            make()

        with DAG("see", schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 0 1 1 *", timezone="UTC"), assets=(a & alias))):
            @task
            def see(triggering_asset_events, dag_run, logical_date=None):
                return {"a": [e.extra for e in triggering_asset_events[a]], "n": len(dag_run.consumed_asset_events),
                        "type": dag_run.run_type, "date": str(logical_date),
                        "x": [e.extra for e in triggering_asset_events[Asset("x")]]}
            see()
    ''')
    p = start(tw)
    ready(tw, "make", "see")
    tw("run", tw.path("dags/both.py"), "--dag", "make")
    wait_until(lambda: states(tw, "see") == ["success"])
    assert tw.xcom("see") == {"a": [{"rows": 3}], "x": [{"k": 1}], "n": 2, "type": "asset_triggered", "date": "None"}
    stop(p)


def test_commands_with_a_scheduler_and_without(tw):
    producer(tw, "pa", "a")
    consumer(tw, "c", {"type": "all", "of": [asset("a"), any_of("b", "x")]})
    consumer(tw, "parts", all_of("a", "b"), type="partitioned_assets")
    p = start(tw)
    ready(tw, "c", "parts", "pa")
    assert tw("dags", "next-execution", "c").stdout == "waits for asset a and (asset b or asset x)\n"
    tw("assets", "create-event", "a", "--extra", '{"rows": 3}')
    tw("assets", "create-event", "s3://a", "--partition-key", "2026")
    assert tw("dags", "next-execution", "c").stdout == "waits for asset b or asset x; there: asset a (1 event)\n"
    assert tw("dags", "next-execution", "parts").stdout == "partition 2026 waits for asset b; there: asset a (1 event)\n"
    queue = {(q["dag_id"], q["partition_key"]): q for q in tw.json("assets", "queue")}
    assert queue["c", None]["waits_for"] == "asset b or asset x" and queue["parts", "2026"]["events"] == 1
    shown = tw.json("assets", "show", "a")
    assert shown["produced_by"] == [{"dag_id": "pa", "task_id": "p"}]
    assert [s["dag_id"] for s in shown["starts"]] == ["c", "parts"]
    assert "produced by  DAG pa, task p" in tw("assets", "show", "s3://a").stdout
    assert "no DAG that is known here makes" in tw("assets", "materialize", "b", code=66).stderr
    made = tw.json("assets", "materialize", "a")
    assert made["dag_id"] == "pa"
    finish(tw, "pa")
    stop(p)
    # and without a scheduler: its events start what waits when one comes
    tw("assets", "create-event", "b")
    tw("assets", "create-event", "b", "--partition-key", "2026")
    assert tw("dags", "next-execution", "c").stdout.startswith("has all that it waits for; there: asset a (2 events)")
    p = start(tw)
    wait_until(lambda: states(tw, "c") == ["success"] and states(tw, "parts") == ["success"])
    found = tw.json("assets", "events", "--dag", "c")
    assert [(e["name"], e["extra"]) for e in found] == [("b", {}), ("a", {}), ("a", {"rows": 3})]
    assert len(tw.json("assets", "events", "--dag", "parts", "--run", runs(tw, "parts")[0]["run_id"])) == 2
    assert "no asset 'nope'" in tw("assets", "create-event", "nope", code=66).stderr
    assert tw("assets", "create-event", "a", "--extra", "3", code=64)
    assert "no scheduler knows" in tw("assets", "queue", "pa", code=66).stderr
    stop(p)


EXAMPLES = '''
    import datetime as dt
    from airflow.sdk import DAG, Asset, AssetOrTimeSchedule
    from airflow.timetables.trigger import CronTriggerTimetable
    from airflow.providers.standard.operators.bash import BashOperator

    one, two, three = Asset("s3://one/out.txt", extra={"hi": "bye"}), Asset("s3://two/out.txt"), Asset("s3://three/out.txt")
    start = dt.datetime(2024, 1, 1)


    def dag(dag_id, schedule, **more):
        with DAG(dag_id, schedule=schedule, start_date=start, catchup=False):
            BashOperator(task_id="t", bash_command="true", **more)

    dag("produces_1", "@daily", outlets=[one])
    dag("produces_2", None, outlets=[two])
    dag("consumes_1", [one], outlets=[Asset("s3://consuming_1/out.txt")])
    dag("consumes_1_and_2", [one, two])
    dag("never", [one, Asset("s3://unrelated/asset3.txt")])
    dag("unknown", [Asset("s3://unrelated/asset3.txt"), Asset("s3://unrelated/other.txt")])
    dag("and_expression", one & two)
    dag("or_expression", one | two)
    dag("mixed_expression", one | (two & three))
    dag("chained", Asset("s3://consuming_1/out.txt"))
    dag("asset_or_time", AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 1 * * 3", timezone="UTC"), assets=(one & two)))
'''


def test_the_chain_of_airflows_example(tw):
    os.makedirs(tw.path("dags"))
    tw.write("dags/examples.py", EXAMPLES)
    p = start(tw)
    for dag in ("consumes_1", "or_expression", "mixed_expression", "chained"):  # the daily one starts them
        wait_until(lambda dag=dag: states(tw, dag) == ["success"])
    tw("run", tw.path("dags/examples.py"), "--dag", "produces_2")
    for dag in ("consumes_1_and_2", "and_expression", "asset_or_time"):
        wait_until(lambda dag=dag: states(tw, dag) == ["success"])
    wait_until(lambda: states(tw, "or_expression") == ["success"] * 2)
    assert [len(states(tw, d)) for d in ("consumes_1", "mixed_expression", "chained", "never", "unknown")] == [1, 1, 1, 0, 0]
    assert tw("dags", "next-execution", "never").stdout == \
        "waits for asset s3://unrelated/asset3.txt; there: asset s3://one/out.txt (1 event)\n"
    types = sorted(r["run_type"] for r in runs(tw, "asset_or_time"))
    assert types == ["asset_triggered", "scheduled"]
    stop(p)


def test_events_in_templates_of_yaml(tw):
    producer(tw, "pa", "a")
    consumer(tw, "c", asset("a"), command="echo {{ triggering_asset_events | length }} {{ dag_run.consumed_asset_events | length }}"
                                          " {{ dag_run.partition_key is none }}")
    p = start(tw)
    ready(tw, "c", "pa")
    tw("assets", "create-event", "a")
    wait_until(lambda: states(tw, "c") == ["success"])
    assert tw("tasks", "logs", "c", "c").stdout == "1 1 True\n"
    stop(p)
