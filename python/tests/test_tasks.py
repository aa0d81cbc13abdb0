"""Tasks through the real runner: arguments, context, templates, XComs, outcomes, results."""

from __future__ import annotations

import os
import time

import pytest

DAG = """
import datetime, logging, os, subprocess, sys, time
from tradewind import exceptions
from tradewind.sdk import *
"""


@pytest.fixture
def run(holder, write):
    """Writes a file whose DAG has one task `t` (the text given) and runs it."""

    def go(text, task_id="t", **more):
        body = "\n".join("    " + line for line in text.splitlines())
        path = write(
            "dag.py",
            DAG
            + "with DAG('d', params={'p': 1}, default_args={'retries': 0}) as d:\n"
            + body
            + "\n",
        )
        return holder.run(path, task_id, **more)

    return go


def value_of(attempt, key="return_value"):
    assert attempt.exit_code == 0, attempt.text
    return {x["key"]: x["value"] for x in attempt.outcome()["xcoms"]}[key]


def test_a_return_value(run):
    attempt = run("@task\ndef t():\n    print('hello')\n    return {'a': [1, 2]}\nt()")
    assert attempt.exit_code == 0 and attempt.text == "hello\n"
    assert attempt.outcome()["outcome"] == "success" and value_of(attempt) == {"a": [1, 2]}
    assert attempt.messages == ["pid", "exit"] and attempt.pid > 0


def test_none_and_do_xcom_push_store_nothing(run):
    assert run("@task\ndef t(): pass\nt()").outcome()["xcoms"] == []
    assert run("@task(do_xcom_push=False)\ndef t(): return 1\nt()").outcome()["xcoms"] == []


def test_multiple_outputs(run):
    attempt = run("@task(multiple_outputs=True)\ndef t(): return {'a': 1, 'b': (2,)}\nt()")
    assert value_of(attempt, "a") == 1 and value_of(attempt, "b") == {
        "__type__": "tuple",
        "value": [2],
    }
    attempt = run("@task(multiple_outputs=True)\ndef t(): return 1\nt()")
    assert attempt.exit_code == 1 and "must return a dict, not int" in attempt.outcome()["error"]


def test_context_names(run):
    attempt = run(
        """
@task
def t(x, ti, ds, params, run_id, logical_date, dag_run, try_number, macros, var, dag, task, y=5, ds_nodash=None):
    return [x, ti.task_id, ti.try_number, ds, ds_nodash, params, run_id, logical_date.isoformat(), dag_run.conf, try_number,
            macros.ds_add(ds, 1), dag.dag_id, task.task_id, y, type(logical_date).__module__.split('.')[0]]
t(1)
""",
        conf={"c": 1},
        params={"p": 2},
    )
    pendulum = "pendulum"
    try:
        import pendulum as _  # noqa: F401
    except ImportError:
        pendulum = "datetime"
    assert value_of(attempt) == [
        1,
        "t",
        1,
        "2026-01-31",
        "20260131",
        {"p": 2},
        "manual__1",
        "2026-01-31T00:00:00+00:00",
        {"c": 1},
        1,
        "2026-02-01",
        "d",
        "t",
        5,
        pendulum,
    ]


def test_all_of_the_context_and_get_current_context(run):
    attempt = run("""
@task
def t(**context):
    assert context['ti'] is get_current_context()['ti']
    return sorted(context)
t()
""")
    for (
        name
    ) in "dag dag_run ds ts ts_nodash logical_date data_interval_end params run_id task ti var macros conn".split():
        assert name in value_of(attempt), name


def test_without_a_logical_date_there_is_no_ds(run):
    attempt = run("@task\ndef t(**c): return 'ds' in c\nt()", logical_date=None)
    assert value_of(attempt) is False
    attempt = run("@task\ndef t(x): return x\nt('{{ ds }}')", logical_date=None)
    assert attempt.exit_code == 1 and "'ds' is undefined" in attempt.outcome()["error"]


def test_a_positional_argument_in_the_place_of_a_context_name(run):
    attempt = run("PythonOperator(task_id='t', python_callable=lambda ds: 1, op_args=[1])")
    assert attempt.exit_code == 1 and "reserved" in attempt.outcome()["error"]


