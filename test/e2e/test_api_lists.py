"""Lists of the REST API: filters, orders, cursors; and arguments in a body."""
import json
import socket

import pytest
from conftest import wait_until
from test_api_server import Server, both, put, run  # noqa: F401 (both: a fixture)

RUNS = "/api/v2/dags/%s/dagRuns"
TIS = "/api/v2/dags/%s/dagRuns/%s/taskInstances"


def ids(page):
    return [r["dag_run_id"] for r in page["dag_runs"]]


@pytest.fixture
def many(both):
    """Five runs of d, one of e."""
    put(both.tw, "e", {"only": {"operator": "empty"}}, tags=["t"])
    wait_until(lambda: both.ask("GET", "/api/v2/dags/e").status == 200)
    for i in range(5):
        run(both, dag_run_id="r%d" % i, conf={"n": i}, **({"note": "third"} if i == 2 else {}))
    run(both, "e", dag_run_id="other")
    return both


def test_runs_by_cursor_forwards_and_backwards(many):
    for order, want in (("", ["r0", "r1", "r2", "r3", "r4"]), ("&order_by=-run_after", ["r4", "r3", "r2", "r1", "r0"]),
                        ("&order_by=run_id", ["r0", "r1", "r2", "r3", "r4"])):
        path, seen, cursor, pages = RUNS % "d" + "?limit=2" + order, [], "", []
        while cursor is not None:
            page = many.get(path + "&cursor=" + cursor)
            assert "total_entries" not in page
            pages.append(page)
            seen += ids(page)
            cursor = page["next_cursor"]
        assert seen == want and len(pages) == 3
        assert pages[0]["previous_cursor"] is None
        back = many.get(path + "&cursor=" + pages[2]["previous_cursor"])
        assert ids(back) == want[2:4]
        first = many.get(path + "&cursor=" + back["previous_cursor"])
        assert ids(first) == want[:2] and first["previous_cursor"] is None and first["next_cursor"]
    for bad in ("x", "a", "a0", "a1x"):
        many.get(RUNS % "d" + "?cursor=" + bad, 422)
    gone = many.get(RUNS % "d" + "?limit=1&cursor=")["next_cursor"]
    many.send("DELETE", RUNS % "d" + "/r0", code=204)
    assert "begin again" in many.get(RUNS % "d" + "?cursor=" + gone, 422)["detail"]


def test_filters_of_runs(many):
    get = lambda query, dag="d": ids(many.get(RUNS % dag + "?" + query))
    assert get("conf_contains=%22n%22:3") == ["r3"] or get("conf_contains=%22n%22%3A%203") == ["r3"]
    assert get("run_id_prefix_pattern=r1") == ["r1"]
    assert get("run_id_pattern=%25ther%25", "~") == ["other"]
    assert get("dag_id_pattern=e", "~") == ["other"]
    assert get("duration_gte=0") == ["r0", "r1", "r2", "r3", "r4"]
    assert get("duration_gt=3600") == []
    assert get("updated_at_gte=2100-01-01T00:00:00Z") == []
    assert get("dag_version=1&limit=1") == ["r0"] and get("dag_version=7") == []
    assert get("triggering_user_name_pattern=oke", "e") == ["other"]
    assert get("triggering_user_name_pattern=nobody", "e") == []
    assert get("partition_key_pattern=x") == []
    for bad in ("duration_gte=x", "dag_version=x", "run_type=x", "state=x", "order_by=x", "order_by=run_id&order_by=id"):
        many.get(RUNS % "d" + "?" + bad, 422)
    made = many.get(RUNS % "d" + "/r2")
    assert made["triggered_by"] == "rest_api" and made["triggering_user_name"] == "token"
    assert made["note"] == "third" and made["dag_versions"][0]["version_number"] == 1
    batch = many.send("POST", RUNS % "~" + "/list", {"dag_ids": ["d", "e"], "states": ["success"], "order_by": "-id", "page_limit": 2})
    assert ids(batch) == ["other", "r4"] and batch["total_entries"] == 6
    many.send("POST", RUNS % "~" + "/list", {"no_such": 1}, 422)
    many.send("POST", RUNS % "~" + "/list", {"dag_ids": [{}]}, 422)


def test_instances_of_many_runs(many):
    one = lambda x: "%s.%s.%s" % (x["dag_id"], x["dag_run_id"], x["task_id"])
    get = lambda query, dag="~", r="~": [one(x) for x in many.get(TIS % (dag, r) + "?" + query)["task_instances"]]
    everything = get("limit=100")
    assert len(everything) == 11 and everything[:3] == ["e.other.only", "d.r4.a", "d.r4.b"]
    assert get("dag_id_pattern=e") == ["e.other.only"]
    assert get("task_id=b&run_id_pattern=r1") == ["d.r1.b"]
    assert get("order_by=task_id&order_by=-run_id&limit=2", "d") == ["d.r4.a", "d.r3.a"]
    assert get("order_by=-start_date&limit=1") != []
    assert get("state=failed") == [] and get("pool=default_pool&task_id=a&limit=1") == ["d.r4.a"]
    assert get("operator=empty") == ["e.other.only"] and get("try_number=2") == [] and get("version_number=2") == []
    assert get("duration_gt=3600") == [] and get("map_index=0") == []
    seen, cursor = [], ""
    while cursor is not None:
        page = many.get(TIS % ("~", "~") + "?limit=3&cursor=" + cursor)
        seen += [one(x) for x in page["task_instances"]]
        cursor = page["next_cursor"]
    assert seen == everything
    seen, cursor = [], ""
    while cursor is not None:
        page = many.get(TIS % ("d", "r1") + "?limit=1&order_by=-task_id&cursor=" + cursor)
        seen += [one(x) for x in page["task_instances"]]
        cursor = page["next_cursor"]
    assert seen == ["d.r1.b", "d.r1.a"]
    many.get(TIS % ("~", "~") + "?cursor=&order_by=state", 422)
    batch = many.send("POST", TIS % ("~", "~") + "/list", {"dag_ids": ["d"], "dag_run_ids": ["r0", "r3"], "task_ids": ["a"]})
    assert [one(x) for x in batch["task_instances"]] == ["d.r3.a", "d.r0.a"] and batch["total_entries"] == 2
    ti = many.get(TIS % ("d", "r1") + "/a")
    assert ti["hostname"] == socket.gethostname()


