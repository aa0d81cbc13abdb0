"""Mapped tasks and groups, from the file to the logs."""
import json
import os
import signal

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


def test_more_than_a_slice(tw):
    """One that the scheduler works off in several steps: counted once, and each instance ran."""
    tw.env["TRADEWIND__CORE__MAX_MAP_LENGTH"] = "3000"
    file = tw.dag({"g.quick": {"operator": "empty", "group": "g"}, "g.many": bash("true", upstream=["g.quick"], group="g"),
                   "z": bash("true", upstream=["g.many"])},
                  dag_id="m", max_active_tasks=64, task_groups={"g": {"expand": {"x": list(range(2500))}}})
    assert tw("run", file).stdout.splitlines()[-1].endswith(", 5001 success")


def test_interrupted(tw):
    """Instances that run are ended with the engine, and run again when the run is resumed."""
    command = "echo x >> {0}; [ -e {1} ] || exec sleep 600".format(tw.path("out"), tw.path("go"))
    file = tw.dag({"s": {"operator": "bash", "expand": {"bash_command": [command] * 2}}}, dag_id="m")
    engine = tw.start("run", file)
    wait_until(lambda: os.path.exists(tw.path("out")) and len(open(tw.path("out")).read().split()) == 2)
    engine.send_signal(signal.SIGINT)
    engine.wait(timeout=30)
    assert rows(tw)["s"]["state"] == "none"
    tw.write("go", "")
    tw("runs", "resume", "m")
    assert len(open(tw.path("out")).read().split()) == 4


def test_setups_of_a_group(tw):
    """Each index has its setup and its teardown; one that is cleared runs again with those of its index alone."""
    step = lambda name, **more: bash("echo {0}$N >> {1}".format(name, tw.path("out")), append_env=True, env={"N": {"__mapped__": "n"}}, group="g", **more)
    work = step("work", upstream=["g.up"])
    work["bash_command"] += '; [ $N != 1 ] || [ -e {0} ]'.format(tw.path("go"))
    file = tw.dag({"g.up": step("up", setup=True), "g.work": work, "g.more": step("more", upstream=["g.work"]),
                   "g.down": step("down", teardown=True, upstream=["g.up", "g.more"])},
                  dag_id="m", task_groups={"g": {"expand": {"n": [0, 1]}}})
    tw("run", file, code=1)
    lines = lambda: sorted(open(tw.path("out")).read().split())
    assert lines() == ["down0", "down1", "more0", "up0", "up1", "work0", "work1"]
    shown = json.loads(tw("runs", "show", "m", "--json").stdout)["tasks"]
    assert [t["state"] for t in shown if t["task_id"] == "g.more" and t["map_index"] >= 0] == ["success", "upstream_failed"]
    tw.write("go", "")
    tw.write("out", "")
    tw("tasks", "clear", "m", "g.up", "--map-index", "1")
    tw("runs", "resume", "m")
    assert lines() == ["down1", "more1", "up1", "work1"]


def test_setups_of_a_group_in_python(tw):
    file = tw.write("d.py", """
from airflow.sdk import DAG, setup, task, task_group, teardown

with DAG("m"):
    @setup
    def up(n):
        return "place %d" % n

    @task
    def work(place):
        if place.endswith("1"):
            raise ValueError("no")
        return place

    @teardown
    def down(place):
        print("tear down", place)

    @task_group
    def g(n):
        place = up(n)
        place >> work(place) >> down(place)

    g.expand(n=[0, 1, 2])
""")
    tw("run", file, code=1)
    assert [log_of(tw, "g.down", i).strip().split("\n")[-1][-len("tear down place 0"):] for i in range(3)] == ["tear down place %d" % i for i in range(3)]
    assert rows(tw)["g.down"]["state"] == "success" and rows(tw)["g.work"]["state"] == "failed"


def test_an_instance_that_is_not_there(tw):
    tw("run", tw.dag({"say": {"operator": "bash", "expand": {"bash_command": ["echo one", "echo two"]}}, "one": bash("true")}, dag_id="m"))
    for command in ("logs", "why"):
        done = tw("tasks", command, "m", "say", "--map-index", "7", code=66)
        assert "task 'say' has no instance 7: its 2 have --map-index 0 to 1" in done.stderr
        assert "is not mapped" in tw("tasks", command, "m", "one", "--map-index", "0", code=66).stderr