def test_templates(run):
    attempt = run(
        """
def f(*args, **kw): return [args, kw['k'], kw['templates_dict']]
PythonOperator(task_id='t', python_callable=f, op_args=['{{ ds }}', ['{{ params.p + 1 }}']],
               op_kwargs={'k': '{{ macros.ds_add(ds, 1) }}{{ logical_date | ts_nodash }}'}, templates_dict={'x': '{{ run_id }}'})
""",
        params={"p": 1},
    )
    got = value_of(attempt)
    assert got[0] == {"__type__": "tuple", "value": ["2026-01-31", ["2"]]}
    assert got[1:] == ["2026-02-0120260131T000000", {"x": "manual__1"}]
    assert attempt.outcome()["rendered"]["templates_dict"] == {"x": "manual__1"}


def test_an_undefined_name_in_a_template(run):
    attempt = run("@task\ndef t(x): pass\nt('a {{ nothing }}')")
    assert attempt.exit_code == 1 and "'nothing' is undefined" in attempt.outcome()["error"]
    assert "{{ nothing }}" in attempt.outcome()["error"]


def test_native_objects(holder, write):
    path = write(
        "dag.py",
        DAG + """
with DAG('d', render_template_as_native_obj=True, user_defined_macros={'twice': lambda x: 2 * x}) as d:
    @task
    def t(x): return x
    t('{{ [1, twice(2)] }}')
""",
    )
    assert value_of(holder.run(path, "t")) == [1, 4]


def test_exceptions_and_the_traceback(run):
    attempt = run("@task\ndef t():\n    {}['missing']\nt()")
    assert attempt.exit_code == 1 and attempt.outcome()["outcome"] == "failed"
    assert attempt.outcome()["error"] == "KeyError: 'missing'"
    assert attempt.text.startswith("Traceback") and "dag.py" in attempt.text
    assert "tradewind/" not in attempt.text, "frames of the runner are nobody's business"


@pytest.mark.parametrize(
    "text, outcome, code",
    [
        ("raise exceptions.AirflowSkipException('no')", "skipped", 0),
        ("raise exceptions.AirflowFailException('no')", "fail", 1),
        ("raise exceptions.AirflowSensorTimeout('no')", "fail", 1),
        ("raise exceptions.AirflowException('no')", "failed", 1),
        ("raise exceptions.AirflowTaskTimeout('no')", "failed", 1),
        ("sys.exit(0)", "failed", 1),
        ("raise KeyboardInterrupt", "failed", 1),
        ("raise exceptions.TaskDeferred()", "failed", 1),
    ],
)
def test_outcomes(run, text, outcome, code):
    attempt = run(f"@task\ndef t(): {text}\nt()")
    assert (attempt.outcome()["outcome"], attempt.exit_code) == (outcome, code)


def test_reschedule(run):
    attempt = run("""
PythonSensor(task_id='t', python_callable=lambda: False, mode='reschedule', poke_interval=60)
""")
    assert attempt.exit_code == 0 and attempt.outcome()["outcome"] == "reschedule"
    assert 50e6 < attempt.outcome()["until_us"] - time.time() * 1e6 < 61e6


def test_a_sensor_pokes(run):
    attempt = run("""
@task.sensor(poke_interval=0.01, timeout=10)
def t(counter=[]):
    counter.append(1)
    return PokeReturnValue(len(counter) == 3, xcom_value=len(counter))
t()
""")
    assert value_of(attempt) == 3


def test_os_exit_leaves_no_result(run):
    attempt = run("@task\ndef t(): os._exit(0)\nt()")
    assert attempt.exit_code == 0 and attempt.outcome() is None


def test_a_child_that_returns_from_the_function_writes_no_result(run):
    attempt = run(
        "@task\ndef t():\n    if os.fork() == 0: return 'child'\n    os.wait()\n    return"
        " 'parent'\nt()"
    )
    assert value_of(attempt) == "parent"


def test_a_signal(run):
    attempt = run("@task\ndef t(): os.kill(os.getpid(), 11)\nt()")
    assert os.WIFSIGNALED(attempt.status) and os.WTERMSIG(attempt.status) == 11


def test_sigterm_runs_on_kill_and_finally(holder, write):
    path = write(
        "dag.py",
        DAG + """
class Op(BaseOperator):
    def execute(self, context):
        try:
            print('ready')
            time.sleep(60)
        finally:
            print('cleaned')
    def on_kill(self): os.write(1, b'on_kill\\n')
with DAG('d') as d:
    Op(task_id='t')
""",
    )
    attempt = holder.start(path, "t")
    holder.wait_log(attempt, "ready")
    os.kill(attempt.pid, 15)
    holder.wait(attempt)
    assert "on_kill\ncleaned\n" in attempt.text and attempt.exit_code == 1
    assert attempt.outcome()["error"].startswith("AirflowTaskTerminated")


