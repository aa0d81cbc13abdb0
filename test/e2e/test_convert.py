"""dags convert: Python to YAML and back says the same; what cannot be said is listed."""
import glob
import json
import os
import random
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

FULL = r'''
from datetime import datetime, timedelta, timezone
from tradewind.sdk import DAG, BashOperator, BranchPythonOperator, DateTimeSensor, EmptyOperator, FileSensor, HttpSensor, Param, PythonOperator, ShortCircuitOperator, TaskGroup, TimeDeltaSensor, task


def choose(x):
    return "many.left" if x else "right"


def yes(**context):
    return True


with DAG("full", description="a 'quoted' \"text\"", schedule="@daily", start_date=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), end_date=datetime(2027, 1, 1, tzinfo=timezone(timedelta(hours=-2))),
         catchup=True, max_active_tasks=3, max_active_runs=2, dagrun_timeout=timedelta(hours=2), tags=["a", "b c", "true", "1"], env={"LANG": "C"}, dag_display_name="The Full One",
         is_paused_upon_creation=False, doc_md="# Title\n\n  indented\ttab\nlast \\ line", params={"n": 1, "s": "x: y # z", "p": Param(5, type="integer", minimum=1), "o": {"a": [1, 2.5, None]}, "e": Param("x", type="string", description="d"), "none": None},
         default_args={"retries": 2, "retry_delay": timedelta(seconds=90)}) as dag:
    first = BashOperator(task_id="first", bash_command="echo '{{ ds }}' \"it\"\nsecond \\ line\n", env={"A": "{{ params.n }}", "B-C": "no"}, append_env=True, cwd="/tmp", skip_on_exit_code=[3, 4])
    words = BashOperator(task_id="words", bash_command=["printf", "%s\n", "{{ run_id }}", "", " x ", "- y", "[z]", "null", "é\u2028\x07"], do_xcom_push=False, execution_timeout=timedelta(minutes=5))

    @task
    def rows(n, ds=None):
        return [n, ds]

    with TaskGroup("many", tooltip="those") as many:
        left = EmptyOperator(task_id="left", trigger_rule="all_done", weight_rule="absolute", priority_weight=7, pool_slots=2, owner="me", task_display_name="Left!")
        with TaskGroup("inner"):
            deep = FileSensor(task_id="deep", filepath="/tmp/*.csv", poke_interval=2, timeout=30, soft_fail=True)
    right = TimeDeltaSensor(task_id="right", delta=timedelta(minutes=1, seconds=30))
    until = DateTimeSensor(task_id="until", target_time="{{ data_interval_end }}", retry_exponential_backoff=2, max_retry_delay=timedelta(days=1))
    branch = BranchPythonOperator(task_id="branch", python_callable=choose, op_args=["{{ params.n }}"])
    stop = ShortCircuitOperator(task_id="stop", python_callable=yes, ignore_downstream_trigger_rules=False, op_kwargs={"a": {"b": [rows(3), 1]}})
    loaded = PythonOperator(task_id="class", python_callable=os_path.basename, op_args=["/a/b"], depends_on_past=True, max_active_tis_per_dag=1)
    up = BashOperator(task_id="1up", bash_command="true", pool="heavy").as_setup()
    down = BashOperator(task_id="down", bash_command="true").as_teardown(on_failure_fail_dagrun=True)
    with many:
        late = EmptyOperator(task_id="late")
    first >> branch >> [left, right]
    [left, right] >> until >> stop >> deep
    up >> loaded >> down
    up >> down
    words >> late
'''.replace("from datetime", "import os.path as os_path\nfrom datetime", 1)

YAML = r'''
dag_id: y
default_args: {retries: 1, retry_delay: 1h30m, owner: me}
start_date: 2026-01-01
dagrun_timeout: PT2H
task_groups: {g: {}, h: {parent: g, tooltip: t}}
tasks:
  a: {operator: bash, bash_command: "echo $X", env: {X: "1"}}
  b: {operator: bash, bash_command: "echo {{ ti.xcom_pull('a') }}", upstream: [a], group: g, execution_timeout: 500ms}
  class: {operator: wait_time, delta: 0, upstream: [b], group: h}
  g.c: {operator: empty, group: g, upstream: [class, a]}
  f: {operator: python, python_callable: "lib.py:twice", op_args: [{__xcom__: {task_id: a}}, "{{ run_id }}"], upstream: [a], owner: you}
'''
LIB = "from tradewind.sdk import DAG, task\n\n@task\ndef twice(x, run):\n    return [x, x, run]\n\nwith DAG('another'):\n    twice(1, 2)\n"


