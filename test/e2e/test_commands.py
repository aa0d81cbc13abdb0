"""tasks, runs, dags, db: the commands beside run."""
import json
import os

from test_run import bash


def cwd_dag(tw, tasks, **more):
    for t in tasks.values():
        t.setdefault("cwd", tw.folder)
    return tw.dag(tasks, **more)


def broken(tw):
    cwd_dag(tw, {"extract": bash("echo x >> extracted; echo out"), "load": bash("echo loading; test -e fixed", upstream=["extract"]),
                 "report": bash("true", upstream=["load"]), "aside": bash("true")})
    tw("run", "dag.yaml", "--run-id", "r1", code=1)


def test_runs(tw):
    broken(tw)
    assert [(r["dag_id"], r["run_id"], r["state"]) for r in tw.json("runs", "list")] == [("d", "r1", "failed")]
    assert tw.json("runs", "list", "--state", "success") == []
    assert "r1" in tw("runs", "list", "d").stdout
    run = tw.json("runs", "show")
    assert run["reason"] == "task load failed"
    assert {t["task_id"]: t["state"] for t in run["tasks"]} == {
        "extract": "success", "load": "failed", "report": "upstream_failed", "aside": "success"}
    text = tw("runs", "show", "d", "r1").stdout
    assert "exit code 1" in text and "\x1b" not in text


def test_resume_of_a_failed_run(tw):
    broken(tw)
    tw("runs", "resume", "d", code=1)
    tw.write("fixed", "")
    done = tw("runs", "resume", "d", "r1", "--plain")
    assert "success" in done.stdout.splitlines()[-1]
    assert set(tw.states().values()) == {"success"}
    assert open(tw.path("extracted")).read() == "x\n"
    assert "succeeded" in tw("runs", "resume", "d", code=None).stderr


def test_tasks_list_and_why(tw):
    broken(tw)
    tasks = {t["task_id"]: t for t in tw.json("tasks", "list", "d")}
    assert tasks["load"]["upstream_task_ids"] == ["extract"] and tasks["load"]["operator"] == "bash"
    assert "exit code 1" in tw("tasks", "why", "d", "load").stdout
    why = tw("tasks", "why", "d", "report").stdout
    assert "upstream_failed" in why and "load" in why and "failed" in why
    assert tw.json("tasks", "why", "d", "load")["state"] == "failed"


def test_why_of_a_live_run(tw, until):
    cwd_dag(tw, {"a": bash("touch started; until [ -e go ]; do sleep 0.02; done"), "b": bash("true", upstream=["a"])})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    until(lambda: "runs" in tw("tasks", "why", "d", "a").stdout)
    assert "waits for a (running)" in tw("tasks", "why", "d", "b").stdout
    tw.write("go", "")
    assert p.wait(60) == 0


def test_logs(tw):
    broken(tw)
    assert tw.log("load") == "loading\n"
    assert tw.log("extract") == "out\n"
    assert "nothing" in tw("tasks", "logs", "d", "aside").stderr
    assert "not run" in tw("tasks", "logs", "d", "report", code=None).stderr


def test_logs_follow(tw, until):
    cwd_dag(tw, {"a": bash("echo one; touch started; until [ -e go ]; do sleep 0.02; done; echo two")})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    f = tw.start("tasks", "logs", "d", "a", "-f")
    assert f.stdout.readline() == "one\n"
    tw.write("go", "")
    assert f.communicate(timeout=60)[0] == "two\n"
    assert f.returncode == 0 and p.wait(60) == 0


def test_clear(tw):
    broken(tw)
    tw.write("fixed", "")
    dry = tw("tasks", "clear", "d", "load", "--dry-run").stdout
    assert "load" in dry and "report" in dry and "extract" not in dry
    assert tw.states()["load"] == "failed"
    tw("tasks", "clear", "d", "load", "-y")
    assert tw.states()["load"] != "failed"
    tw("runs", "resume", "d")
    assert set(tw.states().values()) == {"success"}
    assert open(tw.path("extracted")).read() == "x\n"
    tw("tasks", "clear", "d", "extract", "-y", "--only")
    tw("runs", "resume", "d")
    assert open(tw.path("extracted")).read() == "x\nx\n"


