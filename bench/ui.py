#!/usr/bin/env python3
"""
ui.py BUILD [--tasks 6000] [--runs 10] [--nodes 2000] [--rounds 5] [--folder FOLDER]: how long the page takes for large DAGs, in a real browser. A
home with a DAG of that many tasks in groups and its runs, and one whose graph has that many nodes; each round opens the list of DAGs, presses
a link in the page, and waits until the last cell that is seen is painted and a press on a cell is answered. Prints a table in Markdown: medians,
and the least; processor time is that of all the browser's processes, and says more on a busy machine. The browser is Debian's Chromium, driven by Playwright from ui/node_modules (./bootstrap setup).
"""

import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def grid_dag(tasks):
    """Groups of 20 tasks in chains of 5."""
    out = {}
    for n in range(tasks):
        g, k = divmod(n, 20)
        task = {"operator": "bash", "bash_command": "true", "group": f"g{g:03}"}
        if k % 5:
            task["upstream"] = [f"g{g:03}.t{k - 1:02}"]
        out[f"g{g:03}.t{k:02}"] = task
    return {"dag_id": "wide", "schedule": None, "task_groups": {f"g{g:03}": {} for g in range((tasks + 19) // 20)}, "tasks": out}


def graph_dag(nodes):
    """Layers of 40, each task below two of the layer before."""
    out = {}
    for n in range(nodes):
        layer, k = divmod(n, 40)
        task = {"operator": "bash", "bash_command": "true"}
        if layer:
            task["upstream"] = sorted({f"n{layer - 1:03}_{k:02}", f"n{layer - 1:03}_{(k + 1) % 40:02}"})
        out[f"n{layer:03}_{k:02}"] = task
    return {"dag_id": "deep", "schedule": None, "tasks": out}


def prepare(build, folder, args):
    dags, home = folder / "dags", folder / "home"
    env = {**os.environ, "TRADEWIND_HOME": str(home)}
    program = str(build / "src/tradewind")
    if home.exists():
        return dags, env, program
    dags.mkdir(parents=True)
    home.mkdir()
    for dag in (grid_dag(args.tasks), graph_dag(args.nodes)):
        (dags / f"{dag['dag_id']}.yaml").write_text(json.dumps(dag))
    p = subprocess.Popen([program, "scheduler", "-S", str(dags)], env=env, stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if "works in" in line:
            break
    p.send_signal(signal.SIGTERM)
    p.stderr.read()
    p.wait()
    # The runs go to both DAGs in turns.
    subprocess.run([str(build / "bench/bench-history"), str(home), str(2 * args.runs)], env=env, check=True)
    return dags, env, program


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--tasks", type=int, default=6000)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=pathlib.Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tradewind-ui-") as temp:
        folder = args.folder or pathlib.Path(temp)
        _, env, program = prepare(args.build.resolve(), folder, args)
        server = subprocess.Popen([program, "api-server", "-p", "0"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            # A line of output has the address, whatever stands around it.
            base = next(m.group() for m in (re.search(r"http://\S+", line) for line in server.stdout) if m).rstrip("/")
            token = (folder / "home" / "api.token").read_text(encoding="ascii").strip()
            done = subprocess.run(["node", str(ROOT / "bench/ui.mjs"), base, str(args.rounds)], env={**os.environ, "TOKEN": token}, check=True, stdout=subprocess.PIPE, text=True)
        finally:
            server.terminate()
            server.wait()
    print("| what | median, ms | least, ms | the server's part, ms | the browser's processor time, ms |\n|---|---|---|---|---|")
    for name, rounds in json.loads(done.stdout).items():
        total = [r["ms"] for r in rounds]
        print(f"| {name.format(**vars(args))} | {statistics.median(total):.0f} | {min(total):.0f} | {statistics.median(r['server'] for r in rounds):.0f} | {statistics.median(r['cpu'] for r in rounds):.0f} |")


if __name__ == "__main__":
    main()
