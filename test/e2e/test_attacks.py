"""What somebody hostile sends to the API server, one attack a test; sign-in and rights are in test_auth.py, slow clients and crowds in
test_attacks_load.py. Where a comment says `guard:`, the guard named there was taken out by hand, and the test failed."""
import gzip
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
from urllib.parse import quote

import pytest
from conftest import ROOT, Tradewind, wait_until
from test_api_server import Server, put, run

PATIENCE_S = 300
CANARY = "canary-outside-of-everything"
SECRETS = {"connection": "hunter2-connection", "extra": "hunter2-extra", "variable": "hunter2-variable", "nested": "hunter2-nested",
           "user": "hunter2-user-password", "conf": "hunter2-conf", "deep": "hunter2-deep-conf"}
# Secrets in parameters, in what they become, in the log and in the environment; the last line is an XCom.
TASKS = {"a": {"operator": "bash", "bash_command": "echo {{ var.value.db_password }} {{ conn.c.password }} {{ conn.c.extra_dejson.api_key }} {{ var.json.v.token }}",
               "env": {"SEEN": "{{ var.value.db_password }}", "FTP_PASSWORD": "{{ dag_run.conf.ftp_password }}"}},
         "b": {"operator": "bash", "bash_command": "echo {{ conn.c.password }}; exit 1 # {{ var.value.db_password }}", "upstream": ["a"], "retries": 0}}
# What shows that a query was answered from a table that it was not about, or a command was taken.
INJECTIONS = ["'", "' OR '1'='1", "1; DROP TABLE run--", "\" OR \"1\"=\"1", "') OR 1=1--", "' UNION SELECT value FROM setting--", "\\", "\\'",
              "x' AND randomblob(100000000) IS NOT NULL--", "1/**/OR/**/1", "`", "$(id)", "{{7*7}}", "%s%n%p", "-1", "99999999999999999999999",
              "1e309", "NaN", "0x10", "x\r\nX-Injected: 1", "x\nX-Injected: 1", "\x1b[31mred", "\x7f", "\u202egnp.exe", "\U0001f600", "a" * 5000,
              "[" * 300, "*" * 300, "(a+)+$", "true", "null", "~", ""]
STREAMS = {"/ui/events"}


class World:
    """One home for all tests that change nothing: a scheduler, a server, a finished run, secrets of every kind."""

    def __init__(self, tw):
        self.tw = tw
        with open(tw.path("outside.txt"), "w") as f:
            f.write(CANARY)
        put(tw, tags=["t1"], tasks=TASKS)
        tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"), stderr=subprocess.STDOUT)
        self.s = s = Server(tw)
        wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
        s.send("POST", "/api/v2/connections", {"connection_id": "c", "conn_type": "http", "host": "h", "login": "l", "password":
                                               SECRETS["connection"], "extra": json.dumps({"api_key": SECRETS["extra"]})}, code=201)
        s.send("POST", "/api/v2/variables", {"key": "db_password", "value": SECRETS["variable"]}, code=201)
        s.send("POST", "/api/v2/variables", {"key": "v", "value": {"token": SECRETS["nested"], "n": 1}}, code=201)
        s.send("POST", "/api/v2/pools", {"name": "p", "slots": 3}, code=201)
        s.send("POST", "/ui/users", {"name": "eve", "password": SECRETS["user"], "role": "admin"}, code=201)
        self.run = run(s, dag_run_id="r1", conf={"n": 1, "ftp_password": SECRETS["conf"], "deep": [{"token": SECRETS["deep"]}]})
        r = s.ask("POST", "/ui/login", {"username": "eve", "password": SECRETS["user"]}, token=False)
        assert r.status == 200, r.text
        self.cookie = r.getheader("Set-Cookie").split(";")[0]
        SECRETS["cookie"] = self.cookie.split("=")[1]
        SECRETS["token"] = s.token

    def logs(self):
        return "".join(open(self.tw.path(n), errors="replace").read() for n in ("api.log", "sched.log"))


@pytest.fixture(scope="module")
def world(build):
    folder = tempfile.mkdtemp(prefix="tw-e2e-")
    t = Tradewind(build, folder)
    try:
        yield World(t)
    finally:
        t.stop()
        shutil.rmtree(folder)


@pytest.fixture
def s(world):
    return world.s


