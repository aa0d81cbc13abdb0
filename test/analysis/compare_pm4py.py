#!/usr/bin/env python3
"""
compare_pm4py.py [LOG ...]: what `tradewind analyze` says of event logs, beside pm4py.

The logs are those that are named, or that stand in $EVENT_LOGS (a folder of .xes and .csv files, also .gz), and logs that pm4py's own generator plays out
of random process trees (TREES of them, 20). pm4py is installed into a virtual environment below the build, which needs a package index.

Of each log: directly-follows graph, starts, ends, variants; the inductive miner's tree, with noise 0 and 0.2; the measures of the nets of both miners,
ours measured by both programs, and the size of the net that pm4py makes itself. What differs is told with its reason where it is one of those of
docs/internals/analysis.md, which this script checks itself (nets.py): by all markings that a trace may lead to, or by a second replay, step by step.
What a log's time (--limit) did not suffice for, and what is over a limit of the program, is counted as such. A log that was generated or unpacked, and that
differs, is kept in BUILD/pm4py.
Exit: 1 something is different, or a log cannot be read; else 0.
"""

import argparse
import collections
import contextlib
import csv
import datetime
import functools
import glob
import gzip
import itertools
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import nets

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("TRADEWIND_BUILD", os.path.join(ROOT, "build")))
PROGRAM = os.path.join(BUILD, "src", "tradewind")
PM4PY = "pm4py==2.7.23.11"
EQUAL = 1e-9


