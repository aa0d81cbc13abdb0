#!/usr/bin/python3
"""
bench/asset_runs.py BUILD [--consumers 1000] [--rounds 5]: one event of an asset that many DAGs of one step wait for, under
`tradewind scheduler`: the time from the event (when it went to be committed) to the start of each run, and until all have ended.
Times are those that the store keeps. Writes to TMPDIR, else /var/tmp: a real disk, since a commit is a sync.
"""
import argparse
import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ASSET = {"type": "asset", "name": "a", "uri": "s3://a"}


def write(folder, consumers, operator):
    step = {"operator": "bash", "bash_command": "true"} if operator == "bash" else {"operator": "empty"}
    for n in range(consumers):
        with open(os.path.join(folder, "c%05d.yaml" % n), "w", encoding="utf-8") as f:
            json.dump({"dag_id": "c%05d" % n, "schedule": {"type": "assets", "condition": ASSET}, "tasks": {"t": step}}, f)


def query(home, text, *values):
    db = sqlite3.connect("file:%s/tradewind.db?mode=ro" % home, uri=True)
    try:
        return db.execute(text, values).fetchall()
    finally:
        db.close()


def wait(what, patience=300):
    end = time.monotonic() + patience
    while not what():
        if time.monotonic() > end:
            sys.exit("waited for it in vain")
        time.sleep(0.1)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build")
    p.add_argument("--consumers", type=int, default=1000)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--operator", choices=["empty", "bash"], default="empty")
    o = p.parse_args()
    program = os.path.join(os.path.abspath(o.build), "src", "tradewind")
    place = tempfile.mkdtemp(prefix="tw-bench-", dir=os.environ.get("TMPDIR", "/var/tmp"))
    home, dags = os.path.join(place, "home"), os.path.join(place, "dags")
    os.mkdir(dags)
    write(dags, o.consumers, o.operator)
    env = {**os.environ, "TRADEWIND_HOME": home}
    scheduler = subprocess.Popen([program, "scheduler", "-S", dags, "--quiet"], env=env)
    try:
        wait(lambda: os.path.exists(os.path.join(home, "tradewind.db")))
        wait(lambda: query(home, "SELECT COUNT(*) FROM asset_consumer")[0][0] == o.consumers)
        for n in range(o.rounds):
            commits = query(home, "SELECT seq FROM shard")[0][0]
            subprocess.run([program, "assets", "create-event", "a", "--quiet"], env=env, check=True)
            wait(lambda: query(home, "SELECT COUNT(*) FROM run WHERE end_us IS NOT NULL")[0][0] == o.consumers * (n + 1))
            event = query(home, "SELECT MAX(at_us) FROM asset_event")[0][0]
            rows = query(home, "SELECT start_us - ?, end_us - ? FROM run WHERE queued_us >= ?", event, event, event)
            starts, ends = sorted(r[0] / 1000 for r in rows), sorted(r[1] / 1000 for r in rows)
            print("%d runs: event to start median %.1f ms, p99 %.1f ms, last %.1f ms; last end %.1f ms; %d commits"
                  % (len(rows), statistics.median(starts), starts[int(len(starts) * 0.99) - 1], starts[-1], ends[-1],
                     query(home, "SELECT seq FROM shard")[0][0] - commits))
        with open("/proc/%d/status" % scheduler.pid, encoding="utf-8") as f:
            print("scheduler: " + " ".join(line.strip() for line in f if line.startswith(("VmRSS", "VmHWM"))))
    finally:
        scheduler.send_signal(signal.SIGTERM)
        scheduler.wait()
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
