"""What the REST API changes: seen through the command line, which reads the same store by another way."""
import json
import os

from conftest import wait_until
from test_api_server import Server, both, put, run  # noqa: F401 (both: a fixture)

RUN = "/api/v2/dags/d/dagRuns/"


def tries(tw, run_id, dag="d"):
    return {t["task_id"]: t["try_number"] for t in tw.json("tasks", "list", dag, run_id)}


def states(tw, run_id, dag="d"):
    return {t["task_id"]: t["state"] for t in tw.json("tasks", "list", dag, run_id)}


def three(both):
    for day in (1, 2, 3):
        run(both, dag_run_id="r%d" % day, logical_date="2026-01-0%dT00:00:00Z" % day)


def test_a_clear_reaches_into_the_past_and_the_future(both):
    three(both)
    body = {"dry_run": True, "only_failed": False, "dag_run_id": "r2", "task_ids": ["a"], "include_future": True}
    dry = both.send("POST", "/api/v2/dags/d/clearTaskInstances", body)
    assert [(t["dag_run_id"], t["task_id"]) for t in dry["task_instances"]] == [("r2", "a"), ("r3", "a")]
    assert tries(both.tw, "r3") == {"a": 1, "b": 1}, "a dry run changes nothing"
    both.send("POST", "/api/v2/dags/d/clearTaskInstances", {**body, "dry_run": False, "include_downstream": True, "note": "again"})
    wait_until(lambda: tries(both.tw, "r2") == {"a": 2, "b": 2} and tries(both.tw, "r3") == {"a": 2, "b": 2})
    assert tries(both.tw, "r1") == {"a": 1, "b": 1}
    assert both.get(RUN + "r3/taskInstances/b")["note"] == "again"
    wait_until(lambda: both.get(RUN + "r3")["state"] == "success")
    both.send("POST", "/api/v2/dags/d/clearTaskInstances", {"dry_run": False, "only_failed": False, "start_date": "2026-01-01T00:00:00Z",
                                                            "end_date": "2026-01-01T12:00:00Z", "task_ids": ["b"]})
    wait_until(lambda: tries(both.tw, "r1") == {"a": 1, "b": 2})
    assert tries(both.tw, "r2") == {"a": 2, "b": 2}
    for bad, code in (({"task_ids": ["zz"], "dag_run_id": "r1"}, 404), ({"dag_run_id": "nope"}, 404),
                      ({"include_past": True}, 422), ({"dag_run_id": "r1", "start_date": "2026-01-01T00:00:00Z"}, 422)):
        both.send("POST", "/api/v2/dags/d/clearTaskInstances", bad, code)


def test_marks_reach_upstream_and_the_past(both):
    three(both)
    path = RUN + "r2/taskInstances/b"
    dry = both.send("PATCH", path + "/dry_run", {"new_state": "failed", "include_upstream": True, "include_past": True})
    assert [(t["dag_run_id"], t["task_id"]) for t in dry["task_instances"]] == [("r1", "a"), ("r1", "b"), ("r2", "a"), ("r2", "b")]
    both.send("PATCH", path, {"new_state": "failed", "include_past": True, "note": "bad data"})
    assert states(both.tw, "r1") == states(both.tw, "r2") == {"a": "success", "b": "failed"}
    assert states(both.tw, "r3") == {"a": "success", "b": "success"}
    assert both.get(path)["note"] == "bad data" and both.get(RUN + "r1/taskInstances/b")["note"] is None
    assert "already in failed state" in both.send("PATCH", path, {"new_state": "failed"}, 409)["detail"]
    both.send("PATCH", path, {"note": None})
    assert both.get(path)["note"] is None
    both.send("PATCH", path, {}, 422)
    both.send("PATCH", path, {"new_state": "running"}, 422)


def test_a_cleared_run_goes_on_with_the_newest_version(both):
    run(both, dag_run_id="r1", partition_key="eu")
    asked = both.get(RUN + "r1")["triggering_user_name"]
    put(both.tw, tasks={"a": {"operator": "bash", "bash_command": "echo new"}, "c": {"operator": "empty", "upstream": ["a"]}})
    wait_until(lambda: both.get("/api/v2/dags/d/dagVersions")["total_entries"] == 2)
    assert both.get(RUN + "r1")["dag_versions"][0]["version_number"] == 1
    dry = both.send("POST", RUN + "r1/clear", {"run_on_latest_version": True})
    assert {"task_id": "c", "task_display_name": "c"} in dry["task_instances"]
    both.send("POST", RUN + "r1/clear", {"dry_run": False, "run_on_latest_version": True, "note": "moved"})
    wait_until(lambda: both.get(RUN + "r1")["state"] == "success")
    assert set(states(both.tw, "r1")) == {"a", "c"} and tries(both.tw, "r1")["a"] == 2
    now = both.get(RUN + "r1")
    assert now["dag_versions"][0]["version_number"] == 2 and now["note"] == "moved"
    assert now["partition_key"] == "eu" and asked and now["triggering_user_name"] == asked  # they are the run's, not the version's
    assert both.get("/api/v2/dags/d/dagVersions/2")["version_number"] == 2


