"""
Stand-ins for the other sides of the wire: a holder that drives the real runner, and an engine that
keeps XComs.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

from tradewind.runner import wire

PYTHON_DIR = str(Path(__file__).resolve().parents[1])
BASE_ENV = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}


class Attempt:
    """What the holder knows of one attempt."""

    def __init__(self, name, result, control, output):
        self.name, self.result, self.control, self.output = name, result, control, output
        self.reader = wire.Reader(control)
        self.pid = self.status = self.error = None
        self.secrets, self.messages = [], []
        self.log = b""
        self.ended = False

    @property
    def exit_code(self):
        return (
            None
            if self.status is None or os.WIFSIGNALED(self.status)
            else os.WEXITSTATUS(self.status)
        )

    @property
    def text(self):
        return self.log.decode("utf-8", "replace")

    def outcome(self):
        if not os.path.exists(self.result):
            return None
        with open(self.result, encoding="utf-8") as file:
            return json.load(file)


class Holder:
    """
    Starts the runner and speaks to it as tradewind-holder does: pipes, control sockets, subreaper.
    """

    def __init__(self, folder, env=None):
        self.folder = Path(folder)
        self.attempts = []
        self.parsed = {}
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        self.env = {**BASE_ENV, "PYTHONPATH": PYTHON_DIR, **(env or {})}
        self.runner = None
        self.start_runner()

    def start_runner(self):
        ours, theirs = socket.socketpair()
        self.sock, self.reader = ours, wire.Reader(ours)
        log = open(self.folder / "runner.log", "ab")
        self.runner = subprocess.Popen(
            [
                sys.executable,
                "-c",
                (
                    "import os,sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
                    " os.close(int(sys.argv[1]));os.execv(sys.executable, [sys.executable, '-m',"
                    " 'tradewind.runner'])"
                ),
                str(theirs.fileno()),
            ],
            env=self.env,
            pass_fds=(theirs.fileno(),),
            stdout=log,
            stderr=log,
        )
        theirs.close()
        log.close()

    def start(self, file, task_id, dag_id="d", env=None, **more):
        name = str(uuid.uuid4())
        control, theirs = socket.socketpair()
        output, write_end = os.pipe()
        result = str(self.folder / f"{name}.json")
        python = {
            "file": str(file),
            "version": None,
            "kind": "task",
            "dag_id": dag_id,
            "run_id": "manual__1",
            "run_key": 1,
            "task_id": task_id,
            "map_index": -1,
            "try_number": 1,
            "max_tries": 0,
            "attempt": name,
            "logical_date": "2026-01-31T00:00:00+00:00",
            "data_interval_start": "2026-01-31T00:00:00Z",
            "data_interval_end": "2026-01-31T00:00:00Z",
            "run_type": "manual",
            "conf": {},
            "params": {},
            "engine": None,
            "result": result,
            "spec": {},
        }
        python.update(more)
        full = [
            f"{k}={v}" for k, v in {**BASE_ENV, "TRADEWIND_ATTEMPT": name, **(env or {})}.items()
        ]
        wire.send(
            self.sock,
            {"type": "start", "attempt": name, "python": python, "env": full},
            (write_end, theirs.fileno()),
        )
        os.close(write_end)
        theirs.close()
        attempt = Attempt(name, result, control, output)
        self.attempts.append(attempt)
        return attempt

    def run(self, file, task_id, **more):
        return self.wait(self.start(file, task_id, **more))

    def parse(self, file, env=None, timeout=30):
        number = len(self.parsed) + 1
        self.parsed[number] = None
        wire.send(
            self.sock, {"type": "parse", "id": number, "request": {"file": str(file), "env": env}}
        )
        self._until(lambda: self.parsed[number] is not None, timeout)
        answer = self.parsed[number]
        assert "error" not in answer, answer
        return answer["response"]

    def wait(self, attempt, timeout=30):
        self._until(lambda: attempt.ended, timeout)
        return attempt

    def wait_log(self, attempt, text, timeout=30):
        self._until(lambda: text in attempt.text or attempt.ended, timeout)
        assert text in attempt.text, attempt.text

    def _until(self, done, timeout):
        deadline = time.monotonic() + timeout
        while not done():
            assert time.monotonic() < deadline, self._state()
            self._step(0.2)

    def _state(self):
        """What a test that waits in vain wants to know."""
        lines = [(self.folder / "runner.log").read_text()]
        for a in self.attempts:
            if not a.ended:
                lines.append(
                    f"{a.name}: {a.messages} pid {a.pid} status {a.status} error {a.error} output"
                    f" {a.output} {a.text}"
                )
        lines.append(
            subprocess.run(
                ["ps", "-eo", "pid,ppid,stat,wchan:20,args"], capture_output=True, text=True
            ).stdout
        )
        return "\n".join(line for line in "\n".join(lines).splitlines() if "ps -eo" not in line)

    def _step(self, seconds):
        live = [a for a in self.attempts if not a.ended]
        fds = [self.sock.fileno()] if self.sock.fileno() >= 0 else []
        fds += [a.control.fileno() for a in live if a.control.fileno() >= 0]
        fds += [a.output for a in live if a.output >= 0]
        readable, _, _ = select.select(fds, [], [], seconds)
        if self.sock.fileno() in readable:
            self._from_runner()
        for attempt in live:
            if attempt.output in readable:
                self._output(attempt)
            if attempt.control.fileno() in readable:
                self._control(attempt)
            self._orphan(attempt)

    def _from_runner(self):
        if not self.reader.read():
            self.sock.close()
            return
        while True:
            message = self.reader.message()
            if message is None:
                return
            self.parsed[message["id"]] = message

    def _output(self, attempt):
        data = os.read(attempt.output, 1 << 16)
        attempt.log += data
        if not data:
            os.close(attempt.output)
            attempt.output = -1
            attempt.ended = attempt.status is not None or attempt.error is not None

    def _control(self, attempt):
        alive = attempt.reader.read()
        while True:
            message = attempt.reader.message()
            if message is None:
                break
            attempt.messages.append(message["type"])
            if message["type"] == "pid":
                attempt.pid = message["pid"]
            elif message["type"] == "exit":
                attempt.status = message["status"]
            elif message["type"] == "failed":
                attempt.error = message["error"]
            elif message["type"] == "secret":
                attempt.secrets.append(message["value"])
        if not alive:
            attempt.control.close()
            if attempt.pid is None and attempt.error is None:
                attempt.error = "the runner closed the control socket"
        attempt.ended = attempt.output < 0 and (
            attempt.status is not None or attempt.error is not None
        )

    def _orphan(self, attempt):
        """A task whose keeper was killed is the holder's own child; a keeper that lives tells the end itself."""
        if attempt.pid is None or attempt.status is not None or attempt.control.fileno() >= 0:
            return
        try:
            pid, status = os.waitpid(attempt.pid, os.WNOHANG)
        except ChildProcessError:
            return
        if pid:
            attempt.status = status
            attempt.ended = attempt.output < 0

    def close(self):
        if self.sock.fileno() >= 0:
            self.sock.close()
        self.runner.wait(10)
        for attempt in self.attempts:
            if attempt.pid and attempt.status is None:
                try:
                    os.kill(attempt.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass


class Engine:
    """
    Answers xcom_get, xcom_list, xcom_set and ti_states on a socket, in a thread of its own. xcoms:
    (task, key) → value, (task, key, map index) → value of an instance.
    """

    def __init__(self, path):
        self.path = str(path)
        self.xcoms = {}
        self.states = {}
        self.asked = []
        self.open()

    def open(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.connections = []
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def close(self):
        """As if the engine died."""
        for sock in [self.listener, *self.connections]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        os.unlink(self.path)

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        reader = wire.Reader(sock)
        try:
            while reader.read():
                while True:
                    message = reader.message()
                    if message is None:
                        break
                    self.asked.append(message)
                    answer = self._answer(message)
                    wire.send(sock, {"type": "answer", "id": message["id"], **answer})
        except OSError:
            pass

    def _answer(self, message):
        if message["type"] == "xcom_get":
            key = (message["task_id"], message["key"])
            if message.get("map_index", -1) >= 0:
                key = (*key, message["map_index"])
            found = key in self.xcoms
            return {"ok": True, "result": {"found": found, "value": self.xcoms.get(key)}}
        if message["type"] == "xcom_list":
            name = (message["task_id"], message["key"])
            all_of = sorted((k[2], v) for k, v in self.xcoms.items() if k[:2] == name and k[2:])
            page = all_of[message.get("offset", 0) :][:2]
            return {
                "ok": True,
                "result": {
                    "mapped": bool(all_of),
                    "length": len(all_of),
                    "values": [{"map_index": i, "value": v} for i, v in page],
                    "more": message.get("offset", 0) + len(page) < len(all_of),
                },
            }
        if message["type"] == "previous_run":
            return {"ok": True, "result": {"found": False}}
        if message["type"] == "xcom_set":
            return {"ok": True, "result": {}}
        if message["type"] == "ti_states":
            return {"ok": True, "result": {i: self.states.get(i) for i in message["task_ids"]}}
        return {"ok": False, "error": "what?", "code": "UNSUPPORTED"}
