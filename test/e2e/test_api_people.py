"""Backfills, questions to people, and assets through the REST API."""
import json
import os

from conftest import wait_until
from test_api_server import both, put, run  # noqa: F401 (both: a fixture)

ASKS = """
from tradewind.sdk import DAG, Param
from tradewind.operators.hitl import HITLOperator, HITLBranchOperator
from tradewind.sdk import EmptyOperator
with DAG("asks"):
    HITLOperator(task_id="ask", subject="Which?", options=["a", "b"], multiple=True, params={"n": Param(3, type="integer")})
    HITLOperator(task_id="hers", subject="Hers?", options=["x"], assigned_users=[{"id": "7", "name": "anna"}])
    way = HITLBranchOperator(task_id="way", subject="Where?", options=["left", "right"])
    way >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
"""


def test_questions_are_answered(both):
    tw, path = both.tw, "/api/v2/dags/asks/dagRuns/q"
    with open(tw.path("dags/asks.py"), "w") as f:
        f.write(ASKS)
    wait_until(lambda: both.ask("GET", "/api/v2/dags/asks").status == 200)
    both.send("POST", "/api/v2/dags/asks/dagRuns", {"dag_run_id": "q"})
    details = lambda query: {d["task_instance"]["task_id"]: d for d in both.get(path + "/hitlDetails?" + query)["hitl_details"]}
    wait_until(lambda: all(t["task_instance"]["state"] == "deferred" for t in details("").values()) and len(details("")) == 3)
    assert set(details("task_id=ask")) == {"ask"} and set(details("subject_search=Hers")) == {"hers"} and details("state=success") == {}
    assert details("")["hers"]["assigned_users"] == [{"id": "7", "name": "anna"}]
    assert details("response_received=true") == {} and set(details("response_received=false")) == {"ask", "hers", "way"}
    everywhere = both.get("/api/v2/dags/~/dagRuns/~/hitlDetails?order_by=-created_at")
    assert everywhere["total_entries"] == 3
    one = path + "/taskInstances/ask/-1/hitlDetails"
    assert both.get(one)["params"]["n"]["value"] == 3 and both.get(one)["multiple"] is True
    assert both.get(one + "/tries/1")["subject"] == "Which?"
    both.get(one + "/tries/2", 404)
    both.get(path + "/taskInstances/left/-1/hitlDetails", 404)
    for bad in ({"chosen_options": ["z"]}, {"chosen_options": []}, {"chosen_options": ["a"], "params_input": {"q": 1}}, {"params_input": {}}):
        both.send("PATCH", one, bad, 422)
    told = both.send("PATCH", one, {"chosen_options": ["a", "b"], "params_input": {"n": 5}})
    assert told["chosen_options"] == ["a", "b"] and told["responded_by"] == {"id": "token", "name": "token"}
    both.send("PATCH", one, {"chosen_options": ["a"]}, 409)
    both.send("PATCH", path + "/taskInstances/hers/-1/hitlDetails", {"chosen_options": ["x"]})
    both.send("PATCH", path + "/taskInstances/way/-1/hitlDetails", {"chosen_options": ["right"]})
    wait_until(lambda: both.get(path)["state"] == "success")
    assert {t["task_id"]: t["state"] for t in tw.json("tasks", "list", "asks", "q")} == {
        "ask": "success", "hers": "success", "way": "success", "left": "skipped", "right": "success"}
    answer = json.loads(tw("xcom", "get", "asks", "q", "ask").stdout)
    assert answer["chosen_options"] == ["a", "b"] and answer["params_input"] == {"n": 5}
    assert details("response_received=true")["ask"]["response_received"]


