"""Compares the journals that tasks kept with the store, attempt by attempt."""
import os
import sqlite3
import uuid

from pipelines import RETRIES

STATES = ("none", "removed", "scheduled", "queued", "running", "success", "restarting", "failed", "up_for_retry",
          "up_for_reschedule", "upstream_failed", "skipped", "deferred")
FINISHED = ("success", "failed", "upstream_failed", "skipped", "removed")


class Attempt:
    def __init__(self, task, token, n, pid, start):
        self.task, self.token, self.n, self.pid, self.start = task, token, n, pid, start
        self.end = self.code = None


def read_journals(folder):
    """Attempts in the order of their journals, and the violations that journals alone show."""
    attempts, bad = [], []
    for task in sorted(os.listdir(folder)):
        tokens = {}
        with open(os.path.join(folder, task)) as f:
            lines = f.read().splitlines()
        for line in lines:
            w = line.split()
            if w[0] == "start":
                if w[1] in tokens:
                    bad.append("%s: attempt %s was started twice" % (task, w[1]))
                tokens[w[1]] = Attempt(task, w[1], int(w[2]), int(w[3]), float(w[4]))
                attempts.append(tokens[w[1]])
            elif w[0] == "end":
                if w[1] not in tokens:
                    bad.append("%s: an end of %s without its start" % (task, w[1]))
                    continue
                tokens[w[1]].code, tokens[w[1]].end = int(w[2]), float(w[3])
            else:
                bad.append("%s: %s began while another attempt lived" % (task, w[1]))
    return attempts, bad


class Try:
    def __init__(self, row):
        self.n, self.state, self.code, self.reason = row["try_number"], STATES[row["state"]], row["exit_code"], row["reason"]


class Stored:
    """What the store says of one run."""

    def __init__(self, path, names):
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        db.row_factory = sqlite3.Row
        run = db.execute("SELECT * FROM run").fetchall()
        assert len(run) == 1, "%d runs in the store" % len(run)
        self.run_state = ("queued", "running", "success", "failed")[run[0]["state"]]
        self.names = self._names(db, run[0]["version_key"])
        self.tis = {}
        self.tries = {name: {} for name in names}
        self.tokens = {}
        self.doubled = []
        text = "coalesce(r.text, t.reason) AS reason, t.task, t.try_number, t.state, t.exit_code"
        for row in db.execute("SELECT %s FROM try t LEFT JOIN reason r ON r.reason_id = t.reason ORDER BY n" % text):
            self._keep(Try(row), self.names[row["task"]])
        for row in db.execute("SELECT %s FROM ti t LEFT JOIN reason r ON r.reason_id = t.reason" % text):
            t, name = Try(row), self.names[row["task"]]
            self.tis[name] = t
            if t.n > 0:
                self._keep(t, name)
        for row in db.execute("SELECT task, try_number, attempt FROM attempt"):
            self.tokens[self.names[row["task"]], row["try_number"]] = str(uuid.UUID(bytes=row["attempt"]))
        db.close()

    def _keep(self, t, name):
        if t.n in self.tries[name]:
            self.doubled.append("%s: try %d stands twice in the store" % (name, t.n))
        self.tries[name][t.n] = t

    @staticmethod
    def _names(db, version_key):
        import json

        text = db.execute("SELECT document FROM version WHERE version_key = ?", (version_key,)).fetchone()[0]
        return list(json.loads(text)["tasks"])


class Judge:
    """lossy: holders or runners were killed in this round."""

    def __init__(self, pipeline, store_path, journals, lossy):
        self.p, self.lossy = pipeline, lossy
        self.attempts, self.bad = read_journals(journals)
        self.s = Stored(store_path, list(pipeline.tasks))
        self.unseen = 0
        self.bad += self.s.doubled

    def judge(self):
        by_try = {}
        for a in self.attempts:
            if (a.task, a.n) in by_try:
                self.bad.append("%s: try %d was started twice, as %s and %s"
                                % (a.task, a.n, by_try[a.task, a.n].token, a.token))
            by_try[a.task, a.n] = a
            self._known(a)
        for name, tries in self.s.tries.items():
            for n, t in sorted(tries.items()):
                self._try(name, n, t, by_try.get((name, n)))
        self._tasks()
        self._order()
        return self.bad

    def _known(self, a):
        if a.n not in self.s.tries.get(a.task, {}):
            self.bad.append("%s: attempt %s of try %d is not in the store" % (a.task, a.token, a.n))
        stored = self.s.tokens.get((a.task, a.n))
        if stored != a.token:
            self.bad.append("%s: try %d is attempt %s in the store, %s in the journal" % (a.task, a.n, stored, a.token))

    def _try(self, name, n, t, a):
        unseen = t.reason is not None and t.reason.startswith("exit not seen")
        self.unseen += unseen
        where = "%s: try %d is %s (%s, exit code %d)" % (name, n, t.state, t.reason, t.code)
        if not self.p.tasks[name].journals:
            return
        if a is None:
            if not (self.lossy and t.state == "failed" and t.reason):
                if not (t.state in ("upstream_failed",) or t.state == "skipped" and n == 0):
                    self.bad.append(where + ", without a journal")
        elif a.code is None:
            if t.state != "failed" or not self.lossy:
                self.bad.append(where + ", and its journal has no end")
        elif unseen or (t.reason or "").startswith("killed by SIG"):
            if not self.lossy or t.state != "failed":
                self.bad.append(where + ", and its journal says end %d" % a.code)
        else:
            right = {0: "success", 99: "skipped"}.get(a.code, "failed")
            if t.state != right:
                self.bad.append(where + ", and its journal says end %d" % a.code)
            elif self.p.tasks[name].kind != "python" and t.code != a.code:
                self.bad.append(where + ", and its journal says end %d" % a.code)

    def _tasks(self):
        for name in self.p.tasks:
            ti = self.s.tis.get(name)
            if ti is None or ti.state not in FINISHED:
                self.bad.append("%s: %s at the end of the run" % (name, ti.state if ti else "unknown"))
        if self.bad:
            return
        expected = self.p.expected({name: ti.state for name, ti in self.s.tis.items()})
        for name, ti in self.s.tis.items():
            if ti.n > RETRIES + 1:
                self.bad.append("%s: %d tries" % (name, ti.n))
            if sorted(self.s.tries[name]) != list(range(1, ti.n + 1)):
                self.bad.append("%s: tries %s of %d" % (name, sorted(self.s.tries[name]), ti.n))
            if not self.lossy and (ti.state, ti.n) not in expected[name]:
                self.bad.append("%s: %s after %d tries; expected %s" % (name, ti.state, ti.n, expected[name]))
        if self.s.run_state not in ("success", "failed"):
            self.bad.append("the run is %s" % self.s.run_state)

    def _order(self):
        """Nothing began before what it waits for had ended (times have a resolution of 10 ms)."""
        first, last = {}, {}
        for a in self.attempts:
            first[a.task] = min(first.get(a.task, a.start), a.start)
            if a.end is not None:
                last[a.task] = max(last.get(a.task, a.end), a.end)
        for name, t in self.p.tasks.items():
            for u in t.upstream:
                if name in first and u in last and first[name] < last[u] - 0.02:
                    self.bad.append("%s began before %s had ended" % (name, u))

    def live_at(self, instants):
        """How many attempts lived at each instant, summed; one without an end counts at the first instant after its start."""
        total = 0
        for a in self.attempts:
            hit = [t for t in instants if t >= a.start and (a.end is None or t <= a.end)]
            total += len(hit[:1]) if a.end is None else len(hit)
        return total
