"""
Petri nets in plain Python, for compare_pm4py.py to find out who is right.

Walk looks at all markings that a trace may lead to: what it says is so, but it gives up where there are too many. Rule replays by the rule of
docs/internals/analysis.md ("Silent steps"), written a second time, without what makes the program fast; each step that it takes is enabled, so a trace that
it replays whole does fit. Both take a net of pm4py that was read from PNML as the program writes it: places p0, p1 ... and transitions t0, t1 ...
"""

import collections
import math


def number(x):
    return int(x.name[1:])


class Walk:
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
        following, times = prefixes(variants)
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

    def percentage(self, variants):
        """Of fitting traces, or None. What the net does not have at all changes nothing, as in a replay."""
        known, fitting = {t[0] for t in self.transitions}, 0
        for trace, n in variants.items():
            fits = self.fits([a for a in trace if a in known])
            if fits is None:
                return None
            fitting += n if fits else 0
        return 100.0 * fitting / sum(variants.values())


def prefixes(variants):
    """What follows each prefix, and how many traces go on from it (from the empty one: all)."""
    following, times = collections.defaultdict(set), collections.Counter()
    times[()] = sum(variants.values())
    for trace, n in variants.items():
        for i, label in enumerate(trace):
            following[trace[:i]].add(label)
            times[trace[:i]] += n if i > 0 else 0
    return following, times


class TooMuch(Exception):
    pass