def test_backfills(both):
    tw, path = both.tw, "/api/v2/backfills"
    put(tw, "daily", {"a": {"operator": "bash", "bash_command": "true"}}, schedule="@daily", start_date="2026-01-01")
    wait_until(lambda: both.ask("GET", "/api/v2/dags/daily").status == 200)
    body = {"dag_id": "daily", "from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-03T00:00:00Z"}
    assert both.get(path, 422) and both.get(path + "?dag_id=none")["total_entries"] == 0
    assert len(both.send("POST", path + "/dry_run", {**body, "run_backwards": True})["backfills"]) == 3
    assert both.get(path + "?dag_id=daily")["total_entries"] == 0, "a dry run makes none"
    made = both.send("POST", path, {**body, "max_active_runs": 1, "dag_run_conf": {"k": 1}})
    assert made["is_paused"] is False and made["dag_run_conf"] == {"k": 1} and made["reprocess_behavior"] == "none"
    wait_until(lambda: both.get("%s/%d" % (path, made["id"]))["completed_at"])
    backfilled = [r for r in tw.json("runs", "list", "daily") if r["run_type"] == "backfill"]
    assert len(backfilled) == 3 and {r["state"] for r in backfilled} == {"success"}
    assert {r["triggered_by"] for r in both.get("/api/v2/dags/daily/dagRuns?run_type=backfill")["dag_runs"]} == {"backfill"}
    assert both.send("POST", path + "/dry_run", body)["backfills"] == [], "these dates have runs"
    assert len(both.send("POST", path + "/dry_run", {**body, "reprocess_behavior": "completed"})["backfills"]) == 3
    both.send("PUT", "%s/%d/pause" % (path, made["id"]), code=409)
    put(tw, "daily", {"a": {"operator": "bash", "bash_command": "sleep 60"}}, schedule="@daily", start_date="2026-01-01")
    wait_until(lambda: both.get("/api/v2/dags/daily/dagVersions")["total_entries"] == 2)
    long = both.send("POST", path, {**body, "from_date": "2026-03-01T00:00:00Z", "to_date": "2026-03-09T00:00:00Z", "max_active_runs": 1})
    both.send("POST", path, {**body, "from_date": "2026-04-01T00:00:00Z", "to_date": "2026-04-02T00:00:00Z"}, 409)
    assert both.send("PUT", "%s/%d/pause" % (path, long["id"]))["is_paused"] is True
    assert tw.json("backfill", "show", str(long["id"]))["is_paused"] is True
    assert both.send("PUT", "%s/%d/unpause" % (path, long["id"]))["is_paused"] is False
    both.send("PUT", "%s/%d/cancel" % (path, long["id"]))
    wait_until(lambda: "queued" not in {r["state"] for r in tw.json("runs", "list", "daily")})
    for bad, code in (({}, 422), ({**body, "dag_id": "none"}, 404), ({**body, "reprocess_behavior": "x"}, 422),
                      ({**body, "dag_id": "d"}, 422), ({**body, "from_date": "x"}, 422), ({**body, "max_active_runs": 0}, 422)):
        both.send("POST", path, bad, code)
    both.get(path + "/999", 404)
    both.get(path + "/x", 422)


