"""Pipelines for the kill test: made from a seed, with what becomes of each task when nothing is killed."""
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
RETRIES = 3

PYTHON_HEAD = '''\
import fcntl, os, time
from datetime import timedelta
from tradewind.sdk import DAG, BashOperator, task
from tradewind.exceptions import AirflowSkipException

JOURNALS = {journals!r}

def uptime():
    return open("/proc/uptime").read().split()[0]

def journal(fd, text):
    os.write(fd, (text + "\\n").encode())
    os.fsync(fd)

def work(name, ms, codes):
    token, n = os.environ["TRADEWIND_ATTEMPT"], int(os.environ["AIRFLOW_CTX_TRY_NUMBER"])
    fd = os.open(os.path.join(JOURNALS, name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        journal(fd, "overlap " + token)
    journal(fd, "start %s %d %d %s" % (token, n, os.getpid(), uptime()))
    time.sleep(ms / 1000)
    code = codes[min(n, len(codes)) - 1]
    journal(fd, "end %s %d %s" % (token, code, uptime()))
    if code == 99:
        raise AirflowSkipException("as planned")
    if code:
        raise RuntimeError("as planned")
    return name

def make(name, kind, ms, codes, delay, rule):
    common = dict(task_id=name, retries={retries}, retry_delay=timedelta(seconds=delay), trigger_rule=rule)
    if kind == "bash":
        text = ". %s; work %s %d %s" % ({script!r}, name, ms, ",".join(map(str, codes)))
        return BashOperator(bash_command=text, env={{"JOURNALS": JOURNALS}}, append_env=True, **common)
    return task(**common)(work)(name, ms, codes)
'''


class Task:
    """kind: bash, argv, template, python, wait_time, wait_file."""

    def __init__(self, name, kind, ms=0, codes=(0,), delay=0.1, rule="all_success", upstream=()):
        self.name, self.kind, self.ms, self.codes = name, kind, ms, list(codes)
        self.delay, self.rule, self.upstream = delay, rule, list(upstream)

    @property
    def journals(self):
        return not self.kind.startswith("wait")


class Pipeline:
    def __init__(self, rng, kind):
        self.kind = kind
        self.is_python = kind == "python"
        self.tasks = {}
        getattr(self, "_" + kind)(rng)

    # ---- shapes ----

    def _add(self, rng, name, kind, upstream=()):
        chance = rng.random()
        codes = [0]
        if chance < 0.15:
            codes = [1, 0]
        elif chance < 0.20:
            codes = [3, 1, 0]
        elif chance < 0.24:
            codes = [7]
        elif chance < 0.28:
            codes = [99]
        rule = "all_done" if rng.random() < 0.7 else "all_success"
        self.tasks[name] = Task(name, kind, rng.randrange(20, 900), codes, rng.choice([0.05, 0.1, 0.3]), rule, upstream)

    def _bash_kind(self, rng):
        return rng.choice(["bash", "bash", "argv", "template"])

    def _wide(self, rng):
        n = rng.randrange(60, 100)
        for i in range(n):
            self._add(rng, "w%d" % i, self._bash_kind(rng))
        self._add(rng, "join", "bash", list(self.tasks))
        self.tasks["join"].rule = "all_done"

    def _layers(self, rng, kind_of):
        previous = []
        for layer in range(rng.randrange(3, 6)):
            names = ["l%d_%d" % (layer, i) for i in range(rng.randrange(10, 24))]
            for name in names:
                above = rng.sample(previous, min(len(previous), rng.randrange(1, 4))) if previous else []
                self._add(rng, name, kind_of(rng), above)
            previous = names

    def _layered(self, rng):
        self._layers(rng, self._bash_kind)

    def _python(self, rng):
        self._layers(rng, lambda r: "python" if r.random() < 0.75 else "bash")

    def _waits(self, rng):
        def kind(r):
            return r.choice(["bash", "bash", "template", "wait_time", "wait_file"])
        self._layers(rng, kind)
        for t in self.tasks.values():
            t.codes = t.codes if t.journals else [0]

    # ---- files ----

    def write(self, folder, journals):
        """Writes the DAG file; returns its path."""
        path = os.path.join(folder, "dag.py" if self.is_python else "dag.json")
        with open(path, "w") as f:
            f.write(self._python_text(journals) if self.is_python else json.dumps(self._document(journals), indent=1))
        return path

    def _python_text(self, journals):
        lines = [PYTHON_HEAD.format(journals=journals, script=os.path.join(HERE, "task.sh"), retries=RETRIES)]
        lines.append('with DAG("killed", schedule=None, max_active_tasks=1000):')
        lines.append("    t = {}")
        for t in self.tasks.values():
            lines.append("    t[%r] = make(%r, %r, %d, %r, %r, %r)" % (t.name, t.name, t.kind, t.ms, t.codes, t.delay, t.rule))
        for t in self.tasks.values():
            for u in t.upstream:
                lines.append("    t[%r] >> t[%r]" % (u, t.name))
        return "\n".join(lines) + "\n"

    def _document(self, journals):
        script = os.path.join(HERE, "task.sh")
        tasks = {}
        for t in self.tasks.values():
            codes = ",".join(map(str, t.codes))
            d = {"operator": "bash", "retries": RETRIES, "retry_delay": t.delay, "trigger_rule": t.rule, "upstream": t.upstream}
            if t.kind == "bash":
                d["bash_command"] = ". %s; work %s %d %s" % (script, t.name, t.ms, codes)
            elif t.kind == "argv":
                d["bash_command"] = ["bash", "-c", ". %s; work %s %d %s" % (script, t.name, t.ms, codes)]
            elif t.kind == "template":
                d["bash_command"] = ". %s; work {{ ti.task_id }} %d %s # {{ ds }}" % (script, t.ms, codes)
            elif t.kind == "wait_time":
                d.update(operator="wait_time", delta=t.ms / 1000)
            else:
                # A file that a task of the layer above, one that always runs, writes when it starts; without one: a folder.
                above = [u for u in t.upstream if self.tasks[u].journals and self.tasks[u].rule == "all_done"]
                d.update(operator="wait_file", poke_interval=0.05,
                         filepath=os.path.join(journals, above[0]) if above else journals)
            tasks[t.name] = d
        return {"dag_id": "killed", "max_active_tasks": 1000, "env": {"JOURNALS": journals}, "tasks": tasks}

    # ---- what is right ----

    def expected(self, states):
        """Task -> all (state, tries) that are right when no try is lost, given the states of its upstream tasks in `states`."""
        out = {}
        for t in self.tasks.values():
            above = [states[u] for u in t.upstream]
            out[t.name] = [self._alone(t)]
            if t.rule == "all_success":
                # Whichever is seen first decides, as in Airflow.
                early = [("upstream_failed", 0)] if "failed" in above or "upstream_failed" in above else []
                early += [("skipped", 0)] if "skipped" in above else []
                out[t.name] = early or out[t.name]
        return out

    @staticmethod
    def _alone(t):
        for n in range(1, RETRIES + 2):
            code = t.codes[min(n, len(t.codes)) - 1]
            if code in (0, 99):
                return ("success" if code == 0 else "skipped", n)
        return ("failed", RETRIES + 1)
