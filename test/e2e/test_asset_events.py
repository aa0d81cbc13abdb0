"""Asset events from a task to a later one, through the program."""

import json

PRODUCE = """
from airflow.sdk import DAG, Asset, AssetAlias, Metadata, task
from airflow.providers.standard.operators.bash import BashOperator

a, alias = Asset("a", "s3://bucket/a", extra={"owner": "x"}), AssetAlias("al")

with DAG("produce"):
    @task(outlets=[a, alias, Asset.ref(name="ghost")])
    def t(dag_run, outlet_events):
        yield Metadata(a, {"n": dag_run.conf["n"]})
        outlet_events[alias].add(Asset("s3://bucket/x"), {"k": 1})
        return ["of", dag_run.conf["n"]]

    t()

    @task(outlets=[a])
    def fails():
        raise ValueError("no event of mine")

    fails()

    @task(outlets=[a])
    def mapped(x):
        return x

    mapped.expand(x=[1, 2])
"""

CONSUME = """
from airflow.sdk import DAG, Asset, AssetAlias, task
from airflow.providers.standard.operators.bash import BashOperator

a, alias = Asset("a", "s3://bucket/a", extra={"owner": "y"}), AssetAlias("al")

with DAG("consume"):
    @task(inlets=[a, alias, Asset.ref(uri="s3://bucket/x")])
    def reads(inlet_events):
        events = inlet_events[a]
        of_t = [e for e in events if e.source_task_id == "t"]
        return {
            "count": len(events),
            "extras": [e.extra for e in of_t],
            "pulled": of_t[-1].source_task_instance.xcom_pull(),
            "run": of_t[0].source_dag_run.dag_id,
            "indexes": sorted(e.source_map_index for e in events),
            "asset_extra": events[0].asset.extra,
            "alias": [[e.asset.name, e.extra["k"]] for e in inlet_events[alias]],
            "by_uri": len(inlet_events[Asset.ref(uri="s3://bucket/x")]),
            "later": len(events.after(of_t[-1].timestamp)) < len(inlet_events[a]),
            "newest": events.after("2000-01-01").ascending(False)[0].id,
        }

    reads()
    BashOperator(
        task_id="bash",
        inlets=[a],
        bash_command="echo '{{ inlet_events.for_asset(name='a', uri='s3://bucket/a')[0].asset.name }}"
        " {{ triggering_asset_events | length }}'",
    )
"""


def test_events_are_read_by_later_runs(tw):
    produce, consume = tw.write("p.py", PRODUCE), tw.write("c.py", CONSUME)
    for n in (1, 2):
        tw("run", produce, "--conf", json.dumps({"n": n}), code=1)
    tw("run", consume)
    assert tw.xcom("reads") == {
        "count": 6,
        "extras": [{"n": 1}, {"n": 2}],
        "pulled": ["of", 2],
        "run": "produce",
        "indexes": [-1, -1, 0, 0, 1, 1],
        "asset_extra": {"owner": "y"},  # as the DAG that was loaded last says
        "alias": [["s3://bucket/x", 1]] * 2,
        "by_uri": 2,
        "later": True,
        "newest": 8,
    }
    assert tw.xcom("bash") == "a 0"
    assert "Asset.ref(name='ghost') is no known asset" in tw.log("t", "produce")


def test_assets_are_listed(tw):
    produce = tw.write("p.py", PRODUCE)
    tw("run", produce, "--conf", json.dumps({"n": 1}), code=1)
    listed = tw.json("assets", "list")
    assert [(a["name"], a["uri"], a["extra"]) for a in listed] == [
        ("a", "s3://bucket/a", {"owner": "x"}),
        ("s3://bucket/x", "s3://bucket/x", {}),
    ]
    assert listed[0]["last_event"] >= listed[0]["created"]
    events = tw.json("assets", "events", "--asset", "s3://bucket/a")
    assert [e["id"] for e in events] == sorted((e["id"] for e in events), reverse=True)
    assert sorted((e["task_id"], e["map_index"]) for e in events) == [("mapped", 0), ("mapped", 1), ("t", -1)]
    [one] = tw.json("assets", "events", "--alias", "al", "--limit", "1")
    assert one["extra"] == {"k": 1} and one["aliases"] == ["al"] and one["dag_id"] == "produce"
    assert len(tw.json("assets", "events", "--asset", "a", "--limit", "2")) == 2
    shown = tw("assets", "events").stdout
    assert "mapped[1]" in shown and '{"n":1}' in shown
    assert "s3://bucket/x" in tw("assets", "list").stdout
    assert "there is no asset 'zz'" in tw("assets", "events", "--asset", "zz", code=66).stderr
