"""Bundles: folders and repositories of git, several at once; what DAG files gave is in the store."""
import base64
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import wait_until

GIT = shutil.which("git")
EXEC = subprocess.run([GIT, "--exec-path"], capture_output=True, text=True).stdout.strip() if GIT else ""
pytestmark = pytest.mark.skipif(not GIT, reason="git is not installed")

PY = """import os
from airflow.sdk import DAG, task
import shared
with DAG(%r, schedule=None, tags=["a", "b"]):
    @task
    def say():
        with open(os.path.join(os.path.dirname(__file__), "data.txt")) as f:
            print("SAYS", shared.WORD, f.read())
    say()
"""


class Repo:
    """A repository of DAG files, with a copy to work in."""

    def __init__(self, tw, name="repo"):
        self.work, self.bare = tw.path(name + "-work"), tw.path(name + ".git")
        self.env = {**tw.env, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
                    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
        self.git("init", "--quiet", "--bare", "--initial-branch=main", self.bare, cwd=tw.folder)
        self.git("clone", "--quiet", self.bare, self.work, cwd=tw.folder)
        self.git("checkout", "-q", "-b", "main")
        self.write(shared="WORD = 'one'\n", dag=PY % "d", **{"data.txt": "data one"})
        self.push("first")

    def git(self, *words, cwd=None, check=True):
        return subprocess.run([GIT, *words], cwd=cwd or self.work, env=self.env, check=check, capture_output=True, text=True).stdout.strip()

    def write(self, folder="dags", **files):
        os.makedirs(os.path.join(self.work, folder), exist_ok=True)
        for name, text in files.items():
            with open(os.path.join(self.work, folder, name if "." in name else name + ".py"), "w") as f:
                f.write(text)

    def push(self, text="more", *more):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", text, "--allow-empty")
        self.git("push", "-q", *more, "origin", "HEAD:main")
        return self.head()

    def head(self):
        return self.git("rev-parse", "HEAD")


def configure(tw, *bundles):
    os.makedirs(tw.home, exist_ok=True)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        json.dump({"bundles": list(bundles)}, f)


def git_bundle(url, name="team", **more):
    return {"name": name, "url": url, "ref": "main", "subdir": "dags", "refresh_interval": "1h", **more}


def start(tw, **more):
    return tw.start("scheduler", **more)


def stop(process):
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, out
    return out


def bundles(tw):
    done = tw("bundles", "list", "--json", code=None)
    return {b["name"]: b for b in json.loads(done.stdout)} if done.returncode == 0 else {}


def at(tw, name="team"):
    return bundles(tw).get(name, {}).get("version")


def rows(tw, sql, *values):
    if not os.path.exists(os.path.join(tw.home, "tradewind.db")):
        return []
    db = tw.db()
    try:
        return db.execute(sql, values).fetchall()
    except Exception:
        return []
    finally:
        db.close()


def trees(tw, name="team"):
    return set(os.listdir(os.path.join(tw.home, "bundles", name, "trees")))


def test_a_repository_from_push_to_push(tw):
    repo = Repo(tw)
    one = repo.head()
    configure(tw, git_bundle("file://" + repo.bare))
    p = start(tw)
    wait_until(lambda: at(tw) == one)
    wait_until(lambda: rows(tw, "SELECT active, bundle, bundle_version, file, tags, owners FROM parsed_dag") ==
               [(1, "team", one, "dag.py", '["a","b"]', '["airflow"]')])
    # A commit that means the same is no version; one that means another is.
    repo.write(dag="# a comment\n" + PY % "d")
    two = repo.push()
    tw("bundles", "refresh", "team")
    wait_until(lambda: at(tw) == two)
    assert rows(tw, "SELECT bundle_version FROM version") == [(one,)]
    assert trees(tw) == {one, two}
    repo.write(shared="WORD = 'three'\n", **{"data.txt": "data three"})
    three = repo.push()
    assert json.loads(tw("bundles", "refresh", "--json").stdout)[0]["version"] == three
    wait_until(lambda: rows(tw, "SELECT bundle_version FROM version ORDER BY version_key") == [(one,), (three,)])
    wait_until(lambda: trees(tw) == {three})  # nothing has run on the others
    show = tw("bundles", "show", "team").stdout
    assert three in show and repo.bare in show
    assert "there is no bundle 'nobody'" in tw("bundles", "show", "nobody", code=66).stderr
    stop(p)
    assert "no scheduler works here" in tw("bundles", "list").stdout
    assert "start `tradewind scheduler`" in tw("bundles", "refresh", code=74).stderr


def once(tw, repo, dag="d"):
    repo.write(dag=(PY % dag).replace("schedule=None", 'schedule="@once", start_date=__import__("datetime").datetime(2020, 1, 1)'))


def states(tw, dag="d"):
    done = tw("runs", "list", dag, "--json", code=None)
    return [r["state"] for r in json.loads(done.stdout)] if done.returncode == 0 else []


def test_a_dag_of_a_repository_that_never_ran_is_known_by_its_id(tw):
    repo = Repo(tw)
    configure(tw, git_bundle(repo.bare))
    p = start(tw)
    wait_until(lambda: [d["dag_id"] for d in tw.json("dags", "list", code=None)] == ["d"] if at(tw) else False)
    stop(p)
    assert "say" in tw("dags", "show", "d").stdout
    assert [t["task_id"] for t in tw.json("tasks", "list", "d")] == ["say"]
    assert "has no schedule" in tw("dags", "next-execution", "d").stderr
    assert "/trees/%s/dags/dag.py" % repo.head() in tw("dags", "validate", "d").stdout


def test_a_run_keeps_its_commit(tw):
    repo = Repo(tw)
    once(tw, repo)
    one = repo.push()
    configure(tw, git_bundle("file://" + repo.bare))
    p = start(tw)
    wait_until(lambda: states(tw) == ["success"])
    assert "SAYS one data one" in tw.log("say")
    assert tw.json("runs", "show", "d")["bundle_version"] == one
    assert "commit %s of team" % one[:12] in tw("runs", "show", "d").stdout
    repo.write(shared="WORD = 'two'\n", **{"data.txt": "data two"})
    two = repo.push()
    tw("bundles", "refresh")
    wait_until(lambda: at(tw) == two)
    assert trees(tw) == {one, two}  # the run refers to the first
    assert rows(tw, "SELECT v.bundle_version FROM run JOIN version v USING (version_key)") == [(one,)]
    stop(p)


def test_force_push_and_a_branch_that_is_gone(tw):
    repo = Repo(tw)
    one = repo.head()
    configure(tw, git_bundle("file://" + repo.bare))
    p = start(tw)
    wait_until(lambda: at(tw) == one)
    repo.git("checkout", "-q", "--orphan", "other")
    repo.write(dag=PY % "e")
    two = repo.push("another history", "--force")
    tw("bundles", "refresh")
    wait_until(lambda: rows(tw, "SELECT dag_id, active FROM parsed_dag ORDER BY dag_id") == [("d", 0), ("e", 1)])
    assert at(tw) == two
    repo.git("push", "-q", "origin", "HEAD:later")
    repo.git("--git-dir", repo.bare, "symbolic-ref", "HEAD", "refs/heads/later")
    repo.git("push", "-q", "origin", ":main")
    tw("bundles", "refresh")
    b = bundles(tw)["team"]
    assert "couldn't find remote ref main" in b["failure"] and b["failing_since"] and b["version"] == two
    assert "since 20" in tw("bundles", "list").stdout
    repo.git("push", "-q", "origin", "later:main", check=False)
    repo.git("push", "-q", "origin", "HEAD:main")
    tw("bundles", "refresh")
    assert bundles(tw)["team"]["failure"] is None
    out = stop(p)
    assert "can be read again" in out


def test_the_last_good_commit_stays_over_a_restart(tw):
    repo = Repo(tw)
    one = repo.head()
    configure(tw, git_bundle("file://" + repo.bare))
    p = start(tw)
    wait_until(lambda: at(tw) == one)
    stop(p)
    os.rename(repo.bare, repo.bare + ".away")
    p = start(tw)
    wait_until(lambda: bundles(tw).get("team", {}).get("failure"))
    b = bundles(tw)["team"]
    assert b["version"] == one and b["dags"] == 1
    stop(p)


def test_several_bundles_have_one_space_of_ids(tw):
    repo = Repo(tw)
    os.makedirs(tw.path("local"))
    with open(tw.path("local/same.yaml"), "w") as f:
        json.dump({"dag_id": "d", "tasks": {"a": {"operator": "empty"}}}, f)
    with open(tw.path("local/own.yaml"), "w") as f:
        json.dump({"dag_id": "own", "tasks": {"a": {"operator": "empty"}}}, f)
    configure(tw, {"name": "local", "path": tw.path("local")}, git_bundle("file://" + repo.bare))
    p = start(tw)
    wait_until(lambda: rows(tw, "SELECT bundle, file FROM import_error") == [("team", "dag.py")])
    assert sorted(rows(tw, "SELECT dag_id, bundle FROM parsed_dag WHERE active")) == [("d", "local"), ("own", "local")]
    done = tw("dags", "list-import-errors", code=65).stdout
    assert "dag.py: DAG 'd' is in same.yaml of the bundle 'local' already; rename one of them" in done
    os.remove(tw.path("local/same.yaml"))
    wait_until(lambda: ("d", "team") in rows(tw, "SELECT dag_id, bundle FROM parsed_dag WHERE active"))
    wait_until(lambda: rows(tw, "SELECT * FROM import_error") == [])
    assert tw("dags", "list-import-errors").stdout == ""
    stop(p)
    # A bundle that is no longer configured has no active DAGs.
    configure(tw, {"name": "local", "path": tw.path("local")})
    p = start(tw)
    wait_until(lambda: sorted(rows(tw, "SELECT dag_id, active FROM parsed_dag")) == [("d", 0), ("own", 1)])
    stop(p)


def test_commands_without_a_service_see_all_folders(tw):
    for name in ("one", "two"):
        os.makedirs(tw.path(name))
        tw.write(name + "/f.yaml", json.dumps({"dag_id": name, "tasks": {"t": {"operator": "bash", "bash_command": "echo " + name}}}))
    configure(tw, {"name": "a", "path": tw.path("one")}, {"name": "b", "path": tw.path("two")})
    assert {d["dag_id"] for d in tw.json("dags", "list")} == {"one", "two"}
    assert "success" in tw("run", "two", "--plain").stdout
    assert "success" in tw("dags", "test", "one").stdout and "t" in tw("dags", "show", "one").stdout
    tw.write("two/g.yaml", json.dumps({"dag_id": "one", "tasks": {"t": {"operator": "empty"}}}))  # the id is the first bundle's
    tw.write("two/h.yaml", "dag_id: h\ntasks: {t: {operator: nope}}\n")
    errors = tw("dags", "list", "--errors", code=65).stdout
    assert "g.yaml" in errors and "h.yaml" in errors and "f.yaml:" not in errors
    done = tw("run", "three", code=None)
    assert done.returncode != 0 and "there is no DAG 'three'" in done.stderr


def test_import_errors_are_kept_and_mended(tw):
    os.makedirs(tw.path("dags"))
    def put(name, text):
        with open(tw.path("dags/" + name), "w") as f:
            f.write(text)
    put("good.py", (PY % "good").replace("import shared", "class shared: WORD = 1"))
    put("bad.py", "from airflow.sdk import DAG\nraise ValueError('not today')\n")
    p = tw.start("scheduler", "-S", tw.path("dags"))
    wait_until(lambda: rows(tw, "SELECT file, text FROM import_error") == [("bad.py", "bad.py:2: ValueError: not today")])
    key, since = rows(tw, "SELECT error_key, at_us FROM import_error")[0]
    stop(p)
    p = tw.start("scheduler", "-S", tw.path("dags"))
    put("late.py", (PY % "late").replace("import shared", "class shared: WORD = 1"))
    wait_until(lambda: ("late", 1) in rows(tw, "SELECT dag_id, active FROM parsed_dag"))
    assert rows(tw, "SELECT error_key, at_us FROM import_error") == [(key, since)]
    (one,) = json.loads(tw("dags", "list-import-errors", "--json", code=65).stdout)
    assert one["import_error_id"] == key and one["bundle_name"] == "dags-folder" and "not today" in one["stack_trace"]
    os.remove(tw.path("dags/good.py"))
    wait_until(lambda: ("good", 0) in rows(tw, "SELECT dag_id, active FROM parsed_dag"))
    put("good.py", (PY % "good").replace("import shared", "class shared: WORD = 1"))
    wait_until(lambda: ("good", 1) in rows(tw, "SELECT dag_id, active FROM parsed_dag"))
    put("bad.py", (PY % "bad").replace("import shared", "class shared: WORD = 1"))
    wait_until(lambda: rows(tw, "SELECT * FROM import_error") == [])
    os.remove(tw.path("dags/late.py"))
    stop(p)
    with open(tw.path("dags/bad.py"), "w") as f:
        f.write("from airflow.sdk import DAG\nraise ValueError\n")
    p = tw.start("scheduler", "-S", tw.path("dags"))
    wait_until(lambda: rows(tw, "SELECT file FROM import_error") == [("bad.py",)])
    wait_until(lambda: ("late", 0) in rows(tw, "SELECT dag_id, active FROM parsed_dag"))
    stop(p)
    os.remove(tw.path("dags/bad.py"))
    p = tw.start("scheduler", "-S", tw.path("dags"))
    wait_until(lambda: rows(tw, "SELECT * FROM import_error") == [])
    stop(p)


def test_what_means_the_same_is_no_version(tw):
    os.makedirs(tw.path("dags"))
    text = (PY % "d").replace("import shared", "class shared: WORD = 1").replace('tags=', 'default_args={"retries": 1, "owner": "me"}, tags=')
    def put(text, name="a.py"):
        with open(tw.path("dags/" + name), "w") as f:
            f.write(text)
    def parsed():
        return rows(tw, "SELECT parsed_us FROM parsed_dag WHERE dag_id = 'd'")
    put(text)
    put("dag_id: y\nenv: {A: '1', B: '2'}\ntasks: {t: {operator: empty}}\n", "y.yaml")
    p = tw.start("scheduler", "-S", tw.path("dags"))
    wait_until(lambda: len(rows(tw, "SELECT * FROM version")) == 2 and parsed())
    for same in ("# a comment\n" + text, text.replace("    ", "\t"), text.replace('{"retries": 1, "owner": "me"}', '{"owner": "me",\n "retries": 1}')):
        before = parsed()
        put(same)
        wait_until(lambda: parsed() != before)
    before = rows(tw, "SELECT parsed_us FROM parsed_dag WHERE dag_id = 'y'")
    put("# y\nenv:\n  B: '2'\n  A: '1'\ndag_id: y\ntasks: {t: {operator: empty}}\n", "y.yaml")
    wait_until(lambda: rows(tw, "SELECT parsed_us FROM parsed_dag WHERE dag_id = 'y'") != before)
    assert len(rows(tw, "SELECT * FROM version")) == 2
    put(text.replace("print(", "print(1, "))
    wait_until(lambda: len(rows(tw, "SELECT * FROM version")) == 3)
    stop(p)


def test_changes_elsewhere_are_seen(tw):
    os.makedirs(tw.path("dags"))
    os.makedirs(tw.path("elsewhere/listed"))
    def put(name, text):
        with open(tw.path(name), "w") as f:
            f.write(text)
    put("elsewhere/names.txt", "one")
    put("dags/a.py", "import os\nfrom airflow.sdk import DAG, Variable\nwith open(%r) as f:\n    name = f.read()\n"
        "more = '_'.join(sorted(os.listdir(%r)))\nwith DAG('d_' + name + more + Variable.get('v', default='')): pass\n"
        % (tw.path("elsewhere/names.txt"), tw.path("elsewhere/listed")))
    def active():
        return [r[0] for r in rows(tw, "SELECT dag_id FROM parsed_dag WHERE active")]
    p = tw.start("scheduler", "-S", tw.path("dags"))
    wait_until(lambda: active() == ["d_one"])
    # Without being told it would be seen after 30 seconds, when these waits are over.
    put("elsewhere/names.txt", "two")
    wait_until(lambda: active() == ["d_two"], patience=15)
    put("elsewhere/listed/x", "")
    wait_until(lambda: active() == ["d_twox"], patience=15)
    tw("variables", "set", "v", "_v")
    wait_until(lambda: active() == ["d_twox_v"], patience=15)
    stop(p)


def limits_of_users():
    """Whether a process may have limits of its own, in a namespace of users."""
    return subprocess.run(["unshare", "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_inotify_watches"], capture_output=True).returncode == 0


@pytest.mark.parametrize("limit, said, polls", [("max_inotify_watches", "no inotify watches are left (raise sysctl fs.inotify.max_user_watches)", True),
                                                ("max_inotify_instances", "the system gives no inotify instance (sysctl fs.inotify.max_user_instances)", False)])
def test_where_changes_are_not_told_the_folder_is_looked_at(tw, limit, said, polls):
    if not limits_of_users():
        pytest.skip("no namespaces of users")
    os.makedirs(tw.path("dags"))
    put = lambda name: os.rename(tw.write("part", "dag_id: %s\ntasks: {t: {operator: empty}}\n" % name), tw.path("dags/%s.yaml" % name))  # noqa: E731
    put("one")
    with open(tw.path("log"), "w") as out:
        p = subprocess.Popen(["unshare", "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/%s; exec \"$0\" scheduler -S dags" % limit, tw.program], cwd=tw.folder,
                             env=tw.env, stdout=out, stderr=out)
    tw.started.append(p)
    active = lambda: [r[0] for r in rows(tw, "SELECT dag_id FROM parsed_dag WHERE active ORDER BY dag_id")]  # noqa: E731
    wait_until(lambda: active() == ["one"])
    wait_until(lambda: said + "; it is looked at every 30 s" in open(tw.path("log")).read())  # noqa: SIM115
    put("two")
    if not polls:
        p.send_signal(signal.SIGHUP)
    wait_until(lambda: active() == ["one", "two"], patience=60)
    p.send_signal(signal.SIGTERM)
    assert p.wait(30) == 0


def test_one_hanging_file_does_not_hold_up_the_others(tw):
    os.makedirs(tw.path("dags"))
    def put(name, text):
        with open(tw.path("dags/" + name), "w") as f:
            f.write(text)
    put("a_hangs.py", "# dag tradewind\nimport signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass\n")
    put("good.py", (PY % "good").replace("import shared", "class shared: WORD = 1"))
    p = tw.start("scheduler", "-S", tw.path("dags"), env={"TRADEWIND_IMPORT_TIMEOUT": "60"})
    wait_until(lambda: rows(tw, "SELECT dag_id FROM parsed_dag WHERE active") == [("good",)], patience=25)
    stop(p)


HOSTILE = {
    "exits": "import os\nos._exit(7)", "leaves": "raise SystemExit(3)", "segv": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "memory": "x = bytearray(10 << 30)", "prints": "for _ in range(16): print('x' * (1 << 20))",
    "forks": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\n    os._exit(0)\nraise ValueError",
    "closes": "import os\nos.closerange(3, 1000)", "runs": "import os\nos.execv('/bin/true', ['true'])",
    "deep": "def f(): f()\nf()", "hangs": "import time\ntime.sleep(1000)",
}


def test_hostile_files(tw):
    os.makedirs(tw.path("home/dags"))
    for name, text in HOSTILE.items():
        with open(tw.path("home/dags/%s.py" % name), "w") as f:
            f.write("# dag tradewind\n" + text + "\n")
    for n in range(5):
        with open(tw.path("home/dags/good%d.py" % n), "w") as f:
            f.write("from tradewind.sdk import DAG\nwith DAG('good%d'): pass\n" % n)
    env = {"TRADEWIND_IMPORT_TIMEOUT": "10"}
    errors = json.loads(tw("dags", "list", "--errors", "--json", env=env, code=65, timeout=120).stdout)
    told = {os.path.basename(e["file"])[:-3]: e["message"] for e in errors}
    assert set(told) == set(HOSTILE) - {"prints"}
    assert "exit code 7" in told["exits"] and "SystemExit: 3" in told["leaves"] and "11 (SIGSEGV)" in told["segv"]
    assert "MemoryError" in told["memory"] and "parse_memory_limit" in told["memory"]
    assert "exit code 0" in told["closes"] and "exit code 0" in told["runs"]
    assert "RecursionError" in told["deep"] and "longer than 10 s" in told["hangs"] and "ValueError" in told["forks"]
    assert [d["dag_id"] for d in json.loads(tw("dags", "list", "--json", env=env).stdout)] == ["good%d" % n for n in range(5)]
    left = subprocess.run(["pgrep", "-f", tw.path("home/dags")], capture_output=True, text=True).stdout
    assert left == ""


# ---- over the network ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_the_daemon_of_git(tw):
    if not os.path.exists(os.path.join(EXEC, "git-daemon")):
        pytest.skip("git daemon is not installed")
    repo, port = Repo(tw), free_port()
    d = subprocess.Popen([os.path.join(EXEC, "git-daemon"), "--listen=127.0.0.1", "--port=%d" % port, "--export-all",
                          "--base-path=" + tw.folder, tw.folder], stderr=subprocess.DEVNULL)
    try:
        configure(tw, git_bundle("git://127.0.0.1:%d/repo.git" % port))
        p = start(tw)
        wait_until(lambda: at(tw) == repo.head() or (tw("bundles", "refresh", code=None) and False), patience=40)
        stop(p)
    finally:
        d.kill()
        d.wait()


class Backend(http.server.BaseHTTPRequestHandler):
    """git http-backend behind a login."""
    root, secret, seen = "", "", []

    def serve(self):
        given = self.headers.get("Authorization", "")
        self.seen.append(given)
        if given != "Basic " + base64.b64encode(self.secret.encode()).decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": self.root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
               "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")}
        done = subprocess.run([os.path.join(EXEC, "git-http-backend")], input=body, env=env, capture_output=True).stdout
        head, _, rest = done.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        self.send_response(int(dict(fields).get("Status", "200")[:3]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(rest)

    do_GET = do_POST = serve

    def log_message(self, *args):
        pass


@pytest.fixture
def web(tw):
    if not os.path.exists(os.path.join(EXEC, "git-http-backend")):
        pytest.skip("git http-backend is not installed")
    handler = type("Handler", (Backend,), {"root": tw.folder, "secret": "robot:s3cret token", "seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("where", ["connection", "url"])
def test_a_password_over_http(tw, web, where):
    repo = Repo(tw)
    host = "127.0.0.1:%d/repo.git" % web.server_address[1]
    if where == "connection":
        configure(tw, git_bundle("http://" + host, connection="team_git"))
    else:
        configure(tw, git_bundle("http://robot:s3cret%20token@" + host))
    p = start(tw)
    if where == "connection":
        wait_until(lambda: "there is no connection 'team_git'" in (bundles(tw).get("team", {}).get("failure") or ""))
        tw("connections", "add", "team_git", "--type", "git", "--login", "robot", "--password", "wrong")
        tw("bundles", "refresh")
        assert bundles(tw)["team"]["failure"]
        tw("connections", "delete", "team_git")
        tw("connections", "add", "team_git", "--type", "git", "--login", "robot", "--password", "s3cret token")
        tw("bundles", "refresh")
    wait_until(lambda: at(tw) == repo.head())
    shown = tw("bundles", "show", "team").stdout + tw("bundles", "list", "--json").stdout
    assert "s3cret" not in shown and "http://127" in shown
    out = stop(p)
    assert "s3cret" not in out
    for folder, _, names in os.walk(os.path.join(tw.home, "bundles")):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                assert b"s3cret" not in f.read(), name


def test_what_is_refused(tw):
    repo = Repo(tw)
    sub = Repo(tw, "sub")
    one = repo.head()
    configure(tw, git_bundle("file://" + repo.bare))
    p = start(tw)
    wait_until(lambda: at(tw) == one)
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "file://" + sub.bare, "dags/lib")
    repo.push()
    tw("bundles", "refresh")
    assert "has a submodule, dags/lib" in bundles(tw)["team"]["failure"] and at(tw) == one
    repo.git("rm", "-q", "-r", "-f", "dags")
    repo.write(folder="other", a="")
    repo.push()
    tw("bundles", "refresh")
    assert "has no folder 'dags'" in bundles(tw)["team"]["failure"] and at(tw) == one
    stop(p)


@pytest.mark.parametrize("bundle, said", [
    ({"path": "/x"}, "a bundle is a map with a name"),
    ({"name": "../x", "path": "/x"}, "the name '../x'"),
    ({"name": "a", "path": "x"}, "is not absolute"),
    ({"name": "a", "kind": "svn"}, "kind is folder or git"),
    ({"name": "a", "kind": "git"}, "a repository without a url"),
    ({"name": "a", "url": "x", "path": "/x"}, "it is one or the other"),
    ({"name": "a", "url": "x", "branhc": "y"}, "a bundle has no 'branhc'"),
    ({"name": "a", "url": "x", "refresh_interval": "soon"}, "refresh_interval is a duration"),
    ({"name": "a", "url": "ext::sh -c touch% x"}, "is not the URL of a repository"),
    ({"name": "a", "url": "--upload-pack=x"}, "is not the URL of a repository"),
    ({"name": "a", "url": "file:///x", "ref": "--force"}, "is no branch, tag or commit"),
    ({"name": "a", "url": "file:///x", "subdir": "../.."}, "is not a folder in the repository"),
])
def test_bad_configurations(tw, bundle, said):
    configure(tw, bundle)
    p = start(tw)
    out, _ = p.communicate(timeout=30)
    assert p.returncode != 0 and said in out, out


def test_the_list_of_airflow(tw):
    repo = Repo(tw)
    os.makedirs(tw.path("local"))
    listed = [{"name": "mine", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": tw.path("local")}},
              {"name": "team", "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
               "kwargs": {"repo_url": "file://" + repo.bare, "tracking_ref": "main", "subdir": "dags", "refresh_interval": 3600}}]
    env = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(listed)}
    p = start(tw, env=env)
    wait_until(lambda: at(tw) == repo.head())
    assert set(bundles(tw)) == {"mine", "team"}
    stop(p)
    listed[0]["classpath"] = "airflow.providers.amazon.aws.bundles.s3.S3DagBundle"
    p = start(tw, env={"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(listed)})
    out, _ = p.communicate(timeout=30)
    assert "LocalDagBundle and GitDagBundle can" in out and p.returncode != 0


SSH = """#!/bin/sh
# In the place of ssh: what it was called with, the mode of the key; then what the other side would do.
echo "$@" > %(log)s
while [ "$1" != "" ]; do case "$1" in -i) stat -c %%a "$2" >> %(log)s; cat "$2" >> %(log)s; shift 2;; -o|-p) shift 2;; *) break;; esac; done
shift
exec sh -c "$*"
"""


def test_a_key_over_ssh(tw):
    """No server of ssh is needed: the program in its place shows what it would be given."""
    repo = Repo(tw)
    os.makedirs(tw.path("bin"))
    with open(tw.path("bin/ssh"), "w") as f:
        f.write(SSH % {"log": tw.path("ssh.log")})
    os.chmod(tw.path("bin/ssh"), 0o755)
    configure(tw, git_bundle("ssh://git@host.example" + repo.bare, connection="key"))
    extra = {"private_key": "-----BEGIN KEY-----\nAAAA'$(x)\n-----END KEY-----", "known_hosts_file": tw.path("known hosts")}
    tw("connections", "add", "key", "--type", "git", "--port", "2222", "--extra", json.dumps(extra))
    p = start(tw, env={"PATH": tw.path("bin") + ":" + os.environ["PATH"]})
    wait_until(lambda: at(tw) == repo.head())
    with open(tw.path("ssh.log")) as f:
        words, mode, *key = f.read().splitlines()
    assert mode == "600" and "\n".join(key) == extra["private_key"]
    assert "BatchMode=yes" in words and "StrictHostKeyChecking=yes" in words and "-p 2222" in words and "known hosts" in words
    assert "AAAA" not in words
    stop(p)
    assert [n for n in os.listdir(os.path.join(tw.home, "bundles", "team")) if n.startswith(".")] == []


def test_two_thousand_files(tw):
    os.makedirs(tw.path("dags"))
    def put(n, name):
        with open(tw.path("dags/f%04d.py" % n), "w") as f:
            f.write("from tradewind.sdk import DAG, BashOperator\nwith DAG(%r):\n    BashOperator(task_id='a', bash_command='true')\n" % name)
    for n in range(2000):
        put(n, "d%04d" % n)
    p = tw.start("scheduler", "-S", tw.path("dags"))
    wait_until(lambda: rows(tw, "SELECT COUNT(*) FROM parsed_dag WHERE active") == [(2000,)], patience=90)
    put(1234, "changed")
    wait_until(lambda: rows(tw, "SELECT active FROM parsed_dag WHERE dag_id IN ('changed', 'd1234') ORDER BY dag_id") == [(1,), (0,)])
    os.remove(tw.path("dags/f0007.py"))
    wait_until(lambda: rows(tw, "SELECT active FROM parsed_dag WHERE dag_id = 'd0007'") == [(0,)])
    stop(p)


def test_killed_while_it_fetches(tw):
    """kill -9 at many moments of a fetch and a checkout: the next start has the commit, whole, and nothing half."""
    repo = Repo(tw)
    for n in range(300):
        repo.write(folder="dags/data%d" % (n % 10), **{"f%d.txt" % n: "x" * 2000})
    head = repo.push()
    configure(tw, git_bundle("file://" + repo.bare))
    for n in range(12):
        p = start(tw)
        time.sleep(0.02 + 0.04 * n)
        p.kill()
        p.wait()
    p = start(tw)
    wait_until(lambda: at(tw) == head, patience=60)
    top = os.path.join(tw.home, "bundles", "team")
    assert sum(len(f) for _, _, f in os.walk(os.path.join(top, "trees", head))) == 303
    stop(p)
    assert [n for n in os.listdir(top) if n.startswith(".")] == []
    assert trees(tw) == {head}


def test_swapped_links(tw):
    """As git-sync does it: a link to the present tree is replaced in one step."""
    for n in (1, 2):
        os.makedirs(tw.path("tree%d/dags" % n))
        with open(tw.path("tree%d/dags/a.yaml" % n), "w") as f:
            json.dump({"dag_id": "d%d" % n, "tasks": {"a": {"operator": "empty"}}}, f)
    os.symlink("tree1", tw.path("current"))
    os.symlink("..", tw.path("tree1/dags/loop"))
    configure(tw, {"name": "synced", "path": tw.path("current/dags")})
    p = start(tw)
    wait_until(lambda: rows(tw, "SELECT dag_id FROM parsed_dag WHERE active") == [("d1",)])
    os.symlink("tree2", tw.path("next"))
    os.rename(tw.path("next"), tw.path("current"))
    wait_until(lambda: rows(tw, "SELECT dag_id FROM parsed_dag WHERE active") == [("d2",)], patience=15)
    stop(p)
