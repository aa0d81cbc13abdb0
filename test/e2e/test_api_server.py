"""The API server as its clients meet it: who may ask, what it answers, and what clients cannot do to it."""
import gzip
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import time
from urllib.parse import quote

import pytest
from conftest import wait_until

SECRET = "a-secret-of-many-bytes"


def put(tw, name="d", tasks=None, **more):
    os.makedirs(tw.path("dags"), exist_ok=True)
    tasks = tasks or {"a": {"operator": "bash", "bash_command": "echo one; echo two"},
                      "b": {"operator": "bash", "bash_command": "true", "upstream": ["a"]}}
    part = tw.path("dags/." + name)
    with open(part, "w") as f:
        json.dump({"dag_id": name, "tasks": tasks, **more}, f)
    os.rename(part, tw.path("dags/%s.yaml" % name))


class Server:
    """A running server, and the client of it."""

    def __init__(self, tw, config=None, env=None):
        self.tw = tw
        os.makedirs(tw.home, exist_ok=True)
        if config:
            tw.write("home/tradewind.yaml", config)
        with open(tw.path("api.log"), "w") as log:
            self.process = tw.start("api-server", "-p", "0", env=env, stderr=log)
        line = self.process.stdout.readline()
        assert line.startswith("http://"), open(tw.path("api.log")).read()
        self.host, self.port = line.strip().split("/")[2].rsplit(":", 1)
        self.token = open(os.path.join(tw.home, "api.token")).read().strip()

    def log(self):
        return open(self.tw.path("api.log")).read()

    def connect(self):
        return socket.create_connection((self.host, int(self.port)), timeout=20)

    def ask(self, method, path, body=None, token=True, headers=None):
        c = http.client.HTTPConnection(self.host, int(self.port), timeout=30)
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + (self.token if token is True else token)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        c.request(method, path, body, headers)
        r = c.getresponse()
        text = r.read()
        c.close()
        r.text = text
        return r

    def get(self, path, code=200, **more):
        r = self.ask("GET", path, **more)
        assert r.status == code, r.text
        return json.loads(r.text)

    def send(self, method, path, body=None, code=200, **more):
        r = self.ask(method, path, body, **more)
        assert r.status == code, (r.status, r.text)
        return json.loads(r.text) if r.text else None


@pytest.fixture
def both(tw):
    """Scheduler and server, with a DAG."""
    put(tw)
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    return s


def run(s, dag="d", **body):
    made = s.send("POST", "/api/v2/dags/%s/dagRuns" % dag, body)
    path = "/api/v2/dags/%s/dagRuns/%s" % (dag, quote(made["dag_run_id"], safe=""))
    wait_until(lambda: s.get(path)["state"] in ("success", "failed"))
    return path


# ---- who may ask

def test_nothing_is_answered_without_the_token(both):
    paths = re.findall(r"^  (/\S+):", open(os.path.join(os.path.dirname(__file__), "../../api/openapi.yaml")).read(), re.M)
    open_to_all = {"/api/v2/version", "/api/v2/monitor/health", "/health", "/metrics", "/webhooks/{name}", "/auth/login", "/auth/logout", "/api/v2/auth/login", "/api/v2/auth/logout",
                   "/ui/oidc/start", "/ui/oidc/callback"}
    for path in paths:
        if path not in open_to_all:
            r = both.ask("GET", re.sub(r"\{\w+\}", "1", path), token=False)
            assert r.status in (401, 405), path
    assert both.ask("GET", "/api/v2/dags", token="tw_" + "0" * 64).status == 401
    assert both.ask("GET", "/api/v2/dags", token=both.token + "0").status == 401
    assert both.ask("GET", "/api/v2/dags", token=both.token[:-1]).status == 401
    assert both.ask("POST", "/api/v2/dags/d/dagRuns", {}, token=False).status == 401
    assert "detail" in json.loads(both.ask("GET", "/api/v2/dags", token=False).text)


def test_health_and_metrics_are_for_this_machine(both):
    for path in ("/health", "/metrics"):
        assert both.ask("GET", path, token=False).status == 200
        assert both.ask("GET", path, token=False, headers={"X-Forwarded-For": "192.0.2.1"}).status == 401
        assert both.ask("GET", path, headers={"X-Forwarded-For": "192.0.2.1"}).status == 200


