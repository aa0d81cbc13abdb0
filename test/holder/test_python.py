"""The Python side of the holder, with a runner that does what the test tells it."""
import os
import signal
import sys
import uuid

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from wire import Holder, alive, wait_until  # noqa: E402

RUNNER = dict(argv=["/usr/bin/python3", os.path.join(os.path.dirname(__file__), "fake_runner.py")], env=["PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"], cwd=None)


@pytest.fixture
def holder():
    h = Holder()
    yield h
    h.stop()


@pytest.fixture
def wire(holder):
    return holder.connect(python=RUNNER)


def start(holder, wire, do, options=None, **python):
    attempt = str(uuid.uuid4())
    members = dict(attempt=attempt, python=dict(python, do=do), cwd=None, env=["A=1"], log=holder.log_path(attempt), log_max=1 << 20,
                   last_line=True, secrets=[], timeout_us=0, grace_us=1000000)
    members.update(options or {})
    wire.send("start", **members)
    return attempt


def number(path):
    wait_until(lambda: os.path.exists(path) and open(path).read().endswith("\n"))
    return int(open(path).read())


def test_an_attempt(holder, wire):
    attempt = start(holder, wire, "exit", code=3, env="A=1")
    started = wire.expect("started", attempt)
    end = wire.expect("ended", attempt)
    assert end["exit_code"] == 3 and end["pid"] == started["pid"] and end["last_line"] == "hello from task"
    wire.send("ack", attempt=attempt)
    wait_until(lambda: os.path.getsize(holder.journal_path) == 0)


def test_many_at_once(holder, wire):
    go = os.path.join(holder.dir, "go")
    ids = [start(holder, wire, "sleep", ready=os.path.join(holder.dir, "r%d" % i), go=go, code=i) for i in range(40)]
    for i in range(40):
        number(os.path.join(holder.dir, "r%d" % i))
    open(go, "w").close()
    codes = {}
    while len(codes) < 40:
        end = wire.expect("ended")
        codes[end["attempt"]] = end["exit_code"]
    assert [codes[i] for i in ids] == list(range(40))


def test_too_many(holder, wire):
    for i in range(256):
        start(holder, wire, "nothing")
    over = start(holder, wire, "nothing")
    assert "as many" in wire.expect("ended", over)["error"]


def test_signal(holder, wire):
    assert wire.expect("ended", start(holder, wire, "die"))["signal"] == signal.SIGKILL


def test_failed(holder, wire):
    end = wire.expect("ended", start(holder, wire, "fail"))
    assert end["error"] == "cannot import" and end["exit_code"] is None


def test_secret_named_by_the_task(holder, wire):
    attempt = start(holder, wire, "secret", value="tell-nobody-this")
    assert wire.expect("ended", attempt)["exit_code"] == 0
    assert holder.log(attempt) == b"***"


def test_more_secrets_than_can_be_masked_show_nothing(holder, wire):
    attempt = start(holder, wire, "secret", value="x1" * 140000)
    end = wire.expect("ended", attempt)
    assert end["exit_code"] == 0 and holder.log(attempt) is None and end["log_dropped"] == 280000


def test_kill(holder, wire):
    attempt = start(holder, wire, "sleep", ready=os.path.join(holder.dir, "r"))
    pid = number(os.path.join(holder.dir, "r"))
    wire.send("kill", attempt=attempt, reason="user", grace_us=1000000)
    end = wire.expect("ended", attempt)
    assert end["signal"] == signal.SIGTERM and end["killed"] == "user" and not alive(pid)


def test_timeout(holder, wire):
    attempt = start(holder, wire, "sleep", dict(timeout_us=100000), ready=os.path.join(holder.dir, "r"))
    assert wire.expect("ended", attempt)["killed"] == "timeout"


def test_kill_before_it_began(holder, wire):
    attempt = start(holder, wire, "nothing")
    wire.send("kill", attempt=attempt, reason="user", grace_us=50000)
    end = wire.expect("ended", attempt)
    assert end["error"] == "killed before it started" and end["killed"] == "user"


