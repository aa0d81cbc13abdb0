"""Who is limited to the DAGs with certain tags: lists over all DAGs hold what these have, and nothing of others. A line a list, and then every route."""
import json
import re
import urllib.parse

import pytest
from conftest import wait_until
from test_api_server import Server, put
from test_auth import routes, token, user

ASKS = """
from tradewind.sdk import DAG, AssetAlias, task
from tradewind.operators.hitl import HITLOperator
for name, tag in (("hidden-asks", "hr"), ("asks", "sales")):
    with DAG(name, tags=[tag]):
        HITLOperator(task_id=name + "-task", subject=name + "?", options=["a"])
        @task(outlets=[AssetAlias(name + "-alias")])
        def aliased(): pass
        aliased()
"""
MIXED = """
from tradewind.sdk import DAG, EmptyOperator
for name, tag in (("hidden-mixed", "hr"), ("mixed", "sales")):
    with DAG(name, tags=[tag]):
        EmptyOperator(task_id="a")
"""


def asset(name):
    return {"type": "asset", "name": name, "uri": "s3://b/" + name}


def make(name, outlets):
    return {name + "-task": {"operator": "bash", "bash_command": "true", "outlets": [asset(x) for x in outlets]}}


@pytest.fixture
def s(tw):
    """Each of two departments has a run, a question, assets, a backfill and a broken file; what is of hr has "hidden" in its name, but for one asset that sales
    waits for too."""
    put(tw, "hidden-makes", make("hidden-makes", ["hidden-asset", "shared"]), tags=["hr"], schedule="@daily", start_date="2026-01-01", end_date="2026-03-05")
    put(tw, "makes", make("makes", ["own"]), tags=["sales"], schedule="@daily", start_date="2026-01-01", end_date="2026-03-05")
    both = {"type": "assets", "condition": {"type": "all", "of": [asset("shared"), asset("own"), asset("never")]}}
    put(tw, "hidden-waits", tags=["hr"], schedule=both)
    put(tw, "waits", tags=["sales"], schedule=both)
    for name, text in (("asks", ASKS), ("mixed", MIXED)):
        tw.write("dags/%s.py" % name, text)
    put(tw, "hidden-broken", tags=["hr"])
    put(tw, "broken", tags=["sales"])
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags").status == 200 and s.get("/api/v2/dags")["total_entries"] == 10)
    for dag in ("hidden-makes", "makes"):
        key = s.send("POST", "/api/v2/backfills", {"dag_id": dag, "from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-02T00:00:00Z"})["id"]
        wait_until(lambda: s.get("/api/v2/backfills/%d" % key)["completed_at"])
    for dag in ("hidden-asks", "asks"):
        s.send("POST", "/api/v2/dags/%s/dagRuns" % dag, {"dag_run_id": dag + "-run", "note": dag + "-note"})
    wait_until(lambda: s.get("/api/v2/dags/~/dagRuns/~/hitlDetails")["total_entries"] == 2)
    for dag in ("hidden-broken", "broken"):
        tw.write("dags/%s.yaml" % dag, "dag_id: %s\ntasks: []\n" % dag)
    tw.write("dags/mixed.py", MIXED + "hidden_name\n")
    tw.write("dags/hidden_nobodys.py", "# airflow DAG\nraise ValueError('not today')\n")
    wait_until(lambda: s.get("/api/v2/importErrors")["total_entries"] == 4)
    s.limited = token(tw, "t", "admin", "--read-tag", "sales")
    return s


