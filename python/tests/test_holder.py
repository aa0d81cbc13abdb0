"""The runner under the real tradewind-holder: run where TRADEWIND_HOLDER names the program."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import uuid

import fakes
import pytest

from tradewind.runner import wire

PROGRAM = os.environ.get("TRADEWIND_HOLDER")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="TRADEWIND_HOLDER is not set")

DAG = """
import time
from tradewind.sdk import *
with DAG("d"):
    @task
    def t(x):
        mask_secret("hunter2")
        print("hello hunter2", x)
        return 5
    t("{{ ds }}")
    @task
    def bad(): raise ValueError("no")
    bad()
    @task
    def slow(): time.sleep(100)
    slow()
"""


class Client:
    """An engine's connection to a holder."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen([PROGRAM, str(folder), "h"])
        path = str(folder / "h.sock")
        deadline = time.monotonic() + 20
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            try:
                self.sock.connect(path)
                break
            except OSError:
                self.sock.close()
                assert time.monotonic() < deadline
                time.sleep(0.01)
        self.sock.settimeout(30)
        self.reader = wire.Reader(self.sock)
        env = [f"{k}={v}" for k, v in {**fakes.BASE_ENV, "PYTHONPATH": fakes.PYTHON_DIR}.items()]
        python = {"argv": [sys.executable, "-m", "tradewind.runner"], "env": env, "cwd": None}
        base = [f"{k}={v}" for k, v in fakes.BASE_ENV.items()]
        wire.send(self.sock, {"type": "setup", "env": base, "idle_exit_s": 1, "python": python})
        assert self.next("hello")

    def next(self, kind, **like):
        while True:
            message = self.reader.message()
            if message is None:
                assert self.reader.read(), "the holder closed the connection"
            elif message["type"] == kind and all(message.get(k) == v for k, v in like.items()):
                return message

    def start(self, file, task_id, **more):
        name = str(uuid.uuid4())
        python = {
            "file": str(file),
            "kind": "task",
            "dag_id": "d",
            "run_id": "r",
            "run_key": 1,
            "task_id": task_id,
            "map_index": -1,
            "try_number": 1,
            "max_tries": 0,
            "attempt": name,
            "logical_date": "2026-01-31T00:00:00Z",
            "run_type": "manual",
            "conf": {},
            "params": {},
            "engine": None,
            "result": f"{self.folder}/{name}.json",
            "spec": {},
        }
        message = {
            "type": "start",
            "attempt": name,
            "python": python,
            "cwd": None,
            "env": [],
            "log": f"{self.folder}/{name}.log",
            "log_max": 1 << 20,
            "last_line": False,
            "secrets": [],
            "timeout_us": 0,
            "grace_us": 1_000_000,
        }
        message.update(more)
        wire.send(self.sock, message)
        return name

    def ended(self, name):
        end = self.next("ended", attempt=name)
        wire.send(self.sock, {"type": "ack", "attempt": name})
        return end

    def close(self):
        wire.send(self.sock, {"type": "drain"})
        self.sock.close()
        self.process.wait(30)


def test_attempts_under_the_real_holder(folder, write):
    file = write("dag.py", DAG)
    client = Client(folder)
    try:
        wire.send(
            client.sock, {"type": "parse", "id": 1, "request": {"file": str(file), "env": None}}
        )
        assert client.next("parsed")["response"]["documents"][0]["dag_id"] == "d"
        for _ in range(3):
            name = client.start(file, "t")
            end = client.ended(name)
            assert end["exit_code"] == 0, (end, (folder / f"{name}.log").read_text())
            assert (folder / f"{name}.log").read_text() == "hello *** 2026-01-31\n"
            assert json.loads((folder / f"{name}.json").read_text())["outcome"] == "success"
        assert client.ended(client.start(file, "bad"))["exit_code"] == 1
        assert client.ended(client.start(file, "slow", timeout_us=200_000))["killed"] == "timeout"
        name = client.start(file, "slow")
        client.next("started", attempt=name)
        wire.send(
            client.sock, {"type": "kill", "attempt": name, "reason": "why", "grace_us": 1000000}
        )
        assert client.ended(name)["killed"] == "why"
        broken = write("broken.py", "raise ValueError('x')\n")
        assert "import error" in client.ended(client.start(broken, "t"))["error"]
    finally:
        client.close()
