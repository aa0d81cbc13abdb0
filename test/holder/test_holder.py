"""The real holder, spoken to over its wire (docs/internals/wire.md)."""
import ctypes
import json
import os
import signal
import stat
import struct
import subprocess
import sys
import time
import uuid
import zlib

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from wire import ENV, Closed, Holder, Wire, alive, wait_until  # noqa: E402


@pytest.fixture
def holder():
    h = Holder()
    yield h
    h.stop()


@pytest.fixture
def wire(holder):
    return holder.connect()


def sh(text):
    return ["bash", "-c", text]


def journal(holder):
    """The records of the journal, checksums verified."""
    with open(holder.journal_path, "rb") as f:
        lines = f.read().split(b"\n")
    assert lines.pop() == b""
    records = []
    for line in lines:
        assert int(line[:8], 16) == zlib.crc32(line[9:])
        records.append(json.loads(line[9:]))
    return records


def number_in(path):
    wait_until(lambda: os.path.exists(path) and open(path).read().endswith("\n"))
    return int(open(path).read())


# ---- ends ----

def test_hello(holder):
    wire = holder.connect()
    assert holder.hello["holder"] == holder.id
    assert holder.hello["pid"] == holder.proc.pid
    assert holder.hello["boot_id"] == open("/proc/sys/kernel/random/boot_id").read().strip()
    assert holder.hello["attempts"] == [] and holder.hello["ends"] == [] and holder.hello["more_ends"] == 0
    assert stat.S_IMODE(os.stat(holder.sock_path).st_mode) == 0o600
    wire.close()


def test_exit_codes(holder, wire):
    for code in (0, 1, 99, 255):
        end = holder.run(wire, sh("exit %d" % code))
        assert (end["exit_code"], end["signal"], end["error"], end["killed"], end["oom"]) == (code, None, None, None, False)


def test_signals(holder, wire):
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGINT, signal.SIGPIPE):
        end = holder.run(wire, sh("ulimit -c 0; kill -%d $$" % number))
        assert (end["exit_code"], end["signal"], end["error"], end["oom"]) == (None, number, None, False)


def test_started_names_the_process(holder, wire):
    attempt = holder.start(wire, sh("echo $$; sleep 0.1"))
    started = wire.expect("started", attempt)
    with open("/proc/%d/stat" % started["pid"]) as f:
        assert int(f.read().rsplit(")", 1)[1].split()[19]) == started["pid_start"]
    assert abs(started["at_us"] - time.time() * 1e6) < 60e6
    end = wire.expect("ended", attempt)
    assert int(end["last_line"]) == started["pid"] == end["pid"]
    assert end["duration_us"] >= 100000


def test_could_not_start(holder, wire):
    cases = [
        (dict(argv=["no-such-program"]), "no-such-program"),
        (dict(argv=["/etc/passwd"]), "ermission denied"),
        (dict(argv=["/"]), "ermission denied"),
        (dict(argv=["true"], cwd="/no/such/folder"), "/no/such/folder"),
        (dict(argv=["/no/such/true"]), "No such file"),
        (dict(argv=[]), "empty"),
        (dict(argv=["echo", "a\0b"]), "NUL"),
        (dict(argv=["echo", "x" * 131072]), "131072"),
        (dict(argv=["true"], secrets=["x"] * 257), "257"),
        (dict(argv=["true"], secrets=["x" * 9000]), "9000"),
        (dict(argv=["true"], env=["X%d=1" % i for i in range(1100)]), "environment"),
        (dict(argv=None, python={"x": 1}), "other"),
    ]
    for members, text in cases:
        argv = members.pop("argv")
        end = holder.run(wire, argv, **members)
        assert end["exit_code"] is None and end["signal"] is None and text in end["error"], end
    assert holder.run(wire, ["true"])["exit_code"] == 0


def test_script_without_interpreter_says_so(holder, wire):
    path = os.path.join(holder.dir, "script")
    with open(path, "w") as f:
        f.write("echo x\n")
    os.chmod(path, 0o755)
    assert "Exec format error" in holder.run(wire, [path])["error"]