def test_the_token_is_the_owners_alone(tw):
    s = Server(tw)
    path = os.path.join(tw.home, "api.token")
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert s.token not in s.log()
    s.process.send_signal(signal.SIGTERM)
    assert s.process.wait(20) == 0
    assert Server(tw).token == s.token
    os.chmod(path, 0o644)
    assert "chmod 600" in tw("api-server", "-p", "0", code=77).stderr


# ---- health

def test_health_tells_of_each_part(tw):
    s = Server(tw)
    h = s.get("/health", code=503)
    assert h["scheduler"]["status"] == "unhealthy" and h["metadatabase"]["status"] == "unhealthy" and h["errors"]
    assert s.get("/api/v2/monitor/health")["scheduler"] == {"status": "unhealthy", "latest_scheduler_heartbeat": None}
    s.get("/api/v2/dags", code=503)
    put(tw)
    sched = tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    wait_until(lambda: s.ask("GET", "/health").status == 200)
    wait_until(lambda: s.get("/health")["engine"]["dags"] == 1)
    assert s.get("/health")["engine"]["pid"] == sched.pid
    assert s.get("/api/v2/monitor/health")["scheduler"]["latest_scheduler_heartbeat"]
    sched.kill()
    sched.wait()
    wait_until(lambda: s.ask("GET", "/health").status == 503)
    assert s.get("/api/v2/dags")["total_entries"] == 1  # what is stored can be read all the same
    r = s.ask("POST", "/api/v2/dags/d/dagRuns", {})
    assert r.status == 503 and b"scheduler" in r.text


def test_metrics_count_what_happened(both):
    def value(name):
        text = both.ask("GET", "/metrics").text.decode()
        return float(re.search("^%s (.*)$" % re.escape(name), text, re.M).group(1))
    run(both)
    wait_until(lambda: value('tradewind_ti_finish_total{state="success"}') == 2)
    assert value("tradewind_ti_start_total") == 2
    assert value("tradewind_task_duration_seconds_count") == 2
    assert value('tradewind_dagrun_duration_seconds_count{state="success"}') == 1
    assert value('tradewind_pool_open_slots{pool_name="default_pool"}') == 128
    assert value("tradewind_scheduler_up") == 1 and value("tradewind_dagbag_size") == 1
    assert value('tradewind_task_instances{state="running"}') == 0


def test_metrics_are_read_by_prometheus(both):
    parser = pytest.importorskip("prometheus_client.parser")
    run(both)
    families = list(parser.text_string_to_metric_families(both.ask("GET", "/metrics").text.decode()))
    assert len(families) > 30 and all(f.documentation for f in families)


def test_the_page_of_metrics_is_as_made(tw):
    tw("man", "--markdown", tw.path("pages"))
    page = os.path.join(os.path.dirname(__file__), "../../docs/reference/metrics.md")
    assert open(page).read() == open(tw.path("pages/metrics.md")).read()


# ---- the API

def test_a_run_by_the_api(both):
    path = run(both, conf={"n": 1})
    tis = both.get(path + "/taskInstances")
    assert [t["state"] for t in tis["task_instances"]] == ["success", "success"] and tis["total_entries"] == 2
    log = both.get(path + "/taskInstances/a/logs/1")
    assert [line["event"] for line in log["content"]] == ["one", "two"] and log["continuation_token"] is None
    r = both.ask("GET", path + "/taskInstances/a/logs/1", headers={"Accept": "application/x-ndjson"})
    assert [json.loads(x)["event"] for x in r.text.splitlines()] == ["one", "two"]
    assert both.get(path + "/taskInstances/a/xcomEntries/return_value")["value"] == "two"
    assert both.get(path)["conf"] == {"n": 1}
    assert both.ask("GET", path + "/wait").text == b'{"state":"success"}\n'


def test_lists_have_pages_filters_and_order(both):
    for i in range(5):
        run(both, dag_run_id="r%d" % i, logical_date="2026-01-0%dT00:00:00Z" % (i + 1))
    at = "/api/v2/dags/d/dagRuns"

    def ids(q):
        return [r["dag_run_id"] for r in both.get(at + q)["dag_runs"]]
    assert ids("?order_by=-logical_date&limit=2") == ["r4", "r3"]
    assert ids("?order_by=logical_date&limit=2&offset=3") == ["r3", "r4"]
    assert ids("?logical_date_gt=2026-01-02T00:00:00Z&logical_date_lte=2026-01-04T00:00:00Z") == ["r2", "r3"]
    assert ids("?run_id_pattern=%25r2%25") == ["r2"]
    assert ids("?state=failed") == []
    assert both.get(at + "?limit=1&state=success")["total_entries"] == 5
    assert both.get("/api/v2/dags/~/dagRuns?limit=0") == {"dag_runs": [], "total_entries": 5}
    for bad in ("?limit=x", "?limit=-1", "?order_by=nothing", "?state=odd", "?logical_date_gt=now"):
        both.get(at + bad, code=422)
    both.get("/api/v2/dags/none/dagRuns", code=404)


