"""The program as a user meets it: a home of its own for each test, everything stopped by process id at the end."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "kill"))
from world import kill, processes  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))


def wait_until(what, patience=20.0):
    """Waits for a condition; the limit only ends a test that fails."""
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline, "waited for it in vain"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def build():
    path = os.path.abspath(os.environ.get("TRADEWIND_BUILD", os.path.join(ROOT, "build")))
    if not os.path.exists(os.path.join(path, "src", "tradewind")):
        pytest.skip("nothing is built in %s (TRADEWIND_BUILD)" % path)
    return path


class Tradewind:
    """The program with a home in a folder of its own, which is the current one of all that it starts."""

    def __init__(self, build, folder):
        self.program = os.path.join(build, "src", "tradewind")
        self.folder = folder
        self.home = os.path.join(folder, "home")
        self.env = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                    "TRADEWIND_HOME": self.home}
        # Where the sanitizers or valgrind listen, for runs of the suite under them.
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.started = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(textwrap.dedent(text))
        return self.path(name)

    def dag(self, tasks, name="dag.yaml", **members):
        """A DAG file from Python values (JSON is YAML)."""
        return self.write(name, json.dumps({"dag_id": "d", "tasks": tasks, **members}))

    def __call__(self, *args, code=0, env=None, text=True, timeout=60):
        """Runs it to its end; its exit code is checked unless code is None."""
        done = subprocess.run([self.program, *args], cwd=self.folder, env={**self.env, **(env or {})}, text=text,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        assert code is None or done.returncode == code, "exit code %d\n%s\n%s" % (done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *args, code=0):
        return json.loads(self(*args, "--json", code=code).stdout)

    def start(self, *args, env=None, **more):
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.STDOUT)
        p = subprocess.Popen([self.program, *args], cwd=self.folder, env={**self.env, **(env or {})}, text=True,
                             stdin=subprocess.DEVNULL, **more)
        self.started.append(p)
        return p

    def states(self, dag="d"):
        return {t["task_id"]: t["state"] for t in self.json("runs", "show", dag)["tasks"]}

    def log(self, task, dag="d", *more):
        return self("tasks", "logs", dag, task, *more).stdout

    def xcom(self, task):
        """The stored return value of a task of the newest run, read back from its file if it was spilled."""
        db = self.db()
        run, version = db.execute("SELECT run_key, version_key FROM run ORDER BY run_key DESC").fetchone()
        names = list(json.loads(db.execute("SELECT document FROM version WHERE version_key = ?", (version,)).fetchone()[0])["tasks"])
        row = db.execute("SELECT value, spill FROM xcom WHERE run_key = ? AND task = ? AND name = 'return_value'",
                         (run, names.index(task))).fetchone()
        db.close()
        if row is None:
            return None
        if row[1] is not None:
            with open(os.path.join(self.home, row[1])) as f:
                return json.load(f)
        return json.loads(row[0])

    def db(self):
        return sqlite3.connect("file:%s/tradewind.db?mode=ro" % self.home, uri=True)

    def holders(self):
        mine = os.path.join(self.home, "holders")
        return [pid for pid, (_, cmd) in processes().items()
                if len(cmd) >= 3 and os.path.basename(cmd[0]) == "tradewind-holder" and cmd[1] == mine]

    def stop(self):
        for p in self.started:
            if p.poll() is None:
                p.kill()
            p.wait()
            if p.stdout:
                p.stdout.close()
        for _ in range(100):
            all_, pids = processes(), set(self.holders())
            if not pids:
                break
            found = pids
            while found:
                found = {pid for pid, (ppid, _) in all_.items() if ppid in found} - pids
                pids = pids | found
            for pid in pids:
                kill(pid)
            time.sleep(0.01)


@pytest.fixture
def tw(build):
    folder = tempfile.mkdtemp(prefix="tw-e2e-")
    t = Tradewind(build, folder)
    yield t
    t.stop()
    shutil.rmtree(folder)


@pytest.fixture
def until():
    return wait_until


@pytest.fixture(autouse=True)
def patience(request):
    """A test that hangs ends with a traceback; the limit is never what a test measures."""
    def give_up(number, frame):
        raise TimeoutError("the test took longer than its limit")

    old = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(getattr(request.module, "PATIENCE_S", 90))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)
