#!/usr/bin/env python3
"""
scheduler.py BUILD [--files 100,1000,10000] [--minutes 3] [--python]: a folder of DAG files, each of them hourly at a minute of its own (the
sixtieth part of them is due in every minute), as the service keeps it: CPU and memory at rest and at work, and from due to started. --python:
Python files in place of YAML. Prints a table in Markdown.

    due -> started    a run's first task runs, as the store has it, less the time the run was due
    at rest           the CPU of the scheduler less what it used in the seconds in which runs were due
"""

import argparse
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

YAML = """dag_id: p{n:05}
schedule: "{minute} * * * *"
tasks:
  extract: {{operator: bash, bash_command: "true"}}
  load: {{operator: bash, bash_command: "true", upstream: [extract]}}
"""

PYTHON = '''import datetime

from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("p{n:05}", schedule="{minute} * * * *", start_date=datetime.datetime(2026, 1, 1), catchup=False):
    BashOperator(task_id="extract", bash_command="true") >> BashOperator(task_id="load", bash_command="true")
'''


def usage(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    ticks = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / ticks, (int(fields[13]) + int(fields[14])) / ticks, rss / 1024


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


def start(program, env, dags):
    begin = time.monotonic()
    p = subprocess.Popen([program, "scheduler", "-S", dags], env=env, stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if "works in" in line:
            return p, time.monotonic() - begin
    raise SystemExit("the scheduler did not start")


def watch(p, minutes):
    """(CPU at rest, CPU in the seconds after a minute began, the looks' CPU) in seconds; peak MiB."""
    time.sleep((59 - time.time()) % 60)  # just before a minute begins
    rest = work = memory = 0
    last, children, _ = usage(p.pid)
    first_children = children
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        time.sleep(0.5)
        now, children, rss = usage(p.pid)
        second = time.time() % 60
        if second < 15 or second > 59:
            work += now - last
        else:
            rest += now - last
        last, memory = now, max(memory, rss)
    return rest, work, children - first_children, memory


def latencies(home, since_us):
    """Milliseconds to the first start and the last end, of the runs that were due since then."""
    db = sqlite3.connect(f"file:{home}/tradewind.db?mode=ro", uri=True)
    rows = db.execute("SELECT MIN(t.start_us) - r.run_after_us, MAX(t.end_us) - r.run_after_us, COUNT(*) FROM run r JOIN ti t USING (run_key)"
                      " WHERE r.type = 1 AND r.state = 2 AND r.run_after_us > ? GROUP BY r.run_key", (since_us,)).fetchall()
    db.close()
    return [r[0] / 1e3 for r in rows], [r[1] / 1e3 for r in rows]


def one(build, n, minutes, python):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tw-scheduler-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    dags = folder / "dags"
    dags.mkdir()
    for i in range(n):
        text, name = (PYTHON, f"p{i:05}.py") if python else (YAML, f"p{i:05}.yaml")
        (dags / name).write_text(text.format(n=i, minute=i % 60))
    env = {**os.environ, "TRADEWIND_HOME": str(folder / "home")}
    p, first = start(str(pathlib.Path(build, "src/tradewind").resolve()), env, str(dags))
    since_us = time.time() * 1e6
    rest, work, looks, memory = watch(p, minutes)
    p.send_signal(signal.SIGTERM)
    p.stderr.read()
    p.wait()
    started, ended = latencies(folder / "home", since_us)
    print(f"| {n:,} | {first:.1f} s | {memory:.0f} MiB | {rest / minutes * 1e3:.0f} ms | {looks / minutes * 1e3:.0f} ms | {work / minutes * 1e3:.0f} ms |"
          f" {len(started)} | {percentile(started, 0.5):.1f} / {percentile(started, 0.99):.1f} ms | {percentile(ended, 0.5):.1f} /"
          f" {percentile(ended, 0.99):.1f} ms |", flush=True)
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--files", default="100,1000,10000")
    parser.add_argument("--minutes", type=int, default=3)
    parser.add_argument("--python", action="store_true")
    args = parser.parse_args()
    print("| files | first start | memory | CPU at rest, a minute | looks at the folder, a minute | CPU at work, a minute | runs |"
          " due to started, median / p99 | due to ended |")
    print("|---|---|---|---|---|---|---|---|---|")
    for n in args.files.split(","):
        one(args.build, int(n), args.minutes, args.python)


if __name__ == "__main__":
    main()
