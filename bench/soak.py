#!/usr/bin/env python3
"""
soak.py BUILD [--hours 1] [--rate 50] [--every 10] [--retention 10m] [--keep]: a scheduler at a steady rate of tasks for hours. Every so often:
memory and descriptors of its processes, the size of store, log and logs, and from due to ended of the runs since the last look. At the end the
slope of each by the hour, with its 95 % confidence interval (of a line by least squares, in the second half: what a start fills is no slope),
and every run that was due is counted. Prints a table in Markdown; exit 1 if a run is missing or has failed.
"""

import argparse
import math
import os
import pathlib
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

DAG = """dag_id: soak{n}
schedule: {{type: cron_trigger, cron: "* * * * * *", timezone: UTC}}
max_active_runs: 64
tasks:
"""


def processes(home):
    """Of the scheduler's home: (what it is, pid)."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = pathlib.Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == b"tradewind-holder" and home.encode() in b" ".join(words):
            yield "holders", int(pid)


def memory(pid):
    for line in pathlib.Path("/proc", str(pid), "status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def folder_size(path):
    """MiB; what retention removes meanwhile counts nothing."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                pass
    return total / 2**20


class Store:
    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
        self.seen = 0

    def look(self):
        """Of the runs that ended since the last look: milliseconds from due to ended; how many of them did not succeed."""
        rows = self.db.execute("SELECT run_key, end_us - run_after_us, state FROM run WHERE run_key > ? AND state IN (2, 3)"
                               " ORDER BY run_key", (self.seen,)).fetchall()
        if rows:
            self.seen = rows[-1][0]
        return [r[1] / 1e3 for r in rows], sum(r[2] == 3 for r in rows)


def slope(points):
    """(by the hour, half of the 95 % interval) of (seconds, value)."""
    n = len(points)
    if n < 3:
        return float("nan"), float("nan")
    mx, my = statistics.fmean(x for x, _ in points), statistics.fmean(y for _, y in points)
    sxx = sum((x - mx) ** 2 for x, _ in points)
    b = sum((x - mx) * (y - my) for x, y in points) / sxx
    rest = sum((y - my - b * (x - mx)) ** 2 for x, y in points)
    return b * 3600, 1.96 * math.sqrt(rest / (n - 2) / sxx) * 3600


def start(program, env, dags):
    log = pathlib.Path(dags).parent / "scheduler.log"
    with open(log, "w", encoding="utf-8") as out:
        p = subprocess.Popen([program, "scheduler", "-S", dags], env=env, stderr=out)
    while "works in" not in log.read_text(encoding="utf-8") or " 0 errors" not in log.read_text(encoding="utf-8"):
        if p.poll() is not None or "errors" in log.read_text(encoding="utf-8").replace(" 0 errors", ""):
            raise SystemExit(log.read_text(encoding="utf-8"))
        time.sleep(0.1)
    return p


def sample(p, home, store, logs_every, n):
    late, failed = store.look()
    holders = []  # (memory, descriptors); one may end between a look at the list and a look at itself
    for _, pid in list(processes(str(home))):
        try:
            holders.append((memory(pid), descriptors(pid)))
        except (FileNotFoundError, ProcessLookupError):
            pass
    values = {
        "memory of the scheduler, MiB": memory(p.pid),
        "memory of the holders, MiB": sum(m for m, _ in holders),
        "descriptors of the scheduler": descriptors(p.pid),
        "descriptors of the holders": sum(d for _, d in holders),
        "holders": len(holders),
        "store, MiB": (home / "tradewind.db").stat().st_size / 2**20,
        "write-ahead log, MiB": (home / "tradewind.db-wal").stat().st_size / 2**20,
    }
    if n % logs_every == 0:
        values["logs, MiB"] = folder_size(home / "logs")
    if late:
        values["due to ended, median, ms"] = statistics.median(late)
        values["due to ended, 99 %, ms"] = sorted(late)[int(len(late) * 0.99)]
    return values, len(late), failed


def report(series, seconds, runs, failed, rate, cpu):
    print(f"{seconds / 3600:.2f} hours, {runs:,} runs of {rate} tasks ({runs * rate / seconds:.1f} tasks a second), {failed} failed,"
          f" CPU of the scheduler {cpu / seconds * 100:.1f} %\n")
    print("| | first half, median | second half, median | slope an hour, second half | 95 % interval |")
    print("|---|---|---|---|---|")
    for name, points in series.items():
        half = points[-1][0] / 2
        first, second = [p for p in points if p[0] <= half], [p for p in points if p[0] > half]
        b, c = slope(second)
        print(f"| {name} | {statistics.median(v for _, v in first):.2f} | {statistics.median(v for _, v in second):.2f} | {b:+.3f} |"
              f" {b - c:+.3f} .. {b + c:+.3f} |")


def cpu_of(pid):
    fields = pathlib.Path("/proc", str(pid), "stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--rate", type=int, default=50, help="tasks a second")
    parser.add_argument("--every", type=float, default=10, help="seconds between looks")
    parser.add_argument("--retention", default="10m")
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tw-soak-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    dags, home = folder / "dags", folder / "home"
    dags.mkdir()
    (dags / "soak.yaml").write_text(DAG.format(n=0) + "".join(
        f"  t{i:03}: {{operator: bash, bash_command: 'echo {{{{ ds }}}}'}}\n" for i in range(args.rate)))
    env = {**os.environ, "TRADEWIND_HOME": str(home), "TRADEWIND__RETENTION__RUNS": args.retention, "TRADEWIND__RETENTION__LOGS": "0"}
    p = start(str(pathlib.Path(args.build, "src/tradewind").resolve()), env, str(dags))
    store, series, runs, failed = Store(home / "tradewind.db"), {}, 0, 0
    begin = time.monotonic()
    until, n, cpu = begin + args.hours * 3600, 0, cpu_of(p.pid)
    try:
        while time.monotonic() < until and p.poll() is None:
            time.sleep(args.every)
            values, ended, bad = sample(p, home, store, 6, n)
            runs, failed, n = runs + ended, failed + bad, n + 1
            for name, value in values.items():
                series.setdefault(name, []).append((time.monotonic() - begin, value))
    except KeyboardInterrupt:
        pass
    except BaseException:
        p.kill()
        raise
    seconds, cpu = time.monotonic() - begin, cpu_of(p.pid) - cpu if p.poll() is None else float("nan")
    died = p.poll()
    p.send_signal(signal.SIGTERM)
    p.wait()
    report(series, seconds, runs, failed, args.rate, cpu)
    for _, pid in list(processes(str(home))):
        os.kill(pid, signal.SIGTERM)
    shutil.rmtree(folder, ignore_errors=True)
    missing = int(seconds) - 2 - runs
    if died is not None or failed or missing > 3:
        print(f"\nfailed: {failed} runs failed, about {max(0, missing)} are missing, the scheduler " + ("ended" if died is not None else "lived"))
        sys.exit(1)


if __name__ == "__main__":
    main()