def test_notes_of_runs(both):
    run(both, dag_run_id="r1")
    assert both.send("PATCH", RUN + "r1", {"note": "look"})["note"] == "look"
    assert [r["note"] for r in both.tw.json("runs", "list", "d")] == ["look"]
    assert both.get("/api/v2/dags/d/dagRuns")["dag_runs"][0]["note"] == "look"
    assert both.send("PATCH", RUN + "r1", {"note": None})["note"] is None
    both.send("PATCH", RUN + "r1", {"note": "x" * 20000}, 422)


def test_a_run_with_an_interval_and_a_partition(both):
    made = both.send("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "p", "partition_key": "eu", "data_interval_start": "2026-01-01T00:00:00Z",
                                                        "data_interval_end": "2026-01-02T00:00:00Z"})
    assert made["partition_key"] == "eu" and made["data_interval_end"] == "2026-01-02T00:00:00Z"
    assert [r["partition_key"] for r in both.tw.json("runs", "list", "d")] == ["eu"]
    assert [r["dag_run_id"] for r in both.get("/api/v2/dags/~/dagRuns?partition_key_prefix_pattern=e")["dag_runs"]] == ["p"]
    for bad in ({"data_interval_start": "2026-01-01T00:00:00Z"}, {"run_after": "2100-01-01T00:00:00Z"},
                {"data_interval_start": "2026-01-03T00:00:00Z", "data_interval_end": "2026-01-02T00:00:00Z"}):
        both.send("POST", "/api/v2/dags/d/dagRuns", bad, 422)