def test_path_is_the_tasks_own(holder, wire):
    tool = os.path.join(holder.dir, "sub", "mytool")
    os.makedirs(os.path.dirname(tool))
    with open(tool, "w") as f:
        f.write("#!/bin/sh\necho mine\n")
    os.chmod(tool, 0o755)
    assert holder.run(wire, ["mytool"])["error"]
    assert holder.run(wire, ["mytool"], env=["PATH=" + os.path.dirname(tool) + ":/bin"])["last_line"] == "mine"
    assert holder.run(wire, ["mytool"], env=["PATH=sub:/bin"], cwd=holder.dir)["last_line"] == "mine"
    assert holder.run(wire, ["./sub/mytool"], cwd=holder.dir)["last_line"] == "mine"


# ---- the task's process ----

def test_environment(holder, wire):
    attempt = holder.start(wire, ["env"], env=["A=1", "LANG=xx", "A=2", "EMPTY="])
    wire.expect("ended", attempt)
    lines = holder.log(attempt).decode().splitlines()
    assert sorted(lines) == sorted(["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=xx", "A=2", "EMPTY=", "TRADEWIND_ATTEMPT=" + attempt])


def test_process_is_clean(holder, wire):
    script = r"""
import os, signal
print(sorted(os.listdir('/proc/self/fd')))
print(os.readlink('/proc/self/fd/0'), os.getsid(0) == os.getpid(), oct(os.umask(0)))
s = dict(l.split(':', 1) for l in open('/proc/self/status').read().splitlines())
print(int(s['SigBlk'], 16), int(s['SigIgn'], 16) & ~((1 << 12) | (1 << 24)))
print(open('/proc/self/oom_score_adj').read().strip())
print(os.readlink('/proc/self/fd/1') == os.readlink('/proc/self/fd/2'))
"""
    attempt = holder.start(wire, ["/usr/bin/python3", "-c", script])
    wire.expect("ended", attempt)
    lines = holder.log(attempt).decode().splitlines()
    # the listing itself is one more descriptor
    assert lines == ["['0', '1', '2', '3']", "/dev/null True 0o22", "0 0", "0", "True"]


def test_stdin_is_empty(holder, wire):
    assert holder.run(wire, sh("cat; echo end"))["last_line"] == "end"


# ---- ending trees ----

def test_timeout(holder, wire):
    end = holder.run(wire, sh("sleep 1000"), timeout_us=100000)
    assert end["killed"] == "timeout" and end["signal"] == signal.SIGTERM and end["duration_us"] >= 100000


def test_timeout_then_force(holder, wire):
    end = holder.run(wire, sh("trap '' TERM; while :; do sleep 0.05; done"), timeout_us=50000, grace_us=100000)
    assert end["killed"] == "timeout" and end["signal"] == signal.SIGKILL


def test_kill_ends_double_forks(holder, wire):
    script = "for i in 1 2 3; do (setsid sh -c 'trap \"\" TERM; setsid sleep 1000 & echo $! >> pids; echo $$ >> pids; wait; wait; sleep 1000' &) ; done; echo $$ >> pids; sleep 1000"
    attempt = holder.start(wire, sh(script), cwd=holder.dir)
    wire.expect("started", attempt)
    pids = os.path.join(holder.dir, "pids")
    wait_until(lambda: os.path.exists(pids) and len(open(pids).read().split()) == 7)
    wire.send("kill", attempt=attempt, reason="user", grace_us=50000)
    end = wire.expect("ended", attempt)
    assert end["killed"] == "user"
    assert [pid for pid in map(int, open(pids).read().split()) if alive(pid)] == []


