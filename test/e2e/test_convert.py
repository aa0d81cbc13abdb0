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
         is_paused_upon_creation=False, doc_md="# Title\n\n  indented\ttab\nlast \\ line", params={"n": 1, "s": "x: y # z", "p": Param(5, type="integer", minimum=1), "o": {"a": [1, 2.5, None]}, "e": Param(type="string", description="d"), "none": None},
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
    tw.write("f.py", MAPPED + "\n    @task\n    def f(x):\n        return x\n\n    f.expand(x=[1, 2])\n")
    assert "task 'f': not convertible: a mapped task" in convert(tw, "f.py", "f.yaml", code=1)


CANNOT = '''
from tradewind.sdk import DAG, BaseOperator, BashOperator, PythonOperator, PythonSensor, literal, task


class Mine(BaseOperator):
    def execute(self, context):
        pass


def make():
    def inner():
        pass
    return inner


with DAG("cannot", user_defined_macros={"m": 1}):
    PythonOperator(task_id="lambda", python_callable=lambda: 1) >> PythonOperator(task_id="closure", python_callable=make())
    Mine(task_id="custom")
    BashOperator(task_id="callback", bash_command="true", on_success_callback=print)
    PythonSensor(task_id="sensor", python_callable=make)
    PythonOperator(task_id="object", python_callable=make, op_args=[object()])

    @task(multiple_outputs=True)
    def several():
        return {}

    several()
    BashOperator(task_id="fine", bash_command="true")
'''


def test_what_cannot_be_said_is_listed(tw):
    tw.write("cannot.py", CANNOT)
    told = convert(tw, "cannot.py", "c.yaml", code=1)
    assert not os.path.exists(tw.path("c.yaml"))
    for task, words in (("lambda", "a lambda"), ("closure", "within a function"), ("custom", "Mine"), ("callback", "on_success_callback"), ("sensor", "PythonSensor"), ("object", "a object"), ("several", "multiple_outputs")):
        assert any("task '%s'" % task in line and words in line and line.startswith("cannot.py") for line in told.splitlines()), (task, told)
    assert "the DAG: not convertible: user_defined_macros" in told and "'fine'" not in told
    convert(tw, "cannot.py", "c.yaml", "--partial")
    with open(tw.path("c.yaml")) as f:
        text = f.read()
    assert "# not converted: python_callable: a lambda" in text and "upstream: [lambda]" in text
    tw("run", "c.yaml")


def test_yaml_that_python_has_no_word_for(tw):
    tw.write("n.yaml", "dag_id: n\ntasks:\n  a: {operator: branch, follow: '{{ params.x }}'}\n  b: {operator: wait_http, url: 'http://127.0.0.1/', expect_text: x, upstream: [a]}\n")
    told = convert(tw, "n.yaml", "n.py", code=1)
    assert "n.yaml: task 'a': not convertible: follow" in told and "expect_text" in told
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