def read_all(c):
    out = b""
    try:
        while piece := c.recv(65536):
            out += piece
    except ConnectionResetError:
        pass
    return out


def raw(s, *pieces):
    """Sends bytes as they are, and reads until the server closes; the answers."""
    with s.connect() as c:
        try:
            for piece in pieces:
                c.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_all(c)


def codes(answer):
    return [int(n) for n in re.findall(rb"^HTTP/1\.[01] (\d+) ", answer, re.M)]


def operations(method="get"):
    """(path, its query arguments) of each operation of api/openapi.yaml."""
    text = open(os.path.join(ROOT, "api/openapi.yaml")).read().split("\ncomponents:")[0]
    for path, body in re.findall(r"^  (/\S*):\n(.*?)(?=^  /|\Z)", text, re.M | re.S):
        found = re.search(r"^    %s:\n(.*?)(?=^    \w+:\n|\Z)" % method, body, re.M | re.S)
        if found:
            common = body.split("    %s:\n" % method)[0]
            yield path, re.findall(r"\{name: (\w+), in: query", common + found.group(1))


NAMES = {"dag_id": "d", "dag_run_id": "r1", "task_id": "a", "map_index": "-1", "try_number": "1", "task_try_number": "1", "xcom_key": "return_value",
         "variable_key": "v", "connection_id": "c", "pool_name": "p", "asset_id": "1", "name": "eve", "version_number": "1", "section": "core",
         "option": "parallelism", "event_log_id": "1", "import_error_id": "1"}


def fill(path, **more):
    return re.sub(r"\{(\w+)\}", lambda m: more.get(m.group(1)) or NAMES.get(m.group(1), "1"), path)


class Client:
    """One connection that is kept; what never ends is left after its head."""

    def __init__(self, s):
        self.s, self.c = s, None

    def get(self, path, method="GET", headers=None):
        for again in (True, False):
            try:
                if self.c is None:
                    self.c = http.client.HTTPConnection(self.s.host, int(self.s.port), timeout=60)
                self.c.putrequest(method, path, skip_accept_encoding=True)
                for k, v in {"Authorization": "Bearer " + self.s.token, **(headers or {})}.items():
                    self.c.putheader(k, v)
                self.c.endheaders()
                r = self.c.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionError):  # it was closed after an earlier refusal
                self.c = None
                assert again, path[:200]
        if r.status == 200 and (r.headers["Content-Type"] or "").startswith("text/event-stream"):
            r.text = b""
            self.c.close()
            self.c = None
        else:
            r.text = r.read()
        return r