def test_what_waits_for_assets(both):
    tw = both.tw
    put(tw, "makes", {"m": {"operator": "bash", "bash_command": "true", "outlets": [{"type": "asset", "name": "n", "uri": "s3://n"}]}})
    put(tw, "waits", {"w": {"operator": "empty", "inlets": [{"type": "asset", "name": "n", "uri": "s3://n"}]}}, schedule={
        "type": "assets", "condition": {"type": "all", "of": [{"type": "asset", "name": "n", "uri": "s3://n"}, {"type": "asset", "name": "m", "uri": "s3://m"}]}})
    wait_until(lambda: both.ask("GET", "/api/v2/dags/waits").status == 200 and both.ask("GET", "/api/v2/dags/makes").status == 200)
    assets = {a["name"]: a for a in both.get("/api/v2/assets")["assets"]}
    n, m = assets["n"]["id"], assets["m"]["id"]
    assert [t["task_id"] for t in assets["n"]["producing_tasks"]] == ["m"] and assets["m"]["producing_tasks"] == []
    assert [t["dag_id"] for t in assets["n"]["consuming_tasks"]] == ["waits"] and [d["dag_id"] for d in assets["m"]["scheduled_dags"]] == ["waits"]
    assert [a["name"] for a in both.get("/api/v2/assets?dag_ids=makes")["assets"]] == ["n"]
    assert [a["name"] for a in both.get("/api/v2/assets?order_by=-name")["assets"]] == ["n", "m"]
    event = lambda key: both.send("POST", "/api/v2/assets/events", {"asset_id": key})
    queue = "/api/v2/dags/waits/assets/queuedEvents"
    both.get(queue, 404)
    event(n)
    assert [q["asset_id"] for q in both.get(queue)["queued_events"]] == [n]
    assert both.get("/api/v2/assets/%d/queuedEvents" % n)["total_entries"] == 1
    both.get("/api/v2/assets/%d/queuedEvents" % m, 404)
    both.get(queue + "?before=2000-01-01T00:00:00Z", 404)
    both.send("DELETE", queue + "?before=2000-01-01T00:00:00Z", code=404)
    both.send("DELETE", "/api/v2/dags/waits/assets/%d/queuedEvents" % n, code=204)
    both.send("DELETE", "/api/v2/dags/waits/assets/%d/queuedEvents" % n, code=404)
    event(m)
    assert tw.json("runs", "list", "waits") == [], "what was dropped counts no more"
    assert [q["asset_id"] for q in both.get(queue)["queued_events"]] == [m]
    event(n)
    wait_until(lambda: [r["state"] for r in tw.json("runs", "list", "waits")] == ["success"])
    one = both.get("/api/v2/dags/waits/dagRuns")["dag_runs"][0]
    assert one["triggered_by"] == "asset" and one["run_type"] == "asset_triggered"
    events = both.get("/api/v2/dags/waits/dagRuns/%s/upstreamAssetEvents" % one["dag_run_id"].replace("+", "%2B"))["asset_events"]
    assert {e["asset_id"] for e in events} == {n, m}
    assert [r["dag_id"] for r in both.get("/api/v2/dags/~/dagRuns?consuming_asset_pattern=s3%3A")["dag_runs"]] == ["waits"]
    made = both.send("POST", "/api/v2/assets/%d/materialize" % n, {"dag_run_id": "mat", "conf": {}})
    assert (made["dag_id"], made["run_type"]) == ("makes", "asset_materialization")
    wait_until(lambda: [r["state"] for r in tw.json("runs", "list", "makes")] == ["success"])
    both.send("POST", "/api/v2/assets/%d/materialize" % m, {}, 404)
    put(tw, "makes2", {"m": {"operator": "empty", "outlets": [{"type": "asset", "name": "n", "uri": "s3://n"}]}})
    wait_until(lambda: both.ask("GET", "/api/v2/dags/makes2").status == 200)
    both.send("POST", "/api/v2/assets/%d/materialize" % n, {}, 400)
    both.send("DELETE", "/api/v2/assets/%d/queuedEvents" % n, code=204)
    both.get(queue, 404)


def test_a_dropped_event_stays_dropped_after_a_kill(both):
    tw = both.tw
    put(tw, "waits", {"w": {"operator": "empty"}}, schedule={
        "type": "assets", "condition": {"type": "all", "of": [{"type": "asset", "name": "n", "uri": "n"}, {"type": "asset", "name": "m", "uri": "m"}]}})
    wait_until(lambda: both.ask("GET", "/api/v2/dags/waits").status == 200)
    ids = {a["name"]: a["id"] for a in both.get("/api/v2/assets")["assets"]}
    both.send("POST", "/api/v2/assets/events", {"asset_id": ids["n"]})
    both.send("DELETE", "/api/v2/dags/waits/assets/queuedEvents", code=204)
    old = [p for p in tw.started if "scheduler" in p.args][0]
    old.kill()
    old.wait()
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched2.log"), "w"))
    wait_until(lambda: both.ask("POST", "/api/v2/assets/events", {"asset_id": ids["m"]}).status == 200)
    both.send("POST", "/api/v2/assets/events", {"asset_id": ids["m"]})
    assert tw.json("runs", "list", "waits") == []
    both.send("POST", "/api/v2/assets/events", {"asset_id": ids["n"]})
    wait_until(lambda: [r["state"] for r in tw.json("runs", "list", "waits")] == ["success"])


def test_a_file_is_read_on_request(both):
    token = both.get("/api/v2/dags/d")["file_token"]
    part = both.tw.path("dags/.d")
    with open(part, "w") as f:
        json.dump({"dag_id": "d", "description": "new", "tasks": {"a": {"operator": "empty"}}}, f)
    os.rename(part, both.tw.path("dags/d.yaml"))
    wait_until(lambda: both.ask("PUT", "/api/v2/parseDagFile/" + token).status == 201)
    assert both.get("/api/v2/dags/d")["description"] == "new"
    both.send("PUT", "/api/v2/parseDagFile/none", code=404)
