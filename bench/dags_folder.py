#!/usr/bin/python3
"""dags_folder.py BUILD [FILES]: how long `dags list` takes for a folder of FILES (1000) Python files: none known, none changed, one changed."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

TEXT = """from datetime import datetime
from tradewind.sdk import DAG, BashOperator, task

with DAG("dag_%04d", start_date=datetime(2026, 1, 1), schedule="@daily", tags=["bench"]):
    @task
    def rows():
        return %d

    BashOperator(task_id="extract", bash_command="echo {{ ds }}") >> rows() >> BashOperator(task_id="load", bash_command="true")
"""


def main():
    program = os.path.join(os.path.abspath(sys.argv[1]), "src", "tradewind")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    folder = tempfile.mkdtemp(prefix="tradewind-bench-")
    env = {**os.environ, "TRADEWIND_HOME": os.path.join(folder, "home"), "TRADEWIND_DAGS": os.path.join(folder, "dags")}
    path = lambda i: os.path.join(folder, "dags", "dag_%04d.py" % i)  # noqa: E731
    os.mkdir(os.path.join(folder, "dags"))
    for i in range(count):
        with open(path(i), "w") as f:
            f.write(TEXT % (i, i))
    time.sleep(0.1)

    def timed(name, rounds):
        best = min(once(name == "one changed", n) for n in range(rounds))
        print("%-14s %8.1f ms" % (name, best * 1000))

    def once(change, n):
        if change:
            with open(path(n), "a") as f:
                f.write("# changed\n")
            time.sleep(0.1)
        begin = time.monotonic()
        out = subprocess.run([program, "dags", "list", "-n", "100000"], env=env, check=True, capture_output=True, text=True).stdout
        took = time.monotonic() - begin
        assert len(out.splitlines()) == count + 1, out[-500:]
        return took

    try:
        print("%d files" % count)
        timed("none known", 1)
        timed("none changed", 5)
        timed("one changed", 5)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
