"""Waits: for a time, a file, an HTTP answer; without a process or slot."""
import http.server
import os
import threading
import time

import pytest
from test_run import bash


@pytest.fixture
def web():
    """Answers 503 until `ready` is set, and counts."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked += 1
            text = b"the answer is ready" if self.server.ready and self.path == "/ok" else b"not yet"
            self.send_response(200 if self.server.ready else 503)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.ready = 0, False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_wait_time(tw):
    tw.dag({"a": {"operator": "wait_time", "delta": 0.3}, "b": {"operator": "wait_time", "until": "2026-01-01T00:00:00Z"},
            "c": bash("true", upstream=["a", "b"])})
    began = time.monotonic()
    tw("run", "dag.yaml")
    assert time.monotonic() - began >= 0.3
    assert set(tw.states().values()) == {"success"}


def test_wait_file(tw, until):
    tw.dag({"a": {"operator": "wait_file", "filepath": tw.path("in-*.csv"), "poke_interval": 0.05}, "b": bash("true", upstream=["a"])})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(os.path.join(tw.home, "tradewind.db")) and tw("runs", "show", code=None).returncode == 0
          and tw.states()["a"] == "deferred")
    tw.write("in-1.csv", "x")
    assert p.wait(60) == 0


def test_wait_file_times_out(tw):
    tw.dag({"a": {"operator": "wait_file", "filepath": tw.path("never"), "poke_interval": 0.05, "timeout": 0.2},
            "b": {"operator": "wait_file", "filepath": tw.path("never"), "poke_interval": 0.05, "timeout": 0.2, "soft_fail": True}})
    tw("run", "dag.yaml", code=1)
    assert tw.states() == {"a": "failed", "b": "skipped"}


def test_wait_http(tw, until, web):
    url = "http://127.0.0.1:%d/{{ params.path }}" % web.server_port
    tw.dag({"a": {"operator": "wait_http", "url": url, "expect_text": "ready", "poke_interval": 0.05}}, params={"path": "ok"})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: web.asked >= 2)
    assert p.poll() is None
    web.ready = True
    assert p.wait(60) == 0


def test_wait_http_refused_then_there(tw, until, web):
    port = web.server_port
    tw.dag({"a": {"operator": "wait_http", "url": "http://127.0.0.1:1/", "poke_interval": 0.05, "timeout": 0.2}})
    tw("run", "dag.yaml", code=1)
    assert port and tw.states() == {"a": "failed"}


def test_a_thousand_waits_need_no_process(tw, until):
    tw.dag({"w%d" % i: {"operator": "wait_file", "filepath": tw.path("go"), "poke_interval": 0.2} for i in range(1000)}, max_active_tasks=1000)
    p = tw.start("run", "dag.yaml", "--plain", "-j", "2", stdout=open(tw.path("out"), "w"))
    until(lambda: "running" in (tw("runs", "show", code=None).stdout or "") or p.poll() is not None)
    until(lambda: list(tw.states().values()).count("deferred") == 1000)
    assert tw.holders() == []
    tw.write("go", "")
    assert p.wait(80) == 0


def test_a_wait_goes_on_after_an_interrupt(tw, until):
    import signal

    tw.dag({"a": {"operator": "wait_file", "filepath": tw.path("go"), "poke_interval": 0.05}})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: tw("runs", "show", code=None).returncode == 0 and tw.states()["a"] == "deferred")
    p.send_signal(signal.SIGINT)
    assert p.wait(30) == 130
    tw.write("go", "")
    tw("runs", "resume")
    assert tw.states() == {"a": "success"}


def test_sensors_in_python(tw):
    file = tw.write("s.py", """
        import os
        from tradewind.sdk import DAG, task
        with DAG("s", schedule=None):
            @task.sensor(poke_interval=0.05, timeout=20, mode="poke")
            def there():
                n = os.path.exists("%s")
                open("%s", "w").close()
                return n
            there()
    """ % (tw.path("f"), tw.path("f")))
    tw("run", file)
    assert tw.states("s") == {"there": "success"}


def test_a_wait_is_idle(tw, until):
    """A run that only waits makes a few context switches and writes nothing to the store."""
    tw.dag({"a": {"operator": "wait_time", "delta": 3}})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: tw("runs", "show", code=None).returncode == 0 and tw.states()["a"] == "deferred")
    time.sleep(0.5)

    def facts():
        switches = 0
        for thread in os.listdir("/proc/%d/task" % p.pid):
            with open("/proc/%d/task/%s/status" % (p.pid, thread)) as f:
                switches += int([line for line in f if line.startswith("voluntary")][0].split()[1])
        stats = [os.stat(os.path.join(tw.home, "tradewind.db" + end)) for end in ("", "-wal")]
        return switches, [(s.st_size, s.st_mtime_ns) for s in stats]

    before = facts()
    time.sleep(1.5)
    assert tw.states()["a"] == "deferred", "the wait was over before it could be looked at"
    after = facts()
    assert p.wait(30) == 0
    assert after[1] == before[1]
    assert after[0] - before[0] <= 5