def documents(path, python=sys.executable):
    done = subprocess.run([python, "-m", "tradewind.document", path], env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "python")}, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    assert not answer["errors"], answer["errors"]
    return {d["dag_id"]: dict(d, python=None) for d in answer["documents"]}


def convert(tw, source, target, *more, code=0):
    done = tw("dags", "convert", source, "-o", target, *more, code=code)
    return done.stderr


def there_and_back(tw, source, dag):
    """Python -> YAML -> Python gives the same document; -> YAML once more the same text."""
    convert(tw, source, "one.yaml", "--dag", dag)
    tw("dags", "validate", "one.yaml")
    convert(tw, "one.yaml", "two.py")
    before, after = documents(tw.path(source))[dag], documents(tw.path("two.py"))[dag]
    assert list(before["tasks"]) == list(after["tasks"])
    assert before == after
    convert(tw, "two.py", "three.yaml")
    with open(tw.path("one.yaml")) as one, open(tw.path("three.yaml")) as three:
        assert one.read() == three.read()


def test_all_members(tw):
    tw.write("full.py", FULL)
    there_and_back(tw, "full.py", "full")
    with open(tw.path("two.py")) as f:
        text = f.read()
    assert max(map(len, text.splitlines())) < 230 and 'python_callable=function("full.py:choose")' in text and "function(\"posixpath:basename\")" in text


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(ROOT, "examples", "*", "*.py"))))
def test_examples(tw, path):
    with open(path) as f:
        tw.write("example.py", f.read())
    for dag in documents(path):
        there_and_back(tw, "example.py", dag)


def test_yaml_to_python_runs_the_same(tw):
    tw.write("y.yaml", YAML)
    tw.write("lib.py", LIB)
    convert(tw, "y.yaml", "y.py")
    tw("run", "y.yaml")
    first = tw.states("y"), tw.log("b", "y")
    tw("run", "y.py")
    assert (tw.states("y"), tw.log("b", "y")) == first
    convert(tw, "y.py", "z.yaml")
    document = documents(tw.path("y.py"))["y"]
    assert document["tasks"]["a"]["retry_delay"] == 5400 and document["tasks"]["f"]["owner"] == "you" and document["dagrun_timeout"] == 7200
    tw("run", "z.yaml")
    assert (tw.states("y"), tw.log("b", "y")) == first


MAPPED = '''
from tradewind.sdk import DAG, BashOperator, task

with DAG("mapped"):
    src = BashOperator(task_id="src", bash_command="echo 1")
    a = BashOperator.partial(task_id="a", retries=2).expand(bash_command=["echo 1", "echo 2"])
    b = BashOperator.partial(task_id="b").expand(bash_command=src.output)
    src >> a
'''


def test_mapped_tasks(tw):
    tw.write("mapped.py", MAPPED)
    there_and_back(tw, "mapped.py", "mapped")


