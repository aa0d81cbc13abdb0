"""What clients of the API are told while the scheduler is there and does nothing: 202 with the command's id, and what became of it afterwards. Where
a comment says `guard:`, the guard named there was taken out by hand, and the test failed."""
import json
import os
import re
import signal
import threading
import time

import pytest
from conftest import wait_until
from test_api_server import Server, put, run
from test_auth import token
from test_standalone import Service

CLEAR = {"dry_run": False, "only_failed": False}


class Held:
    """`tradewind standalone` whose scheduler is stopped as it is, as under a debugger or in a machine that swaps, while `with` lasts."""

    def __init__(self, tw):
        self.tw = tw
        put(tw)
        self.service = Service(tw, env={"TRADEWIND__API__PORT": "0"}).ready().ready(name="api-server")
        self.s = s = Server.__new__(Server)  # the one that the supervisor has started
        s.tw, s.token = tw, open(os.path.join(tw.home, "api.token")).read().strip()
        ((s.host, s.port),) = re.findall(r"listens on http://([\d.]+):(\d+)", self.service.log())
        wait_until(lambda: self.s.ask("GET", "/api/v2/dags/d").status == 200)

    def __enter__(self):
        (self.pid,) = self.service.pids()
        os.kill(self.pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)

    def at_once(self, *asked):
        """Answers and how long each took, of requests that wait beside each other."""
        out = [None] * len(asked)

        def one(i, method, path, body, **headers):
            began = time.monotonic()
            r = self.s.ask(method, path, body, headers={k.replace("_", "-"): v for k, v in headers.items()})
            out[i] = (r, time.monotonic() - began)
        threads = [threading.Thread(target=one, args=(i, *a[:3]), kwargs=a[3] if len(a) > 3 else {}) for i, a in enumerate(asked)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return out

    def events(self, what):
        return [e for e in self.s.get("/api/v2/eventLogs?limit=100")["event_logs"] if e["event"] == what]


@pytest.fixture
def held(tw):
    h = Held(tw)
    yield h
    h.service.stop()


def ids(answers):
    found = []
    for r, took in answers:
        assert r.status == 202, (r.status, r.text)
        assert took > 4.9  # not before: what is applied in time is answered as applied
        found.append(r.getheader("Location").rsplit("/", 1)[1])
        assert r.getheader("Location") == "/api/v2/commands/" + found[-1] and found[-1] in json.loads(r.text)["detail"]
        assert found[-1] == r.getheader("X-Request-Id")
    assert len(set(found)) == len(found)
    return found


def became(held, command):
    wait_until(lambda: held.s.ask("GET", "/api/v2/commands/" + command).status == 200)
    return held.s.get("/api/v2/commands/" + command)


def test_what_it_takes_longer_for_is_answered_with_an_id_and_applied_once(held):
    s = held.s
    for i in range(3):
        run(s, dag_run_id="r%d" % i)
    before = {what: len(held.events(what)) for what in ("trigger", "clear", "pause", "note")}
    with held:
        answers = held.at_once(
            ("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "named", "note": "of mine", "conf": {"n": 1}}),
            ("PATCH", "/api/v2/dags/d", {"is_paused": True}),
            ("POST", "/api/v2/dags/d/clearTaskInstances", {**CLEAR, "dag_run_id": "r0"}),
            ("PATCH", "/api/v2/dags/d/dagRuns/r1", {"note": "both of these", "state": "queued"}),
            ("POST", "/api/v2/dags/d/dagRuns", {"dag_run_id": "r2"}))
        commands = ids(answers)
        assert all(s.ask("GET", "/api/v2/commands/" + c).status == 404 for c in commands)
    told = [became(held, c) for c in commands]
    assert [t["state"] for t in told] == ["applied"] * 4 + ["refused"]  # guard: keep_late
    assert [t["command_id"] for t in told] == commands and told[0]["detail"] is None and "there is a run 'r2'" in told[4]["detail"]
    assert s.get("/api/v2/dags/d")["is_paused"] is True
    made = s.get("/api/v2/dags/d/dagRuns/named")
    assert made["conf"] == {"n": 1} and made["note"] == "of mine"
    changed = s.get("/api/v2/dags/d/dagRuns/r1")
    assert changed["note"] == "both of these" and changed["state"] == "queued"
    s.send("PATCH", "/api/v2/dags/d", {"is_paused": False})
    path = "/api/v2/dags/d/dagRuns/r0"
    wait_until(lambda: s.get(path)["state"] == "success")
    assert s.get(path + "/taskInstances/a")["try_number"] == 2
    assert {what: len(held.events(what)) - n for what, n in before.items()} == {"trigger": 1, "clear": 2, "pause": 1, "note": 2}
    # What became of it is told to who asked for it. guard: the actor in COMMAND_ANSWER_KEY
    assert s.ask("GET", "/api/v2/commands/" + commands[0], token=token(s.tw, "other", "admin")).status == 404
    s.get("/api/v2/commands/" + commands[0][:-1] + "x", code=404)


def test_a_change_of_several_runs_waits_once(held):
    """5 s for all of it, not for each of its runs; and each is cleared."""
    s = held.s
    for i in range(3):
        run(s, dag_run_id="r%d" % i)
    with held:
        ((r, took),) = held.at_once(("POST", "/api/v2/dags/d/clearTaskInstances", {**CLEAR, "start_date": "2020-01-01T00:00:00Z", "end_date": "2099-01-01T00:00:00Z"}))
        (command,) = ids([(r, took)])
        assert took < 10  # each waited for would be 15; guard: time_left
    assert became(held, command)["state"] == "applied"
    for i in range(3):
        wait_until(lambda i=i: s.get("/api/v2/dags/d/dagRuns/r%d/taskInstances/b" % i)["try_number"] == 2)


def test_the_same_idempotency_key_applies_once(held):
    """Sent again while the first waits, and after it was applied: by a client that does not know whether the first was taken. guards: api_put_key,
    engine_make_begin in engine_command (a key twice in a batch refuses it), do_get_made."""
    s = held.s
    run(s, dag_run_id="r0")
    new = ("POST", "/api/v2/dags/d/dagRuns", {"conf": {"n": 1}}, {"Idempotency_Key": "of-a-run"})
    clear = ("POST", "/api/v2/dags/d/clearTaskInstances", {**CLEAR, "dag_run_id": "r0"}, {"Idempotency_Key": "of-a-clear"})
    with held:
        commands = ids(held.at_once(new, new, clear, clear))
    assert [became(held, c)["state"] for c in commands] == ["applied"] * 4
    path = "/api/v2/dags/d/dagRuns/r0"
    wait_until(lambda: s.get(path)["state"] == "success")
    for method, where, body, headers in (new, clear):
        first, again = (s.send(method, where, body, headers={"Idempotency-Key": headers["Idempotency_Key"]}) for _ in range(2))
        assert where != new[1] or first["dag_run_id"] == again["dag_run_id"]
    assert [r["conf"] for r in s.get("/api/v2/dags/d/dagRuns")["dag_runs"]].count({"n": 1}) == 1
    assert s.get(path)["state"] == "success" and s.get(path + "/taskInstances/a")["try_number"] == 2
    assert len(held.events("clear")) == 1
    assert s.ask("POST", new[1], {"dag_run_id": "another"}, headers={"Idempotency-Key": "of-a-run"}).status == 409


def test_a_scheduler_that_dies_has_not_applied_it(held):
    """What it had not read is lost with it: nothing is told, and the same key sends it again."""
    s = held.s
    headers = {"Idempotency_Key": "k"}
    with held:
        (command,) = ids(held.at_once(("POST", "/api/v2/dags/d/dagRuns", {}, headers)))
        os.kill(held.pid, signal.SIGKILL)
        held.service.ready(times=2)
        held.pid = held.service.pids()[-1]
    s.get("/api/v2/commands/" + command, code=404)
    wait_until(lambda: s.ask("GET", "/health").status == 200)
    made = s.send("POST", "/api/v2/dags/d/dagRuns", {}, headers={"Idempotency-Key": "k"})
    assert [r["dag_run_id"] for r in s.get("/api/v2/dags/d/dagRuns")["dag_runs"]] == [made["dag_run_id"]]
