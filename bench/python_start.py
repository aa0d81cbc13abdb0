#!/usr/bin/python3
"""
How long from the holder's `start` to the first line of user code, beside a bare `python3 -c pass`, in one run. Prints medians and the ratio.

    python_start.py [ATTEMPTS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "python"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import fakes  # noqa: E402

DAG = """
import time
from tradewind.sdk import DAG, task
with DAG("d"):
    @task
    def plain():
        return time.time()
    plain()

    @task
    def templated(x):
        return time.time()
    templated("{{ ds }} {{ logical_date }}")
"""


def timed_bare():
    started = time.time()
    subprocess.run(["/usr/bin/python3", "-c", "pass"], check=True)
    return time.time() - started


def timed_task(holder, file, task_id):
    started = time.time()
    attempt = holder.run(file, task_id)
    first_line = attempt.outcome()["xcoms"][0]["value"]
    return first_line - started, time.time() - started


def main():
    attempts = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dag.py"
        file.write_text(DAG)
        holder = fakes.Holder(folder)
        started = time.time()
        holder.run(file, "plain")
        first = time.time() - started
        figures = {"bare": [], "plain": [], "plain_whole": [], "templated": []}
        for _ in range(attempts):
            # Taken in turns, so that what else the machine does falls on all alike.
            figures["bare"].append(timed_bare())
            begin, whole = timed_task(holder, file, "plain")
            figures["plain"].append(begin)
            figures["plain_whole"].append(whole)
            figures["templated"].append(timed_task(holder, file, "templated")[0])
        started = time.time()
        many = [holder.start(file, "plain") for _ in range(attempts)]
        for attempt in many:
            holder.wait(attempt)
        rate = attempts / (time.time() - started)
        rss = resident(holder.runner.pid)
        holder.close()
    bare = statistics.median(figures["bare"])
    print(f"{attempts} attempts each, in turns; medians")
    print(f"bare python3 -c pass                 {bare * 1e3:7.2f} ms")
    for name, text in (
        ("plain", "start to user code"),
        ("templated", "start to user code, with a template"),
        ("plain_whole", "start to the end seen by the holder"),
    ):
        middle = statistics.median(figures[name])
        print(f"{text:36s} {middle * 1e3:7.2f} ms   {middle / bare:5.2f} of bare")
    print(f"first attempt, cold runner           {first * 1e3:7.2f} ms")
    print(f"all at once                          {rate:7.0f} attempts a second")
    print(f"memory of root and file process      {rss}")


def resident(pid):
    from tradewind.runner.keeper import children_of

    out = []
    for one in [pid, *children_of(pid)]:
        fields = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()[1:]
        )
        out.append(
            f"{int(fields['Rss'].split()[0]) / 1024:.1f} MB"
            f" ({int(fields['Pss'].split()[0]) / 1024:.1f} proportional)"
        )
    return ", ".join(out)


if __name__ == "__main__":
    main()