EVERYTHING = r"""
import pathlib
from datetime import datetime, timedelta, timezone

from tradewind.sdk import (DAG, Asset, AssetAlias, BaseNotifier, BaseOperator, BashOperator, BranchPythonOperator, EmptyOperator, HttpSensor, Label, Param, PythonOperator,
                           PythonSensor, TaskGroup, literal, task, task_group)
from tradewind.operators.decide import ConditionOperator, FollowOperator

HERE = pathlib.Path(__file__).parent


class Tell(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text):
        super().__init__()
        self.text = text

    def notify(self, context):
        note("told", self.text)


class Mine(BaseOperator):
    template_fields = ("text",)

    def __init__(self, *, text, wait, at, pair, **kwargs):
        super().__init__(**kwargs)
        self.text, self.wait, self.at, self.pair = text, wait, at, pair

    def execute(self, context):
        return [self.text, self.wait.total_seconds(), self.at.isoformat(), list(self.pair), type(self.pair).__name__]


def note(what, text):
    with open(HERE / "notes", "a") as f:
        f.write(f"{what} {text}\n")


def done(context):
    note("done", context["ti"].task_id)


def over(context):
    note("over", context["dag"].dag_id)


def before(context):
    note("before", context["ti"].task_id)


def ready(n):
    return n == 3


def double(x):
    return x * 2


def shout(text):
    return str(text).upper()


TELL = Tell("{{ ds }}")
TEN = [10]

with DAG("everything", schedule=[Asset("s3://a/b", extra={"k": 1}), AssetAlias("al")], start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), on_success_callback=[over, TELL],
         user_defined_macros={"ten": TEN, "double": double}, user_defined_filters={"shout": shout}, owner_links={"me": "https://example.com"}, access_control={"role": {"can_read"}},
         params={"n": Param(3, type="integer")}, tags=["x"]) as dag:

    @task
    def numbers():
        return [1, 2, 3]

    @task
    def add(x, y=0, ds=None):
        return x + y

    @task(multiple_outputs=True)
    def several():
        return {"a": 1, "b": 2}

    @task(on_success_callback=done, outlets=[Asset("out")], inlets=[Asset("s3://a/b", extra={"k": 1})])
    def total(values, extra):
        return [sum(values), extra]

    n = numbers()
    added = add.partial(y=5).expand(x=n.map(double))
    both = add.override(task_id="both").expand(x=n.zip(n, fillvalue=0).map(sum), y=[1, 2])
    kw = add.override(task_id="kw", map_index_template="{{ task.op_kwargs['x'] }}").expand_kwargs([{"x": 1}, {"x": 2, "y": 3}])
    joined = add.override(task_id="joined").expand(x=n.concat(n))
    s = several()
    t = total(added, s["b"])
    PythonOperator.partial(task_id="args", python_callable=double).expand(op_args=[[1], [2]])
    BashOperator.partial(task_id="two", map_index_template="x").expand(bash_command=["echo {{ ds }}", "echo b"])
    PythonOperator(task_id="lambda", python_callable=lambda: [7])
    Mine(task_id="mine", text="{{ ten[0] | shout }}", wait=timedelta(seconds=90), at=datetime(2026, 1, 2, tzinfo=timezone.utc), pair=(1, 2), pre_execute=before)
    PythonSensor(task_id="sensor", python_callable=ready, op_args=["{{ params.n | int }}"], mode="reschedule", poke_interval=0.1, soft_fail=True, timeout=0.2)
    sensed = PythonSensor(task_id="sensed", python_callable=ready, op_kwargs={"n": 3}, poke_interval=1)
    BashOperator(task_id="loud", bash_command="echo {{ double(ten[0]) }}", on_success_callback=TELL, params={"p": 1}, email=["a@b.c"], email_on_retry=False)
    PythonOperator(task_id="kept", python_callable=shout, op_args=[literal("{{ no }}")])
    FollowOperator(task_id="follow", follow="left") >> Label("yes") >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    ConditionOperator(task_id="stop", condition="{{ 1 == 2 }}", ignore_downstream_trigger_rules=False) >> EmptyOperator(task_id="never")
    HttpSensor(task_id="http", endpoint="http://127.0.0.1:1/", expect_status=[200, 404], expect_text="{{ ds }}", timeout=0.01, soft_fail=True) << dag.get_task("never")

    @task_group(tooltip="each")
    def each(n):
        @task
        def one(x):
            return x * 10

        with TaskGroup("inner", group_display_name="Inner"):
            two = BashOperator(task_id="two", bash_command=["echo", n])
        first = one(n)
        first >> two
        return first

    every = each.expand(n=[1, 2])
    total.override(task_id="all_of_group")(every, 0)

    @task.branch
    def choose():
        return ["branch_a"]

    choose() >> [EmptyOperator(task_id="branch_a"), EmptyOperator(task_id="branch_b")]
"""


def results(tw, dag):
    """What each task came to, and what it returned."""
    found = sorted((t["task_id"], t["map_index"], t["state"]) for t in tw.json("runs", "show", dag)["tasks"])
    db = tw.db()
    run, version = db.execute("SELECT run_key, version_key FROM run ORDER BY run_key DESC").fetchone()
    names = list(json.loads(db.execute("SELECT document FROM version WHERE version_key = ?", (version,)).fetchone()[0])["tasks"])
    rows = db.execute("SELECT task, map_index, name, value FROM xcom WHERE run_key = ? AND map_index >= -1", (run,)).fetchall()
    db.close()
    return found, sorted((names[t], i, name, value) for t, i, name, value in rows)


