"""Clients that are slow, and crowds of them: whoever else asks is answered meanwhile, memory stays bounded, and they are closed in the end. Where a
comment says `guard:`, the guard named there was taken out by hand, and the test failed."""
import errno
import json
import os
import resource
import select
import signal
import socket
import subprocess
import time

import pytest
from conftest import wait_until
from test_api_server import Server, put, run

PATIENCE_S = 300
CROWD = 10000


@pytest.fixture
def files():
    """As many descriptors as the system gives to this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident(p):
    """MiB that a process has in memory."""
    with open("/proc/%d/statm" % p.pid) as f:
        return int(f.read().split()[1]) * resource.getpagesize() / (1 << 20)


def descriptors(p):
    return len(os.listdir("/proc/%d/fd" % p.pid))


def start(tw, config, **dag):
    put(tw, **dag)
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"), stderr=subprocess.STDOUT)
    s = Server(tw, config)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    return s


CROWDS = []


@pytest.fixture(autouse=True)
def crowds():
    yield
    while CROWDS:
        CROWDS.pop().close()


class Crowd:
    """Many connections, made without waiting; each sends its bytes as it is connected. From 127.0.0.2 on: a source has 28,000 ports."""

    def __init__(self, s, n, first=b""):
        self.s, self.first, self.all, self.open = s, first, {}, 0
        self.poll = select.epoll()
        CROWDS.append(self)
        for i in range(n):
            c = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            c.setblocking(False)
            c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.bind(("127.0.0.%d" % (2 + i % 8), 0))
            code = c.connect_ex((s.host, int(s.port)))
            assert code in (0, errno.EINPROGRESS), os.strerror(code)
            self.all[c.fileno()] = c
            self.poll.register(c.fileno(), select.EPOLLOUT | select.EPOLLIN | select.EPOLLRDHUP)
            if i % 500 == 499:
                self.turn(0)
        self.turn(0)

    def turn(self, seconds=0.1):
        """What has happened: connected ones send, ended ones are closed here, too."""
        for fd, what in self.poll.poll(seconds, 4096):
            c = self.all[fd]
            if what & (select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR):
                self.drop(fd)
                continue
            if what & select.EPOLLOUT:
                self.open += 1
                try:
                    c.send(self.first)
                except OSError:
                    self.drop(fd)
                    continue
                self.poll.modify(fd, select.EPOLLIN | select.EPOLLRDHUP)
            if what & select.EPOLLIN:
                try:
                    if not c.recv(65536):
                        self.drop(fd)
                except BlockingIOError:
                    pass
                except OSError:
                    self.drop(fd)

    def drop(self, fd):
        self.poll.unregister(fd)
        self.all.pop(fd).close()

    def send(self, data):
        """To all that are connected; what does not fit is not sent."""
        for fd, c in list(self.all.items()):
            try:
                c.send(data)
            except BlockingIOError:
                pass
            except OSError:
                self.drop(fd)

    def close(self):
        for fd in list(self.all):
            self.drop(fd)
        if not self.poll.closed:
            self.poll.close()


def answered(s, patience=120):
    """A real request is answered, however many others there are; while the server makes room it may take several tries, or be 503."""
    codes = []

    def once():
        try:
            codes.append(s.ask("GET", "/api/v2/dags/d").status)
        except (OSError, TimeoutError) as e:
            codes.append(str(e))
        return codes[-1] in (200, 503)
    wait_until(once, patience)
    return codes[-1]


# ---- slow clients

def test_slow_heads_bodies_and_readers_are_closed_and_hold_up_nobody(tw):
    s = start(tw, "api: {idle_timeout: 2, max_connections: 200}\n", tasks={"a": {"operator": "bash", "bash_command": "seq 2000000"}})
    path = run(s)
    auth = b"Authorization: Bearer %s\r\n" % s.token.encode()
    heads = Crowd(s, 20, b"GET /api/v2/dags HTTP/1.1\r\nHost: x\r\n")
    bodies = Crowd(s, 20, b"POST /api/v2/variables HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n" + auth + b"\r\n{")
    chunks = Crowd(s, 20, b"POST /api/v2/variables HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + auth + b"\r\n1\r\n{\r\n")
    before = resident(s.process)
    log = [socket.create_connection((s.host, int(s.port)), timeout=30) for _ in range(20)]
    for c in log:  # they read nothing of a log of 15 MB
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.sendall(b"GET %s/taskInstances/a/logs/1 HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n" % path.encode() + auth + b"\r\n")
    crowds = [heads, bodies, chunks]
    drip = {heads: b"X: y\r\n", bodies: b" ", chunks: b"1\r\n \r\n"}
    until = time.monotonic() + 60
    while any(c.all for c in crowds):  # whatever trickles in: guard: allowed_ms in module_sweep
        assert time.monotonic() < until, [len(c.all) for c in crowds]
        for c in crowds:
            c.send(drip[c])
            c.turn(0.05)
        assert answered(s) == 200
        assert resident(s.process) - before < 60  # as much of each log as STREAM_HIGH says
    wait_until(lambda: descriptors(s.process) < 60)  # the readers that read nothing, too: they are still open here
    for c in log:
        c.close()


def test_streams_of_events_that_nobody_reads(tw):
    """Events of runs go on; who reads is told; memory is bounded by the ring."""
    s = start(tw, "api: {idle_timeout: 2, max_connections: 400}\n", max_active_runs=16)
    auth = b"Authorization: Bearer %s\r\n" % s.token.encode()
    deaf = Crowd(s, 100, b"GET /ui/events?topics=dag:d HTTP/1.1\r\nHost: x\r\n" + auth + b"\r\n")
    wait_until(lambda: deaf.turn(0.01) or deaf.open == 100)
    before = resident(s.process)
    for i in range(10):
        run(s, dag_run_id="r%d" % i)
        assert answered(s) == 200
    assert resident(s.process) - before < 60
    deaf.close()
    wait_until(lambda: descriptors(s.process) < 60)


def test_large_bodies_of_many_that_never_end(tw):
    """Nobody has signed in for them: all together hold no more than the server gives to bodies, and small ones still have room."""
    s = start(tw, "api: {max_connections: 200, workers: 1}\n")
    before = resident(s.process)
    all_ = []
    for _ in range(60):  # 60 times 4 MB, but for the last byte
        c = s.connect()
        c.settimeout(0.5)
        all_.append(c)
        try:
            c.sendall(b"POST /api/v2/variables HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n")
            for _ in range(61):
                c.sendall(b" " * 65536)
        except (OSError, TimeoutError):  # it reads no more of what it refuses
            pass
    assert resident(s.process) - before < 110  # guard: bodies_bytes in take_body
    s.send("POST", "/api/v2/variables", {"key": "small", "value": "x" * 1000}, code=201)
    large = b'{"key":"large","value":"v"}' + b" " * 900000
    r = s.ask("POST", "/api/v2/variables", large)
    assert r.status == 503 and "try again" in json.loads(r.text)["detail"]
    for c in all_:
        c.close()
    wait_until(lambda: s.ask("POST", "/api/v2/variables", large).status == 201)


# ---- crowds

@pytest.mark.parametrize("limit, first", [(200, b""), (200, b"GET / HTTP/1.1\r\n"), (20000, b""), (20000, b"GET /api/v2/version HTTP/1.1\r\nHost: x\r\n\r\n")])
def test_ten_thousand_connections(tw, files, limit, first):
    """Few or all of them have room: a real request is answered meanwhile, tasks run, memory is bounded, and all is closed at the end."""
    assert files >= 2 * CROWD or files >= CROWD + 2000, "this machine gives a process %d descriptors" % files
    s = start(tw, "api: {max_connections: %d, idle_timeout: 5}\n" % limit)
    before, had = resident(s.process), descriptors(s.process)
    crowd = Crowd(s, CROWD, first)
    until = time.monotonic() + 120
    while crowd.open < min(limit, CROWD // 2):
        assert time.monotonic() < until, crowd.open
        crowd.turn()
    assert answered(s) in (200, 503)
    assert resident(s.process) - before < 700  # LIMIT_HTTPD_HEAD for each at most, and what TCP does not count here
    made = subprocess.run([tw.program, "dags", "trigger", "d", "--run-id", "meanwhile"], cwd=tw.folder, env=tw.env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    wait_until(lambda: crowd.turn(0.01) or tw.states()["a"] == "success", 60)
    # Each is closed by the limits: nobody here closes. (What the kernel's queue had no room for believes that it is connected, and is nowhere.)
    wait_until(lambda: crowd.turn() or descriptors(s.process) <= had + 8, 150)
    crowd.close()
    assert answered(s) == 200
    s.process.send_signal(signal.SIGTERM)
    assert s.process.wait(30) == 0


def test_more_connections_than_descriptors(tw):
    """The limit of a login shell is less than the connections that were configured: the rest waits, the server lives and says what is wrong."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    put(tw)
    os.makedirs(tw.home)
    tw.write("home/tradewind.yaml", "api: {max_connections: 2000, idle_timeout: 3}\n")
    with open(tw.path("api.log"), "w") as log:
        p = tw.start("api-server", "-p", "0", stderr=log, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    s = Server.__new__(Server)
    s.tw, s.process, line = tw, p, p.stdout.readline()
    s.host, s.port = line.strip().split("/")[2].rsplit(":", 1)
    s.token = open(os.path.join(tw.home, "api.token")).read().strip()
    assert "max_connections" in s.log() and "256" in s.log()
    crowd = Crowd(s, 400)
    for _ in range(20):
        crowd.turn(0.02)
    wait_until(lambda: ok(s), 60)
    crowd.close()
    wait_until(lambda: ok(s), 60)
    assert p.poll() is None


def ok(s):
    try:
        return s.ask("GET", "/api/v2/version").status == 200
    except (OSError, TimeoutError):
        return False


def test_the_server_takes_as_many_descriptors_as_it_may(tw):
    """A login shell's soft limit is 1024: it is no limit for the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open(tw.path("api.log"), "w") as log:
        p = tw.start("api-server", "-p", "0", stderr=log, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)))
    assert p.stdout.readline().startswith("http")
    assert resource.prlimit(p.pid, resource.RLIMIT_NOFILE)[0] == hard
