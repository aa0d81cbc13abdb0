#!/usr/bin/python3
"""backfill.py BUILD [DATES [HAND]]: a backfill of DATES (10000) daily runs of one step under a scheduler: how long its command takes, how
long all of it, the scheduler's memory, the CPU time of a run. Beside it as many runs that the schedule catches up with, and HAND (200)
runs made by hand over the scheduler's socket, 16 connections at once, as `tradewind dags trigger` does it but without a process for each."""
import datetime as dt
import json
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

LAST = dt.date(2026, 6, 30)
CONNECTIONS = 16


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        assert part, "the scheduler closed the connection"
        data += part
    return data


def ask(s, **request):
    body = json.dumps({"v": 1, "id": 1, **request}).encode()
    s.sendall(struct.pack("<I", len(body)) + body)
    answer = json.loads(read_exactly(s, struct.unpack("<I", read_exactly(s, 4))[0]))
    assert answer["ok"], answer
    return answer


class Bench:
    def __init__(self, build, task):
        self.program = os.path.join(os.path.abspath(build), "src", "tradewind")
        self.home = tempfile.mkdtemp(prefix="tradewind-bench-")
        self.env = {**os.environ, "TRADEWIND_HOME": self.home}
        os.mkdir(os.path.join(self.home, "dags"))
        self.file = os.path.join(self.home, "dags", "d.yaml")
        with open(self.file, "w") as f:
            json.dump({"dag_id": "d", "schedule": "@daily", "end_date": "1990-01-01", "max_active_runs": 32, "tasks": {"t": task}}, f)
        self.process = subprocess.Popen([self.program, "scheduler", "-q"], env=self.env)
        while self("dags", "next-execution", "d", code=None).returncode != 0 or not os.path.exists(self.home + "/engine.sock"):
            time.sleep(0.05)

    def __call__(self, *words, code=0):
        done = subprocess.run([self.program, *words], env=self.env, text=True, capture_output=True, check=False)
        assert code is None or done.returncode == code, done.stderr
        return done

    def memory(self, what):
        with open("/proc/%d/status" % self.process.pid) as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith(what))

    def cpu(self):
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def backfill(self, n):
        before, cpu, begin = self.memory("VmRSS"), self.cpu(), time.monotonic()
        first = LAST - dt.timedelta(days=n - 1)
        self("backfill", "create", "d", "--from", first.isoformat(), "--to", LAST.isoformat(), "--max-active-runs", "32")
        made = time.monotonic() - begin
        while self.count("backfill%") < n:
            time.sleep(0.1)
        took = time.monotonic() - begin
        b = json.loads(self("backfill", "show", "1", "-n", "1", "--json").stdout)
        assert b["counts"]["success"] == n, b["counts"]
        print("  backfill of %5d   create %6.0f ms   run %6.2f ms each, %5.2f ms of CPU   memory %5.1f -> %5.1f MB" % (
            n, made * 1000, took / n * 1000, (self.cpu() - cpu) / n * 1000, before, self.memory("VmHWM")))

    def count(self, like):
        db = sqlite3.connect("file:%s/tradewind.db?mode=ro" % self.home, uri=True)
        n = db.execute("SELECT COUNT(*) FROM run WHERE state IN (2, 3) AND run_id LIKE ?", (like,)).fetchone()[0]
        db.close()
        return n

    def by_schedule(self, n, task):
        first = LAST - dt.timedelta(days=n - 1)
        cpu, begin = self.cpu(), time.monotonic()
        with open(self.file.replace("d.yaml", ".c"), "w") as f:
            json.dump({"dag_id": "c", "schedule": "@daily", "catchup": True, "start_date": first.isoformat(), "end_date": LAST.isoformat(),
                       "max_active_runs": 32, "tasks": {"t": task}}, f)
        os.rename(self.file.replace("d.yaml", ".c"), self.file.replace("d.yaml", "c.yaml"))
        while self.count("scheduled%") < n:
            time.sleep(0.1)
        took = time.monotonic() - begin
        print("  by schedule %5d                    run %6.2f ms each, %5.2f ms of CPU   memory %5.1f MB" % (
            n, took / n * 1000, (self.cpu() - cpu) / n * 1000, self.memory("VmHWM")))

    def by_hand(self, n):
        cpu, begin = self.cpu(), time.monotonic()

        def make(k):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.home + "/engine.sock")
            for i in range(k, n, CONNECTIONS):
                day = dt.datetime(1970, 1, 2) + dt.timedelta(days=i)
                ask(s, type="command", op="run", file=self.file, dag_id="d", run_id="hand%d" % i,
                    logical_date_us=int((day - dt.datetime(1970, 1, 1)).total_seconds()) * 1000000)
            s.close()
        threads = [threading.Thread(target=make, args=(k,)) for k in range(CONNECTIONS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        made = time.monotonic() - begin
        while self.count("hand%") < n:
            time.sleep(0.1)
        took = time.monotonic() - begin
        print("  by hand     %5d   create %6.0f ms   run %6.2f ms each, %5.2f ms of CPU" % (
            n, made * 1000, took / n * 1000, (self.cpu() - cpu) / n * 1000))

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        shutil.rmtree(self.home)


def main():
    dates = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    hand = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    for name, task in [("an empty step", {"operator": "empty"}), ("bash: true", {"operator": "bash", "bash_command": "true"})]:
        print(name)
        b = Bench(sys.argv[1], task)
        try:
            b.backfill(dates)
            b.by_schedule(dates, task)
            b.by_hand(hand)
        finally:
            b.close()


if __name__ == "__main__":
    main()
