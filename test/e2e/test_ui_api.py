"""The page's own API (/ui/...): each answer beside what the command line and the REST API say of the same."""
import json
from urllib.parse import quote

import pytest
from conftest import wait_until
from test_api_server import Server, put, run

GROUPS = {
    "tags": ["finance", "night"],
    "task_groups": {"outer": {}, "outer.inner": {"parent": "outer"}},
    "tasks": {
        "start": {"operator": "bash", "bash_command": "true"},
        "outer.a": {"operator": "bash", "bash_command": "true", "upstream": ["start"], "group": "outer"},
        "outer.inner.b": {"operator": "bash", "bash_command": "exit 3", "upstream": ["outer.a"], "group": "outer.inner"},
        "outer.inner.c": {"operator": "bash", "bash_command": "true", "upstream": ["outer.inner.b"], "group": "outer.inner"},
        "m": {"operator": "bash", "bash_command": "true", "upstream": ["start"], "expand": {"env": [{"N": "1"}, {"N": "2"}, {"N": "3"}]}},
        "end": {"operator": "empty", "upstream": ["outer.inner.c", "m"], "trigger_rule": "all_done"},
    },
}


@pytest.fixture
def ui(tw):
    put(tw)
    put(tw, "g", **GROUPS)
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200 and s.ask("GET", "/api/v2/dags/g").status == 200)
    return s


def of_run(run_path, what):
    """/api/v2/dags/D/dagRuns/R -> /ui/dags/D/runs/R/WHAT"""
    return run_path.replace("/api/v2", "/ui").replace("/dagRuns/", "/runs/") + "/" + what


def run_id(s, run_path):
    return s.get(run_path)["dag_run_id"]


# ---- pictures of runs

def test_a_grid_has_the_states_that_the_rest_api_tells(ui):
    path = run(ui, "g")
    run(ui, "g")
    grid = ui.get("/ui/dags/g/grid?runs=2")
    ids = [t["id"] for t in grid["tasks"]]
    assert ids == ["start", "outer", "outer.a", "outer.inner", "outer.inner.b", "outer.inner.c", "m", "end"]
    assert [t["parent"] for t in grid["tasks"]] == [-1, -1, 1, 1, 3, 3, -1, -1]
    assert [t["depth"] for t in grid["tasks"]] == [0, 0, 1, 1, 2, 2, 0, 0]
    assert [t["group"] for t in grid["tasks"]] == [False, True, False, True, False, False, False, False]
    assert [t["mapped"] for t in grid["tasks"]] == [False] * 6 + [True, False]
    states = {t["task_id"]: t["state"] for t in ui.get(path + "/taskInstances")["task_instances"]}
    first = dict(zip(ids, grid["cells"][0]))
    assert grid["runs"][0]["run_id"] == run_id(ui, path) and len(grid["cells"]) == 2
    for task, state in states.items():
        assert grid["letters"][first[task]] == state, task
    assert grid["letters"][first["outer"]] == grid["letters"][first["outer.inner"]] == "failed"
    counts = grid["counts"][run_id(ui, path)]
    assert counts["6"] == {"success": 3} and counts["1"] == {"success": 1, "failed": 1, "upstream_failed": 1}
    assert counts["3"] == {"failed": 1, "upstream_failed": 1} and set(counts) == {"1", "3", "6"}


def test_a_grid_pages_and_filters(ui):
    for i in range(4):
        run(ui, dag_run_id="r%d" % i, logical_date="2026-01-0%dT00:00:00Z" % (i + 1))

    def ids(q):
        return [r["run_id"] for r in ui.get("/ui/dags/d/grid?" + q)["runs"]]
    assert ids("runs=2") == ["r2", "r3"]
    before = ui.get("/ui/dags/d/grid?runs=2")["runs"][0]["run_after"]
    assert ids("runs=2&before=" + quote(before)) == ["r0", "r1"]
    assert ids("state=failed") == [] and ids("run_type=scheduled") == [] and len(ids("run_type=manual&state=success")) == 4
    assert [t["id"] for t in ui.get("/ui/dags/g/grid?root=outer.a&include_downstream=false")["tasks"]] == ["start", "outer", "outer.a"]
    assert [t["id"] for t in ui.get("/ui/dags/g/grid?root=m")["tasks"]] == ["start", "m", "end"]
    for bad in ("runs=0", "runs=x", "before=now", "state=odd", "run_type=odd"):
        ui.get("/ui/dags/d/grid?" + bad, code=422)
    ui.get("/ui/dags/none/grid", code=404)
    ui.get("/ui/dags/g/grid?root=none", code=404)