def test_clear_in_a_live_run(tw, until):
    cwd_dag(tw, {"a": bash("echo a >> ran"), "b": bash("touch started; until [ -e go ]; do sleep 0.02; done")})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")) and tw.states()["a"] == "success")
    tw("tasks", "clear", "d", "a", "-y")
    until(lambda: open(tw.path("ran")).read() == "a\na\n")
    tw.write("go", "")
    assert p.wait(60) == 0


def test_task_test_keeps_nothing(tw):
    tw.dag({"a": bash("echo {{ params.p }}; exit 3", upstream=["b"]), "b": bash("true")}, params={"p": 1})
    done = tw("tasks", "test", "dag.yaml", "a", "-p", "p=5", code=1)
    assert done.stdout.startswith("5\n")
    tw("tasks", "test", "dag.yaml", "b")
    assert not os.path.exists(os.path.join(tw.home, "tradewind.db"))


def test_task_render(tw):
    tw.dag({"a": bash("echo {{ ds }} {{ params.p | upper }}", env={"X": "{{ ti.task_id }}"})}, params={"p": "x"})
    done = tw("tasks", "render", "dag.yaml", "a", "--logical-date", "2026-01-31", "-p", "p=abc")
    assert json.loads(done.stdout)["bash_command"] == "echo 2026-01-31 ABC"
    assert json.loads(done.stdout)["env"] == {"X": "a"}


def test_dags(tw):
    broken(tw)
    (dag,) = tw.json("dags", "list")
    assert dag["dag_id"] == "d" and dag["last_run"]["state"] == "failed"
    assert "d" in tw("dags", "list").stdout
    for target in ("d", "dag.yaml"):
        text = tw("dags", "show", target).stdout
        assert all(t in text for t in ("extract", "load", "report", "aside"))
    assert tw("dags", "show", "d", "-f", "svg").stdout.startswith("<svg") or "<svg" in tw("dags", "show", "d", "-f", "svg").stdout
    assert "digraph" in tw("dags", "show", "d", "-f", "dot").stdout
    assert "-->" in tw("dags", "show", "d", "-f", "mermaid", "--run", "r1").stdout
    schema = json.loads(tw("dags", "validate", "--schema").stdout)
    assert "properties" in schema
    tw("dags", "show", "d", "-f", "svg", "-o", "d.svg")
    assert os.path.getsize(tw.path("d.svg")) > 100


def test_dags_test_keeps_nothing(tw):
    tw.dag({"a": bash("true")})
    tmp = tw.path("tmp")
    os.mkdir(tmp)
    tw("dags", "test", "dag.yaml", env={"TMPDIR": tmp})
    assert os.listdir(tmp) == []
    assert not os.path.exists(os.path.join(tw.home, "tradewind.db"))


def test_db(tw):
    broken(tw)
    assert "whole" in tw("db", "check").stdout
    assert "newest" in tw("db", "migrate").stdout


def test_db_clean(tw):
    broken(tw)
    logs = os.path.join(tw.home, "logs", "dag_id=d", "run_id=r1")
    assert os.path.isdir(logs)
    tw("db", "clean", "--keep", "1h", "-y")
    assert len(tw.json("runs", "list")) == 1
    assert "1" in tw("db", "clean", "--keep", "0s", "--dry-run").stdout
    assert len(tw.json("runs", "list")) == 1
    tw("db", "clean", "--keep", "0s", "-y")
    assert tw.json("runs", "list") == []
    assert not os.path.isdir(logs)


def test_db_check_sees_damage(tw):
    broken(tw)
    path = os.path.join(tw.home, "tradewind.db")
    with open(path, "r+b") as f:
        f.seek(3 * 4096)
        f.write(b"\xff" * 4096)
    done = tw("db", "check", code=None)
    assert done.returncode not in (0, 139, 134)


def test_config_and_version(tw):
    assert "0." in tw("version").stdout
    assert tw.home in tw("config", "list").stdout