def test_kill_reaches_what_is_born_meanwhile(holder, wire):
    script = "trap '' TERM; f() { (setsid sleep 1000 &); }; while :; do f; f; f; sleep 0.001; done"
    attempt = holder.start(wire, sh(script), env=["MARK=born-" + holder.id])
    wire.expect("started", attempt)
    time.sleep(0.1)
    wire.send("kill", attempt=attempt, reason="x", grace_us=0)
    assert wire.expect("ended", attempt)["signal"] == signal.SIGKILL
    mark = ("MARK=born-" + holder.id).encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as f:
                assert mark not in f.read() or not alive(int(pid))
        except OSError:
            pass


def test_stopped_processes_are_ended(holder, wire):
    attempt = holder.start(wire, sh("kill -STOP $$"))
    started = wire.expect("started", attempt)
    wait_until(lambda: open("/proc/%d/stat" % started["pid"]).read().rsplit(")", 1)[1].split()[0] == "T")
    wire.send("kill", attempt=attempt, reason="x", grace_us=5000000)
    assert wire.expect("ended", attempt)["signal"] == signal.SIGTERM


def test_kill_with_a_clean_exit_keeps_the_code(holder, wire):
    attempt = holder.start(wire, sh("trap 'echo bye; exit 0' TERM; echo ready > ready; while :; do sleep 0.01; done"), cwd=holder.dir)
    wait_until(lambda: os.path.exists(os.path.join(holder.dir, "ready")))
    wire.send("kill", attempt=attempt, reason="marked failed", grace_us=10000000)
    end = wire.expect("ended", attempt)
    assert (end["exit_code"], end["killed"], end["last_line"]) == (0, "marked failed", "bye")


def test_leftovers_end_with_the_attempt(holder, wire):
    pid_path = os.path.join(holder.dir, "pid")
    end = holder.run(wire, sh("(setsid sh -c 'echo $$ > pid; exec sleep 1000' &); while [ ! -s pid ]; do sleep 0.01; done; exit 3"), cwd=holder.dir)
    assert end["exit_code"] == 3 and end["killed"] is None
    assert not alive(number_in(pid_path))


def test_stubborn_leftovers(holder, wire):
    end = holder.run(wire, sh("(trap '' TERM; touch ready; sleep 1000; sleep 1000) & while [ ! -e ready ]; do sleep 0.01; done; exit 4"),
                     cwd=holder.dir, grace_us=100000)
    assert end["exit_code"] == 4


def test_leftover_output_is_in_the_log(holder, wire):
    attempt = holder.start(wire, ["sh", "-c", "(trap 'echo farewell; exit' TERM; touch ready; while :; do sleep 0.01; done) & while [ ! -e ready ]; do sleep 0.01; done; echo main"],
                           cwd=holder.dir, grace_us=10000000)
    wire.expect("ended", attempt)
    log = holder.log(attempt)  # the shell may say "Terminated" of its sleep
    assert log.startswith(b"main\n") and log.endswith(b"farewell\n")


def test_two_kills_the_shorter_grace_counts(holder, wire):
    attempt = holder.start(wire, sh("trap '' TERM; touch ready; while :; do sleep 0.01; done"), cwd=holder.dir)
    wait_until(lambda: os.path.exists(os.path.join(holder.dir, "ready")))
    wire.send("kill", attempt=attempt, reason="first", grace_us=3600000000)
    wire.send("kill", attempt=attempt, reason="second", grace_us=0)
    end = wire.expect("ended", attempt)
    assert end["killed"] == "first" and end["signal"] == signal.SIGKILL


def test_kill_of_something_unknown_or_ended(holder, wire):
    wire.send("kill", attempt=str(uuid.uuid4()), reason="x", grace_us=0)
    attempt = holder.start(wire, ["true"])
    wire.expect("ended", attempt)
    wire.send("kill", attempt=attempt, reason="x", grace_us=0)
    wire.send("ack", attempt=attempt)
    assert holder.run(wire, ["true"])["exit_code"] == 0


# ---- the queue ----

def test_starts_wait_for_each_other(holder, wire):
    ids = [holder.start(wire, sh("echo %d >> order; sleep 0.02" % i), cwd=holder.dir) for i in range(6)]
    assert [wire.expect("ended")["attempt"] for _ in ids] == ids
    assert open(os.path.join(holder.dir, "order")).read().split() == list("012345")


