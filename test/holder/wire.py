"""A client of the holder's wire (docs/internals/wire.md), for tests: frames over a Unix socket."""
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import uuid

HOLDER = os.environ.get("TRADEWIND_HOLDER", "tradewind-holder")
ENV = ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]


class Closed(Exception):
    """The holder closed the connection."""


class Wire:
    """One connection. Receives with a limit of time, so that a failing test ends."""

    def __init__(self, sock, patience=20):
        self.sock = sock
        self.sock.settimeout(patience)
        self.data = b""

    def send(self, type_, **members):
        body = json.dumps(dict(v=1, type=type_, **members)).encode()
        self.sock.sendall(struct.pack("<I", len(body)) + body)

    def recv(self):
        while True:
            if len(self.data) >= 4:
                n = struct.unpack("<I", self.data[:4])[0]
                if len(self.data) >= 4 + n:
                    body = self.data[4:4 + n]
                    self.data = self.data[4 + n:]
                    message = json.loads(body)
                    assert message["v"] == 1
                    return message
            try:
                got = self.sock.recv(1 << 20)
            except ConnectionError:
                got = b""
            if not got:
                raise Closed()
            self.data += got

    def expect(self, type_, attempt=None):
        """The next message of that type (and attempt); others of the same connection are dropped."""
        while True:
            message = self.recv()
            if message["type"] == type_ and (attempt is None or message["attempt"] == attempt):
                return message

    def close(self):
        self.sock.close()


class Holder:
    """A real holder in a folder of its own."""

    def __init__(self, preexec=None, folder=None, ident=None):
        self.owns_folder = folder is None
        self.dir = folder or tempfile.mkdtemp(prefix="tw-holder-")
        self.id = ident or "h-" + uuid.uuid4().hex[:8]
        self.holders = os.path.join(self.dir, "holders")
        self.proc = subprocess.Popen([HOLDER, self.holders, self.id], preexec_fn=preexec, close_fds=True)
        self.sock_path = os.path.join(self.holders, self.id + ".sock")
        self.journal_path = os.path.join(self.holders, self.id + ".journal")

    def connect(self, setup=True, idle_exit_s=60, env=None, python=None):
        for _ in range(2000):
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.sock_path)
                break
            except OSError:
                s.close()
                assert self.proc.poll() is None, "the holder died"
                time.sleep(0.005)
        else:
            raise AssertionError("the holder does not listen")
        wire = Wire(s)
        if setup:
            wire.send("setup", env=ENV if env is None else env, idle_exit_s=idle_exit_s, python=python)
            self.hello = wire.expect("hello")
        return wire

    def log_path(self, attempt):
        return os.path.join(self.dir, "logs", attempt + ".log")

    def start(self, wire, argv, attempt=None, **options):
        attempt = attempt or str(uuid.uuid4())
        members = dict(attempt=attempt, argv=argv, cwd=None, env=[], log=self.log_path(attempt), log_max=1 << 20,
                       last_line=True, secrets=[], timeout_us=0, grace_us=1000000)
        members.update(options)
        wire.send("start", **members)
        return attempt

    def run(self, wire, argv, **options):
        """Starts, waits for the end, acknowledges it."""
        attempt = self.start(wire, argv, **options)
        end = wire.expect("ended", attempt)
        wire.send("ack", attempt=attempt)
        return end

    def log(self, attempt):
        try:
            with open(self.log_path(attempt), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def stop(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        if self.owns_folder:
            shutil.rmtree(self.dir, ignore_errors=True)


def alive(pid):
    """Whether a process lives (a zombie does not)."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition, seconds=20):
    """Waits for a condition; the limit only ends a failing test."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not become true"
        time.sleep(0.005)
