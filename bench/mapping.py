#!/usr/bin/env python3
"""
mapping.py BUILD [ROUNDS]: one mapped task of 10,000 beside 10,000 plain tasks, and a mapped group of 1,000 x 5 beside
1,000 chains of 5. Every task is the command `true`. Rounds are interleaved; printed are medians of seconds and of the
most memory of the program, and the ratio mapped / plain.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

WIDE, LANES, STEPS = 10_000, 1_000, 5


def true(**members):
    return {"operator": "bash", "bash_command": ["true"], **members}


def dag(dag_id, tasks, **members):
    return {"dag_id": dag_id, "max_active_tasks": 1_000_000, "tasks": tasks, **members}


def chain(name, step):
    return true(upstream=[name(step - 1)] if step else [])


def documents():
    """Two pairs: plain, mapped."""
    lanes = {f"t{i}_{k}": chain(lambda n, i=i: f"t{i}_{n}", k) for i in range(LANES) for k in range(STEPS)}
    group = {f"g.t{k}": {**chain(lambda n: f"g.t{n}", k), "group": "g"} for k in range(STEPS)}
    envs = [{"I": str(i)} for i in range(WIDE)]
    return {
        "plain": dag("plain", {f"t{i}": true() for i in range(WIDE)}),
        "mapped": dag("mapped", {"t": true(expand={"env": envs})}),
        "plain chains": dag("chains", lanes),
        "mapped group": dag("group", group, task_groups={"g": {"expand": {"x": list(range(LANES))}}}),
    }


def run(meter, program, folder, name, document):
    """(seconds, KiB) of a run from an empty home."""
    file = os.path.join(folder, "dag.json")
    with open(file, "w", encoding="utf-8") as to:
        json.dump(document, to)
    with tempfile.TemporaryDirectory(dir=folder) as home:
        out = os.path.join(folder, "meter.json")
        command = [meter, out, program, "--home", home, "-q", "run", file]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            sys.exit(f"{name}: the run failed")
        with open(out, encoding="utf-8") as found:
            used = json.load(found)
        return used["wall_s"], used["peak_kib"]


def main():
    build, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    subprocess.run(["ninja", "-C", build, "--quiet", "bench/bench-meter"], check=True)
    program, meter = (os.path.join(build, *p) for p in (("src", "tradewind"), ("bench", "bench-meter")))
    os.environ["TRADEWIND__CORE__MAX_MAP_LENGTH"] = str(WIDE)
    found = {name: [] for name in documents()}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, document in documents().items():
                found[name].append(run(meter, program, folder, name, document))
    median = {n: [statistics.median(column) for column in zip(*rows)] for n, rows in found.items()}
    for name, (seconds, kib) in median.items():
        print(f"{name:13} {seconds:6.2f} s {kib / 1024:6.1f} MiB")
    for plain, mapped in (("plain", "mapped"), ("plain chains", "mapped group")):
        ratios = [m / p for m, p in zip(median[mapped], median[plain])]
        print(f"{mapped} / {plain}: {ratios[0]:.2f} of the time, {ratios[1]:.2f} of the memory")


if __name__ == "__main__":
    main()