def test_too_many_starts(holder, wire):
    ids = [holder.start(wire, sh("sleep 1000"))]
    wire.expect("started", ids[0])
    ids += [holder.start(wire, ["true"]) for _ in range(9)]
    end = wire.expect("ended")
    assert end["attempt"] == ids[9] and "waiting" in end["error"]
    wire.send("kill", attempt=ids[0], reason="x", grace_us=0)
    for attempt in ids[:9]:
        assert wire.expect("ended")["attempt"] == attempt


def test_kill_in_the_queue(holder, wire):
    first = holder.start(wire, sh("sleep 1000"))
    wire.expect("started", first)
    second = holder.start(wire, sh("echo never > never"), cwd=holder.dir)
    wire.send("kill", attempt=second, reason="cleared", grace_us=0)
    end = wire.expect("ended", second)
    assert end["killed"] == "cleared" and end["error"] and end["pid"] == 0
    wire.send("kill", attempt=first, reason="x", grace_us=0)
    wire.expect("ended", first)
    assert not os.path.exists(os.path.join(holder.dir, "never"))


def test_the_same_start_again(holder, wire):
    attempt = holder.start(wire, sh("echo x >> count; sleep 0.2"), cwd=holder.dir)
    wire.expect("started", attempt)
    holder.start(wire, sh("echo x >> count"), attempt=attempt, cwd=holder.dir)
    wire.expect("started", attempt)
    wire.expect("ended", attempt)
    holder.start(wire, sh("echo x >> count"), attempt=attempt, cwd=holder.dir)
    wire.expect("ended", attempt)
    assert open(os.path.join(holder.dir, "count")).read() == "x\n"


# ---- output ----

def test_no_output_no_log(holder, wire):
    attempt = holder.start(wire, ["true"])
    assert wire.expect("ended", attempt)["last_line"] == ""
    assert holder.log(attempt) is None
    attempt = holder.start(wire, ["true"], last_line=False)
    assert wire.expect("ended", attempt)["last_line"] is None


def test_binary(holder, wire):
    data = bytes(range(256)) * 100
    path = os.path.join(holder.dir, "data")
    with open(path, "wb") as f:
        f.write(data)
    attempt = holder.start(wire, ["cat", path])
    end = wire.expect("ended", attempt)
    assert holder.log(attempt) == data and end["log_bytes"] == len(data) and end["log_dropped"] == 0


def test_last_line_that_is_not_utf8(holder, wire):
    assert holder.run(wire, sh(r"printf 'x\nab\xff\xc3\xa4c\n'"))["last_line"] == "ab\ufffd\u00e4c"


def test_long_last_line(holder, wire):
    end = holder.run(wire, sh("head -c 200000 /dev/zero | tr '\\0' x; printf END"))
    assert len(end["last_line"]) == 48 * 1024 and end["last_line"].endswith("xEND")


def test_a_flood_without_newline(holder, wire):
    attempt = holder.start(wire, sh("head -c 200000000 /dev/zero | tr '\\0' y"), log_max=8 << 20)
    end = wire.expect("ended", attempt)
    assert end["log_bytes"] + end["log_dropped"] == 200000000
    assert end["last_line"] == "y" * (48 * 1024)
    logs = os.path.dirname(holder.log_path(attempt))
    sizes = {name: os.path.getsize(os.path.join(logs, name)) for name in os.listdir(logs)}
    assert sizes[attempt + ".log"] == 4 << 20
    assert sum(sizes.values()) == end["log_bytes"] <= 8 << 20
    assert len(sizes) == 5
    # a reader can tell how much is missing from the numbers of the segments alone
    first = min(int(name.rsplit(".", 1)[1]) for name in sizes if name != attempt + ".log")
    assert (first - 1) * (1 << 20) == end["log_dropped"]


SECRET = "s3cr'et\"\u00e4 key/+"