def test_a_value_that_cannot_be_stored(run):
    attempt = run("@task\ndef t(): return {'x': object()}\nt()")
    assert attempt.exit_code == 1
    assert "the return value of task 't'['x'] is a builtins.object" in attempt.outcome()["error"]


def test_logging_goes_to_the_log(run):
    attempt = run(
        "@task\ndef t():\n    logging.getLogger('mine').info('line %d', 1)\n   "
        " sys.stderr.write('err\\n')\nt()"
    )
    assert "INFO mine: line 1\n" in attempt.text and "err\n" in attempt.text


def test_the_environment_is_exactly_that_of_the_message(run):
    attempt = run(
        "@task\ndef t(): return dict(os.environ), subprocess.check_output(['env'], text=True)\nt()",
        env={"X": "1"},
    )
    mine, childs = value_of(attempt)["value"]
    names = {"PATH", "HOME", "LANG", "X", "TRADEWIND_ATTEMPT"} | {
        f"AIRFLOW_CTX_{n}"
        for n in "DAG_ID DAG_OWNER TASK_ID DAG_RUN_ID TRY_NUMBER LOGICAL_DATE".split()
    }
    assert set(mine) == names
    assert {line.split("=")[0] for line in childs.splitlines()} - {"LC_CTYPE"} == names


def test_descriptors_session_and_stdin(run):
    attempt = run("""
@task
def t():
    links = {int(f): os.readlink('/proc/self/fd/' + f) for f in os.listdir('/proc/self/fd') if os.path.lexists('/proc/self/fd/' + f)}
    kids = subprocess.check_output('ls /proc/self/fd', shell=True, text=True).split()
    return [links, os.getsid(0) == os.getpid(), kids, sys.stdin.read()]
t()
""")
    links, leader, kids, text = value_of(attempt)
    links = {int(pair[0]): pair[1] for pair in links["value"]}
    assert links.pop(0) == "/dev/null" and links.pop(1) == links.pop(2)
    others = [v for v in links.values() if not v.startswith(("/proc", "socket"))]
    assert others == [] and sum(v.startswith("socket") for v in links.values()) <= 1
    assert leader and set(kids) <= {"0", "1", "2", "3"} and text == ""


def test_secrets_are_told_to_the_holder(run):
    attempt = run(
        "@task\ndef t():\n    mask_secret({'password': 'hunter2', 'more': ['abc']})\n   "
        " mask_secret('x')\nt()"
    )
    assert sorted(attempt.secrets) == ["abc", "hunter2"]


def test_masked_values_are_not_in_the_result(run):
    attempt = run(
        "@task\ndef t(x):\n    mask_secret('hunter2')\n    raise ValueError('hunter2 is"
        " wrong')\nt('a hunter2')"
    )
    assert attempt.outcome()["error"] == "ValueError: *** is wrong"
    assert "hunter2" not in str(attempt.outcome())


def test_rendering_for_the_engine(holder, write, engine):
    engine.xcoms = {("one", "return_value"): "v"}
    spec = {
        "operator": "bash",
        "bash_command": (
            "echo {{ [1, 2] | map('string') | join('-') }} {{ ti.xcom_pull('one') }}" + "x" * 5000
        ),
        "env": {"A": "{{ ds }}"},
        "cwd": "{{ not rendered }}",
    }
    attempt = holder.run(
        write("d.yaml", ""),
        "t",
        kind="render",
        fields=["bash_command", "env"],
        spec=spec,
        engine=engine.path,
    )
    assert attempt.outcome()["rendered"] == {
        "bash_command": "echo 1-2 v" + "x" * 5000,
        "env": {"A": "2026-01-31"},
    }
    path = write("dag.py", DAG + "m = DAG('d', user_defined_macros={'f': lambda: 'mine'})\n")
    attempt = holder.run(
        path, "t", kind="render", fields=["bash_command"], spec={"bash_command": "{{ f() }}"}
    )
    assert attempt.outcome()["rendered"] == {"bash_command": "mine"}
    attempt = holder.run(
        path, "t", kind="render", fields=["bash_command"], spec={"bash_command": "{{ g() }}"}
    )
    assert attempt.exit_code == 1 and "'g' is undefined" in attempt.outcome()["error"]


def test_atexit_and_threads_are_waited_for(run):
    attempt = run("""
@task
def t():
    import atexit, threading
    atexit.register(lambda: print('bye'))
    threading.Thread(target=lambda: (time.sleep(0.05), print('thread'))).start()
t()
""")
    assert attempt.text == "thread\nbye\n"