def test_everything_is_said_and_runs_the_same(tw):
    """Mapping of all kinds, classes, callbacks, assets, macros: equal documents, and equal runs."""
    tw.write("everything.py", EVERYTHING)
    there_and_back(tw, "everything.py", "everything")
    ran = []
    for file in ("everything.py", "one.yaml", "two.py"):
        tw("run", file, "--logical-date", "2026-01-05T00:00:00Z", env={"TRADEWIND_HOME": tw.path(file + ".home")})
        tw.home = tw.env["TRADEWIND_HOME"] = tw.path(file + ".home")
        with open(tw.path("notes")) as f:
            ran.append((results(tw, "everything"), sorted(f.read().splitlines())))
        os.remove(tw.path("notes"))
    assert ran[0][0][0] == ran[1][0][0] == ran[2][0][0]
    assert ran[0][0][1] == ran[1][0][1] == ran[2][0][1]
    assert ran[0][1] == ran[1][1] == ran[2][1]
    values = {(t, i): json.loads(v) for t, i, name, v in ran[1][0][1] if name == "return_value"}
    assert values["total", -1] == [27, 2] and values["mine", -1] == ["10", 90.0, "2026-01-02T00:00:00+00:00", [1, 2], "tuple"]
    assert values["loud", -1] == "20" and values["all_of_group", -1] == [30, 0] and values["kept", -1] == "{{ NO }}"
    states = {(t, i): s for t, i, s in ran[1][0][0]}
    assert states["right", -1] == "skipped" and states["never", -1] == "skipped" and states["branch_b", -1] == "skipped" and states["left", -1] == "success"
    assert {"done total", "told 2026-01-05", "over everything", "before mine"} <= set(ran[1][1])


CANNOT = """
from tradewind.sdk import DAG, BaseOperator, BashOperator, PythonOperator, PythonSensor, literal, task


def make():
    class Mine(BaseOperator):
        def execute(self, context):
            pass
    return Mine


with DAG("cannot", user_defined_macros={"m": 1}, on_success_callback=lambda context: None):
    make()(task_id="custom")
    BashOperator(task_id="callback", bash_command="true", on_success_callback=lambda context: None)
    PythonOperator(task_id="object", python_callable=make, op_args=[object()])
    PythonOperator(task_id="keys", python_callable=make, op_kwargs={"x": {1: 2}})
    BashOperator(task_id="fine", bash_command="true")
"""


def test_what_cannot_be_said_is_listed(tw):
    """With the file, the line where there is one, the task, the construct and what to do."""
    tw.write("cannot.py", CANNOT)
    told = convert(tw, "cannot.py", "c.yaml", code=1)
    assert not os.path.exists(tw.path("c.yaml"))
    for task, words in (("custom", "the class Mine: a class within a function"), ("callback", "on_success_callback: a lambda; move it to the top level"),
                        ("object", "op_args: an object of the class object"), ("keys", "keys that are not strings; use strings")):
        assert any("task '%s'" % task in line and words in line and line.startswith("cannot.py") for line in told.splitlines()), (task, told)
    assert "the DAG: not convertible: user_defined_macros: m" in told and "the DAG: not convertible: on_success_callback" in told and "'fine'" not in told
    convert(tw, "cannot.py", "c.yaml", "--partial")
    with open(tw.path("c.yaml")) as f:
        text = f.read()
    assert "# not converted: an operator object of the class Mine" in text
    tw("run", "c.yaml")


def test_yaml_that_python_has_no_word_for(tw):
    tw.write("n.yaml", "dag_id: n\ntasks:\n  a: {operator: c_function, program: /bin/true, function: f}\n  b: {operator: python, python_callable: 'lib.py:f', python: /usr/bin/python3, upstream: [a]}\n")
    told = convert(tw, "n.yaml", "n.py", code=1)
    assert "n.yaml:3: task 'a': not convertible: operator 'c_function'" in told and "n.yaml:4: task 'b'" in told and "task 'b'" in told and "python: " in told
    convert(tw, "n.yaml", "n.py", "--partial")
    tw("run", "n.py")


def test_errors_of_the_file(tw):
    tw.write("bad.py", "import nope\n")
    assert "bad.py:1" in tw("dags", "convert", "bad.py", code=65).stderr
    tw.write("bad.yaml", "dag_id: b\ntasks: {a: {operator: nope}}\n")
    assert "bad.yaml:2" in tw("dags", "convert", "bad.yaml", code=65).stderr
    assert "no such file" in tw("dags", "convert", "gone.py", code=66).stderr
    tw.write("two.py", "from tradewind.sdk import DAG\nwith DAG('a'): pass\nwith DAG('b'): pass\n")
    assert "choose a DAG" in tw("dags", "convert", "two.py", code=64).stderr
    tw("dags", "convert", "two.py", "--dag", "b")