def test_a_run_of_another_version_stands_in_its_rows(ui, tw):
    run(ui)
    put(tw, tasks={"b": {"operator": "bash", "bash_command": "true"}, "new": {"operator": "bash", "bash_command": "true"}})
    wait_until(lambda: [t["id"] for t in ui.get("/ui/dags/d/grid")["tasks"]] == ["b", "new"])
    grid = ui.get("/ui/dags/d/grid")
    assert grid["cells"] == ["s-"] and grid["version"] == 2 and grid["runs"][0]["version"] == 1


def test_states_and_bars_of_a_run(ui):
    path = run(ui, "g")
    run(ui, "d")
    states = ui.get(of_run(path, "states"))
    assert states["state"] == "success" and states["version"] == 1  # its leaf succeeded
    for t in ui.get(path + "/taskInstances")["task_instances"]:
        got = states["tasks"][t["task_id"]]
        assert got["state"] == t["state"] and got["operator"] == t["operator"]
        if t["map_index"] < 0:
            assert (got["start_date"], got["end_date"], got["try"]) == (t["start_date"], t["end_date"], t["try_number"])
    assert states["tasks"]["m"]["n"] == {"success": 3} and "n" not in states["tasks"]["start"]
    gantt = ui.get(of_run(path, "gantt"))
    bars = {(r["task_id"], r["map_index"]) for r in gantt["rows"]}
    assert bars >= {("start", -1), ("outer.inner.b", -1), ("m", 0), ("m", 2)} and ("outer.inner.c", -1) not in bars
    assert not gantt["truncated"] and all(r["start"] <= r["end"] for r in gantt["rows"] if r["start"])
    assert gantt["start"] == states["start_date"] and gantt["end"] == states["end_date"]
    ui.get("/ui/dags/g/runs/none/states", code=404)
    ui.get("/ui/dags/g/runs/none/gantt", code=404)


def test_instances_of_a_group(ui):
    path = run(ui, "g")
    assert {t["task_id"] for t in ui.get(path + "/taskInstances?task_group_id=outer")["task_instances"]} == {"outer.a", "outer.inner.b", "outer.inner.c"}
    assert {t["task_id"] for t in ui.get(path + "/taskInstances?task_group_id=outer.inner")["task_instances"]} == {"outer.inner.b", "outer.inner.c"}
    # Without that filter tasks in groups are listed too, and a mapped task's instances beside them.
    assert [t["map_index"] for t in ui.get(path + "/taskInstances/m/listMapped")["task_instances"]] == [0, 1, 2]
    assert len(ui.get(path + "/taskInstances")["task_instances"]) == 8


def test_bars_have_the_tries_before(ui, tw):
    put(tw, "r", tasks={"a": {"operator": "bash", "bash_command": "test {{ ti.try_number }} = 2", "retries": 1, "retry_delay": 0}})
    wait_until(lambda: ui.ask("GET", "/api/v2/dags/r").status == 200)
    rows = ui.get(of_run(run(ui, "r"), "gantt"))["rows"]
    assert [(r["try"], r["state"]) for r in rows] == [(1, "up_for_retry"), (2, "success")] or [r["try"] for r in rows] == [1, 2]


def inside(inner, outer):
    return (outer["x"] <= inner["x"] and outer["y"] <= inner["y"] and inner["x"] + inner["w"] <= outer["x"] + outer["w"]
            and inner["y"] + inner["h"] <= outer["y"] + outer["h"])


