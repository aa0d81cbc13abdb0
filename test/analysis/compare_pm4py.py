#!/usr/bin/env python3
"""
compare_pm4py.py [LOG.xes ...]: what `tradewind analyze` says of event logs, beside pm4py.

The logs are those that are named, or that stand in $EVENT_LOGS (a folder of .xes and .xes.gz files), and logs that pm4py's own generator plays out of
random process trees (TREES of them, 20). pm4py is installed into a virtual environment below the build, which needs a package index.

Of each log: directly-follows graph, starts, ends, variants; the inductive miner's tree, with noise 0 and 0.2; the four measures of the nets of both
miners, ours measured by both programs, and the size of the net that pm4py makes itself. What differs is told with its reason where it is one of
those of docs/internals/analysis.md, which this script checks itself: where ours says that a trace fits, it walks through the net, marking by marking.
Exit: 0 all is equal or explained, 1 something is not.
"""

import argparse
import collections
import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

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

def tradewind(*words):
    done = subprocess.run([PROGRAM, "analyze", *words], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def measures_of(found):
    return {k: found[k] for k in ("fitness", "percentage_of_fitting_traces", "precision", "generalization", "simplicity")}


# ---- an oracle of our own: does a trace fit, over all markings ----

class Oracle:
    """All markings that a net can be in; told only while there are not too many."""
    MOST = 3000
    WORK = 5000000  # transitions that are tried, in all

    def __init__(self, net, im, fm):
        self.transitions = [(t.label, collections.Counter(a.source for a in t.in_arcs), collections.Counter(a.target for a in t.out_arcs))
                            for t in net.transitions]
        self.first, self.last = self.key(im), self.key(fm)
        self.work = 0

    @staticmethod
    def key(marking):
        return frozenset((p, n) for p, n in marking.items() if n > 0)

    def fire(self, marking, t):
        m = dict(marking)
        for p, n in t[1].items():
            if m.get(p, 0) < n:
                return None
        for p, n in t[1].items():
            m[p] -= n
        for p, n in t[2].items():
            m[p] = m.get(p, 0) + n
        return self.key(m)

    def closure(self, markings):
        seen, todo = set(markings), list(markings)
        while todo:
            self.work += len(self.transitions)
            if len(seen) > self.MOST or self.work > self.WORK:
                return None
            m = todo.pop()
            for t in self.transitions:
                n = self.fire(m, t) if t[0] is None else None
                if n is not None and n not in seen:
                    seen.add(n)
                    todo.append(n)
        return seen

    def precision(self, variants):
        """ETConformance's, over all markings that a prefix may lead to; None: too many."""
        following, times = collections.defaultdict(set), collections.Counter()
        times[()] = sum(variants.values())
        for trace, n in variants.items():
            for i, label in enumerate(trace):
                following[trace[:i]].add(label)
                times[trace[:i]] += n if i > 0 else 0
        markings, allowed, escaping = {(): self.closure({self.first})}, 0, 0
        for prefix in sorted(times, key=len):
            if prefix:
                before = markings.get(prefix[:-1])
                markings[prefix] = before and self.closure({n for m in before for t in self.transitions if t[0] == prefix[-1]
                                                            for n in [self.fire(m, t)] if n is not None})
            if markings[prefix] is None or len(markings) > 20000:
                return None
            enabled = {t[0] for m in markings[prefix] for t in self.transitions if t[0] is not None and self.fire(m, t) is not None}
            if markings[prefix]:
                allowed += len(enabled) * times[prefix]
                escaping += len(enabled - following[prefix]) * times[prefix]
        return 1 - escaping / allowed if allowed else 1.0

    def fits(self, trace):
        """True, False, or None: too many markings."""
        now = self.closure({self.first})
        for label in trace:
            if now is None:
                return None
            now = self.closure({n for m in now for t in self.transitions if t[0] == label
                                for n in [self.fire(m, t)] if n is not None})
        return None if now is None else self.last in now


# ---- one log ----

class Comparison:
    def __init__(self):
        self.rows, self.failures, self.counts = [], [], collections.Counter()

    def check(self, log, what, ours, theirs, reason=None):
        same = ours == theirs if not isinstance(ours, float) and not isinstance(theirs, float) else abs(ours - theirs) < EQUAL
        self.counts[what, "equal" if same else "explained" if reason else "different"] += 1
        if not same:
            self.rows.append((log, what, ours, theirs, reason or "NOT EXPLAINED"))
            if not reason:
                self.failures.append((log, what, ours, theirs))
        return same


ENDS = ("complete", "ate_abort", "pi_abort")


def read(path):
    """The log as pm4py has it, with the events that an analysis counts: ends, where there are ends. As an EventLog: a data frame has no traces
    without events."""
    import pm4py
    log = pm4py.read_xes(path, return_legacy_log_object=True)
    word = lambda e: str(e.get("lifecycle:transition", "complete")).lower()  # noqa: E731
    if any(word(e) in ENDS for t in log for e in t):
        for t in log:
            t._list = [e for e in t if word(e) in ENDS]
    for t in log:
        t._list.sort(key=lambda e: e["time:timestamp"])
    return log


def compare_graph(c, name, frame, ours):
    import pm4py
    dfg, start, end = pm4py.discover_dfg(frame)
    c.check(name, "directly-follows graph", {(f["from"], f["to"]): f["frequency"] for f in ours["follows"]}, {k: int(v) for k, v in dict(dfg).items()})
    c.check(name, "start activities", {a["activity"]: a["starts"] for a in ours["activities"] if a["starts"]}, {k: int(v) for k, v in start.items()})
    c.check(name, "end activities", {a["activity"]: a["ends"] for a in ours["activities"] if a["ends"]}, {k: int(v) for k, v in end.items()})
    variants = {tuple(k): int(v) if not isinstance(v, list) else len(v) for k, v in pm4py.get_variants(frame).items()}
    c.check(name, "number of variants", ours["variants_total"], len(variants))
    c.check(name, "most frequent variants", sorted(v["n"] for v in ours["variants"]), sorted(sorted(variants.values(), reverse=True)[:len(ours["variants"])]))
    return variants


def compare_measures(c, name, which, frame, variants, net, ours):
    """Our net, measured by both."""
    import pm4py
    fitness = pm4py.fitness_token_based_replay(frame, *net)
    fits = None

    def explain_fitness():
        """Ours says that more (or fewer) fit: then the markings say so too."""
        nonlocal fits
        if fits is None:
            oracle, fits, unknown = Oracle(*net), 0, False
            for trace, n in variants.items():
                known = oracle.fits([a for a in trace if any(t[0] == a for t in oracle.transitions)]) if not unknown else None
                unknown = unknown or known is None
                fits += n if known else 0
            fits = None if unknown else 100.0 * fits / sum(variants.values())
        if fits is None:
            return "too many markings to look at them all" if which.startswith("inductive") and ours["fitness"] == 1 else None
        if abs(fits - ours["percentage_of_fitting_traces"]) < EQUAL:
            return "R1: over all markings %.2f %% fit, as ours says" % fits
        return "R2: over all markings %.2f %% fit: a silent choice that was taken first led elsewhere" % fits if which == "heuristic" else None

    same = c.check(name, which + ": % of fitting traces", ours["percentage_of_fitting_traces"], fitness["percentage_of_fitting_traces"],
                   explain_fitness() if abs(ours["percentage_of_fitting_traces"] - fitness["percentage_of_fitting_traces"]) > EQUAL else None)
    all_fit = ours["percentage_of_fitting_traces"] == 100 and same
    unfit = "R3: where a trace does not fit, other silent steps were taken before a token was added"
    c.check(name, which + ": fitness", ours["fitness"], fitness["log_fitness"], unfit if not all_fit else None)
    theirs = pm4py.precision_token_based_replay(frame, *net)
    reason = None
    if abs(ours["precision"] - theirs) > EQUAL:
        exact = Oracle(*net).precision(variants)
        if exact is None:
            reason = "R4: too many markings to look at them all" if which == "inductive" or not all_fit else None
        elif abs(exact - ours["precision"]) < EQUAL:
            reason = "R4: over all markings it is %.4f, as ours says" % exact
        elif abs(exact - ours["precision"]) <= abs(exact - theirs) or not all_fit:
            reason = "R4: over all markings it is %.4f" % exact
    c.check(name, which + ": precision", ours["precision"], theirs, reason)
    c.check(name, which + ": generalization", ours["generalization"], pm4py.generalization_tbr(frame, *net),
            unfit if not all_fit else "R4: other silent steps on the way to the same marking")
    c.check(name, which + ": simplicity", ours["simplicity"], pm4py.simplicity_petri_net(*net))


def compare_log(c, path, scratch):
    import pm4py
    name = os.path.basename(path).split(".")[0]
    frame = read(path)
    found = json.loads(tradewind("--log", path, "--json"))
    variants = compare_graph(c, name, frame, found)
    for noise in (0, 0.2):
        tree = pm4py.discover_process_tree_inductive(frame, noise_threshold=noise)
        c.check(name, "inductive, noise %s: tree" % noise, parse_tree(tradewind("--log", path, "-f", "tree", "--noise", str(noise)).strip()),
                parse_tree(str(tree)))
    for which in ("inductive", "heuristic"):
        ours = json.loads(tradewind("--log", path, "-a", which, "--json"))
        pnml = os.path.join(scratch, "net.pnml")
        tradewind("--log", path, "-a", which, "-f", "pnml", "-o", pnml)
        net = pm4py.read_pnml(pnml)
        compare_measures(c, name, which, frame, variants, net, measures_of(ours))
        theirs = pm4py.discover_petri_net_inductive(frame) if which == "inductive" else pm4py.discover_petri_net_heuristics(frame, dependency_threshold=0.5)
        size = lambda n: (len(n.places), len(n.transitions), len(n.arcs))  # noqa: E731
        c.check(name, which + ": places, transitions, arcs of the net", size(net[0]), size(theirs[0]),
                "R5: a silent step at the border" if which == "inductive" and abs(len(net[0].places) - len(theirs[0].places)) <= 2 else None)


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="*")
    parser.add_argument("--trees", type=int, default=int(os.environ.get("TREES", "20")))
    words = parser.parse_args()
    in_environment()
    folder = os.environ.get("EVENT_LOGS")
    logs = words.logs or (sorted(glob.glob(os.path.join(folder, "*.xes*"))) if folder else [])
    c = Comparison()
    with tempfile.TemporaryDirectory() as scratch:
        for path in list(named(logs, scratch)) + list(generated(words.trees, scratch)):
            try:
                compare_log(c, path, scratch)
            except RuntimeError as e:
                c.failures.append((path, "analyze", str(e), ""))
    for log, what, ours, theirs, reason in c.rows:
        print("%-28s %-40s %s | %s  (%s)" % (log, what, str(ours)[:60], str(theirs)[:60], reason))
    whats = list(dict.fromkeys(w for w, _ in c.counts))
    print("\n%-44s %6s %9s %9s" % ("", "equal", "explained", "different"))
    for what in whats:
        print("%-44s %6d %9d %9d" % (what, c.counts[what, "equal"], c.counts[what, "explained"], c.counts[what, "different"]))
    for failure in c.failures:
        print("different:", *(str(x)[:400] for x in failure))
    print("%d equal, %d explained, %d different" % (sum(n for (_, k), n in c.counts.items() if k == "equal"),
                                                   sum(n for (_, k), n in c.counts.items() if k == "explained"), len(c.failures)))
    return 1 if c.failures else 0


if __name__ == "__main__":
    sys.exit(main())
