"""branch and short_circuit, in YAML and Python."""
from test_run import bash


def test_branch_in_yaml(tw):
    tw.dag({"pick": {"operator": "branch", "follow": "{{ params.way }}"},
            "left": bash("true", upstream=["pick"]), "right": bash("true", upstream=["pick"]),
            "end": bash("true", upstream=["left", "right"], trigger_rule="none_failed_min_one_success")}, params={"way": "left"})
    tw("run", "dag.yaml")
    assert tw.states() == {"pick": "success", "left": "success", "right": "skipped", "end": "success"}
    tw("run", "dag.yaml", "-p", "way=right")
    assert tw.states() == {"pick": "success", "left": "skipped", "right": "success", "end": "success"}


def test_branch_to_nowhere_and_to_a_stranger(tw):
    tw.dag({"pick": {"operator": "branch", "follow": "{{ params.way }}"}, "left": bash("true", upstream=["pick"])}, params={"way": ""})
    tw("run", "dag.yaml")
    assert tw.states() == {"pick": "success", "left": "skipped"}
    tw("run", "dag.yaml", "-p", "way=somewhere", code=1)
    assert tw.states()["pick"] == "failed"


def test_short_circuit_in_yaml(tw):
    tw.dag({"gate": {"operator": "short_circuit", "condition": "{{ params.go }}"}, "a": bash("true", upstream=["gate"]),
            "b": bash("true", upstream=["a"], trigger_rule="all_done")}, params={"go": False})
    tw("run", "dag.yaml")
    assert tw.states() == {"gate": "success", "a": "skipped", "b": "skipped"}
    tw("run", "dag.yaml", "-p", "go=true")
    assert set(tw.states().values()) == {"success"}


def test_callables_of_a_yaml_dag(tw):
    tw.write("steps.py", """
        def pick(**context):
            return ["b"]

        def closed():
            return False

        def add(x, y=1):
            print("adding")
            return x + y
    """)
    tw.dag({"sum": {"operator": "python", "python_callable": "steps.py:add", "op_args": [2], "op_kwargs": {"y": 3}},
            "pick": {"operator": "branch", "python_callable": "steps.py:pick", "upstream": ["sum"]},
            "a": bash("true", upstream=["pick"]), "b": bash("true", upstream=["pick"]),
            "gate": {"operator": "short_circuit", "python_callable": "steps.py:closed", "upstream": ["b"]},
            "c": bash("true", upstream=["gate"]),
            "d": bash("echo {{ ti.xcom_pull('sum') }}", upstream=["sum"])})
    tw("run", "dag.yaml")
    assert tw.states() == {"sum": "success", "pick": "success", "a": "skipped", "b": "success", "gate": "success", "c": "skipped", "d": "success"}
    assert tw.log("d") == "5\n"


def test_branch_and_short_circuit_in_python(tw):
    file = tw.write("b.py", """
        from tradewind.sdk import DAG, task, EmptyOperator
        with DAG("b", schedule=None):
            @task.branch
            def pick():
                return "left"
            @task.short_circuit
            def gate():
                return False
            left, right, after = (EmptyOperator(task_id=n) for n in ("left", "right", "after"))
            pick() >> [left, right]
            left >> gate() >> after
    """)
    tw("run", file)
    assert tw.states("b") == {"pick": "success", "gate": "success", "left": "success", "right": "skipped", "after": "skipped"}


def test_setup_and_teardown(tw):
    tw.dag({"make": bash("true", setup=True), "work": bash("false", upstream=["make"]),
            "drop": bash("true", upstream=["work", "make"], teardown=True)})
    tw("run", "dag.yaml", code=1)
    assert tw.states() == {"make": "success", "work": "failed", "drop": "success"}


def test_python_fails_skips_and_retries(tw):
    file = tw.write("p.py", """
        from tradewind.sdk import DAG, task
        from tradewind.exceptions import AirflowFailException, AirflowSkipException
        with DAG("p", schedule=None, default_args={"retries": 2, "retry_delay": 0.01}):
            @task
            def fails():
                raise AirflowFailException("for good")
            @task
            def skips():
                raise AirflowSkipException("not today")
            @task
            def third(ti=None):
                if ti.try_number < 3:
                    raise ValueError("not yet")
                return ti.try_number
            fails(), skips(), third()
    """)
    tw("run", file, code=1)
    tis = {t["task_id"]: t for t in tw.json("runs", "show", "p")["tasks"]}
    assert (tis["fails"]["state"], tis["fails"]["try_number"]) == ("failed", 1)
    assert "for good" in tis["fails"]["reason"]
    assert tis["skips"]["state"] == "skipped"
    assert (tis["third"]["state"], tis["third"]["try_number"]) == ("success", 3)
    assert "ValueError: not yet" in tw.log("third", "p", "-t", "1") and "p.py" in tw.log("third", "p", "-t", "1")