def test_deleting_instances_and_runs(both):
    put(both.tw, "slow", {"w": {"operator": "bash", "bash_command": "sleep 60"}})
    run(both, dag_run_id="r1")
    run(both, dag_run_id="r2")
    logs = both.tw.path("home/logs/dag_id=d/run_id=r1")
    assert os.path.isdir(logs)
    both.send("DELETE", RUN + "r1/taskInstances/b")
    assert states(both.tw, "r1")["a"] == "success" and states(both.tw, "r1").get("b") in (None, "none")
    both.send("DELETE", RUN + "r1/taskInstances/b", code=404)
    both.send("POST", "/api/v2/dags/d/clearTaskInstances", {"dry_run": False, "only_failed": False, "dag_run_id": "r1", "task_ids": ["a"]})
    wait_until(lambda: both.get(RUN + "r1")["state"] == "success")  # what has no row runs again with what was cleared
    both.send("DELETE", RUN + "r1", code=204)
    both.get(RUN + "r1", 404)
    both.send("DELETE", RUN + "r1", code=404)
    assert [r["run_id"] for r in both.tw.json("runs", "list", "d")] == ["r2"]
    db = both.tw.db()
    assert db.execute("SELECT count(*) FROM ti WHERE run_key NOT IN (SELECT run_key FROM run)").fetchone() == (0,)
    assert db.execute("SELECT run_id FROM garbage").fetchall() == [("r1",)]
    wait_until(lambda: both.ask("GET", "/api/v2/dags/slow").status == 200)
    both.send("POST", "/api/v2/dags/slow/dagRuns", {"dag_run_id": "s"})
    wait_until(lambda: both.get("/api/v2/dags/slow/dagRuns/s/taskInstances/w")["state"] == "running")
    assert "running" in both.send("DELETE", "/api/v2/dags/slow/dagRuns/s", code=409)["detail"]
    both.send("DELETE", "/api/v2/dags/slow/dagRuns/s/taskInstances/w", code=409)
    assert both.send("DELETE", "/api/v2/dags/slow", code=409)
    both.send("PATCH", "/api/v2/dags/slow/dagRuns/s", {"state": "failed"})
    wait_until(lambda: both.ask("DELETE", "/api/v2/dags/slow/dagRuns/s").status == 204)
    made = both.send("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "r1"})  # the name is free
    wait_until(lambda: both.get(RUN + "r1")["state"] == "success")
    assert made["dag_run_id"] == "r1" and tries(both.tw, "r1") == {"a": 1, "b": 1}


def test_a_deleted_dag_comes_back_while_its_file_is_there(both):
    put(both.tw, "e", {"only": {"operator": "empty"}}, schedule={"type": "assets", "condition": {"type": "asset", "name": "n", "uri": "n"}})
    wait_until(lambda: both.ask("GET", "/api/v2/dags/e").status == 200)
    for i in range(60):
        both.send("POST", "/api/v2/dags/e/dagRuns", {"dag_run_id": "r%d" % i})
    wait_until(lambda: both.get("/api/v2/dags/e/dagRuns?state=success&limit=0")["total_entries"] == 60)
    both.send("DELETE", "/api/v2/dags/e")
    wait_until(lambda: both.ask("GET", "/api/v2/dags/e").status == 200)
    assert both.get("/api/v2/dags/e/dagRuns")["total_entries"] == 0
    asset = both.get("/api/v2/assets?name_pattern=n")["assets"][0]["id"]
    both.send("POST", "/api/v2/assets/events", {"asset_id": asset})
    wait_until(lambda: [r["state"] for r in both.tw.json("runs", "list", "e")] == ["success"])
    os.unlink(both.tw.path("dags/e.yaml"))
    both.send("DELETE", "/api/v2/dags/e")
    both.get("/api/v2/dags/e", 404)
    assert "e" not in [d["dag_id"] for d in both.tw.json("dags", "list")]
    assert [a["subject"] for a in audits(both.tw, "delete DAG")] == ["e", "e"]


def audits(tw, action):
    return [{"subject": s} for (s,) in tw.db().execute("SELECT subject FROM audit WHERE action = ? ORDER BY audit_key", (action,))]


def test_xcoms_are_written(both):
    run(both, dag_run_id="r1")
    path = RUN + "r1/taskInstances/b/xcomEntries"
    made = both.send("POST", path, {"key": "k", "value": {"x": [1, None]}}, 201)
    assert made["value"] == {"x": [1, None]} and made["task_id"] == "b"
    assert json.loads(both.tw("xcom", "get", "d", "r1", "b", "-k", "k").stdout) == {"x": [1, None]}
    both.send("POST", path, {"key": "k", "value": 1}, 409)
    assert both.send("PATCH", path + "/k", {"value": 5})["value"] == 5
    both.send("PATCH", path + "/none", {"value": 5}, 404)
    both.send("POST", path, {"key": "k2"}, 422)
    both.send("POST", path, {"key": "k2", "value": 1, "map_index": 3}, 404)
    both.send("POST", path, {"key": "big", "value": "x" * 60000}, 413)
    both.send("POST", path, {"key": "_link_Page", "value": "http://x/1"}, 201)
    assert both.get(RUN + "r1/taskInstances/b/links") == {"extra_links": {"Page": "http://x/1"}, "total_entries": 1}
    assert both.get(RUN + "r1/taskInstances/a/links")["total_entries"] == 0
    both.get(RUN + "r1/taskInstances/zz/links", 404)
    assert both.get(RUN + "r1/taskInstances/b/externalLogUrl/1", 400)


def test_bulk_changes_of_settings(both):
    tw = both.tw
    act = lambda path, *actions, code=200: both.send("PATCH", "/api/v2/" + path, {"actions": list(actions)}, code)
    one = {"action": "create", "entities": [{"key": "a", "value": "1"}, {"key": "b", "value": "2", "description": "two"}]}
    assert act("variables", one)["create"] == {"success": ["a", "b"], "errors": []}
    again = act("variables", {**one, "entities": one["entities"] + [{"key": "c", "value": "3"}]},
                {"action": "update", "entities": [{"key": "a", "value": "9"}]})
    assert again["create"]["success"] == [] and again["create"]["errors"][0]["status_code"] == 409, "all or nothing"
    assert again["update"]["success"] == ["a"] and again["delete"] is None, "the next action goes on"
    assert tw("variables", "get", "a").stdout.strip() == "9" and tw("variables", "get", "c", code=None).returncode != 0
    assert act("variables", {**one, "action_on_existence": "skip"})["create"]["success"] == []
    assert act("variables", {**one, "action_on_existence": "overwrite"})["create"]["success"] == ["a", "b"]
    assert tw("variables", "get", "a").stdout.strip() == "1"
    masked = act("variables", {"action": "update", "entities": [{"key": "b", "value": "7", "description": "no"}], "update_mask": ["value"]})
    assert masked["update"]["success"] == ["b"] and both.get("/api/v2/variables/b")["description"] == "two"
    gone = act("variables", {"action": "delete", "entities": ["a", "zz"]})
    assert gone["delete"]["errors"][0]["status_code"] == 404 and tw("variables", "get", "a").stdout.strip() == "1"
    assert act("variables", {"action": "delete", "entities": ["a", "zz"], "action_on_non_existence": "skip"})["delete"]["success"] == ["a"]
    assert act("connections", {"action": "create", "entities": [{"connection_id": "c", "conn_type": "http", "password": "p-w-d"}]})["create"]["success"] == ["c"]
    assert act("connections", {"action": "update", "entities": [{"connection_id": "c", "conn_type": "http", "host": "h"}]})["update"]["success"] == ["c"]
    assert both.get("/api/v2/connections/c")["password"] == "***"
    assert act("pools", {"action": "create", "entities": [{"name": "p", "slots": 2}]})["create"]["success"] == ["p"]
    assert act("pools", {"action": "update", "entities": [{"name": "p", "slots": 5, "description": "d"}], "update_mask": ["slots"]})["update"]["success"] == ["p"]
    assert (both.get("/api/v2/pools/p")["slots"], both.get("/api/v2/pools/p")["description"]) == (5, None)
    assert act("pools", {"action": "delete", "entities": ["default_pool"]})["delete"]["errors"][0]["status_code"] == 400
    for bad in ({"action": "no", "entities": []}, {"action": "create"}, {"action": "create", "entities": [{}]}):
        act("variables", bad, code=422)


def test_bulk_changes_of_instances(both):
    run(both, dag_run_id="r1")
    run(both, dag_run_id="r2")
    path = "/api/v2/dags/d/dagRuns/%s/taskInstances"
    done = both.send("PATCH", path % "r1", {"actions": [
        {"action": "update", "entities": [{"task_id": "b", "new_state": "failed", "note": "n"}, {"task_id": "zz", "new_state": "failed"}]},
        {"action": "create", "entities": []}]})
    assert done["update"]["success"] == ["d.r1.b[-1]"] and done["update"]["errors"][0]["status_code"] == 404
    assert done["create"]["errors"][0]["status_code"] == 405
    assert states(both.tw, "r1") == {"a": "success", "b": "failed"}
    many = both.send("PATCH", "/api/v2/dags/~/dagRuns/~/taskInstances", {"actions": [
        {"action": "delete", "entities": [{"dag_id": "d", "dag_run_id": "r2", "task_id": "a"}]}]})
    assert many["delete"]["success"] == ["d.r2.a[-1]"] and states(both.tw, "r2").get("a") in (None, "none")
    unnamed = both.send("PATCH", "/api/v2/dags/~/dagRuns/~/taskInstances", {"actions": [{"action": "delete", "entities": ["a"]}]})
    assert unnamed["delete"]["errors"][0]["status_code"] == 422


def test_settings_are_told_only_where_that_is_allowed(tw):
    s = Server(tw, config="api: {expose_config: \"true\", test_connection: enabled, external_log_url: \"http://l/{dag_id}?t={try_number}\"}\nwebhooks: []\n")
    sections = {x["name"]: {o["key"]: o["value"] for o in x["options"]} for x in s.get("/api/v2/config")["sections"]}
    assert sections["api"]["expose_config"] == "true" and sections["core"]["parallelism"]
    assert s.get("/api/v2/config?section=api")["sections"][0]["name"] == "api" and len(s.get("/api/v2/config?section=api")["sections"]) == 1
    assert s.get("/api/v2/config/section/api/option/host")["sections"][0]["options"] == [{"key": "host", "value": "127.0.0.1"}]
    s.get("/api/v2/config/section/api/option/none", 404)
    s.get("/api/v2/config?section=none", 404)
    assert "[api]\n" in s.ask("GET", "/api/v2/config", headers={"Accept": "text/plain"}).text.decode()
    ok = s.send("POST", "/api/v2/connections/test", {"connection_id": "c", "conn_type": "http", "host": "127.0.0.1", "port": int(s.port)})
    assert ok["status"] and "nobody signed in" in ok["message"]
    closed = s.send("POST", "/api/v2/connections/test", {"connection_id": "c", "conn_type": "http", "host": "127.0.0.1", "port": 1})
    assert not closed["status"] and "refused" in closed["message"]
    assert not s.send("POST", "/api/v2/connections/test", {"connection_id": "c", "conn_type": "strange"})["status"]
    assert s.send("POST", "/api/v2/connections/test", {"connection_id": "c", "conn_type": "fs", "extra": "{\"path\": \"/\"}"})["status"]


def test_by_default_nothing_is_told_and_nothing_tried(tw):
    s = Server(tw)
    s.get("/api/v2/config", 403)
    s.get("/api/v2/config/section/api/option/host", 403)
    s.send("POST", "/api/v2/connections/test", {"connection_id": "c", "conn_type": "http", "host": "127.0.0.1"}, 403)
