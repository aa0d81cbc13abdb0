"""What is wrong with a file is said at once, with line and remedy."""
import json

BAD = """\
dag_id: bad dag
tasks:
  one:
    operator: bsh
    bash_command: "true"
  two:
    operator: bash
    bash_comand: "true"
    upstream: [thre]
    retries: many
  three:
    operator: bash
    bash_command: "true"
    upstream: [four]
  four:
    operator: empty
    upstream: [three]
"""

FINDINGS = [  # line, words
    (1, ["bad dag", "letters"]),
    (4, ["bsh", "did you mean 'bash'"]),
    (6, ["two", "needs 'bash_command'"]),
    (8, ["bash_comand", "did you mean 'bash_command'"]),
    (9, ["thre", "did you mean 'three'"]),
    (10, ["retries", "integer", "many"]),
    (11, ["cycle", "three -> four -> three"]),
]


def check(text):
    lines = [line for line in text.splitlines() if line.startswith("bad.yaml:")]
    assert len(lines) == len(FINDINGS), text
    for line, (number, words) in zip(lines, FINDINGS):
        assert line.split(":")[1] == str(number)
        for word in words:
            assert word in line


def test_all_errors_at_once(tw):
    tw.write("bad.yaml", BAD)
    check(tw("run", "bad.yaml", code=65).stderr)
    done = tw("dags", "validate", "bad.yaml", code=65)
    check(done.stdout + done.stderr)


def test_validate_goes_on_after_a_bad_file(tw):
    tw.write("bad.yaml", BAD)
    tw.dag({"a": {"operator": "empty"}})
    done = tw("dags", "validate", "bad.yaml", "dag.yaml", code=65)
    assert "valid" in done.stdout and "'d'" in done.stdout
    tw("dags", "validate", "dag.yaml")


def test_validate_as_json(tw):
    tw.write("bad.yaml", BAD)
    tw.dag({"a": {"operator": "empty"}})
    answer = json.loads(tw("dags", "validate", "bad.yaml", "dag.yaml", "--json", code=65).stdout)
    bad, good = answer
    assert (bad["file"], bad["valid"], good["file"], good["valid"]) == ("bad.yaml", False, "dag.yaml", True)
    assert [e["line"] for e in bad["errors"]] == [n for n, _ in FINDINGS]
    assert bad["errors"][1]["task_id"] == "one" and "did you mean" in bad["errors"][1]["message"]
    assert good["errors"] == [] and good["dags"] == [{"dag_id": "d", "tasks": 1}]


def test_a_template_that_cannot_be_read_is_found_before_anything_runs(tw):
    tw.write("t.yaml", """\
        dag_id: t
        tasks:
          first: {operator: bash, bash_command: touch ran}
          a:
            operator: bash
            bash_command: "echo {{ params.x | }}"
    """)
    done = tw("dags", "validate", "t.yaml", code=65)
    assert "t.yaml:6" in done.stdout + done.stderr and "bash_command" in done.stdout + done.stderr


def test_yaml_that_is_none(tw):
    tw.write("x.yaml", "dag_id: x\ntasks:\n  a: [1,\n")
    assert "x.yaml:" in tw("run", "x.yaml", code=65).stderr
    tw.write("y.yaml", "")
    tw("run", "y.yaml", code=65)
    tw.write("z.json", '{"dag_id": "x", "dag_id": "y"}')
    assert "dag_id" in tw("run", "z.json", code=65).stderr


def test_nothing_is_made_by_a_bad_file(tw):
    tw.write("bad.yaml", BAD)
    tw("run", "bad.yaml", code=65)
    done = tw("runs", "list", code=None)
    assert "bad" not in done.stdout


def test_an_unknown_dag_run_and_task(tw):
    assert "nothing has run" in tw("runs", "list", code=None).stderr
    tw.dag({"a": {"operator": "empty"}})
    tw("run", "dag.yaml")
    for args in (["runs", "show", "x"], ["tasks", "why", "d", "x"], ["tasks", "logs", "d", "nosuchrun", "a"], ["runs", "list", "x"]):
        done = tw(*args, code=None)
        assert done.returncode not in (0, 139) and "tradewind: " in done.stderr, args


def test_a_home_that_cannot_be_written(tw):
    tw.dag({"a": {"operator": "empty"}})
    done = tw("run", "dag.yaml", "--home", "/proc/nothing", code=None)
    assert done.returncode not in (0, 1) and "/proc/nothing" in done.stderr


def test_a_store_of_something_else_is_refused(tw):
    import os
    import sqlite3

    tw.dag({"a": {"operator": "empty"}})
    os.mkdir(tw.home)
    db = sqlite3.connect(os.path.join(tw.home, "tradewind.db"))
    db.execute("CREATE TABLE mine (x)")
    db.commit()
    db.close()
    done = tw("run", "dag.yaml", code=None)
    assert done.returncode not in (0, 1) and "tradewind.db" in done.stderr