def test_what_is_left_behind_is_ended(holder, write, folder):
    path = write(
        "dag.py",
        DAG + """
with DAG('d') as d:
    @task
    def t(path):
        p = subprocess.Popen(['setsid', 'sh', '-c', 'sleep 1000 & echo $! > ' + path + '; wait'])
        while not os.path.exists(path) or not open(path).read().strip():
            time.sleep(0.01)
    t(__file__ + '.pid')
""",
    )
    attempt = holder.run(path, "t")
    assert attempt.exit_code == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "dag.py.pid").read_text()), 0)


def test_callbacks(run):
    attempt = run("""
def say(word): return lambda context: print(word, type(context['exception']).__name__)
@task(on_execute_callback=say('execute'), on_success_callback=[say('ok1'), say('ok2')], pre_execute=say('pre'),
      post_execute=lambda c, r: print('post', r))
def t(): return 1
t()
""")
    assert attempt.text.splitlines() == [
        "execute NoneType",
        "pre NoneType",
        "post 1",
        "ok1 NoneType",
        "ok2 NoneType",
    ]
    text = """
def boom(context): raise RuntimeError('in callback')
def say(word): return lambda context: print(word, type(context['exception']).__name__)
@task(on_failure_callback=[boom, say('failure')], on_retry_callback=say('retry'))
def t(): raise ValueError('x')
t()
"""
    attempt = run(text, try_number=1, max_tries=0)
    assert (
        "failure ValueError" in attempt.text
        and "in callback" in attempt.text
        and attempt.outcome()["error"] == "ValueError: x"
    )
    attempt = run(text, try_number=1, max_tries=1)
    assert "retry ValueError" in attempt.text


def test_async_function(run):
    assert (
        value_of(
            run(
                "import asyncio\n@task\nasync def t():\n    await asyncio.sleep(0)\n    return"
                " 1\nt()"
            )
        )
        == 1
    )


def test_bash_in_python(run):
    attempt = run(
        "@task.bash\ndef t(x): return f'echo one; echo {x} {{{{ ds }}}}"
        " $AIRFLOW_CTX_TASK_ID'\nt('two')"
    )
    assert attempt.text == "one\ntwo 2026-01-31 t\n" and value_of(attempt) == "two 2026-01-31 t"
    attempt = run("@task.bash\ndef t(): return 'exit 99'\nt()")
    assert attempt.outcome()["outcome"] == "skipped"
    attempt = run("@task.bash\ndef t(): return 'exit 3'\nt()")
    assert "exit code 3" in attempt.outcome()["error"]


# Branches.

BRANCH = """
@task.branch
def t(): return %s
a, b, c, j = [EmptyOperator(task_id=i) for i in 'abcj']
with TaskGroup('g') as g:
    x, y = [EmptyOperator(task_id=i) for i in 'xy']
    x >> y
t() >> [a, b, c, g, j]
a >> j
"""


@pytest.mark.parametrize(
    "returned, skip",
    [
        ("'a'", ["b", "c", "g.x"]),
        ("['b', 'c']", ["a", "g.x", "j"]),
        ("None", ["a", "b", "c", "g.x", "j"]),
        ("'g'", ["a", "b", "c", "j"]),
        ("[]", ["a", "b", "c", "g.x", "j"]),
        ("'g.x'", ["a", "b", "c", "j"]),
    ],
)
def test_branches(run, returned, skip):
    attempt = run(BRANCH % returned)
    assert attempt.exit_code == 0, attempt.text
    assert attempt.outcome()["skip"] == skip


def test_a_branch_to_nowhere(run):
    attempt = run(BRANCH % "['a', 'zz']")
    assert attempt.exit_code == 1 and "'zz'" in attempt.outcome()["error"]
    assert "must return" in run(BRANCH % "5").outcome()["error"]


SHORT = """
@task.short_circuit(ignore_downstream_trigger_rules=%s)
def t(): return %s
a, b, z = [EmptyOperator(task_id=i) for i in 'abz']
t() >> a >> b >> z.as_teardown()
"""


@pytest.mark.parametrize(
    "ignore, value, skip",
    [("True", "''", ["a", "b"]), ("False", "0", ["a"]), ("True", "'go on'", [])],
)
def test_short_circuits(run, ignore, value, skip):
    attempt = run(SHORT % (ignore, value))
    assert attempt.outcome()["skip"] == skip and attempt.exit_code == 0


# XComs.


