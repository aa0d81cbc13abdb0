"""XComs on the command line."""
import json
import os

DAG = """
    from airflow.sdk import DAG, task
    with DAG("d"):
        @task(multiple_outputs=True)
        def pair():
            return {"a": 1, "b": "two"}

        @task
        def big():
            return "x" * 300000

        @task
        def square(n):
            return n * n

        pair() >> big()
        square.expand(n=[2, 3])
"""


def test_list_get_delete(tw):
    tw("run", tw.write("d.py", DAG))
    rows = {(x["task_id"], x["map_index"], x["key"]): x["value"] for x in tw.json("xcom", "list", "d")}
    assert rows[("pair", -1, "a")] == 1 and rows[("pair", -1, "return_value")] == {"a": 1, "b": "two"}
    assert rows[("square", 0, "return_value")] == 4 and rows[("square", 1, "return_value")] == 9
    assert len(rows[("big", -1, "return_value")]) == 300000
    assert all(index >= -1 for _, index, _ in rows)
    assert [x["key"] for x in tw.json("xcom", "list", "d", "--task", "square", "--map-index", "1")] == ["return_value"]
    assert "square [1]" in tw("xcom", "list", "d").stdout
    assert tw("xcom", "get", "d", "pair", "--key", "b").stdout == '"two"\n'
    assert tw("xcom", "get", "d", "square", "--map-index", "1").stdout == "9\n"
    assert "name one of its instances by --map-index" in tw("xcom", "get", "d", "square", code=66).stderr
    assert "has no instance 5" in tw("xcom", "get", "d", "square", "--map-index", "5", code=66).stderr
    assert "no XCom 'c'" in tw("xcom", "get", "d", "pair", "--key", "c", code=66).stderr
    tw("xcom", "delete", "d", "pair", "-k", "a")
    assert sorted(x["key"] for x in tw.json("xcom", "list", "d", "--task", "pair")) == ["b", "return_value"]
    tw("xcom", "delete", "d", "pair", "-k", "a", code=66)
    files = [name for _, _, names in os.walk(os.path.join(tw.home, "xcom")) for name in names]
    assert len(files) == 1
    tw("xcom", "delete", "d", "big")
    assert [name for _, _, names in os.walk(os.path.join(tw.home, "xcom")) for name in names] == []
    assert json.loads(tw("xcom", "get", "d", "pair").stdout) == {"a": 1, "b": "two"}


def test_beside_a_living_engine(tw, until):
    tw.dag({"first": {"operator": "bash", "bash_command": "echo one"},
            "wait": {"operator": "bash", "bash_command": "touch started; until [ -e go ]; do sleep 0.02; done", "cwd": tw.folder,
                     "upstream": ["first"]}})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    assert tw("xcom", "get", "d", "first").stdout == '"one"\n'
    tw("xcom", "delete", "d", "first")
    assert tw.json("xcom", "list", "d") == []
    tw.write("go", "")
    assert p.wait(60) == 0