def test_secrets_byte_by_byte(holder, wire):
    script = r"""
import sys, os, time, json, base64, urllib.parse, shlex
s = os.environ['SECRET']
for text in (s, json.dumps(s), json.dumps(s, ensure_ascii=False), urllib.parse.quote(s), urllib.parse.quote_plus(s), shlex.quote(s),
             base64.b64encode(('u:' + s).encode()).decode(), base64.urlsafe_b64encode(s.encode()).decode(), repr(s)):
    for b in ('[' + text + ']\n').encode():
        os.write(1, bytes([b]))
"""
    attempt = holder.start(wire, ["/usr/bin/python3", "-c", script], env=["SECRET=" + SECRET, "LANG=C.UTF-8"], secrets=[SECRET])
    end = wire.expect("ended", attempt)
    log = holder.log(attempt).decode()
    assert end["exit_code"] == 0, log
    lines = log.splitlines()
    assert lines[0] == "[***]" and len(lines) == 9
    for line in lines:
        assert "***" in line and "s3cr" not in line and "key" not in line and len(line) < 16, lines
    assert "s3cr" not in end["last_line"]


def test_half_a_secret_is_held_and_shown_at_the_end(holder, wire):
    attempt = holder.start(wire, sh("printf 'a pass'; touch half; while [ ! -e go ]; do sleep 0.01; done; printf 'word pass'"),
                           secrets=["password"], cwd=holder.dir)
    wait_until(lambda: os.path.exists(os.path.join(holder.dir, "half")) and holder.log(attempt) == b"a ")
    open(os.path.join(holder.dir, "go"), "w").close()
    wire.expect("ended", attempt)
    assert holder.log(attempt) == b"a *** pass"


def test_secrets_are_nowhere_else(holder, wire):
    attempt = holder.start(wire, sh("echo topsecret99; exit 1"), secrets=["topsecret99"])
    end = wire.expect("ended", attempt)
    assert end["last_line"] == "***"
    assert b"topsecret99" not in open(holder.journal_path, "rb").read()


# ---- connections ----

def test_engine_lost_and_regained(holder):
    wire = holder.connect()
    running = holder.start(wire, sh("echo on; while [ ! -e go ]; do sleep 0.01; done; exit 7"), cwd=holder.dir)
    started = wire.expect("started", running)
    wire.close()
    wire = holder.connect()
    assert holder.hello["attempts"] == [started] and holder.hello["ends"] == []
    wire.close()
    open(os.path.join(holder.dir, "go"), "w").close()
    wait_until(lambda: any(r["type"] == "ended" for r in journal(holder)))
    wire = holder.connect()
    assert holder.hello["attempts"] == []
    (end,) = holder.hello["ends"]
    assert end["attempt"] == running and end["exit_code"] == 7 and end["last_line"] == "on"
    wire.send("ack", attempt=running)
    assert holder.run(wire, ["true"])["exit_code"] == 0


def test_queued_starts_go_with_their_connection(holder):
    wire = holder.connect()
    first = holder.start(wire, sh("while [ ! -e go ]; do sleep 0.01; done"), cwd=holder.dir)
    wire.expect("started", first)
    second = holder.start(wire, sh("touch never"), cwd=holder.dir)
    wire.close()
    wire = holder.connect()
    assert [a["attempt"] for a in holder.hello["attempts"]] == [first]
    open(os.path.join(holder.dir, "go"), "w").close()
    assert wire.expect("ended")["attempt"] == first
    assert holder.run(wire, ["true"])["exit_code"] == 0
    assert not os.path.exists(os.path.join(holder.dir, "never"))
    assert all(r["attempt"] != second for r in journal(holder))


def test_a_new_connection_replaces_the_old(holder):
    old = holder.connect()
    attempt = holder.start(old, sh("sleep 0.2; exit 5"))
    old.expect("started", attempt)
    new = holder.connect()
    with pytest.raises(Closed):
        old.recv()
    assert new.expect("ended", attempt)["exit_code"] == 5