def test_xcom_arguments_and_pulls(run, engine):
    engine.xcoms = {
        ("one", "return_value"): {"__type__": "tuple", "value": [1, 2]},
        ("one", "k"): "v",
    }
    attempt = run(
        """
@task
def one(): pass
o = one()
@task
def t(x, deep, ti, none):
    return [x, deep, none, ti.xcom_pull(task_ids='one', key='k'), ti.xcom_pull(task_ids=['one', 'no']),
            ti.xcom_pull(task_ids='no', default=7), ti.states(['one'])]
@task
def two(): pass
t(o, {'a': [o['k']]}, none=two())
""",
        engine=engine.path,
    )
    assert value_of(attempt) == [
        {"__type__": "tuple", "value": [1, 2]},
        {"a": ["v"]},
        None,
        "v",
        [{"__type__": "tuple", "value": [1, 2]}, None],
        7,
        {"one": None},
    ]
    assert engine.asked[0]["attempt"] == attempt.name


def test_a_key_that_was_not_pushed(run, engine):
    attempt = run(
        "@task\ndef one(): pass\n@task\ndef t(x): pass\nt(one()['k'])", engine=engine.path
    )
    assert attempt.exit_code == 1 and attempt.outcome()["error"].startswith(
        "XComNotFound: task 'one'"
    )


def test_pushes_are_in_the_result_even_of_a_failure(run, engine):
    attempt = run(
        """
@task
def t(ti):
    ti.xcom_push('k', {1})
    assert ti.xcom_pull(key='k') == {1}
    raise ValueError
t()
""",
        engine=engine.path,
    )
    assert attempt.outcome()["xcoms"] == [{"key": "k", "value": {"__type__": "set", "value": [1]}}]
    assert [m["type"] for m in engine.asked] == ["xcom_set"]


def test_an_engine_that_is_away_comes_back(holder, write, engine, folder):
    engine.xcoms = {("one", "return_value"): 5}
    engine.close()
    path = write(
        "dag.py",
        DAG + """
with DAG('d') as d:
    @task
    def one(): pass
    @task
    def t(x, ti):
        print('again')
        while not os.path.exists(__file__ + '.go'): time.sleep(0.01)
        return x + ti.xcom_pull(task_ids='one')
    t(one())
""",
    )
    attempt = holder.start(path, "t", engine=engine.path)
    while attempt.pid is None:
        holder._step(0.05)
    engine.open()
    holder.wait_log(attempt, "again")
    engine.close()
    (folder / "dag.py.go").write_text("")
    holder._step(0.05)
    engine.open()
    holder.wait(attempt)
    assert value_of(attempt) == 10


# Functions of YAML DAGs.


def test_plain_functions(holder, write, engine):
    engine.xcoms = {("one", "return_value"): [1]}
    write(
        "work.py",
        "def f(x, y, ds, **c):\n    return [x, y, ds, c['task'].task_id]\ndef b(): return 'a'\ndef"
        " s(): return 0\n",
    )
    write("pack/__init__.py", "class C:\n    @staticmethod\n    def g(n): return n + 1\n")
    yaml = write("dag.yaml", "")
    spec = {
        "operator": "python",
        "python_callable": "work.py:f",
        "op_args": ["{{ ds }}"],
        "op_kwargs": {"y": {"__xcom__": {"task_id": "one"}}},
    }
    assert value_of(holder.run(yaml, "t", spec=spec, engine=engine.path)) == [
        "2026-01-31",
        [1],
        "2026-01-31",
        "t",
    ]
    spec = {"operator": "python", "python_callable": "pack:C.g", "op_args": [1]}
    assert value_of(holder.run(yaml, "t", spec=spec)) == 2
    attempt = holder.run(yaml, "t", spec={"operator": "branch", "python_callable": "work.py:b"})
    assert attempt.outcome()["follow"] == ["a"] and attempt.outcome()["skip"] == []
    attempt = holder.run(
        yaml, "t", spec={"operator": "short_circuit", "python_callable": "work.py:s"}
    )
    assert attempt.outcome()["stop"] is True
    attempt = holder.run(
        yaml, "t", spec={"operator": "python", "python_callable": "work.py:nothing"}
    )
    assert "no function 'nothing'" in attempt.outcome()["error"]
    attempt = holder.run(yaml, "t", spec={"operator": "python", "python_callable": "what"})
    assert "python_callable must be" in attempt.error


def test_a_task_that_is_gone_from_the_file(run):
    attempt = run("@task\ndef t(): pass\nt()", task_id="old")
    assert attempt.exit_code == 1 and "no task 'old'" in attempt.outcome()["error"]
    attempt = run("@task\ndef t(): pass\nt()", dag_id="other")
    assert "no DAG 'other'" in attempt.outcome()["error"]