def test_lists_over_all_dags(s):
    def get(path, code=200):
        r = s.ask("GET", path, token=s.limited)
        assert r.status == code and b"hidden" not in r.text, (path, r.status, r.text)
        return json.loads(r.text)

    def names(path, key, of=lambda x: x):
        """Of the limited one's list, whose number is what it says; and that the other one's is longer."""
        here, all_ = get(path), s.get(path)
        (name, rows), *_ = [x for x in here.items() if isinstance(x[1], list)]
        assert here.get("total_entries", len(rows)) == len(rows) and len(all_[name]) > len(rows), (path, here)
        assert here.get("total_entries", 0) < all_.get("total_entries", 1), path
        return sorted({of(x)[key] for x in rows})
    # guards: the use of api_get_dags in dags_of of api_runs.c, and in walk_begin of api_ti_list.c, gather_runs of api_hitl.c, look_at_all of asset_refs.c
    assert names("/api/v2/dags/~/dagRuns", "dag_id") == ["asks", "makes"]
    assert names("/api/v2/dags/~/dagRuns?state=running", "dag_id") == ["asks"]
    assert {r["dag_id"] for r in get("/api/v2/dags/~/dagRuns?cursor=&limit=100")["dag_runs"]} == {"asks", "makes"}
    assert get("/api/v2/dags/~/dagRuns?dag_id_pattern=hid")["total_entries"] == 0
    assert names("/api/v2/dags/~/dagRuns/~/taskInstances", "dag_id") == ["asks", "makes"]
    assert {t["dag_id"] for t in get("/api/v2/dags/~/dagRuns/~/taskInstances?cursor=&limit=100")["task_instances"]} == {"asks", "makes"}
    assert get("/api/v2/dags/~/dagRuns/hidden-asks-run/taskInstances")["total_entries"] == 0
    assert names("/api/v2/dags/~/dagRuns/~/hitlDetails", "subject") == ["asks?"]
    for path in ("/api/v2/dags/~/dagRuns", "/api/v2/dags/~/dagRuns/~/taskInstances"):
        told = s.send("POST", path + "/list", {}, token=s.limited)
        assert "hidden" not in json.dumps(told) and told["total_entries"] == get(path)["total_entries"]
    # guards: keep_named and find_asset of api_assets.c, limit_events, put_event
    assert names("/api/v2/assets", "name") == ["never", "own", "shared"]
    ids = {a["name"]: a["id"] for a in s.get("/api/v2/assets")["assets"]}
    shared = get("/api/v2/assets/%d" % ids["shared"])
    assert shared["producing_tasks"] == [] and [d["dag_id"] for d in shared["scheduled_dags"]] == ["waits"]
    get("/api/v2/assets/%d" % ids["hidden-asset"], 404)
    get("/api/v2/assets/%d/queuedEvents" % ids["hidden-asset"], 404)
    assert {e["dag_id"] for e in s.get("/api/v2/assets/%d/queuedEvents" % ids["shared"])["queued_events"]} == {"hidden-waits", "waits"}
    assert [e["dag_id"] for e in get("/api/v2/assets/%d/queuedEvents" % ids["shared"])["queued_events"]] == ["waits"]
    assert names("/api/v2/assets/aliases", "name") == ["asks-alias"]
    aliases = {a["name"]: a["id"] for a in s.get("/api/v2/assets/aliases")["asset_aliases"]}
    get("/api/v2/assets/aliases/%d" % aliases["hidden-asks-alias"], 404)
    assert names("/api/v2/assets/events", "name") == ["own", "shared"]
    assert {e["source_dag_id"] for e in get("/api/v2/assets/events?asset_id=%d" % ids["shared"])["asset_events"]} == {None}
    assert {e["source_dag_id"] for e in get("/api/v2/assets/events?asset_id=%d" % ids["own"])["asset_events"]} == {"makes"}
    assert get("/api/v2/assets/events?asset_id=%d" % ids["hidden-asset"])["total_entries"] == 0
    # guard: api_may in api_backfills.c
    assert names("/ui/backfills", "dag_id") == ["makes"]
    assert get("/api/v2/backfills?dag_id=makes")["total_entries"] == 1 and get("/api/v2/backfills?dag_id=hidden-makes")["total_entries"] == 0
    keys = {b["dag_id"]: b["id"] for b in s.get("/ui/backfills")["backfills"]}
    get("/api/v2/backfills/%d" % keys["hidden-makes"], 404)
    get("/ui/backfills/%d" % keys["hidden-makes"], 404)
    assert get("/api/v2/backfills/%d" % keys["makes"])["dag_id"] == "makes"
    # guard: api_file_known
    assert names("/api/v2/importErrors", "filename") == ["broken.yaml", "mixed.py"]
    told = {x["filename"]: x for x in get("/api/v2/importErrors")["import_errors"]}
    assert told["mixed.py"]["stack_trace"].startswith("REDACTED") and "tasks" in told["broken.yaml"]["stack_trace"]
    ids = {x["filename"]: x["import_error_id"] for x in s.get("/api/v2/importErrors")["import_errors"]}
    for name in ("hidden-broken.yaml", "hidden_nobodys.py"):
        get("/api/v2/importErrors/%d" % ids[name], 404)
    assert get("/api/v2/importErrors/%d" % ids["mixed.py"])["stack_trace"].startswith("REDACTED")
    # guard: api_sees_id in place_fits, and in api_event_log
    assert set(names("/api/v2/eventLogs?limit=100", "dag_id")) == {"asks", "makes"}
    for row in s.get("/api/v2/eventLogs?limit=100")["event_logs"]:
        get("/api/v2/eventLogs/%d" % row["event_log_id"], 200 if row["dag_id"] in ("asks", "makes") else 404)


def test_no_route_tells_of_a_hidden_dag(s):
    """Every GET of the description, with all DAGs in place of one, and with each number that there is."""
    asked = 0
    for method, path, _ in routes():
        if method != "GET" or path in ("/ui/events", "/api/v2/auth/logout", "/auth/logout", "/ui/logout"):
            continue
        for n in ("~", "1", "2", "3", "4", "5") if "{" in path else ("1",):
            full = re.sub(r"\{(dag_id|dag_run_id|task_id)\}", "~", path)
            full = re.sub(r"\{\w+\}", urllib.parse.quote(n), full)
            r = s.ask("GET", full, token=s.limited)
            asked += 1
            assert r.status < 500 and b"hidden" not in r.text, (full, r.status, r.text)
    assert asked > 150


def test_backfills_of_dags_that_one_may_not_change(s):
    user(s.tw, "anna", "operator", "--read-tag", "sales", "--read-tag", "hr", "--write-tag", "sales")
    of_anna = json.loads(s.ask("POST", "/auth/token", {"username": "anna", "password": "correct horse battery"}, token=False).text)["access_token"]
    body = {"from_date": "2026-03-01T00:00:00Z", "to_date": "2026-03-02T00:00:00Z"}
    send = lambda method, path, dag=None, token=of_anna: s.ask(method, "/api/v2/backfills" + path, {**body, "dag_id": dag} if dag else {}, token=token).status
    keys = {b["dag_id"]: b["id"] for b in s.get("/ui/backfills")["backfills"]}
    assert send("POST", "/dry_run", "hidden-makes") == 200 and send("POST", "", "hidden-makes") == 403
    for word in ("pause", "unpause", "cancel"):
        assert send("PUT", "/%d/%s" % (keys["hidden-makes"], word)) == 403
        assert send("PUT", "/%d/%s" % (keys["hidden-makes"], word), token=s.limited) == 404
        assert send("PUT", "/%d/%s" % (keys["makes"], word)) == 409  # it is over
    assert send("POST", "/dry_run", "hidden-makes", s.limited) == 404 and send("POST", "", "hidden-makes", s.limited) == 404
    assert len(s.get("/ui/backfills")["backfills"]) == 2
    assert send("POST", "", "makes") == 200