def test_a_slow_engine_loses_nothing(holder, wire):
    ids = []
    for _ in range(30):
        ids.append(holder.start(wire, sh("head -c 49000 /dev/zero | tr '\\0' z")))
        if len(ids) % 8 == 0:
            wait_until(lambda: sum(r["type"] == "ended" for r in journal(holder)) >= len(ids) - 1)
    ends = [wire.expect("ended") for _ in ids]
    assert [e["attempt"] for e in ends] == ids and all(len(e["last_line"]) == 49000 for e in ends)


def test_more_ends_than_a_hello_holds(holder):
    wire = holder.connect()
    ids = []
    for _ in range(30):  # as JSON each of these is six times as long
        ids.append(holder.start(wire, sh("head -c 49152 /dev/zero | tr '\\0' '\\1'")))
        wire.expect("ended", ids[-1])
    wire.close()
    wire = holder.connect()
    told = [e["attempt"] for e in holder.hello["ends"]]
    more = holder.hello["more_ends"]
    assert 0 < len(told) < 30 and len(told) + more == 30
    told += [wire.expect("ended")["attempt"] for _ in range(more)]
    assert sorted(told) == sorted(ids)


MALFORMED = [
    b"\0\0\0\0", b"\xff\xff\xff\xff", struct.pack("<I", 5) + b"hello", struct.pack("<I", 2) + b"[]", struct.pack("<I", 2) + b"{}",
    struct.pack("<I", 8) + b'{"v":1 }', struct.pack("<I", 23) + b'{"v":9,"type":"setup"} ',
    b"GET / HTTP/1.0\r\n\r\n",
]


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed_frames_close_the_connection(holder, data):
    wire = holder.connect(setup=False)
    wire.sock.sendall(data)
    with pytest.raises(Closed):
        wire.recv()
    wire = holder.connect()
    assert holder.run(wire, ["true"])["exit_code"] == 0


MESSAGES = [
    ("start", dict(attempt="not-a-uuid", argv=["true"], log="/tmp/x")),
    ("start", dict()),
    ("kill", dict()),
    ("kill", dict(attempt=7)),
    ("ack", dict()),
    ("nonsense", dict()),
    ("parse", dict()),
    ("setup", dict(env="x")),
    ("setup", dict(env=[1])),
    ("setup", dict(env=[], python=dict(argv=[], env=[]))),
]


@pytest.mark.parametrize("type_,members", MESSAGES)
def test_malformed_messages_close_the_connection(holder, type_, members):
    wire = holder.connect()
    wire.send(type_, **members)
    with pytest.raises(Closed):
        wire.recv()
    wire = holder.connect()
    assert holder.run(wire, ["true"])["exit_code"] == 0


def test_setup_comes_first(holder):
    wire = holder.connect(setup=False)
    holder.start(wire, ["true"])
    with pytest.raises(Closed):
        wire.recv()


def test_ack_of_what_runs_is_refused(holder):
    wire = holder.connect()
    attempt = holder.start(wire, sh("sleep 1000"))
    wire.expect("started", attempt)
    wire.send("ack", attempt=attempt)
    with pytest.raises(Closed):
        wire.recv()
    wire = holder.connect()
    wire.send("kill", attempt=attempt, reason="x", grace_us=0)
    wire.expect("ended", attempt)


def test_a_frame_in_single_bytes(holder, wire):
    body = json.dumps(dict(v=1, type="start", attempt=str(uuid.uuid4()), argv=["true"], log=os.path.join(holder.dir, "l"))).encode()
    for b in struct.pack("<I", len(body)) + body:
        wire.sock.sendall(bytes([b]))
    assert wire.expect("ended")["exit_code"] == 0


# ---- journal ----

def test_journal_is_cut_when_nothing_is_held(holder, wire):
    attempt = holder.start(wire, ["true"])
    wire.expect("ended", attempt)
    records = journal(holder)
    assert [(r["type"], r["pid"] != 0) for r in records] == [("started", False), ("started", True), ("ended", True)]
    assert all(r["attempt"] == attempt and r["boot_id"] == holder.hello["boot_id"] for r in records)
    wire.send("ack", attempt=attempt)
    wait_until(lambda: os.path.getsize(holder.journal_path) == 0)