def test_marking(tw):
    broken(tw)
    done = tw("tasks", "mark", "d", "load", "success", code=64)
    assert done.stdout == "would mark load success (is failed)\n" and "--yes" in done.stderr
    assert tw.states()["load"] == "failed"
    assert tw("tasks", "mark", "d", "r1", "load", "success", "--downstream", "--yes").stdout == (
        "marked load success (was failed)\nmarked report success (was upstream_failed)\n")
    run = tw.json("runs", "show", "d")
    assert run["state"] == "success" and tw.states()["report"] == "success"
    tw("tasks", "mark", "d", "extract", "failed", "-y")
    assert tw.json("runs", "show", "d")["state"] == "success"  # its leaves say so
    tw("tasks", "mark", "d", "aside", "skipped", "-y")
    assert tw.states()["aside"] == "skipped"
    assert "success failed skipped" in tw("tasks", "mark", "d", "load", "running", code=64).stderr
    assert "is not mapped" in tw("tasks", "mark", "d", "load", "failed", "-y", "--map-index", "1", code=66).stderr


def test_clearing_a_pattern(tw):
    broken(tw)
    done = tw("tasks", "clear", "d", "^(load|aside)$", "--regex", "--only", "--dry-run")
    assert done.stdout == "would clear load (is failed)\nwould clear aside (is success)\n"
    assert "no pattern" in tw("tasks", "clear", "d", "(", "--regex", code=64).stderr


def test_a_run_by_its_logical_date(tw):
    tw.dag({"a": bash("true")})
    for day in (1, 2):
        tw("run", "dag.yaml", "--run-id", "r%d" % day, "--logical-date", "2026-02-0%d" % day)
    assert tw.json("runs", "show", "d", "2026-02-01")["run_id"] == "r1"
    assert tw.json("runs", "show", "d", "2026-02-02T00:00:00+00:00")["run_id"] == "r2"
    assert "has no run" in tw("runs", "show", "d", "2026-02-03", code=66).stderr
    assert [r["run_id"] for r in tw.json("runs", "list", "d", "--from", "2026-02-02", "--to", "2026-02-02")] == ["r2"]


def test_a_store_is_made_reset_and_told_of(tw):
    tw("db", "check", code=66)
    assert "is made" in tw("db", "migrate").stdout
    assert "newest" in tw("db", "migrate").stdout
    broken(tw)
    tw("variables", "set", "a", "1")
    tw("db", "reset", code=64)
    assert tw.json("runs", "list") != []
    tw("db", "reset", "--yes")
    assert tw.json("runs", "list") == [] and tw.json("variables", "list") == []
    assert os.listdir(os.path.join(tw.home, "logs")) == []
    info = tw.json("info")
    assert info["home"] == tw.home and info["engine"] is None and info["store"].startswith("form ")
    tw("info", "--engine", code=1)


def test_triggering(tw, until):
    cwd_dag(tw, {"a": bash("touch started; until [ -e go ]; do sleep 0.02; done")})
    cwd_dag(tw, {"a": bash("true")}, name="other.yaml", dag_id="other")
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    assert "Process %d works" % p.pid in tw("info", "--engine").stdout
    made = tw.json("dags", "trigger", "other.yaml", "--run-id", "t1")  # returns although the other run goes on
    assert made["run_id"] == "t1" and made["dag_id"] == "other"
    until(lambda: tw.json("runs", "show", "other")["state"] == "success")
    assert "'t1'" in tw("dags", "trigger", "other.yaml", "--run-id", "t1", code=73).stderr
    tw.write("go", "")
    assert p.wait(60) == 0
    assert tw.json("dags", "trigger", "other.yaml")["state"] == "success"  # nobody works there: here
    cwd_dag(tw, {"a": bash("false")}, name="bad.yaml", dag_id="bad")
    assert tw.json("dags", "trigger", "bad.yaml", code=1)["state"] == "failed"


def test_deleting_a_dag(tw):
    tw.dag({"a": bash("echo x")})
    tw.dag({"a": bash("echo x")}, name="o.yaml", dag_id="other")
    for file in ("dag.yaml", "dag.yaml", "o.yaml"):
        tw("run", file)
    tw("dags", "delete", "d", code=64)
    assert "with 2 runs" in tw("dags", "delete", "d", "--yes").stdout
    assert [r["dag_id"] for r in tw.json("runs", "list")] == ["other"]
    assert [d["dag_id"] for d in tw.json("dags", "list")] == ["other"]
    assert os.listdir(os.path.join(tw.home, "logs")) == ["dag_id=other"]
    tw("dags", "delete", "d", "-y", code=66)
    tw("run", "dag.yaml")
    assert len(tw.json("runs", "list", "d")) == 1
    tw("db", "check")
