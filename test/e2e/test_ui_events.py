"""/ui/events: what browsers are told of changes, however many there are, slow, or gone for a while."""
import http.client
import json
import os
import signal
import socket
import threading
from urllib.parse import quote

import pytest
from conftest import wait_until
from test_api_server import Server, put, run


class Stream:
    """One open stream, read in the background."""

    def __init__(self, s, query="", last=None):
        self.conn = http.client.HTTPConnection(s.host, int(s.port), timeout=60)
        headers = {"Authorization": "Bearer " + s.token}
        if last:
            headers["Last-Event-ID"] = last
        self.conn.request("GET", "/ui/events" + query, headers=headers)
        self.answer = self.conn.getresponse()
        assert self.answer.status == 200 and self.answer.headers["Content-Type"] == "text/event-stream"
        self.sock = self.conn.sock
        self.events, self.ids, self.ended = [], [], False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        wait_until(lambda: ("ready", {}) in self.events or self.ended)
        assert not self.ended

    def read(self):
        event = {}
        try:
            for line in self.answer:
                if line.startswith(b":"):
                    continue
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    event[name] = value
                elif "event" in event:
                    self.ids.append(event.get("id"))
                    self.events.append((event["event"], json.loads(event["data"])))
                    event = {}
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass
        self.ended = True

    def of(self, kind):
        return [data for name, data in list(self.events) if name == kind]

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.conn.close()
        self.thread.join(20)


@pytest.fixture
def both(tw):
    put(tw)
    tw.sched = tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    return s


def last_states(stream, run_id):
    """What somebody who listened believes of a run's tasks."""
    return {t["task_id"]: t["state"] for t in stream.of("task") if t["run_id"] == run_id}


def warm(s, stream):
    """A first run that the stream was told of: the watcher has had its first look."""
    path = run(s)
    wait_until(lambda: [r for r in stream.of("run") if r["run_id"] == s.get(path)["dag_run_id"] and r["state"] == "success"])
    return path


def test_runs_are_told_to_all_and_tasks_to_those_who_named_them(both):
    named, other, plain = Stream(both, "?topics=dag:d"), Stream(both, "?topics=dag:other"), Stream(both)
    path = warm(both, named)
    run_id = both.get(path)["dag_run_id"]
    wait_until(lambda: last_states(named, run_id) == {"a": "success", "b": "success"})
    for s in (other, plain):
        wait_until(lambda: [r for r in s.of("run") if r["run_id"] == run_id and r["state"] == "success"])
        assert s.of("task") == []
    assert all(r["dag_id"] == "d" for r in named.of("run"))
    one = Stream(both, "?topics=" + quote("run:d/" + run_id))
    wait_until(lambda: last_states(one, run_id) == {"a": "success", "b": "success"})  # told as it is, first of all
    both.send("POST", "/api/v2/dags/d/clearTaskInstances", {"dag_run_id": run_id, "task_ids": ["b"], "only_failed": False, "dry_run": False})
    wait_until(lambda: [t["try"] for t in one.of("task") if t["task_id"] == "b" and t["state"] == "success"][-1:] == [2])
    assert both.get(path + "/taskInstances/b")["try_number"] == 2
    run(both)  # of another run nothing is told to this one
    assert {t["run_id"] for t in one.of("task")} == {run_id}


def test_who_comes_again_goes_on_where_it_was(both):
    first = Stream(both, "?topics=dag:d")
    warm(both, first)
    seen = first.ids[-1]
    first.close()
    path = run(both, dag_run_id="missed")
    again = Stream(both, "?topics=dag:d", last=seen)
    wait_until(lambda: [r for r in again.of("run") if r["run_id"] == "missed" and r["state"] == "success"])
    assert not again.of("refresh") and both.get(path)["state"] == "success"
    series = seen.split("-")[0]
    assert {i.split("-")[0] for i in again.ids} == {series}
    query = Stream(both, "?last_event_id=" + seen)
    wait_until(lambda: [r for r in query.of("run") if r["run_id"] == "missed"])
    for lost in ("0123456789abcdef-5", series + "-99999999"):
        gone = Stream(both, last=lost)
        wait_until(lambda: gone.of("refresh") == [{"topic": "all"}])
    odd = Stream(both, last="odd")  # of no server of ours: from now on
    assert not odd.of("refresh")


def test_a_server_that_was_started_again_tells_to_refresh(both):
    stream = Stream(both)
    warm(both, stream)
    last = stream.ids[-1]
    both.process.send_signal(signal.SIGTERM)
    assert both.process.wait(20) == 0  # an open stream does not hold it up
    wait_until(lambda: stream.ended)
    s = Server(both.tw)
    again = Stream(s, last=last)
    wait_until(lambda: again.of("refresh") == [{"topic": "all"}])


def test_dags_import_errors_and_the_scheduler(both, tw):
    stream = Stream(both)
    warm(both, stream)
    both.send("PATCH", "/api/v2/dags/d", {"is_paused": True})
    wait_until(lambda: {"dag_id": "d"} in stream.of("dag"))
    put(tw, "fresh")
    wait_until(lambda: {"dag_id": "fresh"} in stream.of("dag"))
    tw.write("dags/broken.yaml", "dag_id: broken\ntasks: {a: {operator: nothing}}\n")
    wait_until(lambda: {"count": 1} in stream.of("import_errors"))
    os.remove(tw.path("dags/broken.yaml"))
    wait_until(lambda: {"count": 0} in stream.of("import_errors"))
    wait_until(lambda: both.get("/api/v2/monitor/health")["scheduler"]["status"] == "healthy")
    tw.sched.kill()
    tw.sched.wait()
    wait_until(lambda: stream.of("health")[-1:] == [{"scheduler": "unhealthy"}], 40)


def test_many_changes_are_one_refresh(both, tw):
    put(tw, "wide", tasks={"t%d" % i: {"operator": "empty"} for i in range(800)})
    wait_until(lambda: both.ask("GET", "/api/v2/dags/wide").status == 200)
    stream = Stream(both, "?topics=dag:wide")
    warm(both, stream)
    run(both, "wide", dag_run_id="r1")
    wait_until(lambda: {"topic": "run:wide/r1"} in stream.of("refresh"))
    assert len(stream.of("task")) < 800


def test_one_that_does_not_read_holds_up_nobody(both):
    slow = socket.create_connection((both.host, int(both.port)))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    slow.sendall(("GET /ui/events?topics=dag:d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % both.token).encode())
    fast = Stream(both, "?topics=dag:d")
    for i in range(10):
        path = run(both, dag_run_id="r%d" % i)
        wait_until(lambda: last_states(fast, "r%d" % i) == {"a": "success", "b": "success"})
        assert both.get(path)["state"] == "success"
    slow.close()


def test_many_streams_are_told_alike(both):
    streams = [Stream(both, "?topics=dag:d") for _ in range(200)]
    path = warm(both, streams[0])
    run_id = both.get(path)["dag_run_id"]
    for s in streams:
        wait_until(lambda: last_states(s, run_id) == {"a": "success", "b": "success"})
    for s in streams:
        s.sock.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: both.get("/health")["status"] == "healthy")
    assert last_states(streams[0], run_id) == {"a": "success", "b": "success"}


def test_topics_that_are_none(both):
    for bad in ("odd", "run:", "run:d", "run:d/", "dag:", "task:d", ",".join("dag:d%d" % i for i in range(33))):
        both.get("/ui/events?topics=" + bad, code=422)
    assert both.ask("GET", "/ui/events", token=False).status == 401
    Stream(both, "?topics=dag:d,run:d/r&topics=dag:none").close()
