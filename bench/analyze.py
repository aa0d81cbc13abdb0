#!/usr/bin/env python3
"""
analyze.py BUILD LOG.xes ...: `tradewind analyze --log` beside pm4py, both from the file to the measures, in processes of their own, in turns.

Three pieces of work on each log: the graph of what follows what, with the variants; the inductive miner's net with fitness, precision, generalization and
simplicity; the same of the heuristics miner's. (The program finds bottlenecks and drift too, and writes everything as JSON; pm4py's is read_xes as a data
frame and its simplified interface.) Printed are medians of seconds and of the most memory, and the ratios. pm4py is that of `make mining`, in BUILD/pm4py,
or of --python. What takes longer than --limit is not repeated: its row says "more than".
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

MEASURED = """
pm4py.fitness_token_based_replay(log, *net)
pm4py.precision_token_based_replay(log, *net)
pm4py.generalization_tbr(log, *net)
pm4py.simplicity_petri_net(*net)
"""
READ = """
import sys
import pm4py
from pm4py.util import constants
constants.SHOW_PROGRESS_BAR = False
log = pm4py.read_xes(sys.argv[1])
pm4py.discover_dfg(log)
pm4py.get_variants(log)
"""
WORK = {
    "dfg": READ,
    "inductive": READ + "net = pm4py.discover_petri_net_inductive(log)" + MEASURED,
    "heuristic": READ + "net = pm4py.discover_petri_net_heuristics(log, dependency_threshold=0.5)" + MEASURED,
}


def used(meter, limit, *command):
    """(seconds, KiB), or None: it took too long."""
    with tempfile.NamedTemporaryFile("r") as out:
        done = subprocess.run([meter, out.name, "timeout", str(limit), *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        found = json.load(out)
    if found["exit"] == 124:
        return None
    if found["exit"] != 0:
        sys.exit("%s: exit %d: %s" % (command[0], found["exit"], done.stderr[-500:]))
    return found["wall_s"], max(found["peak_kib"], found["others_peak_kib"])


def compare(log, words, program, python, meter):
    print("\n%s, %.1f MB" % (os.path.basename(log), os.path.getsize(log) / 1e6))
    for name, code in WORK.items():
        rows, over = {"ours": [], "theirs": []}, False
        for _ in range(words.rounds):
            rows["ours"].append(used(meter, words.limit, program, "analyze", "--log", log, "-a", name, "--json"))
            theirs = None if over else used(meter, words.limit, python, "-W", "ignore", "-c", code, log)
            over = theirs is None
            rows["theirs"].append(theirs)
        if None in rows["ours"]:
            print("%-10s tradewind takes more than %d s" % (name, words.limit))
            continue
        seconds, kib = (statistics.median(x) for x in zip(*rows["ours"]))
        line = "%-10s tradewind %8.2f s %7.1f MiB" % (name, seconds, kib / 1024)
        if over:
            print("%s   pm4py more than %d s   ratio less than %.4f" % (line, words.limit, seconds / words.limit))
            continue
        their_seconds, their_kib = (statistics.median(x) for x in zip(*rows["theirs"]))
        print("%s   pm4py %8.2f s %7.1f MiB   ratio %.4f, %.3f" % (line, their_seconds, their_kib / 1024, seconds / their_seconds, kib / their_kib), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("logs", nargs="+", metavar="LOG")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=600, help="seconds that one piece of work may take (600)")
    parser.add_argument("--python", help="a Python that has pm4py")
    words = parser.parse_args()
    subprocess.run(["ninja", "-C", words.build, "--quiet", "bench/bench-meter"], check=True)
    program, meter = (os.path.join(words.build, *p) for p in (("src", "tradewind"), ("bench", "bench-meter")))
    python = words.python or os.path.join(words.build, "pm4py", "bin", "python")
    if subprocess.run([python, "-c", "import pm4py"], capture_output=True, check=False).returncode != 0:
        sys.exit("analyze.py: %s has no pm4py: run `make mining` once, or name one with --python" % python)
    for log in words.logs:
        compare(log, words, program, python, meter)


if __name__ == "__main__":
    main()
