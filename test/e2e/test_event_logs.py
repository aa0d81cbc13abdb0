"""The audit trail names the DAG, the run and the task of every action that is about one."""
import json

from conftest import wait_until
from test_api_people import ASKS
from test_api_server import both, put, run  # noqa: F401 (both: a fixture)

BACKFILL = {"dag_id": "daily", "from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-02T00:00:00Z"}


def test_every_action_says_what_it_was_about(both):
    tw = both.tw
    waits = {"type": "assets", "condition": {"type": "all", "of": [{"type": "asset", "name": x, "uri": "s3://b/" + x} for x in ("n", "m")]}}
    put(tw, "waits", schedule=waits)
    put(tw, "daily", {"a": {"operator": "bash", "bash_command": "true"}}, schedule="@daily", start_date="2026-01-01", is_paused_upon_creation=True)
    put(tw, "maps", {"m": {"operator": "bash", "expand": {"bash_command": ["true", "true"]}}})
    tw.write("dags/asks.py", ASKS)
    wait_until(lambda: all(both.ask("GET", "/api/v2/dags/" + d).status == 200 for d in ("waits", "daily", "maps", "asks")))
    # It begins as a number does.
    both.send("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "2-first"})
    path = "/api/v2/dags/d/dagRuns/2-first"
    wait_until(lambda: both.get(path)["state"] == "success")
    run(both, "maps", dag_run_id="r")
    both.send("POST", "/api/v2/dags/asks/dagRuns", {"dag_run_id": "q"})
    wait_until(lambda: both.get("/api/v2/dags/asks/dagRuns/q/hitlDetails")["total_entries"] == 3)
    both.send("PATCH", "/api/v2/dags/asks/dagRuns/q/taskInstances/ask/-1/hitlDetails", {"chosen_options": ["a"], "params_input": {"n": 5}})
    both.send("PATCH", "/api/v2/dags/asks/dagRuns/q", {"state": "failed"})
    both.send("PATCH", path, {"note": "of the run"})
    both.send("PATCH", "/api/v2/dags/maps/dagRuns/r/taskInstances/m/1", {"note": "of one"})
    both.send("POST", path + "/taskInstances/b/xcomEntries", {"key": "k", "value": 1}, code=201)
    both.send("PATCH", path + "/taskInstances/b/xcomEntries/k", {"value": 2})
    both.send("DELETE", path + "/taskInstances/b/xcomEntries/k", code=204)
    both.send("POST", path + "/clear", {"dry_run": False})
    wait_until(lambda: both.get(path)["state"] == "success")
    both.send("DELETE", path + "/taskInstances/a")
    key = both.send("POST", "/api/v2/backfills", BACKFILL)["id"]
    for word in ("pause", "unpause", "cancel"):
        both.send("PUT", "/api/v2/backfills/%d/%s" % (key, word))
    both.send("PATCH", "/api/v2/dags/daily", {"is_paused": False})
    both.send("PATCH", "/api/v2/dags/daily", {"is_paused": True})
    wait_until(lambda: any(a["name"] == "n" for a in both.get("/api/v2/assets")["assets"]))
    asset = {a["name"]: a["id"] for a in both.get("/api/v2/assets")["assets"]}["n"]
    both.send("POST", "/api/v2/assets/events", {"asset_id": asset})
    both.send("DELETE", "/api/v2/dags/waits/assets/queuedEvents", code=204)
    told = lambda: [(x["event"], x["dag_id"], x["run_id"], x["task_id"], x["map_index"]) for x in reversed(both.get("/api/v2/eventLogs?limit=100")["event_logs"])]
    d = ("d", "2-first")
    stops = [x for x in told() if x[0] == "stop"]  # of runs that the backfill had begun
    assert all(x[1] == "daily" and x[2].startswith("backfill__2026-02-0") for x in stops), stops
    assert [x for x in told() if x[0] not in ("user create", "stop")] == [
        ("trigger", *d, None, None), ("trigger", "maps", "r", None, None), ("trigger", "asks", "q", None, None), ("respond", "asks", "q", "ask", None),
        ("mark", "asks", "q", None, None), ("note", *d, None, None), ("note", "maps", "r", "m", 1), ("xcom set", *d, "b", None), ("xcom set", *d, "b", None),
        ("xcom delete", *d, "b", None), ("clear", *d, None, None), ("delete task instance", *d, "a", None),
        ("backfill create", "daily", None, None, None), ("backfill pause", "daily", None, None, None), ("backfill unpause", "daily", None, None, None),
        ("backfill cancel", "daily", None, None, None), ("unpause", "daily", None, None, None), ("pause", "daily", None, None, None),
        ("asset event", None, None, None, None), ("drop queued asset events", "waits", None, None, None)]
    assert both.get("/api/v2/eventLogs?run_id=2-first&event=trigger")["total_entries"] == 1
    # What is gone has its names where it was made and where it was deleted.
    both.send("DELETE", path, code=204)
    assert [x for x in told() if x[2] == "2-first"] == [("trigger", *d, None, None), ("delete run", *d, None, None)]
    assert json.dumps(both.get("/api/v2/eventLogs?dag_id=d")).count("delete run") == 1