def test_clears_and_marks(both):
    path = run(both)
    clear = {"dag_run_id": path.rsplit("/", 1)[1].replace("%3A", ":").replace("%2B", "+"), "task_ids": ["a"],
             "include_downstream": True, "only_failed": False}
    found = both.send("POST", "/api/v2/dags/d/clearTaskInstances", clear)  # dry_run is the default
    assert [t["task_id"] for t in found["task_instances"]] == ["a", "b"]
    assert both.get(path + "/taskInstances/a")["try_number"] == 1
    both.send("POST", "/api/v2/dags/d/clearTaskInstances", {**clear, "dry_run": False})
    wait_until(lambda: both.get(path + "/taskInstances/b")["try_number"] == 2 and both.get(path)["state"] == "success")
    assert [t["try_number"] for t in both.get(path + "/taskInstances/a/tries")["task_instances"]] == [1, 2]
    both.send("PATCH", path + "/taskInstances/b", {"new_state": "failed"})
    assert both.get(path + "/taskInstances/b")["state"] == "failed"
    events = [x["event"] for x in both.get("/api/v2/eventLogs")["event_logs"] if x["event"] != "user create"]
    assert events == ["mark", "clear", "trigger"]


def test_params_are_checked(tw):
    put(tw, params={"n": {"type": "integer", "minimum": 1, "default": 3}})
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    for conf in ({"n": 0}, {"n": "x"}, []):
        s.send("POST", "/api/v2/dags/d/dagRuns", {"conf": conf}, code=422)
    s.send("POST", "/api/v2/dags/d/dagRuns", {"unknown": 1}, code=422)
    s.send("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "x/../y"}, code=422)
    s.send("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "one", "conf": {"n": 2}})
    s.send("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "one"}, code=409)
    a = s.send("POST", "/api/v2/dags/d/dagRuns", {}, headers={"Idempotency-Key": "k"})
    time.sleep(0.01)
    r = s.ask("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": a["dag_run_id"]}, headers={"Idempotency-Key": "k"})
    assert r.status == 200 and json.loads(r.text)["dag_run_id"] == a["dag_run_id"]


def test_secrets_are_in_no_answer(both):
    both.send("POST", "/api/v2/connections", {"connection_id": "c", "conn_type": "http", "host": "h", "password": "hunter2-pass",
                                              "extra": json.dumps({"api_key": "hunter2-key", "region": "eu"})}, code=201)
    both.send("POST", "/api/v2/variables", {"key": "my_password", "value": "hunter2-var"}, code=201)
    both.send("POST", "/api/v2/variables", {"key": "v", "value": {"token": "hunter2-in", "n": 1}}, code=201)
    text = b"".join(both.ask("GET", p).text for p in ("/api/v2/connections", "/api/v2/connections/c", "/api/v2/variables",
                                                     "/api/v2/variables/v", "/api/v2/variables/my_password", "/api/v2/eventLogs"))
    assert b"hunter2" not in text and b'"region\\":\\"eu' in text and "hunter2" not in both.log()
    both.send("PATCH", "/api/v2/connections/c", {"connection_id": "c", "conn_type": "http", "password": "***", "host": "i"})
    got = both.tw.json("connections", "get", "c", "--show-values")
    assert got["password"] == "hunter2-pass" and got["host"] == "i"


def test_many_that_want_the_same_run_at_once(both):
    """One makes it, the others are told; the scheduler goes on."""
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda _: both.ask("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "same"}).status, range(32)))
    assert sorted(set(codes)) == [200, 409] and codes.count(200) == 1
    assert both.get("/health")["status"] == "healthy"


# ---- what clients cannot do

def read_all(s):
    out = b""
    try:
        while True:
            part = s.recv(65536)
            if not part:
                return out
            out += part
    except ConnectionResetError:
        return out


def test_pipelined_requests_are_answered_in_order(both):
    with both.connect() as s:
        s.sendall(b"GET /api/v2/version HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        out = read_all(s)
    assert re.findall(rb"HTTP/1.1 (\d+)", out) == [b"200", b"200", b"200", b"404"]


def test_what_is_too_large_is_refused(both):
    with both.connect() as s:  # refused by its head, before the body comes
        s.sendall(b"POST /api/v2/variables HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 5000000\r\n\r\n"
                  % both.token.encode())
        head, body = read_all(s).split(b"\r\n\r\n", 1)
    assert b" 413 " in head and "detail" in json.loads(body)
    with both.connect() as s:  # without a length: counted as it comes
        s.sendall(b"POST /api/v2/variables HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n"
                  % both.token.encode())
        try:
            for _ in range(160):
                s.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            assert b" 413 " in s.recv(100)
    with both.connect() as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100000 + b"\r\n\r\n")
        assert re.match(rb"HTTP/1.1 (414|431|413|400)", read_all(s))
    assert both.get("/api/v2/version")


def test_malformed_requests_and_paths_out_of_the_tree(both):
    for line in (b"GET /api/v2/dags/%zz HTTP/1.1", b"GET /api/v2/dags/%ff HTTP/1.1", b"GET /api/v2/dags/a%00b HTTP/1.1"):
        with both.connect() as s:
            s.sendall(line + b"\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n" % both.token.encode())
            assert read_all(s).startswith(b"HTTP/1.1 400")
    for path in ("/../../etc/passwd", "/api/v2/../../../etc/passwd", "/api/v2/dags/..%2f..%2fetc", "/api/v2/dags/d'%20OR%201=1--"):
        assert both.ask("GET", path).status == 404
    for body in (b"{", b"[]", b"\xff", b'{"a":' * 100 + b"1" + b"}" * 100):
        assert both.ask("POST", "/api/v2/variables", body).status == 422
    with both.connect() as s:
        s.sendall(b"\x16\x03\x01\x00\xa5 nonsense \r\n\r\n")
        read_all(s)
    assert both.get("/api/v2/version")


def test_slow_clients_are_closed_whatever_trickles_in(tw):
    s = Server(tw, "api: {idle_timeout: 2}\n")
    head, body = s.connect(), s.connect()
    body.sendall(b"POST /api/v2/variables HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    head.sendall(b"GET /api/v2/version HTTP/1.1\r\n")

    def closed(c):
        try:
            c.sendall(b"x")
            c.setblocking(False)
            try:
                return c.recv(1) == b""
            except BlockingIOError:
                return False
            finally:
                c.setblocking(True)
        except (BrokenPipeError, ConnectionResetError):
            return True
    for c in (head, body):
        wait_until(lambda c=c: closed(c) or time.sleep(0.3))
    assert s.get("/api/v2/version")


def test_more_connections_than_there_are(tw):
    """Those that only rest make room for who asks."""
    s = Server(tw, "api: {max_connections: 40, workers: 1}\n")
    idle = [s.connect() for _ in range(100)]
    assert s.get("/api/v2/version")
    for c in idle:
        c.close()
    assert s.get("/api/v2/version")


def test_etags_and_compression(both):
    for i in range(20):
        both.send("POST", "/api/v2/variables", {"key": "v%d" % i, "value": "x" * 100}, code=201)
    r = both.ask("GET", "/api/v2/variables")
    tag = r.getheader("ETag")
    packed = both.ask("GET", "/api/v2/variables", headers={"Accept-Encoding": "gzip"})
    assert packed.getheader("Content-Encoding") == "gzip" and gzip.decompress(packed.text) == r.text
    assert both.ask("GET", "/api/v2/variables", headers={"Accept-Encoding": "gzip;q=0"}).getheader("Content-Encoding") is None
    same = both.ask("GET", "/api/v2/variables", headers={"If-None-Match": tag})
    assert same.status == 304 and same.text == b""
    both.send("DELETE", "/api/v2/variables/v1", code=204)
    assert both.ask("GET", "/api/v2/variables", headers={"If-None-Match": tag}).status == 200
    head = both.ask("HEAD", "/api/v2/variables")
    assert head.status == 200 and head.text == b""


def test_a_log_of_many_lines_is_streamed(tw):
    put(tw, tasks={"a": {"operator": "bash", "bash_command": "seq 300000"}})
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    path = run(s) + "/taskInstances/a/logs/1"
    r = s.ask("GET", path, headers={"Accept": "application/x-ndjson"})
    lines = [json.loads(x)["event"] for x in r.text.splitlines()]
    assert lines == [str(n) for n in range(1, 300001)]
    pages, token = [], ""
    while token is not None:
        page = s.get(path + (("?token=" + token) if token else ""))
        pages += [x["event"] for x in page["content"]]
        token = page["continuation_token"]
    assert pages == lines


def test_a_line_that_is_being_written_comes_whole(tw):
    """Who follows a log gets a line once its end is there. guard: settle_end in api_ti_log."""
    go = tw.path("go")
    put(tw, tasks={"a": {"operator": "bash", "bash_command": "echo one; printf half; until test -e %s; do sleep 0.05; done; echo ' and half'; printf last" % go}})
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    run_id = s.send("POST", "/api/v2/dags/d/dagRuns", {"logical_date": None})["dag_run_id"]
    base = "/api/v2/dags/d/dagRuns/" + run_id.replace("+", "%2B")
    wait_until(lambda: s.get(base + "/taskInstances/a")["state"] == "running")
    logs = pathlib.Path(tw.home, "logs")
    wait_until(lambda: any(f.read_text().endswith("half") for f in logs.rglob("*") if f.is_file()))

    def follow(token):
        r = s.ask("GET", base + "/taskInstances/a/logs/1" + (("?token=" + token) if token else ""), headers={"Accept": "application/x-ndjson"})
        return [json.loads(x)["event"] for x in r.text.splitlines()], r.getheader("Continuation-Token")
    lines, token = follow(None)
    assert lines == ["one"]
    assert [x["event"] for x in s.get(base + "/taskInstances/a/logs/1")["content"]] == ["one"]
    assert follow(token) == ([], token)
    tw.write("go", "")
    wait_until(lambda: s.get(base)["state"] == "success")
    assert follow(token)[0] == ["half and half", "last"]


def test_a_log_is_larger_than_one_answer(tw):
    """full_content: as much as one answer may hold, and how to go on. guard: LIMIT_HTTPD_LOG in put_content."""
    put(tw, tasks={"a": {"operator": "bash", "bash_command": "seq 600000"}})
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    path = run(s) + "/taskInstances/a/logs/1?full_content=true"
    first = s.get(path)
    token, told = first["continuation_token"], first["content"].pop()["event"]
    assert "token=%s," % token in told and "application/x-ndjson" in told
    lines, answers = [x["event"] for x in first["content"]], 1
    while token is not None:
        page = s.get(path + "&token=" + token)
        token = page["continuation_token"]
        lines += [x["event"] for x in (page["content"] if token is None else page["content"][:-1])]
        answers += 1
    assert lines == [str(n) for n in range(1, 600001)] and 2 <= answers < 10
    assert s.get(path + "&token=" + first["continuation_token"])["content"][0]["event"] == lines[len(first["content"])]


# ---- the process

def test_sigterm_lets_it_finish(both):
    put(both.tw, "slow", {"t": {"operator": "bash", "bash_command": "sleep 1"}})
    wait_until(lambda: both.ask("GET", "/api/v2/dags/slow").status == 200)
    made = both.send("POST", "/api/v2/dags/slow/dagRuns", {"dag_run_id": "r"})
    with both.connect() as s:
        s.sendall(b"GET /api/v2/dags/slow/dagRuns/%s/wait HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
                  % (made["dag_run_id"].encode(), both.token.encode()))
        wait_until(lambda: b"state" in s.recv(65536))
        both.process.send_signal(signal.SIGTERM)
        assert b'"success"' in read_all(s)
    assert both.process.wait(20) == 0


def test_it_ends_with_its_supervisor(tw):
    """Its standard input ends when the supervisor is gone."""
    s = Server(tw, env={"TRADEWIND_SUPERVISOR": "1"})
    assert s.process.wait(20) == 0


def test_the_port_is_taken(tw):
    s = Server(tw)
    done = tw("api-server", "-p", s.port, code=None)
    assert done.returncode != 0 and "cannot listen" in done.stderr


def test_without_its_library_it_says_what_is_missing(tw, build):
    away = tw.path("bin")
    os.makedirs(away)
    shutil.copy(os.path.join(build, "src", "tradewind"), away)
    tw.program = os.path.join(away, "tradewind")
    done = tw("api-server", "-p", "0", code=69, env={"TRADEWIND_MODULE_DIR": tw.path("nothing")})
    assert "libmicrohttpd12" in done.stderr


# ---- webhooks

HOOKS = """
webhooks:
  - {name: orders, secret: {file: hook.secret}, dag_id: d, max_body: 1000}
  - {name: files, secret: {variable: hook}, asset: "s3://bucket/x", signature: stripe}
"""


@pytest.fixture
def hooked(tw):
    put(tw, params={"n": {"type": "integer", "default": 1}})
    os.makedirs(tw.home)
    with open(os.open(tw.path("home/hook.secret"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write(SECRET + "\n")
    tw("variables", "set", "hook", SECRET)
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw, HOOKS)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    return s


def deliver(s, body, secret=SECRET, name="orders", at=None, tamper=b"", delivery=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = body if at is None else b"%d." % at + body
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    headers = {"X-Delivery-Id": delivery} if delivery else {}
    if name == "files":
        headers["Stripe-Signature"] = "t=%d,v1=%s" % (at, mac)
    else:
        headers["X-Hub-Signature-256"] = "sha256=" + mac
        if at is not None:
            headers["X-Hub-Timestamp"] = str(at)
    r = s.ask("POST", "/webhooks/" + name, body + tamper, token=False, headers=headers)
    return r.status, json.loads(r.text)


def runs(s):
    return s.get("/api/v2/dags/d/dagRuns?limit=0")["total_entries"]


def test_a_delivery_starts_a_run_once(hooked):
    now = int(time.time())
    code, told = deliver(hooked, {"n": 5}, at=now, delivery="d1")
    assert code == 202 and told == {"created": True, "dag_id": "d", "dag_run_id": "webhook__orders__d1"}
    assert hooked.get("/api/v2/dags/d/dagRuns/webhook__orders__d1")["conf"] == {"n": 5}
    assert deliver(hooked, {"n": 5}, at=now, delivery="d1")[1]["created"] is False
    assert deliver(hooked, {"n": 5}, at=now + 1, delivery="d1")[1]["created"] is False  # the sender tries again
    assert deliver(hooked, {"n": 5}, at=now, delivery="other")[1]["created"] is False  # somebody replays it
    assert deliver(hooked, {"n": 5}, at=now)[1]["created"] is False
    assert runs(hooked) == 1
    assert deliver(hooked, {"n": 5}, at=now + 2)[1]["created"] is True
    assert runs(hooked) == 2


def test_what_is_forged_old_or_malformed_starts_nothing(hooked):
    now = int(time.time())
    assert deliver(hooked, {"n": 1}, secret="another-secret-of-bytes")[0] == 401
    assert deliver(hooked, {"n": 1}, tamper=b" ")[0] == 401
    assert deliver(hooked, {"n": 1}, at=now - 301)[0] == 401
    assert deliver(hooked, {"n": 1}, at=now + 310)[0] == 401
    assert deliver(hooked, {"n": 1, "x": "y" * 2000})[0] == 413
    assert deliver(hooked, b"{")[0] == 422
    assert deliver(hooked, b"[]")[0] == 422
    assert deliver(hooked, {"n": "text"})[0] == 422
    assert deliver(hooked, {"n": 1}, name="nothing")[0] == 404
    assert hooked.ask("POST", "/webhooks/orders", {"n": 1}).status == 401  # the token is no signature
    assert runs(hooked) == 0


def test_a_delivery_reports_an_asset_event(hooked):
    now = int(time.time())
    assert deliver(hooked, {"rows": 5}, name="files", at=now, delivery="x")[1]["created"] is True
    assert deliver(hooked, {"rows": 5}, name="files", at=now, delivery="y")[1]["created"] is False
    assert deliver(hooked, {"rows": 5}, name="files", at=now + 1, delivery="x")[1]["created"] is False
    events = hooked.get("/api/v2/assets/events")
    assert events["total_entries"] == 1 and events["asset_events"][0]["extra"] == {"rows": 5}
    assert events["asset_events"][0]["uri"] == "s3://bucket/x"


def test_a_secret_that_others_can_read_is_not_used(hooked):
    os.chmod(hooked.tw.path("home/hook.secret"), 0o644)
    assert deliver(hooked, {"n": 1})[0] == 503
    assert "chmod 600" in hooked.log() and SECRET not in hooked.log()