def test_journal_is_shortened_while_something_is_held(holder, wire):
    held = holder.start(wire, sh("printf held; exit 3"))
    wire.expect("ended", held)
    for _ in range(60):
        holder.run(wire, sh("head -c 9000 /dev/zero | tr '\\0' x"))
    assert os.path.getsize(holder.journal_path) < 300000
    assert [r for r in journal(holder) if r["attempt"] == held and r["type"] == "ended"][0]["last_line"] == "held"
    assert subprocess.call(["flock", "-n", holder.journal_path, "true"]) != 0


def test_the_journal_of_a_killed_holder(holder, wire):
    done = holder.start(wire, sh("exit 9"))
    wire.expect("ended", done)
    running = holder.start(wire, sh("sleep 1000"))
    started = wire.expect("started", running)
    assert subprocess.call(["flock", "-n", holder.journal_path, "true"]) != 0
    holder.proc.kill()
    holder.proc.wait()
    assert subprocess.call(["flock", "-n", holder.journal_path, "true"]) == 0
    records = journal(holder)
    assert [r["exit_code"] for r in records if r["type"] == "ended"] == [9]
    assert records[-1]["attempt"] == running and records[-1]["pid"] == started["pid"] and records[-1]["pid_start"] == started["pid_start"]
    os.kill(started["pid"], signal.SIGKILL)


def test_a_second_holder_of_the_same_name(holder, wire):
    from wire import HOLDER
    assert subprocess.run([HOLDER, holder.holders, holder.id], stderr=subprocess.DEVNULL).returncode != 0
    assert holder.run(wire, ["true"])["exit_code"] == 0


def test_usage():
    from wire import HOLDER
    for args in ([], ["x"], ["/tmp", "../x"], ["/tmp", ".x"], ["/tmp", ""], ["/tmp", "a" * 65], ["a", "b", "c", "d"]):
        assert subprocess.run([HOLDER] + args, stderr=subprocess.DEVNULL).returncode == 64


# ---- idle, drain ----

def test_idle_exit(holder):
    wire = holder.connect(idle_exit_s=0)
    holder.run(wire, ["true"])
    wire.close()
    assert holder.proc.wait(20) == 0
    assert os.listdir(holder.holders) == []


def test_idle_exit_keeps_the_ends(holder):
    wire = holder.connect(idle_exit_s=0)
    attempt = holder.start(wire, sh("exit 8"))
    wire.expect("ended", attempt)
    wire.close()
    assert holder.proc.wait(20) == 0
    assert os.listdir(holder.holders) == [holder.id + ".journal"]
    assert journal(holder)[-1]["exit_code"] == 8


def test_idle_waits_for_the_attempt(holder):
    wire = holder.connect(idle_exit_s=0)
    attempt = holder.start(wire, sh("sleep 0.3; exit 2"))
    wire.expect("started", attempt)
    wire.close()
    assert holder.proc.wait(20) == 0
    assert journal(holder)[-1]["exit_code"] == 2


def test_drain(holder, wire):
    attempt = holder.start(wire, sh("sleep 0.1; exit 1"))
    wire.send("drain")
    end = wire.expect("ended", attempt)
    assert end["exit_code"] == 1 and holder.proc.poll() is None
    wire.send("ack", attempt=attempt)
    assert holder.proc.wait(20) == 0
    assert os.listdir(holder.holders) == []


def test_signals_do_not_end_it(holder, wire):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        os.kill(holder.proc.pid, number)
    assert holder.run(wire, ["true"])["exit_code"] == 0


# ---- full disks ----