def test_keeper_killed_the_end_is_still_seen(holder, wire):
    paths = [os.path.join(holder.dir, n) for n in ("k", "r", "go")]
    attempt = start(holder, wire, "sleep", keeper_file=paths[0], ready=paths[1], go=paths[2], code=7)
    wire.expect("started", attempt)
    number(paths[1])
    os.kill(number(paths[0]), signal.SIGKILL)
    open(paths[2], "w").close()
    assert wire.expect("ended", attempt)["exit_code"] == 7


def test_keeper_killed_then_killed(holder, wire):
    paths = [os.path.join(holder.dir, n) for n in ("k", "r")]
    attempt = start(holder, wire, "sleep", keeper_file=paths[0], ready=paths[1])
    wire.expect("started", attempt)
    pid = number(paths[1])
    os.kill(number(paths[0]), signal.SIGKILL)
    wire.send("kill", attempt=attempt, reason="user", grace_us=1000000)
    assert wire.expect("ended", attempt)["signal"] == signal.SIGTERM and not alive(pid)


def test_keeper_dies_after_its_task(holder, wire):
    end = wire.expect("ended", start(holder, wire, "exit", keeper="dies_after", code=0))
    assert end["error"] == "exit not seen" and end["exit_code"] is None, end


def test_runner_dies_before_it_began_once(holder, wire):
    end = wire.expect("ended", start(holder, wire, "runner_dies_once", count=os.path.join(holder.dir, "count"), code=4))
    assert end["exit_code"] == 4, end


def test_runner_dies_again_and_again(holder, wire):
    count = os.path.join(holder.dir, "count")
    end = wire.expect("ended", start(holder, wire, "runner_dies", count=count))
    assert "the runner's last words" in end["error"] and open(count).read() == "xx"
    assert wire.expect("ended", start(holder, wire, "exit", code=2))["exit_code"] == 2


def test_runner_killed_tasks_go_on(holder, wire):
    wire.send("parse", id=1, request={})
    runner = wire.expect("parsed")["response"]["pid"]
    paths = [os.path.join(holder.dir, n) for n in ("r", "go")]
    attempt = start(holder, wire, "sleep", ready=paths[0], go=paths[1], code=6)
    number(paths[0])
    os.kill(runner, signal.SIGKILL)
    assert wire.expect("ended", start(holder, wire, "exit", code=1))["exit_code"] == 1
    open(paths[1], "w").close()
    assert wire.expect("ended", attempt)["exit_code"] == 6


def test_garbage_on_the_control_socket(holder, wire):
    assert wire.expect("ended", start(holder, wire, "garbage"))["error"]
    assert wire.expect("ended", start(holder, wire, "exit"))["exit_code"] == 0


def test_parse(holder, wire):
    wire.send("parse", id=7, request=dict(file="/x.py", env=["A=1"]))
    answer = wire.expect("parsed")
    assert answer["id"] == 7 and answer["response"]["echo"] == dict(file="/x.py", env=["A=1"])
    wire.send("parse", id="text", request=dict(do="die"))
    answer = wire.expect("parsed")
    assert answer["id"] == "text" and "cannot go on" in answer["error"]
    wire.send("parse", id=9, request=dict(big="x" * 3000000))
    assert len(wire.expect("parsed")["response"]["echo"]["big"]) == 3000000


def test_no_such_interpreter(holder):
    wire = holder.connect(python=dict(argv=["/no/such/python"], env=[], cwd=None))
    assert "/no/such/python" in wire.expect("ended", start(holder, wire, "exit"))["error"]
    wire.send("parse", id=1, request={})
    assert "/no/such/python" in wire.expect("parsed")["error"]


def test_engine_lost_and_regained(holder, wire):
    paths = [os.path.join(holder.dir, n) for n in ("r", "go")]
    attempt = start(holder, wire, "sleep", ready=paths[0], go=paths[1], code=5)
    number(paths[0])
    wire.close()
    wire = holder.connect(python=RUNNER)
    assert [a["attempt"] for a in holder.hello["attempts"]] == [attempt]
    open(paths[1], "w").close()
    assert wire.expect("ended", attempt)["exit_code"] == 5