def random_document(r, number):
    """A YAML DAG of what Python can say, its tasks in an order in which they may be written."""
    words = ["plain", "two words", "it's", 'a "quote"', "x: y", "# no", "- a", "{{ ds }}", "line\nmore", "line\nmore\n", "tab\there", "\\back\\", " lead", "trail ", "ünï ☃", "null", "12", "1e3", "", "a\n\n  b\nc", "%s {% raw %}{{x}}{% endraw %}", "\"\"\"", "e\n\"", "[x]", "!tag", "&a *b", "0x1", "2026-01-01", "yes", "@a", "`b`"]
    word = lambda: r.choice(words)  # noqa: E731
    groups = {}
    for name in r.sample(["g", "h", "i"], r.randint(0, 3)):
        parent = r.choice([None, *groups])
        groups[name if parent is None else f"{parent}.{name}"] = {"parent": parent} if parent else {}
        if r.random() < 0.4:
            list(groups.values())[-1]["tooltip"] = word() or "t"
    tasks = {}
    for i in range(r.randint(1, 9)):
        group = r.choice([None, *groups])
        task_id = (f"{group}." if group else "") + r.choice(["t", "class", "1st", "a-b", "a.b", "DAG", "task"]) + str(i)
        spec = r.choice([lambda: {"operator": "bash", "bash_command": word() or "true"}, lambda: {"operator": "bash", "bash_command": ["echo", word(), word()], "env": {"A": word()}, "append_env": True},
                         lambda: {"operator": "empty"}, lambda: {"operator": "python", "python_callable": "lib.py:f", "op_args": [word(), r.choice([1, 2.5, None, True, [word()], {"k": word()}])]},
                         lambda: {"operator": "wait_time", "delta": r.choice([5, 90, 3600, 0.5])}, lambda: {"operator": "wait_file", "filepath": "/tmp/" + word().strip(), "poke_interval": 3, "timeout": 60}])()
        for name, value in (("retries", 2), ("retry_delay", r.choice([7, 3600, 90061])), ("owner", "me"), ("pool", "p"), ("trigger_rule", "all_done"), ("priority_weight", 4), ("doc_md", word() or "x"), ("execution_timeout", 90), ("depends_on_past", True), ("do_xcom_push", False), ("display_name", word() or "x")):
            if r.random() < 0.2:
                spec[name] = value
        above = sorted(r.sample(list(tasks), min(len(tasks), r.randint(0, 3))))
        if above:
            spec["upstream"] = above
        if group:
            spec["group"] = group
        tasks[task_id] = spec
    document = {"dag_id": f"d{number}", "schedule": r.choice([None, "@daily", "0 5 * * 1-5"]), "description": word() or "d", "tags": [word() or "t"], "params": {"p": word(), "q": {"default": {"a": word()}, "type": "object"}}, "tasks": tasks}
    if groups:
        document["task_groups"] = groups
    return {k: v for k, v in document.items() if v is not None}


def test_random_documents(tw):
    r = random.Random(20260131)
    text = []
    for i in range(8):
        tw.write("in.yaml", json.dumps(random_document(r, i)))
        convert(tw, "in.yaml", "out.py")
        first = documents(tw.path("out.py"))
        convert(tw, "out.py", "back.yaml")
        convert(tw, "back.yaml", "again.py")
        assert documents(tw.path("again.py")) == first
        want = json.load(open(tw.path("in.yaml")))
        (got,) = first.values()
        assert list(got["tasks"]) == list(want["tasks"])
        for task_id, spec in want["tasks"].items():
            for name, value in spec.items():
                if name not in ("python_callable", "op_args", "bash_command", "append_env"):
                    assert got["tasks"][task_id].get(name) == value, (task_id, name)
                elif name == "bash_command":
                    assert got["tasks"][task_id][name] == value
        assert got.get("task_groups") == want.get("task_groups") and got["description"] == want["description"]
        tw.write("f.yaml", json.dumps({k: v for k, v in want.items()}))
        text.append(got)
    assert len(text) == 8


def test_an_argument_that_is_a_param_of_the_run_is_one_in_python_too():
    document = {
        "version": 1,
        "dag_id": "d",
        "params": {"n": {"type": "integer", "default": 1}},
        "tasks": {"a": {"operator": "python", "python_callable": "x.py:f", "op_kwargs": {"n": {"__param__": "n"}}}},
    }
    code = "import json, sys; from tradewind import to_python; print(to_python.convert(json.load(sys.stdin))[0])"
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps(document), env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "python")},
                          capture_output=True, text=True, timeout=60)
    assert 'op_kwargs={"n": DagParam("n")}' in done.stdout, done.stdout + done.stderr
    assert "from tradewind.dags import DagParam" in done.stdout