def test_a_graph_has_boxes_within_boxes(ui):
    r = ui.ask("GET", "/ui/dags/g/graph")
    graph = json.loads(r.text)
    nodes = {n["id"]: n for n in graph["nodes"]}
    assert set(nodes) == {"start", "outer", "outer.a", "outer.inner", "outer.inner.b", "outer.inner.c", "m", "end"}
    for n in nodes.values():
        assert inside(n, {"x": 0, "y": 0, "w": graph["width"], "h": graph["height"]})
        if n["parent"]:
            assert inside(n, nodes[n["parent"]]), n["id"]
    boxes = [n for n in nodes.values() if n["kind"] != "group"]
    assert not any(overlap(a, b) for a in boxes for b in boxes if a["id"] < b["id"])
    edges = {(e["from"], e["to"]) for e in graph["edges"]}
    assert edges == {(u, t) for t, v in GROUPS["tasks"].items() for u in v.get("upstream", [])}
    for e in graph["edges"]:
        a, b = nodes[e["from"]], nodes[e["to"]]
        assert e["points"][0] == [a["x"] + a["w"], a["y"] + a["h"] // 2] and e["points"][-1] == [b["x"], b["y"] + b["h"] // 2]
    again = ui.ask("GET", "/ui/dags/g/graph", headers={"If-None-Match": r.headers["ETag"]})
    assert again.status == 304 and not again.text
    ui.get("/ui/dags/g/graph?version=9", code=404)
    ui.get("/ui/dags/g/graph?version=x", code=422)


def overlap(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


# ---- lists

def test_dags_are_listed_with_their_last_runs(ui, tw):
    path = run(ui, "g")
    dags = {d["dag_id"]: d for d in ui.get("/ui/dags")["dags"]}
    assert set(dags) == {"d", "g"} and dags["g"]["tags"] == ["finance", "night"]
    assert [r["run_id"] for r in dags["g"]["recent"]] == [run_id(ui, path)] and dags["d"]["recent"] == []
    assert [d["dag_id"] for d in ui.get("/ui/dags?search=FIN")["dags"]] == ["g"]
    assert [d["dag_id"] for d in ui.get("/ui/dags?tags=night&tags=finance")["dags"]] == ["g"]
    assert ui.get("/ui/dags?tags=nigh")["total_entries"] == 0
    assert [d["dag_id"] for d in ui.get("/ui/dags?state=success")["dags"]] == ["g"]
    assert [d["dag_id"] for d in ui.get("/ui/dags?order_by=-last_run")["dags"]] == ["g", "d"]
    ui.send("PATCH", "/api/v2/dags/d", {"is_paused": True})
    assert [d["dag_id"] for d in ui.get("/ui/dags?paused=true")["dags"]] == ["d"]
    page = ui.get("/ui/dags?limit=1")
    assert page["next_cursor"] and page["total_entries"] == 2
    rest = ui.get("/ui/dags?limit=1&cursor=" + page["next_cursor"])
    assert rest["dags"][0]["dag_id"] == "g" and rest["next_cursor"] is None
    ui.get("/ui/dags?order_by=odd", code=422)
    ui.get("/ui/dags?cursor=odd", code=422)


def test_home_tells_what_needs_attention(ui, tw):
    put(tw, "bad", tasks={"x": {"operator": "bash", "bash_command": "exit 7"}})
    put(tw, "timed", schedule="0 0 1 1 *", start_date="2090-01-01")
    tw.write("dags/broken.yaml", "dag_id: broken\ntasks: {a: {operator: nothing}}\n")
    wait_until(lambda: ui.get("/ui/home")["counts"]["import_errors"] == 1 and ui.ask("GET", "/api/v2/dags/bad").status == 200)
    path = run(ui, "bad")
    run(ui)
    home = ui.get("/ui/home")
    assert home["counts"]["failed_24h"] == 1 and home["counts"]["success_24h"] == 1 and home["counts"]["active_dags"] == 4
    failed = [a for a in home["attention"] if a["kind"] == "failed_run"]
    assert [(a["dag_id"], a["run_id"], a["task_id"]) for a in failed] == [("bad", run_id(ui, path), "x")] and "7" in failed[0]["text"]
    errors = [a for a in home["attention"] if a["kind"] == "import_error"]
    assert len(errors) == 1 and errors[0]["text"].startswith("broken.yaml: ")
    wait_until(lambda: [n["dag_id"] for n in ui.get("/ui/home")["next"]] == ["timed"])
    assert ui.get("/ui/home")["next"][0]["run_after"] == {d["dag_id"]: d for d in ui.get("/ui/dags")["dags"]}["timed"]["next_run"]
    assert home["health"]["scheduler"]["status"] == "healthy" and home["health"]["message"] is None
    assert {r["dag_id"] for r in home["recent"]} == {"bad", "d"}
    ui.send("PATCH", "/api/v2/dags/timed", {"is_paused": True})
    assert ui.get("/ui/home")["next"] == [] and ui.get("/ui/home")["counts"]["paused"] == 1


def test_questions_to_people(ui, tw):
    tw.write("dags/ask.py", """
        from tradewind.sdk import DAG
        from tradewind.operators.hitl import ApprovalOperator
        with DAG("ask"):
            ApprovalOperator(task_id="go", subject="Shall we?")
    """)
    wait_until(lambda: ui.ask("GET", "/api/v2/dags/ask").status == 200, 60)
    ui.send("POST", "/api/v2/dags/ask/dagRuns", {"dag_run_id": "r1"})
    wait_until(lambda: ui.get("/ui/required-actions")["total_entries"] == 1, 60)
    one = ui.get("/ui/required-actions")["required_actions"][0]
    assert (one["dag_id"], one["run_id"], one["task_id"], one["map_index"]) == ("ask", "r1", "go", -1)
    assert one["subject"] == "Shall we?" and one["options"] == ["Approve", "Reject"]
    home = ui.get("/ui/home")
    assert home["counts"]["required_actions"] == 1
    assert [a["text"] for a in home["attention"] if a["kind"] == "required_action"] == ["Shall we?"]
    assert {d["dag_id"]: d["has_required_action"] for d in ui.get("/ui/dags")["dags"]} == {"ask": True, "d": False, "g": False}
    wait_until(lambda: [r["code"] for r in why(ui, "ask", "r1", "go")["reasons"]] == ["deferred", "required_action"])
    tw("tasks", "respond", "ask", "go", "--run", "r1", "--option", "Approve")
    wait_until(lambda: ui.get("/ui/required-actions")["total_entries"] == 0, 60)


# ---- why

def why(s, dag, run_, task, q=""):
    return s.get("/ui/dags/%s/runs/%s/tasks/%s/why%s" % (dag, quote(run_, safe=""), task, q))


def test_why_says_what_the_command_line_says(ui, tw):
    put(tw, "w", tasks={"a": {"operator": "bash", "bash_command": "until test -e %s; do sleep 0.05; done" % tw.path("go"), "pool": "one"},
                        "p": {"operator": "bash", "bash_command": "true", "pool": "one", "priority_weight": 1},
                        "b": {"operator": "bash", "bash_command": "true", "upstream": ["a", "p"], "trigger_rule": "none_failed"},
                        "t": {"operator": "bash", "bash_command": "false", "retries": 1, "retry_delay": 3600}})
    ui.send("POST", "/api/v2/pools", {"name": "one", "slots": 1}, code=201)
    wait_until(lambda: ui.ask("GET", "/api/v2/dags/w").status == 200)
    ui.send("POST", "/api/v2/dags/w/dagRuns", {"dag_run_id": "r1"})

    def states():
        return {k: v["state"] for k, v in ui.get("/ui/dags/w/runs/r1/states")["tasks"].items()}
    wait_until(lambda: sorted([states()["a"] or "", states()["p"] or ""]) in (["running", "scheduled"], ["scheduled", "success"], ["running", "success"])
               and states()["t"] == "up_for_retry")
    if states()["a"] != "running":
        wait_until(lambda: states()["a"] == "running")
    b = why(ui, "w", "r1", "b")
    assert b["state"] is None and b["run_state"] == "running"
    assert [r["code"] for r in b["reasons"]] == ["upstream"]
    assert b["reasons"][0]["args"]["rule"] == "none_failed" and "a" in b["reasons"][0]["args"]["names"]
    assert b["reasons"][0]["link"]["kind"] == "task" and "waits for a (running)" in b["reasons"][0]["text"]
    for task in ("b", "t"):
        said = tw("tasks", "why", "w", "r1", task).stdout
        for r in why(ui, "w", "r1", task)["reasons"]:
            assert r["text"].split(" in ")[0] in said
    if states()["p"] == "scheduled":
        p = why(ui, "w", "r1", "p")["reasons"][0]
        assert p["code"] == "pool_full" and p["args"] == {"name": "one", "n": 1, "of": 1, "needs": 1} and p["link"] == {"kind": "pool", "name": "one"}
    t = why(ui, "w", "r1", "t")["reasons"][0]
    assert t["code"] == "retry" and t["args"]["n"] == 2 and t["args"]["of"] == 2 and t["args"]["at"].endswith("Z")
    ui.get("/ui/dags/w/runs/r1/tasks/none/why", code=404)
    open(tw.path("go"), "w").close()


def test_why_of_runs_that_wait_and_runs_that_ended(ui, tw):
    path = run(ui, "g")
    b = why(ui, "g", run_id(ui, path), "outer.inner.c")
    assert [r["code"] for r in b["reasons"]] == ["ended", "upstream_state"]
    assert b["reasons"][1]["args"]["names"] == ["outer.inner.b"] and b["reasons"][1]["link"] == {"kind": "task", "task_id": "outer.inner.b"}
    ui.send("PATCH", "/api/v2/dags/d", {"is_paused": True})
    ui.send("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "waits"})
    codes = [r["code"] for r in why(ui, "d", "waits", "b")["reasons"]]
    assert codes == ["run_queued_paused", "upstream"]


def test_why_is_explained_without_a_scheduler(tw):
    put(tw)
    sched = tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    s.send("PATCH", "/api/v2/dags/d", {"is_paused": True})
    s.send("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "waits"})
    sched.kill()
    sched.wait()
    assert [r["code"] for r in why(s, "d", "waits", "b")["reasons"]] == ["scheduler", "run_queued_paused", "upstream"]


# ---- plans

def test_a_plan_shows_what_apply_does(ui, tw):
    path = run(ui, "g")
    body = {"op": "clear", "dag_id": "g", "run_ids": [run_id(ui, path)], "task_ids": ["outer.inner"], "downstream": True}
    plan = ui.send("POST", "/ui/plan", body)
    touched = {(i["task_id"], i["state"], i["after"]) for i in plan["instances"]}
    assert touched == {("outer.inner.b", "failed", None), ("outer.inner.c", "upstream_failed", None), ("end", "success", None)}
    assert plan["total"] == 3 and plan["runs"] == 1 and not plan["applied"] and not plan["truncated"] and plan["refused"] == []
    said = tw.json("tasks", "clear", "g", run_id(ui, path), "outer.inner", "--dry-run")
    assert {(t["task_id"], t["state"]) for r in said for t in r["tasks"]} == {t[:2] for t in touched}
    assert ui.get(path + "/taskInstances/outer.inner.b")["try_number"] == 1
    done = ui.send("POST", "/ui/apply", body)
    assert done["applied"] and done["instances"] == plan["instances"]
    wait_until(lambda: ui.get(path + "/taskInstances/outer.inner.b")["try_number"] == 2 and ui.get(path)["state"] == "success")
    assert ui.get(path + "/taskInstances/outer.a")["try_number"] == 1
    mark = {"op": "mark_success", "dag_id": "g", "run_ids": [run_id(ui, path)], "task_ids": ["outer.inner.b"]}
    assert [(i["state"], i["after"]) for i in ui.send("POST", "/ui/plan", mark)["instances"]] == [("failed", "success")]
    ui.send("POST", "/ui/apply", mark)
    wait_until(lambda: ui.get(path + "/taskInstances/outer.inner.b")["state"] == "success")


def test_plans_over_runs_and_instances(ui):
    paths = [run(ui, "g", dag_run_id="r%d" % i, logical_date="2026-01-0%dT00:00:00Z" % (i + 1)) for i in range(3)]
    some = ui.send("POST", "/ui/plan", {"op": "clear", "dag_id": "g", "run_ids": ["r0", "r2"], "task_ids": ["m"], "map_indexes": [0, 2]})
    assert {(i["run_id"], i["map_index"]) for i in some["instances"]} == {(r, m) for r in ("r0", "r2") for m in (0, 2)}
    assert some["runs"] == 2 and some["total"] == 4
    span = ui.send("POST", "/ui/plan", {"op": "clear", "dag_id": "g", "from": "2026-01-02T00:00:00Z", "task_ids": ["start"]})
    assert {i["run_id"] for i in span["instances"]} == {"r1", "r2"}
    past = ui.send("POST", "/ui/plan", {"op": "clear", "dag_id": "g", "run_ids": ["r1"], "past": True, "only_failed": True})
    assert {(i["run_id"], i["task_id"]) for i in past["instances"]} == {(r, t) for r in ("r0", "r1") for t in ("outer.inner.b", "outer.inner.c")}
    ui.send("POST", "/ui/apply", {"op": "clear", "dag_id": "g", "run_ids": ["r0", "r2"], "task_ids": ["m"], "map_indexes": [0, 2]})
    wait_until(lambda: all(ui.get(p)["state"] == "success" for p in paths))
    for p in (paths[0], paths[2]):
        assert [ui.get(p + "/taskInstances/m/%d" % m)["try_number"] for m in range(3)] == [2, 1, 2]
    assert ui.get(paths[1] + "/taskInstances/m/0")["try_number"] == 1


def test_the_same_apply_counts_once(ui):
    path = run(ui)
    body = {"op": "clear", "dag_id": "d", "run_ids": [run_id(ui, path)]}
    for _ in range(3):
        ui.send("POST", "/ui/apply", body, headers={"Idempotency-Key": "k1"})
        wait_until(lambda: ui.get(path)["state"] == "success")
    assert ui.get(path + "/taskInstances/a")["try_number"] == 2


def test_plans_that_make_no_sense(ui):
    run(ui, dag_run_id="r1")
    good = {"op": "clear", "dag_id": "d", "run_ids": ["r1"]}
    for bad in ({"op": "odd"}, {"op": None}, {"dag_id": None}, {"run_ids": []}, {"run_ids": ["r1"], "from": "2026-01-01T00:00:00Z"}, {"run_ids": "r1"},
                {"run_ids": [1]}, {"task_ids": [1]}, {"map_indexes": [0]}, {"map_indexes": ["x"], "task_ids": ["a"]}, {"more": 1},
                {"run_ids": ["r1", "r2"], "past": True}, {"upstream": "yes"}, {"from": "now", "run_ids": []}):
        ui.send("POST", "/ui/plan", {**good, **bad}, code=422)
    ui.send("POST", "/ui/plan", {**good, "dag_id": "none"}, code=404)
    ui.send("POST", "/ui/plan", {**good, "run_ids": ["none"]}, code=404)
    ui.send("POST", "/ui/plan", {**good, "task_ids": ["none"]}, code=404)
    assert ui.ask("POST", "/ui/plan", b"{").status == 422


# ---- charts, versions, search, assets

def test_a_calendar_is_in_the_zone_of_the_dag(ui, tw):
    put(tw, "z", timezone="America/New_York", schedule="0 23 * * *", start_date="2098-12-30", catchup=False)
    wait_until(lambda: ui.ask("GET", "/api/v2/dags/z").status == 200)
    # 03:00 UTC on New Year's day is still the old year in New York.
    for i, at in enumerate(("2026-01-01T03:00:00Z", "2026-01-01T05:00:00Z", "2026-03-08T06:59:59Z", "2026-12-31T23:00:00Z")):
        ui.send("POST", "/api/v2/dags/z/dagRuns", {"dag_run_id": "r%d" % i, "logical_date": at})
    wait_until(lambda: ui.get("/api/v2/dags/z/dagRuns?state=success")["total_entries"] == 4)
    year = ui.get("/ui/dags/z/calendar?year=2026")
    assert year["timezone"] == "America/New_York" and not year["truncated"]
    assert {d["date"]: d["success"] for d in year["days"] if d["success"]} == {"2026-01-01": 1, "2026-03-08": 1, "2026-12-31": 1}
    assert [(d["date"], d["success"]) for d in ui.get("/ui/dags/z/calendar?year=2025")["days"]] == [("2025-12-31", 1)]
    ahead = ui.get("/ui/dags/z/calendar?year=2099")
    assert ahead["days"][0] == {"date": "2099-01-01", "success": 0, "failed": 0, "running": 0, "queued": 0, "planned": 1} and len(ahead["days"]) == 365
    ui.send("PATCH", "/api/v2/dags/z", {"is_paused": True})
    assert ui.get("/ui/dags/z/calendar?year=2099")["days"] == []
    ui.get("/ui/dags/z/calendar?year=x", code=422)
    ui.get("/ui/dags/none/calendar", code=404)


def test_durations_are_those_of_the_runs(ui):
    paths = [run(ui, dag_run_id="r%d" % i) for i in range(3)]
    got = ui.get("/ui/dags/d/durations?n=2")["runs"]
    assert [r["run_id"] for r in got] == ["r1", "r2"]
    for r, p in zip(got, paths[1:]):
        assert r["run_s"] == ui.get(p)["duration"] and r["queued_s"] >= 0 and r["state"] == "success"


def test_two_versions_beside_each_other(ui, tw):
    file = """
        from tradewind.sdk import DAG, BashOperator
        with DAG("p"):
            BashOperator(task_id="same", bash_command="true")
            BashOperator(task_id="%s", bash_command="true")
    """
    tw.write("dags/p.py", file % "old")
    wait_until(lambda: ui.ask("GET", "/api/v2/dags/p").status == 200, 60)
    tw.write("dags/p.py", file % "new")
    wait_until(lambda: ui.get("/api/v2/dags/p/dagVersions")["total_entries"] == 2, 60)
    diff = ui.get("/ui/dags/p/versions/diff?from=1")
    assert (diff["from"], diff["to"]) == (1, 2)
    assert [f["name"] for f in diff["files"]] == ["p.py"] and not diff["files"][0]["same"]
    assert '"old"' in diff["files"][0]["from"] and '"new"' in diff["files"][0]["to"]
    tasks = {(c["id"], c["change"]) for c in diff["changes"] if c["kind"] == "task"}
    assert tasks == {("new", "added"), ("old", "removed")}
    assert "old" in json.loads(diff["document"]["from"])["tasks"] and "new" in json.loads(diff["document"]["to"])["tasks"]
    same = ui.get("/ui/dags/p/versions/diff?from=2&to=2")
    assert same["changes"] == [] and all(f["same"] for f in same["files"])
    ui.get("/ui/dags/p/versions/diff", code=422)
    ui.get("/ui/dags/p/versions/diff?from=7", code=404)


def test_search_finds_dags_tasks_and_runs(ui):
    run(ui, "g", dag_run_id="special-run")

    def found(q):
        return [(i["kind"], i["dag_id"], i["run_id"], i["task_id"]) for i in ui.get("/ui/search?q=" + quote(q))["items"]]
    assert ("dag", "g", None, None) in found("G")
    assert found("INNER.b") == [("task", "g", None, "outer.inner.b")]
    assert found("cial-r") == [("run", "g", "special-run", None)]
    assert found("nothing of this kind") == []
    assert ui.get("/ui/search?q=g")["complete"] is True
    ui.get("/ui/search", code=422)
    ui.get("/ui/search?q=" + "x" * 300, code=422)


def test_assets_and_the_dags_around_them(ui, tw):
    tw.write("dags/assets.py", """
        from tradewind.sdk import DAG, Asset, BashOperator
        raw, clean = Asset("raw"), Asset("clean")
        with DAG("makes"):
            BashOperator(task_id="a", bash_command="true", outlets=[raw])
            BashOperator(task_id="b", bash_command="true", outlets=[raw])
        with DAG("cleans", schedule=[raw]):
            BashOperator(task_id="a", bash_command="true", outlets=[clean])
        with DAG("shows", schedule=(raw & clean)):
            BashOperator(task_id="a", bash_command="true")
    """)
    wait_until(lambda: ui.ask("GET", "/api/v2/dags/shows").status == 200, 60)
    web = ui.get("/ui/assets/graph")
    edges = {(e["from"], e["to"]) for e in web["edges"]}
    assert edges == {("dag:makes", "asset:raw"), ("asset:raw", "dag:cleans"), ("dag:cleans", "asset:clean"), ("asset:raw", "dag:shows"),
                     ("asset:clean", "dag:shows")} and len(web["edges"]) == 5
    nodes = {n["id"]: n for n in web["nodes"]}
    assert {n["kind"] for n in nodes.values()} == {"dag", "asset"}
    assert nodes["dag:makes"]["x"] < nodes["asset:raw"]["x"] < nodes["dag:cleans"]["x"] < nodes["asset:clean"]["x"] < nodes["dag:shows"]["x"]
    assert not any(overlap(a, b) for a in nodes.values() for b in nodes.values() if a["id"] < b["id"])


def test_labels_stand_on_edges(ui, tw):
    put(tw, "l", labels=[{"upstream": "a", "downstream": "b", "label": "then"}])
    wait_until(lambda: ui.ask("GET", "/api/v2/dags/l").status == 200)
    assert [e["label"] for e in ui.get("/ui/dags/l/graph")["edges"]] == ["then"]


# ---- who may see only some DAGs

def test_who_is_limited_is_told_of_these_dags_alone(tw):
    from test_auth import token
    put(tw)
    put(tw, "g", **GROUPS)
    put(tw, "bad", tags=["night"], tasks={"x": {"operator": "bash", "bash_command": "exit 7"}})
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: all(s.ask("GET", "/api/v2/dags/" + d).status == 200 for d in ("d", "g", "bad")))
    for d in ("d", "g", "bad"):
        run(s, d)
    t = token(tw, "fin", "user", "--read-tag", "finance", "--read-tag", "night", "--write-tag", "finance")

    def get(path, code=200):
        return s.get(path, token=t, code=code)
    home = get("/ui/home")
    assert home["counts"]["active_dags"] == 2 and home["counts"]["success_24h"] == 1 and home["counts"]["failed_24h"] == 1
    assert {r["dag_id"] for r in home["recent"]} == {"g", "bad"} and {a["dag_id"] for a in home["attention"]} == {"bad"}
    assert [d["dag_id"] for d in get("/ui/dags")["dags"]] == ["bad", "g"] and get("/ui/dags")["total_entries"] == 2
    assert {i["dag_id"] for i in get("/ui/search?q=a")["items"]} == {"g", "bad"}
    assert get("/ui/required-actions")["total_entries"] == 0 and get("/ui/assets/graph")["nodes"] == []
    get("/ui/dags/d/grid", code=404)
    runs = {d: s.get("/api/v2/dags/%s/dagRuns" % d)["dag_runs"][0]["dag_run_id"] for d in ("d", "g", "bad")}
    for dag, plan, apply in (("d", 404, 404), ("g", 200, 200), ("bad", 200, 403)):
        body = {"op": "clear", "dag_id": dag, "run_ids": [runs[dag]]}
        assert s.ask("POST", "/ui/plan", body, token=t).status == plan, dag
        assert s.ask("POST", "/ui/apply", body, token=t).status == apply, dag


def test_who_is_limited_hears_of_these_dags_alone(tw):
    from test_auth import token
    from test_ui_events import Stream
    put(tw)
    put(tw, "g", **GROUPS)
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: all(s.ask("GET", "/api/v2/dags/" + d).status == 200 for d in ("d", "g")))
    owner, s.token = s.token, token(tw, "fin", "user", "--read-tag", "finance")
    stream, s.token = Stream(s, "?topics=dag:d,dag:g"), owner
    run(s, "d")
    run(s, "g")
    wait_until(lambda: [t for t in stream.of("task") if t["task_id"] == "end" and t["state"] == "success"])
    assert {e["dag_id"] for e in stream.of("run") + stream.of("task")} == {"g"}


def test_events_of_a_run(ui):
    path, other = run(ui, "g"), run(ui, "g")
    run_id = path.rsplit("/", 1)[1]
    assert ui.ask("PATCH", path, {"note": "seen"}).status == 200
    assert ui.ask("PATCH", other, {"note": "seen too"}).status == 200
    assert ui.ask("PATCH", path + "/taskInstances/outer.a", {"note": "of the task"}).status == 200
    logs = ui.get("/api/v2/eventLogs?dag_id=g&run_id=" + run_id)
    assert [(x["event"], x["dag_id"], x["task_id"]) for x in logs["event_logs"]] == [("note", "g", "outer.a"), ("note", "g", None), ("trigger", "g", None)] and logs["total_entries"] == 3
    assert ui.get("/api/v2/eventLogs?dag_id=g&event=trigger")["total_entries"] == 2
    assert ui.get("/api/v2/eventLogs?dag_id=d&run_id=" + run_id)["total_entries"] == 0
    assert ui.get("/api/v2/eventLogs?task_id=outer.a&event_pattern=ot")["total_entries"] == 1
    every = ui.get("/api/v2/eventLogs")
    assert every["total_entries"] == len(every["event_logs"]) >= 5
    assert ui.get("/api/v2/eventLogs?before=" + logs["event_logs"][1]["when"].replace("+", "%2B") + "&run_id=" + run_id)["total_entries"] == 1  # the trigger
    one = ui.get("/api/v2/eventLogs/%d" % logs["event_logs"][0]["event_log_id"])
    assert one["run_id"].replace(":", "%3A").replace("+", "%2B") == run_id or one["run_id"] == run_id
    ui.get("/api/v2/eventLogs?after=odd", code=422)
