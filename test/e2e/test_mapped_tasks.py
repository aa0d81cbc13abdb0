"""Mapped tasks and groups, from the file to the logs."""
import json
import os

from conftest import wait_until


def bash(text, **more):
    return {"operator": "bash", "bash_command": text, **more}


def log_of(tw, task, index):
    return tw("tasks", "logs", "m", task, "--map-index", str(index)).stdout


def rows(tw):
    return {r["task_id"]: r for r in json.loads(tw("tasks", "list", "m", "--json").stdout)}


def test_literals(tw):
    file = tw.dag({
        "say": {"operator": "bash", "append_env": True, "env": {"FIXED": "{{ ti.map_index }}"},
                "expand": {"bash_command": ["echo one $FIXED", "echo two $FIXED"], "skip_on_exit_code": [[98], [99]]}},
        "all": bash("echo {{ ti.xcom_pull(task_ids='say') | join('+') }}", upstream=["say"])}, dag_id="m")
    done = tw("run", file)
    assert "5 success" in done.stdout.splitlines()[-1]
    assert [log_of(tw, "say", i) for i in range(4)] == ["one 0\n", "one 1\n", "two 2\n", "two 3\n"]
    assert tw("tasks", "logs", "m", "all").stdout == "one 0+one 1+two 2+two 3\n"
    assert rows(tw)["say"]["map_length"] == 4
    assert "say [4]" in tw("tasks", "list", "m").stdout


def test_lengths_from_xcoms(tw):
    tw.write("fn.py", "def words(): return ['red', 'green', '{{ no }}']\ndef none(): return []\ndef text(): return 'x'\n")
    file = tw.dag({
        "words": {"operator": "python", "python_callable": "fn.py:words"},
        "none": {"operator": "python", "python_callable": "fn.py:none"},
        "text": {"operator": "python", "python_callable": "fn.py:text"},
        "no": bash("x", expand={"env": {"__xcom__": {"task_id": "none"}}}),
        "bad": bash("x", expand={"env": {"__xcom__": {"task_id": "text"}}}),
        "g.a": bash("echo $W", append_env=True, env={"W": {"__mapped__": "word"}}, group="g"),
        "g.b": bash("echo got {{ ti.xcom_pull(task_ids='g.a', map_indexes=ti.map_index) }}", upstream=["g.a"], group="g"),
        "zip": {"operator": "bash", "expand_kwargs": [{"bash_command": "echo a"}, {"bash_command": "exit 3"}]}},
        dag_id="m", task_groups={"g": {"expand": {"word": {"__xcom__": {"task_id": "words"}}}}})
    tw("run", file, code=1)
    assert [log_of(tw, "g.b", i) for i in range(3)] == ["got red\n", "got green\n", "got {{ no }}\n"]
    got = rows(tw)
    assert got["no"]["state"] == "skipped" and "length is 0" in got["no"]["reason"]
    assert got["bad"]["state"] == "failed" and "its XCom is a string" in got["bad"]["reason"]
    assert got["zip"]["state"] == "failed" and got["zip"]["map_length"] == 2
    shown = json.loads(tw("runs", "show", "m", "--json").stdout)["tasks"]
    assert [(t["map_index"], t["state"]) for t in shown if t["task_id"] == "zip"] == [(-1, "failed"), (0, "success"), (1, "failed")]
    tw("tasks", "clear", "m", "zip", "--map-index", "1")
    assert rows(tw)["zip"]["state"] == "none"
    again = tw("runs", "resume", "m", code=1).stdout
    assert "zip [1] failed" in again and "zip [0]" not in again


def test_too_many(tw):
    file = tw.dag({"many": bash("true", expand={"env": [{}] * 5})}, dag_id="m")
    tw.env["TRADEWIND__CORE__MAX_MAP_LENGTH"] = "4"
    tw("run", file, code=1)
    assert "5 instances, and at most 4 are allowed" in rows(tw)["many"]["reason"]


def test_killed_in_the_middle(tw):
    """Instances that run when the engine dies are adopted: each writes its line once."""
    words = ["a", "b", "c"]
    commands = ["echo {0} >> {1}; while [ ! -e {2} ]; do sleep 0.02; done".format(w, tw.path("out"), tw.path("go")) for w in words]
    file = tw.dag({"s": {"operator": "bash", "expand": {"bash_command": commands}}}, dag_id="m")
    engine = tw.start("run", file)
    wait_until(lambda: os.path.exists(tw.path("out")) and len(open(tw.path("out")).read().split()) == 3)
    engine.kill()
    engine.wait()
    tw.write("go", "")
    tw("runs", "resume", "m")
    assert sorted(open(tw.path("out")).read().split()) == words
    assert rows(tw)["s"]["state"] == "success"


def test_an_instance_that_is_not_there(tw):
    tw("run", tw.dag({"say": {"operator": "bash", "expand": {"bash_command": ["echo one", "echo two"]}}, "one": bash("true")}, dag_id="m"))
    for command in ("logs", "why"):
        done = tw("tasks", command, "m", "say", "--map-index", "7", code=66)
        assert "task 'say' has no instance 7: its 2 have --map-index 0 to 1" in done.stderr
        assert "is not mapped" in tw("tasks", command, "m", "one", "--map-index", "0", code=66).stderr