class FullDisk:
    """A very small file system."""

    def __init__(self, size):
        import tempfile
        self.path = tempfile.mkdtemp(prefix="tw-full-")
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"tmpfs", self.path.encode(), b"tmpfs", 0, b"size=%d" % size) != 0:
            os.rmdir(self.path)
            pytest.skip("cannot mount a tmpfs")
        self.libc = libc

    def fill(self):
        with open(os.path.join(self.path, "filler"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass

    def free(self):
        os.unlink(os.path.join(self.path, "filler"))

    def close(self):
        self.libc.umount2(self.path.encode(), 2)
        os.rmdir(self.path)


@pytest.fixture
def disk():
    d = FullDisk(1 << 20)
    yield d
    d.close()


def test_log_on_a_full_disk(holder, wire, disk):
    disk.fill()
    log = os.path.join(disk.path, "log")
    attempt = holder.start(wire, sh("head -c 3000000 /dev/zero; touch full; while [ ! -e go ]; do sleep 0.01; done; sleep 0.4; echo after; exit 6"),
                           cwd=holder.dir, log=log)
    wait_until(lambda: os.path.exists(os.path.join(holder.dir, "full")))
    disk.free()
    open(os.path.join(holder.dir, "go"), "w").close()
    end = wire.expect("ended", attempt)
    assert end["exit_code"] == 6 and end["last_line"].endswith("\0after")
    assert end["log_dropped"] >= 3000000
    text = open(log, "rb").read()
    assert text.endswith(b"bytes left out (No space left on device) ...\nafter\n")


def test_journal_on_a_full_disk(disk):
    holder = Holder(folder=disk.path)
    try:
        wire = holder.connect()
        running = holder.start(wire, sh("while [ ! -e /tmp/tw-go-%s ]; do sleep 0.01; done; head -c 20000 /dev/zero | tr '\\0' x; exit 5" % holder.id),
                               log="/dev/null/x")
        wire.expect("started", running)
        disk.fill()
        go = "/tmp/tw-go-" + holder.id
        open(go, "w").close()
        end = wire.expect("ended", running)  # told although the journal cannot have it
        os.unlink(go)
        assert end["exit_code"] == 5
        assert all(r["type"] != "ended" for r in journal(holder))
        wire.close()
        time.sleep(0.3)
        assert holder.proc.poll() is None
        disk.free()
        wait_until(lambda: any(r["type"] == "ended" for r in journal(holder)))  # written as soon as there is room
        wire = holder.connect()
        assert [e["exit_code"] for e in holder.hello["ends"]] == [5]
        wire.send("ack", attempt=running)
        wait_until(lambda: os.path.getsize(holder.journal_path) == 0)
        wire.send("drain")
        holder.proc.wait(20)
    finally:
        holder.stop()


def test_no_start_without_a_journal(disk):
    """What the journal does not know must not run: it would run twice after a crash."""
    holder = Holder(folder=disk.path)
    try:
        wire = holder.connect()
        disk.fill()
        attempt = holder.start(wire, sh("touch /tmp/tw-never-%s; exit 4" % holder.id), log="/dev/null/x")
        time.sleep(0.4)
        assert not os.path.exists("/tmp/tw-never-" + holder.id)
        disk.free()
        assert wire.expect("ended", attempt)["exit_code"] == 4
        os.unlink("/tmp/tw-never-" + holder.id)
    finally:
        holder.stop()


def test_killing_at_random():
    """kill -9 of holders at any time: the journal tells of each attempt that began, and names its process."""
    for i in range(25):
        holder = Holder()
        try:
            wire = holder.connect()
            ids = [holder.start(wire, sh("echo begun >> began.%d" % n), cwd=holder.dir) for n in range(5)]
            time.sleep(0.0007 * i)
            holder.proc.kill()
            holder.proc.wait()
            with open(holder.journal_path, "rb") as f:
                text = f.read()
            known = {json.loads(line[9:])["attempt"] for line in text.split(b"\n")[:-1]}
            for n, attempt in enumerate(ids):
                if os.path.exists(os.path.join(holder.dir, "began.%d" % n)):
                    assert attempt in known
        finally:
            holder.stop()
