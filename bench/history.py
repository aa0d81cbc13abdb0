#!/usr/bin/env python3
"""
history.py BUILD [--runs 1000000] [--tasks 10] [--dags 100] [--rounds 100] [--folder FOLDER]: what a long past costs. Two homes with the
same DAGs, one of them with that many finished runs; the same commands in both, in turns. Prints a table in Markdown: medians, and the 99th
of 100 of what has a target. A home that FOLDER has already is used again.
"""

import argparse
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

DAG = "dag_id: d{n:03}\nschedule: null\ntasks:\n"
TASK = "  t{n}: {{operator: bash, bash_command: 'true'{more}}}\n"


def make_dags(folder, dags, tasks):
    folder.mkdir(parents=True, exist_ok=True)
    for d in range(dags):
        text = DAG.format(n=d)
        for t in range(tasks):
            text += TASK.format(n=t, more=f", upstream: [t{t - 1}]" if t else "")
        (folder / f"d{d:03}.yaml").write_text(text)


class Home:
    def __init__(self, program, path, dags):
        self.program, self.path, self.dags = program, path, dags
        self.env = {**os.environ, "TRADEWIND_HOME": str(path)}

    def start(self):
        """A scheduler that has read all DAGs; the seconds that it took."""
        begin = time.monotonic()
        p = subprocess.Popen([self.program, "scheduler", "-S", self.dags], env=self.env, stderr=subprocess.PIPE, text=True)
        for line in p.stderr:
            if "works in" in line:
                return p, time.monotonic() - begin
        raise SystemExit("the scheduler did not start")

    @staticmethod
    def stop(p):
        p.send_signal(signal.SIGTERM)
        p.stderr.read()
        assert p.wait() == 0

    def command(self, *words):
        begin = time.monotonic()
        subprocess.run([self.program, *words], env=self.env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - begin


def usage(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), rss / 1024


def prepare(build, folder, args):
    program = str(pathlib.Path(build, "src/tradewind").resolve())
    dags = folder / "dags"
    make_dags(dags, args.dags, args.tasks)
    homes = []
    for name in ("empty", "full"):
        home = Home(program, folder / name, str(dags))
        if not home.path.exists():
            home.path.mkdir()
            home.stop(home.start()[0])
            if name == "full":
                subprocess.run([str(pathlib.Path(build, "bench/bench-history")), str(home.path), str(args.runs)], check=True)
        homes.append(home)
    return homes


def p99(values):
    return sorted(values)[max(0, int(len(values) * 0.99) - 1)]


def row(name, empty, full, unit=1e3):
    print(f"| {name} | {statistics.median(empty) * unit:.1f} | {statistics.median(full) * unit:.1f} | {p99(full) * unit:.1f} |"
          f" {statistics.median(full) / statistics.median(empty):.2f} |", flush=True)


def commands(homes, rounds):
    for name, words in (("runs list", ["runs", "list", "--limit", "100"]),
                        ("runs list DAG", ["runs", "list", "d005", "--limit", "100"]),
                        ("runs list --state failed", ["runs", "list", "--state", "failed", "--limit", "100"]),
                        ("runs list --state running", ["runs", "list", "--state", "running"]),
                        ("dags list", ["dags", "list"])):
        times = ([], [])
        for _ in range(rounds):
            for i, home in enumerate(homes):
                times[i].append(home.command(*words))
        row(f"`{name}`", *times)


def loops(homes, rounds):
    """A run of one DAG by its file: the engine starts, loads what lives, works, ends."""
    times = ([], [])
    for _ in range(rounds):
        for i, home in enumerate(homes):
            times[i].append(home.command("run", "-q", os.path.join(home.dags, "d000.yaml")))
    row("a run of ten steps", *times)


def scheduler(homes, seconds):
    starts, cpu, rss = ([], []), ([], []), ([], [])
    for i, home in enumerate(homes):
        p, took = home.start()
        starts[i].append(took)
        before, _ = usage(p.pid)
        time.sleep(seconds)
        after, memory = usage(p.pid)
        cpu[i].append(after - before)
        rss[i].append(memory)
        home.stop(p)
    row("scheduler: start until it has read all files", *starts)
    print(f"| scheduler: CPU in {seconds} s at rest, ms | {cpu[0][0] * 1e3:.0f} | {cpu[1][0] * 1e3:.0f} | | |")
    print(f"| scheduler: memory, MiB | {rss[0][0]:.1f} | {rss[1][0]:.1f} | | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--dags", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--rest", type=int, default=30, help="seconds that the scheduler is watched at rest")
    parser.add_argument("--folder")
    args = parser.parse_args()
    subprocess.run(["ninja", "-C", args.build, "bench/bench-history"], check=True, stdout=subprocess.DEVNULL)
    folder = pathlib.Path(args.folder or tempfile.mkdtemp(prefix="tw-history-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    homes = prepare(args.build, folder, args)
    size = (homes[1].path / "tradewind.db").stat().st_size / 2**30
    print(f"| milliseconds | no past | {args.runs:,} runs, {args.runs * args.tasks:,} instances ({size:.1f} GiB) | its 99th of 100 | ratio |")
    print("|---|---|---|---|---|")
    commands(homes, args.rounds)
    loops(homes, max(5, args.rounds // 5))
    scheduler(homes, args.rest)
    if args.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