def in_environment():
    """Goes on in a Python that has pm4py, and where sets come in the same order each time."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, os.path.abspath(__file__)] + sys.argv[1:])
    try:
        import pm4py
        from pm4py.util import constants
        constants.SHOW_PROGRESS_BAR = False
        return pm4py
    except ImportError:
        where = os.path.join(BUILD, "pm4py")
        python = os.path.join(where, "bin", "python")
        if os.environ.get("COMPARE_STARTED"):
            sys.exit("compare_pm4py: %s cannot be imported in %s" % (PM4PY, where))
        if not os.path.exists(python):
            subprocess.run([sys.executable, "-m", "venv", where], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", PM4PY], check=True)
        os.environ["COMPARE_STARTED"] = "1"
        os.execv(python, [python, os.path.abspath(__file__)] + sys.argv[1:])


# ---- process trees as nested tuples ----

def parse_tree(text):
    """'->( 'a', X( 'b', tau ) )' to (op, children); what may stand in any order is sorted."""
    at = 0

    def skip():
        nonlocal at
        while at < len(text) and text[at] in " ,":
            at += 1

    def node():
        nonlocal at
        skip()
        if text.startswith("tau", at):
            at += 3
            return "tau"
        if text[at] == "'":
            end = re.compile(r"'(?=\s*(,|\)|$))").search(text, at + 1).start()
            name, at = text[at + 1:end], end + 1
            return ("leaf", name)
        op = next(o for o in ("->", "X", "+", "*", "O", "<>") if text.startswith(o + "(", at))
        at += len(op) + 1
        children = []
        while True:
            skip()
            if text[at] == ")":
                at += 1
                break
            children.append(node())
        if op in ("X", "+"):
            children.sort(key=repr)
        return (op, tuple(children))

    return node()


# ---- our program ----

class OverLimit(Exception):
    """The program says that this is too much work (LIMIT_ANALYSIS_STEPS)."""


def tradewind(*words):
    done = subprocess.run([PROGRAM, "analyze", *words], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise (OverLimit if " is too complex for " in done.stderr or " is too large to " in done.stderr else RuntimeError)(done.stderr.strip())
    return done.stdout


def measures_of(found):
    return {k: found[k] for k in ("fitness", "average_trace_fitness", "percentage_of_fitting_traces", "precision", "generalization",
                                    "simplicity")}


# ---- one log ----

GRAPH = ("directly-follows graph", "start activities", "end activities", "number of variants", "most frequent variants")
MEASURES = ("% of fitting traces", "fitness", "average fitness of a trace", "precision", "generalization", "simplicity")
NOISE = (0, 0.2)
MINERS = ("inductive", "heuristic")
KINDS = ("equal", "explained", "different", "out of time", "over a limit")


def everything(measures=True):
    """What is compared of each log, in this order."""
    yield from GRAPH
    for noise in NOISE:
        yield "inductive, noise %s: tree" % noise
    for which in MINERS:
        yield which + ": places, transitions, arcs of the net"
    for which in MINERS if measures else ():
        for what in MEASURES:
            yield which + ": " + what


class Comparison:
    """Tells what was found, piece by piece, to who counts."""

    def __init__(self, tell):
        self.tell = tell

    def check(self, what, ours, theirs, reason=None):
        same = ours == theirs if not isinstance(ours, float) and not isinstance(theirs, float) else abs(ours - theirs) < EQUAL
        self.tell("row", what, "equal" if same else "explained" if reason else "different", None if same else (str(ours), str(theirs)), reason)
        return same

    @contextlib.contextmanager
    def bounded(self, *whats):
        """What is compared within; where the program says that it is too much, it is counted so."""
        try:
            yield
        except OverLimit as e:
            for what in whats:
                self.tell("row", what, "over a limit", (str(e), ""), "told by the program")


ENDS = ("complete", "ate_abort", "pi_abort")


COLUMNS = (("case:concept:name", "case_id"), ("concept:name", "activity"), ("time:timestamp", "timestamp", "end_time"))


def read_csv(path):
    """Rows as an EventLog, in the order of the file."""
    from pm4py.objects.log.obj import Event, EventLog, Trace
    traces = {}
    with open(path, encoding="utf-8", newline="") as f:
        rows = csv.DictReader(f)
        case, activity, time = (next(n for n in names if n in rows.fieldnames) for names in COLUMNS)
        for row in rows:
            trace = traces.setdefault(row[case], Trace(attributes={"concept:name": row[case]}))
            trace.append(Event({"concept:name": row[activity], "time:timestamp": datetime.datetime.fromisoformat(row[time]),
                                "lifecycle:transition": row.get("lifecycle", "complete")}))
    return EventLog(traces.values())


def read(path):
    """The log as pm4py has it, with the events that an analysis counts: ends, where there are ends. As an EventLog: a data frame has no traces
    without events."""
    import pm4py
    log = read_csv(path) if path.endswith(".csv") else pm4py.read_xes(path, return_legacy_log_object=True)
    word = lambda e: str(e.get("lifecycle:transition", "complete")).lower()  # noqa: E731
    if any(word(e) in ENDS for t in log for e in t):
        for t in log:
            t._list = [e for e in t if word(e) in ENDS]
    if any("time:timestamp" not in e for t in log for e in t):  # then they stand in the order of the file
        for t in log:
            for i, e in enumerate(t):
                e["time:timestamp"] = datetime.datetime.fromtimestamp(i, datetime.timezone.utc)
    for t in log:
        t._list.sort(key=lambda e: e["time:timestamp"])
    return log


def compare_graph(c, frame, ours):
    import pm4py
    dfg, start, end = pm4py.discover_dfg(frame)
    c.check("directly-follows graph", {(f["from"], f["to"]): f["frequency"] for f in ours["follows"]}, {k: int(v) for k, v in dict(dfg).items()})
    c.check("start activities", {a["activity"]: a["starts"] for a in ours["activities"] if a["starts"]}, {k: int(v) for k, v in start.items()})
    c.check("end activities", {a["activity"]: a["ends"] for a in ours["activities"] if a["ends"]}, {k: int(v) for k, v in end.items()})
    variants = {tuple(k): int(v) if not isinstance(v, list) else len(v) for k, v in pm4py.get_variants(frame).items()}
    c.check("number of variants", ours["variants_total"], len(variants))
    c.check("most frequent variants", sorted(v["n"] for v in ours["variants"]), sorted(sorted(variants.values(), reverse=True)[:len(ours["variants"])]))
    return variants


class Reasons:
    """Why a measure of a net may differ: looked up when one does."""

    def __init__(self, net, variants, ours):
        self.net, self.variants, self.ours = net, variants, ours

    @functools.cached_property
    def by_rule(self):
        return nets.Rule(*self.net).replay(self.variants)

    @functools.cached_property
    def fitting(self):
        return nets.Walk(*self.net).percentage(self.variants)

    def is_rule(self, key):
        return self.by_rule is not None and abs(self.by_rule[key] - self.ours[key]) < EQUAL

    def of_fitting(self, theirs):
        """Ours says that more (or fewer) fit: then the markings say so too, or a replay whose every step is enabled."""
        key = "percentage_of_fitting_traces"
        if self.fitting is not None and abs(self.fitting - self.ours[key]) < EQUAL:
            return "R1: over all markings %.2f %% fit, as ours says" % self.fitting
        if self.ours[key] > theirs and self.is_rule(key):
            return "R1: replayed step by step, %.2f %% fit" % self.ours[key]
        if self.fitting is not None and self.is_rule(key):
            return "R2: over all markings %.2f %% fit: a silent choice that was taken first led elsewhere" % self.fitting
        return None

    def of_precision(self):
        exact = nets.Walk(*self.net).precision(self.variants)
        if exact is not None and abs(exact - self.ours["precision"]) < EQUAL:
            return "R4: over all markings it is %.4f, as ours says" % exact
        if self.is_rule("precision"):
            return "R4: by the rule; " + ("too many markings to look at them all" if exact is None else "over all markings it is %.4f" % exact)
        return None

    def of_tokens(self, key, both_fit):
        if not self.is_rule(key):
            return None
        return ("R4: other silent steps on the way to the same marking" if both_fit else
                "R1: all fit, replayed step by step" if self.ours["percentage_of_fitting_traces"] == 100 else
                "R3: where a trace does not fit, other silent steps were taken before a token was added")


def compare_measures(c, which, frame, variants, net, ours):
    """Our net, measured by both."""
    import pm4py
    replayed = pm4py.fitness_token_based_replay(frame, *net)
    why, most = Reasons(net, variants, ours), "percentage_of_fitting_traces"

    def check(what, key, theirs, reason):
        return c.check(which + ": " + what, ours[key], theirs, reason() if abs(ours[key] - theirs) >= EQUAL else None)

    same = check("% of fitting traces", most, replayed[most], lambda: why.of_fitting(replayed[most]))
    both_fit = ours[most] == 100 and same
    check("fitness", "fitness", replayed["log_fitness"], lambda: None if both_fit else why.of_tokens("fitness", False))
    check("average fitness of a trace", "average_trace_fitness", replayed["average_trace_fitness"],
          lambda: None if both_fit else why.of_tokens("average_trace_fitness", False))
    check("precision", "precision", pm4py.precision_token_based_replay(frame, *net), why.of_precision)
    check("generalization", "generalization", pm4py.generalization_tbr(frame, *net), lambda: why.of_tokens("generalization", both_fit))
    check("simplicity", "simplicity", pm4py.simplicity_petri_net(*net), lambda: None)


def our_net(path, which, scratch):
    import pm4py
    pnml = os.path.join(scratch, "net.pnml")
    tradewind("--log", path, "-a", which, "-f", "pnml", "-o", pnml)
    return pm4py.read_pnml(pnml)


def size(net):
    return len(net.places), len(net.transitions), len(net.arcs)


def compare_log(c, path, scratch, measures):
    import pm4py
    frame = read(path)
    c.tell("log", len(frame), sum(len(t) for t in frame))
    variants = compare_graph(c, frame, json.loads(tradewind("--log", path, "-a", "dfg", "--json")))
    for noise in NOISE:
        what = "inductive, noise %s: tree" % noise
        with c.bounded(what):
            ours = tradewind("--log", path, "-f", "tree", "--noise", str(noise)).strip()
            c.check(what, parse_tree(ours), parse_tree(str(pm4py.discover_process_tree_inductive(frame, noise_threshold=noise))))
    net = {}
    for which in MINERS:
        what = which + ": places, transitions, arcs of the net"
        with c.bounded(what):
            net[which] = our_net(path, which, scratch)
            theirs = (pm4py.discover_petri_net_inductive(frame) if which == "inductive" else
                      pm4py.discover_petri_net_heuristics(frame, dependency_threshold=0.5))
            c.check(what, size(net[which][0]), size(theirs[0]),
                    "R5: without the silent steps at the borders they are of the same size" if nets.bare(*net[which]) == nets.bare(*theirs) else None)
    for which in MINERS if measures else ():
        with c.bounded(*(which + ": " + what for what in MEASURES)):
            ours = measures_of(json.loads(tradewind("--log", path, "-a", which, "--json")))
            compare_measures(c, which, frame, variants, net[which], ours)


def generated(count, scratch):
    import random
    import numpy
    import pm4py
    from pm4py.algo.simulation.tree_generator import algorithm as generator
    from pm4py.algo.simulation.playout.process_tree import algorithm as playout
    for i in range(count):
        random.seed(i)
        numpy.random.seed(i)
        tree = generator.apply(variant=generator.Variants.PTANDLOGGENERATOR, parameters={
            "mode": 8, "min": 4, "max": 14, "sequence": 0.4, "choice": 0.2, "parallel": 0.2, "loop": 0.1, "or": 0, "silent": 0.15,
            "duplicate": 0, "no_models": 1})
        log = playout.apply(tree, variant=playout.Variants.BASIC_PLAYOUT, parameters={"num_traces": 100})
        path = os.path.join(scratch, "random_%03d.xes" % i)
        pm4py.write_xes(log, path)
        yield path


def named(logs, scratch):
    for path in logs:
        if path.endswith(".gz"):
            plain = os.path.join(scratch, os.path.basename(path)[:-3])
            with gzip.open(path) as f, open(plain, "wb") as g:
                shutil.copyfileobj(f, g)
            path = plain
        yield path


# ---- all of them, each in a process of its own, for as long as it may take ----

def in_child(path, scratch, out, measures):
    """Writes a line for each piece that is told."""
    def tell(*piece):
        out.write(json.dumps(piece) + "\n")
        out.flush()

    try:
        compare_log(Comparison(tell), path, scratch, measures)
    except RuntimeError as e:
        tell("error", str(e))
    except Exception as e:  # of pm4py: it is told, and the next log goes on
        tell("error", "%s: %s" % (type(e).__name__, e))
    tell("end")


def pieces(path, scratch, limit, measures):
    """What the child tells, until it ends or its time is over."""
    ends = time.monotonic() + limit
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(read_end)
        with os.fdopen(write_end, "w") as out:
            in_child(path, scratch, out, measures)
        os._exit(0)
    os.close(write_end)
    text = b""
    while True:
        ready, _, _ = select.select([read_end], [], [], max(0, ends - time.monotonic()))
        more = os.read(read_end, 65536) if ready else b""
        *lines, text = (text + more).split(b"\n")
        yield from map(json.loads, lines)
        if not more:
            break
    os.close(read_end)
    try:
        os.killpg(child, signal.SIGKILL)  # and the program that it may have started
    except ProcessLookupError:
        pass
    os.waitpid(child, 0)


class Result:
    def __init__(self):
        self.counts, self.failures, self.logs = collections.Counter(), [], []

    def add(self, path, scratch, limit, measures):
        name = re.sub(r"\.(xes|csv)$", "", os.path.basename(path))
        size, left, began, ended = ("?", "?"), list(everything(measures)), time.monotonic(), False
        for kind, *piece in pieces(path, scratch, limit, measures):
            if kind == "log":
                size = piece
            elif kind == "error":
                self.failures.append((name, piece[0]))
                print("%-28s %s" % (name, piece[0]), flush=True)
            elif kind == "row":
                what, verdict, both, reason = piece
                left.remove(what)
                self.counts[what, verdict] += 1
                if verdict != "equal":
                    print("%-28s %-44s %s | %s  (%s)" % (name, what, both[0][:60], both[1][:60], reason or "NOT EXPLAINED"), flush=True)
                if verdict == "different":
                    self.failures.append((name, what, *(b[:400] for b in both)))
                    if path.startswith(scratch):
                        shutil.copy(path, os.path.join(BUILD, "pm4py"))
            ended = ended or kind == "end"
        if not ended and time.monotonic() - began < limit:
            self.failures.append((name, "the comparison ended early"))
        for what in [] if ended else left:
            self.counts[what, "out of time"] += 1
        self.logs.append((name, *size, len(left), time.monotonic() - began))
        print("%-28s %8s cases %8s events %6.0f s%s" % (name, *size, time.monotonic() - began, "" if ended else ": out of time at %s" % left[0]), flush=True)

    def tell(self):
        print("\n%-44s" % "" + "".join("%13s" % k for k in KINDS))
        for what in everything():
            print("%-44s" % what + "".join("%13d" % self.counts[what, k] for k in KINDS))
        for failure in self.failures:
            print("different:", *failure)
        total = {k: sum(n for (_, kind), n in self.counts.items() if kind == k) for k in KINDS}
        print("%d logs: %s" % (len(self.logs), ", ".join("%d %s" % (total[k], k) for k in KINDS)))
        return 1 if self.failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="*")
    parser.add_argument("--trees", type=int, default=int(os.environ.get("TREES", "20")), help="logs of random process trees (20)")
    parser.add_argument("--limit", type=float, default=600, help="seconds that one log may take (600)")
    parser.add_argument("--discovery", action="store_true", help="without the measures, which take pm4py the longest")
    words = parser.parse_args()
    in_environment()
    folder = os.environ.get("EVENT_LOGS")
    logs = words.logs or (sorted(glob.glob(os.path.join(folder, "*"))) if folder else [])
    result = Result()
    with tempfile.TemporaryDirectory() as scratch:
        for path in itertools.chain(named(logs, scratch), generated(words.trees, scratch)):
            result.add(path, scratch, words.limit, not words.discovery)
    return result.tell()


if __name__ == "__main__":
    sys.exit(main())