class Rule:
    """The replay of a log by the rule: the four measures but simplicity."""
    STATES = 2000
    MARKED = -1

    def __init__(self, net, im, fm, work=100000000):
        places, transitions = sorted(net.places, key=number), sorted(net.transitions, key=number)
        at = {x: i for i, x in enumerate(places)}
        self.label = [t.label for t in transitions]
        self.ins = [sorted(at[a.source] for a in t.in_arcs) for t in transitions]
        self.outs = [sorted(at[a.target] for a in t.out_arcs) for t in transitions]
        self.after = [[t for t, ins in enumerate(self.ins) if p in ins and self.label[t] is None] for p in range(len(places))]
        self.silent = [t for t, label in enumerate(self.label) if label is None]
        self.of = {label: t for t, label in enumerate(self.label) if label is not None}
        self.source, self.sink = (at[next(iter(m))] for m in (im, fm))
        self.places, self.work, self.seen = len(places), work, {}

    def can(self, m, t):
        return all(m[p] for p in self.ins[t])

    def fire(self, m, t):
        if not self.can(m, t):
            raise AssertionError("t%d is not enabled" % t)
        for p in self.ins[t]:
            m[p] -= 1
        for p in self.outs[t]:
            m[p] += 1

    def spend(self, n):
        self.work -= n
        if self.work < 0:
            raise TooMuch

    def spread(self, m, inputs):
        """Which places can be marked as if tokens were not used up, level by level, and by which transition first."""
        waits = [len(ins) for ins in self.ins]
        producer = {p: self.MARKED for p in range(self.places) if m[p]}
        queue = list(producer)
        self.spend(self.places + len(waits))
        for p in queue:
            if inputs is not None and all(i in producer for i in inputs):
                break
            for t in self.after[p]:
                waits[t] -= 1
                for made in self.outs[t] if waits[t] == 0 else ():
                    if made not in producer:
                        producer[made] = t
                        queue.append(made)
        return producer

    def want(self, m, inputs, producer):
        """The transitions that the inputs rest on, in an order in which they can fire, and the marking then."""
        wanted, places = [], list(inputs)
        for p in places:
            t = producer[p]
            if t != self.MARKED and t not in wanted:
                wanted.append(t)
                places.extend(self.ins[t])
        m, steps, moved = list(m), [], True
        while moved:
            moved = False
            for t in reversed(wanted):
                if t not in steps and self.can(m, t):
                    self.fire(m, t)
                    steps.append(t)
                    moved = True
        self.spend(len(places))
        return steps, m

    def markings(self, m):
        """Markings that silent steps lead to, the nearest first, with the steps."""
        todo, seen = [(tuple(m), ())], {tuple(m)}
        for now, steps in todo:
            yield now, steps
            self.spend(len(self.silent))
            for t in self.silent:
                if self.can(now, t) and len(seen) < self.STATES:
                    then = list(now)
                    self.fire(then, t)
                    if tuple(then) not in seen:
                        seen.add(tuple(then))
                        todo.append((tuple(then), steps + (t,)))

    def plan(self, m, inputs):
        if all(m[p] for p in inputs):
            return []
        producer = self.spread(m, inputs)
        some = [p for p in inputs if p in producer]
        steps, then = self.want(m, some, producer)
        if len(some) == len(inputs) and not all(then[p] for p in inputs):
            return next((s for now, s in self.markings(m) if all(now[p] for p in inputs)), steps)
        return steps

    def enabled(self, m):
        """The activities that can come next."""
        key = tuple(m)
        if key not in self.seen:
            producer = self.spread(m, None)
            near = {a: t for a, t in self.of.items() if all(p in producer for p in self.ins[t])}
            sure = {a for a, t in near.items() if self.can(m, t) or self.can(self.want(m, self.ins[t], producer)[1], t)}
            if len(sure) < len(near):
                for now, _ in self.markings(m):
                    sure |= {a for a, t in self.of.items() if self.can(now, t)}
            self.seen[key] = sure
        return self.seen[key]

    def step(self, level, label):
        """(marking, missing, consumed, produced, fired) behind one event; None as label: the end."""
        m, missing, consumed, produced, _ = level
        m, fired = list(m), []
        inputs = [self.sink] if label is None else self.ins[self.of[label]]
        for t in self.plan(m, inputs):
            self.fire(m, t)
            fired.append(t)
        for p in inputs:
            if m[p] == 0:
                m[p] = 1
                missing += 1
        if label is None:
            m[self.sink] -= 1
            consumed += 1
        else:
            fired.append(self.of[label])
            self.fire(m, self.of[label])
        return m, missing, consumed + sum(len(self.ins[t]) for t in fired), produced + sum(len(self.outs[t]) for t in fired), fired

    @staticmethod
    def fitness(missing, consumed, remaining, produced):
        return 0.5 * (1 - missing / consumed) + 0.5 * (1 - remaining / produced)

    def replay(self, variants):
        """The measures by name, or None: too much work."""
        try:
            return self.measures(variants)
        except TooMuch:
            return None

    def measures(self, variants):
        following, times = prefixes(variants)
        first = [0] * self.places
        first[self.source] = 1
        total, fitting, fired = [0] * 4, 0, collections.Counter()  # missing, consumed, remaining, produced
        allowed, escaping, average = 0, 0, 0
        levels, last = [(first, 0, 0, 1, [])], None
        for trace in sorted(variants):
            same = 0
            while last is not None and same < min(len(trace), len(last)) and trace[same] == last[same]:
                same += 1
            del levels[same + 1:]
            for i in range(same if last is not None else -1, len(trace)):
                if i >= 0:
                    levels.append(self.step(levels[-1], trace[i]) if trace[i] in self.of else levels[-1][:4] + ([],))
                prefix = trace[:i + 1]
                if levels[-1][1] == 0 and times[prefix] > 0:
                    enabled = self.enabled(levels[-1][0])
                    allowed += len(enabled) * times[prefix]
                    escaping += len(enabled - following[prefix]) * times[prefix]
            end, n = self.step(levels[-1], None), variants[trace]
            fitting += n if end[1] == 0 and sum(end[0]) == 0 else 0
            tokens = end[1], end[2], sum(end[0]), end[3]
            total = [x + n * y for x, y in zip(total, tokens)]
            average += n * self.fitness(*tokens)
            for level in levels + [end]:
                for t in level[4]:
                    fired[t] += n
            last = trace
        return {"percentage_of_fitting_traces": 100.0 * fitting / sum(variants.values()),
                "fitness": self.fitness(*total), "average_trace_fitness": average / sum(variants.values()),
                "precision": 1 - escaping / allowed if allowed else 1.0,
                "generalization": 1 - sum(1 / math.sqrt(fired[t]) if fired[t] else 1 for t in range(len(self.label))) / len(self.label)}


def bare(net, im, fm):
    """(places, transitions, arcs) of a net without a silent step that stands alone behind its source or before its sink."""
    places, transitions, arcs = len(net.places), len(net.transitions), len(net.arcs)
    for marking, out in ((im, "out_arcs"), (fm, "in_arcs")):
        border = list(getattr(next(iter(marking)), out))
        step = (border[0].target if out == "out_arcs" else border[0].source) if len(border) == 1 else None
        if step is not None and step.label is None and len(step.in_arcs) == 1 and len(step.out_arcs) == 1:
            places, transitions, arcs = places - 1, transitions - 1, arcs - 2
    return places, transitions, arcs
