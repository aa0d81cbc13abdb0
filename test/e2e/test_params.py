"""Params of runs, checked by their JSON Schema however the run is made."""
from conftest import wait_until  # noqa: F401
from test_run import bash

PARAMS = {
    "limit": {"type": "integer", "minimum": 1, "default": 5},
    "day": {"type": "string", "format": "date", "default": "2026-01-01"},
    "tables": {"type": "array", "items": {"type": "string", "pattern": "^[a-z_]+$"}, "uniqueItems": True, "default": ["a"]},
    "mode": {"enum": ["full", "delta"], "default": "full"},
}


def test_each_way_of_giving_params_is_checked(tw):
    tw.dag({"t": bash("echo {{ params.limit }} {{ params.tables | length }}")}, params=PARAMS)
    for words, says in [(("--param", "limit=0"), "param 'limit': 0 is below its minimum 1"),
                        (("--param", "day=2026-02-30"), 'param \'day\': "2026-02-30" is no date (format)'),
                        (("--param", 'tables=["a","B"]'), "param 'tables': at /1: \"B\" does not match its pattern ^[a-z_]+$"),
                        (("--conf", '{"tables": ["a", "a"]}'), "param 'tables': elements 0 and 1 are equal (uniqueItems)"),
                        (("--conf", '{"mode": "all"}'), "param 'mode': \"all\" is not one of its 2 allowed values")]:
        assert says in tw("run", "dag.yaml", *words, code=65).stderr
        assert says in tw("dags", "trigger", "dag.yaml", *words, code=65).stderr
    tw("run", "dag.yaml", "-q", "--param", "limit=7", "--conf", '{"tables": ["x", "y"], "other": [1]}')
    assert "7 2" in tw.log("t")


def test_a_task_that_triggers_is_checked_too(tw):
    tw.dag({"t": bash("true")}, params=PARAMS)
    tw("run", "dag.yaml", "-q")
    tw.write("up.py", """
        from airflow.sdk import DAG
        from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
        with DAG("up"):
            TriggerDagRunOperator(task_id="go", trigger_dag_id="d", conf={"limit": "many"}, trigger_run_id="made")
        """)
    tw("run", "up.py", "-q", code=1)
    assert "param 'limit': expected integer, got string" in tw.log("go", "up")
    assert [r["run_id"] for r in tw.json("runs", "list", "d") if r["run_id"] == "made"] == []


def test_a_schedule_needs_defaults_that_fit(tw):
    tw.dag({"t": bash("true")}, schedule="@daily", params={"a": {"type": "string"}, "b": {"type": "integer", "default": "x"}})
    said = tw("dags", "validate", "dag.yaml", code=None).stderr + tw("dags", "validate", "dag.yaml", code=None).stdout
    assert "param 'a' has no default: a DAG with a schedule needs one" in said
    assert "the default of param 'b': expected integer, got string (type)" in said
    tw.dag({"t": bash("true")}, params={"a": {"type": "string"}})
    assert "param 'a' has no default" in tw("run", "dag.yaml", code=64).stderr
    tw("run", "dag.yaml", "-q", "--param", "a=x")