def dump(tw):
    db = tw.db()
    tables = [n for n, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")]
    out = {t: db.execute('SELECT * FROM "%s" ORDER BY 1, 2' % t if len(db.execute('SELECT * FROM "%s"' % t).description) > 1
                         else 'SELECT * FROM "%s" ORDER BY 1' % t).fetchall() for t in tables}
    db.close()
    return out


def changed(before, after):
    return [t for t in before if before[t] != after.get(t)] + [t for t in after if t not in before]


# ---- traversal

DOTS = ["..", "%2e%2e", "%2E.", "%252e%252e", "..%00", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%f0%80%80%ae.", "..;", "%uff0e%uff0e", "..%0d", "...."]
SLASHES = ["/", "%2f", "%252f", "\\", "%5c", "%c0%af", "//", "/./"]


def ways_out():
    for dots in DOTS:
        for slash in SLASHES:
            up = (dots + slash) * 8
            yield from (up + "etc/passwd".replace("/", slash), dots + slash + "outside.txt", dots + slash + "home" + slash + "api.token",
                        up.rstrip("/") + "%00.js", dots)


def test_no_path_leads_out(world):
    """Of the page, of DAGs, runs, tasks, logs, sources, names of every kind: however the dots and slashes are written."""
    s, client = world.s, Client(world.s)
    forbidden = [CANARY.encode(), b"root:x:", s.token.encode(), open(os.path.join(world.tw.home, "secret.key"), "rb").read().strip()]
    places = ["/", "/static/", "/assets/", "/health/"]
    for path, _ in operations():
        names = re.findall(r"\{\w+\}", path)
        for at in range(len(names)):
            filled = path
            for i, name in enumerate(names):
                filled = filled.replace(name, "\0" if i == at else NAMES.get(name[1:-1], "1"), 1)
            places.append(filled)
    tried = 0
    for place in places:
        for out in ways_out() if place.endswith("/") else list(ways_out())[::3]:
            path = place.replace("\0", out) if "\0" in place else place + out
            r = client.get(path)
            assert r.status in (400, 404, 422) or (r.status == 403 and path.startswith("/api/v2/config")), (path, r.status, r.text[:200])
            assert not any(f in r.text for f in forbidden), path
            tried += 1
    assert tried > 5000


def test_ids_that_are_paths_are_not_taken(world):
    """What would name a folder is refused where it is made."""
    s = world.s
    for i, bad in enumerate(["../x", "..", "a/b", "a\\b", "a\0b", "a\nb", "/etc/passwd", "x/../../y", "."]):
        r = s.ask("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": bad})
        assert r.status in (200, 422), (bad, r.text)
        if r.status == 200:  # harmless: it stands behind run_id= in its folder's name
            assert bad in ("..", "."), bad
            path = "/api/v2/dags/d/dagRuns/" + quote(bad, safe="")
            wait_until(lambda p=path: s.get(p)["state"] in ("success", "failed"))
        text = json.dumps({"dag_id": bad, "tasks": {"t": {"operator": "empty"}}})
        world.tw.write("bad%d.yaml" % i, text)
        done = world.tw("run", world.tw.path("bad%d.yaml" % i), code=None, env={"TRADEWIND_HOME": world.tw.path("other")})
        assert bad in ("..", ".") or done.returncode != 0, (bad, done.stdout)
        text = json.dumps({"dag_id": "e", "tasks": {bad: {"operator": "bash", "bash_command": "echo x"}}})
        world.tw.write("bad%d.yaml" % i, text)
        done = world.tw("run", world.tw.path("bad%d.yaml" % i), code=None, env={"TRADEWIND_HOME": world.tw.path("other")})
        assert bad in ("..", ".") or done.returncode != 0, (bad, done.stdout)
    logs = [os.path.relpath(os.path.join(d, f), world.tw.folder) for d, _, files in os.walk(world.tw.folder) for f in files if f.startswith("attempt=")]
    assert logs and all(re.match(r"(home|other)/logs/dag_id=[^/]*/run_id=[^/]*/task_id=[^/]*/attempt=", f) for f in logs), logs


# ---- injection

def test_injection_by_every_name_and_argument(world):
    """No 500, no other rows than those that a nonsense word finds, no header of the client's making, and the store is as it was."""
    s, client = world.s, Client(world.s)
    before = dump(world.tw)
    tried = 0
    for path, args in operations():
        names = re.findall(r"\{(\w+)\}", path)
        for what in names + args:
            def url(value, what=what, path=path, names=names):
                coded = quote(value, safe="")
                return fill(path, **{what: coded or "%20"}) if what in names else fill(path) + "?%s=%s" % (what, coded)
            nothing = total(client.get(url("zzz-nothing")))
            for value in INJECTIONS:
                r = client.get(url(value))
                tried += 1
                assert r.status in (200, 302, 304, 400, 404, 409, 413, 422, 503) or (r.status == 403 and path.startswith("/api/v2/config")), \
                    (url(value)[:300], r.status, r.text[:300])
                assert r.status != 503 or path in ("/health", "/ui/oidc/start"), (url(value)[:300], r.text)
                assert r.getheader("X-Injected") is None and not re.search(r"[\r\n]", r.getheader("Location") or "")
                if r.status == 200 and nothing is not None and re.search(r"pattern$|^q$|search|owner|tags|^uri|^state|^dag_id$", what) \
                        and re.search("OR|UNION|DROP|AND", value):
                    assert total(r) == nothing, (url(value), r.text[:300])
    assert tried > 5000
    assert changed(before, dump(world.tw)) == []


def total(r):
    try:
        told = json.loads(r.text) if r.status == 200 else None
    except ValueError:
        return None
    return told.get("total_entries") if isinstance(told, dict) else None


def test_no_answer_is_split_by_what_comes_back_in_a_header(world):
    """A redirect's target, a file's name: a line feed in them begins no header."""
    s = world.s
    for path in ("/auth/login?next=/x%0d%0aX-Injected:%201%0d%0a%0d%0a<script>", "/auth/login?next=/%0aX-Injected:1", "/auth/login?next=//evil.example",
                 "/auth/login?next=/%5cevil.example", "/auth/login?next=https://evil.example/", "/auth/login?next=/%09/evil.example",
                 "/ui/dags/d%0d%0aX-Injected:1/event-log", "/ui/dags/d%22;x=%22/event-log?format=csv", "/api/v2/dags/%0d%0aX-Injected:1"):
        got = raw(s, b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n" % (path.encode(), s.token.encode()))
        head = got.split(b"\r\n\r\n")[0]
        assert len(codes(got)) == 1 and not re.search(rb"^X-Injected", head, re.M | re.I), (path, head)
        assert b"evil.example" not in head and b"<script>" not in head, (path, head)
    r = raw(s, b"GET /auth/login?next=/dags HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n")
    assert b"evil" not in r


def serve(tw, form):
    """A server whose log is in this form; one of JSON has its address in the log alone."""
    config = "logging: {format: %s, level: debug}\n" % form
    if form == "text":
        return Server(tw, config=config)
    s = Server.__new__(Server)
    s.tw, s.host = tw, "127.0.0.1"
    os.makedirs(tw.home, exist_ok=True)
    tw.write("home/tradewind.yaml", config)
    with open(tw.path("api.log"), "w") as log:
        s.process = tw.start("api-server", "-p", "0", stderr=log)
    wait_until(lambda: "listens on" in s.log())
    s.port = re.search(r"listens on http://127\.0\.0\.1:(\d+)", s.log()).group(1)
    s.token = open(os.path.join(tw.home, "api.token")).read().strip()
    return s


FORGED = "2026-01-01T00:00:00+00:00 error forged: done by the attacker"


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_of_the_log_is_forged(tw, form):
    """Line feeds and escape sequences in what a client sends: in methods, paths, headers, names, bodies."""
    put(tw)
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"), stderr=subprocess.STDOUT)
    s = serve(tw, form)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    bad = "x\r\n%s\n\x1b[2J\x1b]0;title\x07\x00\x9b31m" % FORGED
    coded = quote(bad.replace("\0", ""))
    auth = b"Authorization: Bearer %s\r\n" % s.token.encode()
    for line in (b"GET /%s HTTP/1.1", b"GET /api/v2/dags/%s HTTP/1.1", b"G\x1b[31mT /%.0s HTTP/1.1", b"G\x0bT /%.0s HTTP/1.1", b"GET\x9b /%.0s HTTP/1.1",
                 b"GET /\x1b[2J\x9b\"%.0s HTTP/1.1", b"GET /api/v2/\x1b[2J%.0s HTTP/1.1", b"\xff\xfe /%.0s HTTP/1.1"):
        for agent in (b"", b"User-Agent: \x1b[2J\r\n"):
            raw(s, line % coded.encode() + b"\r\nHost: x\r\nConnection: close\r\n" + agent + auth + b"\r\n")
    for method, path, body in (("POST", "/ui/login", {"username": bad, "password": bad}), ("POST", "/api/v2/variables", {"key": bad, "value": bad}),
                               ("POST", "/api/v2/pools", {"name": bad, "slots": 1}), ("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": bad, "note": bad}),
                               ("POST", "/ui/users", {"name": bad, "password": bad}), ("POST", "/ui/tokens", {"name": bad, "role": "viewer"}),
                               ("POST", "/api/v2/connections", {"connection_id": bad, "conn_type": bad}), ("POST", "/webhooks/" + coded, {}),
                               ("POST", "/api/v2/assets/events", {"asset_id": 1, "extra": {bad: bad}}),
                               ("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "good", "conf": {"n": bad}})):
        assert s.ask(method, path, body).status < 500, path
        s.ask(method, path, body, headers={"Idempotency-Key": "\x1b[2J", "X-Forwarded-For": "\x1b[2J"})
    token = tw("tokens", "create", "n\x1b[2J\nforged", "--role", "viewer", "--quiet", code=None).stdout.strip()
    if token:
        s.ask("GET", "/api/v2/dags", token=token)
    wait_until(lambda: s.get("/api/v2/dags/d/dagRuns/good")["state"] == "success")
    names = {"api.log": s.log(), "sched.log": open(tw.path("sched.log"), errors="surrogateescape").read()}
    for name, text in names.items():
        for line in text.split("\n"):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", line), (name, line)
            assert not line.startswith(FORGED[:20]), (name, line)
            if form == "json" and name == "api.log" and line:
                told = json.loads(line)
                assert {"timestamp", "level", "component", "event"} <= set(told) and told["component"] != "forged"


# ---- malformed, oversized

VARIABLE = b'{"key":"smuggled","value":"v"}'
HELLO = b"GET /api/v2/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(VARIABLE), VARIABLE)
LENGTH = b"Content-Length: %d\r\n" % len(VARIABLE)
# Headers between which two readers of one request may see its end in two places (RFC 9112, 6.3, 5.1, 5.2, 2.2).
DOUBTFUL = {
    "a length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK,
    "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 400\r\n\r\n" + CHUNK,
    "two lengths": LENGTH + b"Content-Length: 2\r\n\r\n" + VARIABLE,
    "the same length twice": LENGTH + LENGTH + b"\r\n" + VARIABLE,
    "a list of lengths": b"Content-Length: 30, 30\r\n\r\n" + VARIABLE,
    "a sign": b"Content-Length: +30\r\n\r\n" + VARIABLE,
    "a negative length": b"Content-Length: -1\r\n\r\n" + VARIABLE,
    "a hexadecimal length": b"Content-Length: 0x1e\r\n\r\n" + VARIABLE,
    "a length with a tail": b"Content-Length: 30x\r\n\r\n" + VARIABLE,
    "an empty length": b"Content-Length: \r\n\r\n" + VARIABLE,
    "a space before the colon": b"Content-Length : 30\r\n\r\n" + VARIABLE,
    "the same of a coding": b"Transfer-Encoding : chunked\r\n\r\n" + CHUNK,
    "another coding": b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNK,
    "no coding": b"Transfer-Encoding: identity\r\n\r\n" + CHUNK,
    "nearly chunked": b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNK,
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + CHUNK,
    "a control character before": b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNK,
    "a folded coding": b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNK,
    "a folded name": b"Content-Leng: 30\r\n th\r\n\r\n" + VARIABLE,
    "a fold": b"X: a\r\n b\r\n\r\n",
    "a return alone": b"X: a\rContent-Length: 30\r\n\r\n",
    "two hosts": b"Host: y\r\n\r\n",
    "no colon": b"nonsense\r\n\r\n",
    "a space first": b" X: y\r\n\r\n",
    "a chunk with a sign": b"Transfer-Encoding: chunked\r\n\r\n-1e\r\n" + VARIABLE + b"\r\n0\r\n\r\n",
    "a chunk with a prefix": b"Transfer-Encoding: chunked\r\n\r\n0x1e\r\n" + VARIABLE + b"\r\n0\r\n\r\n",
    "a chunk that is longer than it says": b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + VARIABLE + b"\r\n0\r\n\r\n",
    "a chunk beyond all numbers": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + VARIABLE,
    "a length beyond all numbers": b"Content-Length: 99999999999999999999999\r\n\r\n" + VARIABLE,
}


@pytest.mark.parametrize("what", DOUBTFUL)
def test_a_request_whose_end_is_doubtful(s, what):
    """It is refused, nothing that it holds is done, and what follows on its connection is not read: it may be somebody else's."""
    head = b"POST /api/v2/variables HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" % s.token.encode()
    got = raw(s, head + DOUBTFUL[what] + HELLO)
    assert set(codes(got)) <= {400, 413} and codes(got) and b'"version"' not in got, got[:300]  # guard: is_ambiguous, is_folded
    s.get("/api/v2/variables/smuggled", code=404)


def test_a_body_that_is_cut_off_does_nothing(s):
    head = b"POST /api/v2/variables HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" % s.token.encode()
    for pieces in (b"Content-Length: 400\r\n\r\n" + VARIABLE, b"Transfer-Encoding: chunked\r\n\r\n1e\r\n" + VARIABLE + b"\r\n",
                   b"Transfer-Encoding: chunked\r\n\r\n1e\r\n" + VARIABLE + b"\r\n0\r\n"):
        with s.connect() as c:
            c.sendall(head + pieces)
    # A length that is less than the body: the body ends there, what follows is a request, and none.
    got = raw(s, head + b"Content-Length: 10\r\n\r\n" + VARIABLE + b"\r\n\r\n")
    assert codes(got)[0] == 422 and not set(codes(got)) & {200, 201}
    s.get("/api/v2/variables/smuggled", code=404)


def test_other_protocols_methods_and_upgrades(s):
    end = b"Host: x\r\nConnection: close\r\n\r\n"
    assert not codes(raw(s, b"GET /api/v2/version\r\n\r\n")) or codes(raw(s, b"GET /api/v2/version\r\n\r\n"))[0] == 400  # HTTP/0.9
    assert codes(raw(s, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")) == [505]
    for version, want in ((b"HTTP/9.9", 505), (b"HTTP/1.x", 400), (b"JUNK/1.1", 400)):
        assert codes(raw(s, b"GET /api/v2/version " + version + b"\r\n" + end))[0] == want
    for upgrade in (b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
                    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"):
        got = raw(s, b"GET /api/v2/version HTTP/1.1\r\nConnection: Upgrade, close\r\nHost: x\r\n" + upgrade + b"\r\n")
        assert codes(got) == [200] and b"101" not in got.split(b"\r\n")[0]
    for method in (b"TRACE", b"CONNECT", b"OPTIONS", b"PROPFIND", b"BREW", b"get", b"DELETE", b"X" * 5000):
        got = raw(s, method + b" /api/v2/version HTTP/1.1\r\nX-Secret: traced\r\n" + end)
        assert codes(got)[0] == 405 and b"traced" not in got, method
    for line in (b"CONNECT evil.example:443", b"OPTIONS *", b"GET http://evil.example/api/v2/dags", b"GET //evil.example/api/v2/dags"):
        assert codes(raw(s, line + b" HTTP/1.1\r\n" + end))[0] in (400, 401, 404, 405), line


def test_heads_beyond_their_limits(s):
    end = b"Connection: close\r\n\r\n"
    line = b"GET /api/v2/version HTTP/1.1\r\nHost: x\r\n"
    for head in (line + b"A: b\r\n" * 2000, line + b"A: b\r\n" * 100000, line + b"X: " + b"y" * (1 << 20) + b"\r\n", line + b"y" * (1 << 20) + b": x\r\n",
                 b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n", b"X" * (1 << 20), b"GET /?" + b"a=b&" * 20000 + b" HTTP/1.1\r\nHost: x\r\n",
                 line + b"Cookie: " + b"a=b;" * 10000 + b"\r\n", b"\r\n" * 100000):
        got = raw(s, head + end)
        assert not codes(got) or codes(got)[0] in (400, 413, 414, 431), (head[:60], got[:100])
    assert codes(raw(s, b"GET /api/v2/version?" + b"a=b&" * 300 + b" HTTP/1.1\r\nHost: x\r\n" + end)) == [400]  # more arguments than there are
    assert s.get("/api/v2/version")


def test_bodies_that_are_no_json(world):
    """Deep, huge, doubled, in another coding: an answer of 422 in each case, and nothing is kept."""
    s = world.s
    before = dump(world.tw)
    bodies = [b"[" * 100000, b'{"key":' * 50000, b'{"key":"a","value":' + b"[" * 1000 + b"]" * 1000 + b"}", b'{"key":"a","value":1e99999,}',
              b'{"key":"\xff\xfe","value":"x"}', b'{"key":"\xc0\xae","value":"x"}', b'{"key":"\xed\xa0\x80","value":"x"}', b'{"key":"\\ud800","value":"x"}',
              b'{"key":"a\x00b","value":"x"}', b'{"key":"a\\u0000b","value":"x"}', b'\xef\xbb\xbf{"key":"a"}', '{"key":"a","value":"x"}'.encode("utf-16"),
              b'{"key":"a","value":"x"}{"key":"b","value":"x"}', b'{"key":"a","value":NaN}', b'{"key":"a","value":0x10}', b"{'key':'a'}", b"null", b'"text"', b"1",
              b"key=a&value=x", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
              b'{"key":"a","value":"x","__proto__":{"role":"admin"}}', b'{"key":["a"],"value":"x"}', b'{"key":{"$gt":""},"value":"x"}', b'{"key":"","value":"x"}',
              gzip.compress(b'{"key":"a","value":"x"}')]
    for body in bodies:
        for path in ("/api/v2/variables", "/api/v2/dags/d/dagRuns", "/ui/users", "/api/v2/connections", "/api/v2/pools", "/api/v2/dags/d/clearTaskInstances"):
            r = s.ask("POST", path, body)
            assert r.status in (413, 422) and "detail" in json.loads(r.text), (path, body[:80], r.status, r.text[:200])
    packed = gzip.compress(b" " * (100 << 20))  # 100 MiB in 100 KiB: bodies are never unpacked
    assert s.ask("POST", "/api/v2/variables", packed, headers={"Content-Encoding": "gzip"}).status in (415, 422)
    for path in ("/ui/login", "/auth/token"):
        assert codes(raw(s, b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" % path.encode())) == [413]
        assert s.ask("POST", path, b'{"username":["a"],"password":{"$ne":1}}', token=False).status == 422
    assert changed(before, dump(world.tw)) == []


def test_of_doubled_members_the_last_counts(s):
    """Everywhere: what is checked is what is done."""
    assert s.send("POST", "/api/v2/variables", b'{"key":"first","key":"last","value":"x"}', code=201)["key"] == "last"
    s.get("/api/v2/variables/first", code=404)
    s.send("DELETE", "/api/v2/variables/last", code=204)
    s.send("PATCH", "/ui/users/eve", b'{"role":"admin","role":"no-role"}', code=422)
    assert s.ask("PATCH", "/api/v2/pools/p", b'{"slots":-5,"slots":3}').status == 200
    s.send("PATCH", "/api/v2/pools/p", b'{"slots":3,"slots":-5}', code=422)


def test_numbers_beyond_their_limits(world):
    s = world.s
    for n in ("99999999999999999999", "-1", "1e400", "0.5", "-99999999999999999999", "9223372036854775807", "2147483648", "9" * 5000, "1" + "0" * 5000 + "e-5000"):
        r = s.ask("PATCH", "/api/v2/pools/p", b'{"slots":%s}' % n.encode())
        assert r.status == 422 or (n == "-1" and r.status == 200), (n, r.status, r.text[:200])
    got = s.get("/api/v2/pools/p")
    assert got["slots"] in (3, -1)
    for what in ("limit", "offset", "map_index"):
        for n in ("9" * 30, "-" + "9" * 30, "1e3", "0x10", " 1", "1 ", "+1", "1_000", "\u0661", ""):
            r = s.ask("GET", "/api/v2/dags/d/dagRuns/r1/taskInstances?%s=%s" % (what, quote(n)))
            assert r.status in (200, 422), (what, n, r.status)


# ---- secrets

def test_secrets_are_in_no_answer_log_or_metric(world):
    """All GET routes as admin; the page's pieces; the logs of server and scheduler."""
    s, client = world.s, Client(world.s)
    s.ask("POST", "/ui/login", {"username": "eve", "password": SECRETS["user"] + "-wrong"}, token=False)
    s.ask("GET", "/api/v2/dags?token=%s&password=%s" % (s.token, SECRETS["user"]))
    s.ask("PATCH", "/api/v2/connections/c", {"connection_id": "c", "conn_type": "http", "password": SECRETS["connection"], "login": "m"})
    wanted = list(SECRETS.values()) + [open(os.path.join(world.tw.home, "secret.key")).read().strip()]
    seen = 0
    for path, args in operations():
        for url in [fill(path)] + [fill(path) + "?%s=%s" % (a, v) for a in args if a in ("include", "q", "search", "stringify", "full_content", "format")
                                   for v in ("true", "hunter2", "csv")]:
            for headers in ({}, {"Accept": "application/x-ndjson"}, {"Accept": "text/plain"}):
                r = client.get(url, headers=headers)
                seen += r.status == 200
                text = r.text.decode("utf-8", "replace") + str(r.headers)
                assert not [w for w in wanted if w in text.replace("q=hunter2", "")], (url, text[:300])
    assert seen > 100
    page = client.get("/", headers={"Accept": "text/html"})
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text.decode()):
        text = client.get(path).text.decode("utf-8", "replace")
        assert not [w for w in wanted if w in text], path
    logs = world.logs()
    assert "access" in logs and not [w for w in wanted if w in logs]