def test_filters_of_dags(many):
    names = lambda query: [d["dag_id"] for d in many.get("/api/v2/dags?" + query)["dags"]]
    assert names("tags=t") == ["e"] and names("dag_id_prefix_pattern=d") == ["d"]
    assert names("last_dag_run_state=success") == ["d", "e"] and names("dag_run_state=failed") == []
    assert names("order_by=-last_run_start_date") == ["e", "d"] and names("has_asset_schedule=true") == []
    assert names("bundle_name=dags-folder") in (["d", "e"], []) and names("bundle_name=nothing") == []
    many.send("POST", "/api/v2/dags/e/favorite", code=204)
    assert names("is_favorite=true") == ["e"] and names("is_favorite=false") == ["d"]
    assert many.get("/api/v2/dags/e/details")["is_favorite"]
    many.send("POST", "/api/v2/dags/e/unfavorite", code=204)
    many.send("POST", "/api/v2/dags/e/unfavorite", code=409)
    many.send("POST", "/api/v2/dags/none/favorite", code=404)
    assert names("is_favorite=true") == []


def test_too_long_a_url_or_head_is_told_in_json(both):
    for head, status in ((b"GET /" + b"u" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
                         (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20000 + b"\r\n\r\n", b"431")):
        with both.connect() as s:
            s.sendall(head)
            answer = b""
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                answer += piece
        first, body = answer.split(b"\r\n\r\n", 1)
        assert first.startswith(b"HTTP/1.1 " + status) and "allowed here" in json.loads(body)["detail"]


NAMED = """
from tradewind.sdk import DAG, get_current_context, task
with DAG("named"):
    @task(map_index_template="file {{ task.op_kwargs['path'] }}{{ more }}")
    def load(path):
        get_current_context()["more"] = "!"
    load.expand(path=["a", "b"])
"""


def test_names_of_mapped_instances(both):
    """map_index_template: of Python's operators after they ran, of others from their parameters; without what is secret."""
    both.tw.write("dags/named.py", NAMED)
    put(both.tw, "shell", {"m": {"operator": "bash", "expand": {"bash_command": ["true 1", "exit 1", "true hidden-secret"]},
                                 "map_index_template": "run {{ task.bash_command }} of {{ dag_run.run_id }}"}, "plain": {"operator": "bash", "expand": {"bash_command": ["true"]}}},
        env={"MY_PASSWORD": "hidden-secret"})
    wait_until(lambda: all(both.ask("GET", "/api/v2/dags/" + d).status == 200 for d in ("named", "shell")))
    names = lambda dag, query="": {(t["task_id"], t["map_index"]): t["rendered_map_index"] for t in both.get(TIS % (dag, "r") + query)["task_instances"]}
    run(both, "named", dag_run_id="r")
    assert names("named") == {("load", 0): "file a!", ("load", 1): "file b!"}
    assert names("named", "?rendered_map_index_pattern=file%20b") == {("load", 1): "file b!"}
    assert both.get(TIS % ("named", "r") + "/load/1")["rendered_map_index"] == "file b!"
    run(both, "shell", dag_run_id="r")
    assert names("shell") == {("m", 0): "run true 1 of r", ("m", 1): "run exit 1 of r", ("m", 2): "run true *** of r", ("plain", 0): None}


def test_the_date_of_a_partition(both):
    put(both.tw, "parts", {"a": {"operator": "empty"}}, start_date="2026-01-01", catchup=True, end_date="2026-01-03",
        schedule={"type": "cron_partition", "cron": "0 0 * * *", "timezone": "Asia/Seoul", "run_offset": -1, "key_format": "%Y-%m-%d"})
    wait_until(lambda: both.ask("GET", RUNS % "parts").status == 200 and both.get(RUNS % "parts")["total_entries"] >= 2)
    run(both, "parts", dag_run_id="by-hand", partition_key="2025-12-31")
    told = {r["dag_run_id"]: (r["partition_key"], r["partition_date"]) for r in both.get(RUNS % "parts")["dag_runs"]}
    assert told.pop("by-hand") == ("2025-12-31", None)
    assert dict(told.values()) == {"2026-01-01": "2025-12-31T15:00:00Z", "2026-01-02": "2026-01-01T15:00:00Z"}, told


def test_owners_are_those_of_the_tasks(tw):
    put(tw, tasks={"a": {"operator": "empty", "owner": "data"}, "b": {"operator": "empty"}, "c": {"operator": "empty", "owner": "data"}})
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    assert s.get("/api/v2/dags/d")["owners"] == ["data", "airflow"]
    assert [t["owner"] for t in s.get("/api/v2/dags/d/tasks?order_by=task_id")["tasks"]] == ["data", "airflow", "data"]
    assert [s.get("/api/v2/dags?owners=" + name)["total_entries"] for name in ("data", "airflow", "nobody")] == [1, 1, 0]
