#!/usr/bin/env python3
"""
trigger.py BUILD [--runs 1000] [--rounds 3] [--at-once 32]: runs of one step, triggered while the service works: by the command (a process each),
one after the other; and over the engine's socket, one after the other and many at once. For each: runs a second from the first trigger to the
last end, milliseconds from trigger to the task's start, and from its end to when another process reads it in the store. Medians of the rounds;
in a table in Markdown.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import statistics
import struct
import subprocess
import tempfile
import threading
import time

DAG = "dag_id: one\nschedule: null\nmax_active_runs: 1000\ntasks:\n  step: {operator: bash, bash_command: 'true'}\n"


class Socket:
    def __init__(self, home):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(str(home / "engine.sock"))
        self.buf = b""

    def ask(self, n):
        body = json.dumps({"v": 1, "type": "run_create", "id": n, "dag_id": "one", "run_id": f"r{n}"}).encode()
        self.s.sendall(struct.pack("<I", len(body)) + body)

    def answer(self):
        while len(self.buf) < 4 or len(self.buf) < 4 + struct.unpack("<I", self.buf[:4])[0]:
            self.buf += self.s.recv(65536)
        n = struct.unpack("<I", self.buf[:4])[0]
        body, self.buf = json.loads(self.buf[4:4 + n]), self.buf[4 + n:]
        assert body["ok"], body


class Watcher(threading.Thread):
    """When each run is first read as ended."""

    def __init__(self, home, last_key, want):
        super().__init__()
        self.path, self.key, self.want, self.seen = home / "tradewind.db", last_key, want, {}

    def run(self):
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        until = time.monotonic() + 120
        while len(self.seen) < self.want and time.monotonic() < until:
            now_rows = db.execute("SELECT run_key, run_id FROM run WHERE run_key > ? AND state = 2", (self.key,)).fetchall()
            now = time.time()
            for key, run_id in now_rows:
                if run_id not in self.seen:
                    self.seen[run_id] = now
            time.sleep(0.001)
        db.close()


def by_command(program, env, home, file, first, n):
    asked = {}
    for i in range(first, first + n):
        asked[f"r{i}"] = time.time()
        subprocess.run([program, "dags", "trigger", "one", "--run-id", f"r{i}"], env=env, check=True, stdout=subprocess.DEVNULL)
    return asked


def by_socket(at_once):
    def fn(program, env, home, file, first, n):
        lines = [Socket(home) for _ in range(at_once)]
        asked = {}
        for i in range(first, first + n, at_once):
            some = list(range(i, min(i + at_once, first + n)))
            for line, k in zip(lines, some):
                asked[f"r{k}"] = time.time()
                line.ask(k)
            for line, _ in zip(lines, some):
                line.answer()
        return asked
    return fn


def measure(program, env, home, file, fn, first, n):
    db = sqlite3.connect(f"file:{home}/tradewind.db?mode=ro", uri=True)
    last_key = db.execute("SELECT COALESCE(MAX(run_key), 0) FROM run").fetchone()[0]
    db.close()
    watcher = Watcher(home, last_key, n)
    watcher.start()
    begin = time.time()
    asked = fn(program, env, home, file, first, n)
    watcher.join()
    assert len(watcher.seen) == n, f"{n - len(watcher.seen)} runs did not end"
    db = sqlite3.connect(f"file:{home}/tradewind.db?mode=ro", uri=True)
    rows = {r[0]: r[1:] for r in db.execute("SELECT r.run_id, t.start_us / 1e6, t.end_us / 1e6, r.end_us / 1e6 FROM run r JOIN ti t USING (run_key)"
                                            " WHERE r.run_key > ?", (last_key,))}
    db.close()
    start = sorted((rows[k][0] - at) * 1e3 for k, at in asked.items())
    seen = sorted((watcher.seen[k] - rows[k][1]) * 1e3 for k in asked)
    return n / (max(r[2] for r in rows.values()) - begin), start, seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=32)
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tw-trigger-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    home, dags = folder / "home", folder / "dags"
    dags.mkdir()
    file = dags / "one.yaml"
    file.write_text(DAG)
    program = str(pathlib.Path(args.build, "src/tradewind").resolve())
    env = {**os.environ, "TRADEWIND_HOME": str(home), "TRADEWIND_DAGS": str(dags)}
    with open(folder / "log", "w", encoding="utf-8") as log:
        p = subprocess.Popen([program, "scheduler", "-S", str(dags)], env=env, stderr=log)
    while "works in" not in (folder / "log").read_text(encoding="utf-8"):
        time.sleep(0.05)
    ways = {"`dags trigger`, one after the other": by_command, "socket, one after the other": by_socket(1),
            f"socket, {args.at_once} at once": by_socket(args.at_once)}
    results, first = {name: [] for name in ways}, 0
    for _ in range(args.rounds):
        for name, fn in ways.items():
            results[name].append(measure(program, env, home, str(file), fn, first, args.runs))
            first += args.runs
    print("| | runs a second | trigger to start, median / p99 | end to visible, median / p99 |")
    print("|---|---|---|---|")
    for name, rounds in results.items():
        rate = statistics.median(r[0] for r in rounds)
        start, seen = sorted(x for r in rounds for x in r[1]), sorted(x for r in rounds for x in r[2])
        print(f"| {args.runs:,} runs: {name} | {rate:.0f} | {statistics.median(start):.1f} / {start[int(len(start) * 0.99)]:.1f} ms |"
              f" {statistics.median(seen):.1f} / {seen[int(len(seen) * 0.99)]:.1f} ms |")
    p.send_signal(signal.SIGTERM)
    p.wait()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
