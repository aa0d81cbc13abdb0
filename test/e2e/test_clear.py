"""Clear, mark, rerun and notes: across runs, on the newest version, in one command."""
import os

from conftest import wait_until
from test_run import bash
from test_scheduler import daily, day, put, scheduled, start, stop


def dated(tw, *days, tasks=None):
    """Runs r1, r2, ... of logical dates in February."""
    for t in (tasks or {}).values():
        t.setdefault("cwd", tw.folder)
    tw.dag(tasks or {"a": bash("true"), "b": bash("true", upstream=["a"])})
    for n in days:
        tw("run", "dag.yaml", "--run-id", "r%d" % n, "--logical-date", "2026-02-%02d" % n, "-q")


def lines(done):
    return done.stdout.splitlines()


def test_past_and_future_are_by_logical_date(tw):
    dated(tw, 3, 1, 2)
    assert lines(tw("tasks", "clear", "d", "r2", "b", "--future", "--dry-run")) == [
        "would clear b of r2 (is success)", "would clear b of r3 (is success)"]
    assert lines(tw("tasks", "clear", "d", "r2", "b", "--past", "--dry-run")) == [
        "would clear b of r1 (is success)", "would clear b of r2 (is success)"]
    plan = tw.json("tasks", "clear", "d", "2026-02-02", "a", "--past", "--future", "--dry-run")
    assert [(p["run_id"], [(t["task_id"], t["map_index"], t["state"]) for t in p["tasks"]]) for p in plan] == [
        (r, [("a", -1, "success"), ("b", -1, "success")]) for r in ("r1", "r2", "r3")]
    assert set(tw.states().values()) == {"success"}  # nothing was changed
    tw("tasks", "clear", "d", "r2", "b", "--future")
    assert [t["state"] for t in tw.json("runs", "show", "d", "r3")["tasks"]] == ["success", "none"]
    assert tw.json("runs", "show", "d", "r1")["state"] == "success"
    assert "--all-runs takes no run" in tw("tasks", "clear", "d", "r2", "b", "--all-runs", code=64).stderr


def test_later_runs_wait_for_the_cleared_earlier_one(tw):
    """depends_on_past: of 5 cleared runs each task runs after that of the day before, whatever ran first."""
    command = "echo {{ ds }} >> %s; test -e %s || test {{ ds }} != %s" % (
        tw.path("ran"), tw.path("fixed"), day(3).date().isoformat())
    put(tw, "d.yaml", dag_id="d", schedule="0 0 * * *", start_date=day(4).isoformat(), catchup=True,
        tasks={"t": {"operator": "bash", "bash_command": command, "depends_on_past": True},
               "aside": {"operator": "bash", "bash_command": "true"}})
    tw.write("fixed", "")
    p = start(tw)
    days = [day(n).date().isoformat() for n in (4, 3, 2, 1)] + [day(0).date().isoformat()]
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"] * 5)
    os.unlink(tw.path("ran"))
    os.unlink(tw.path("fixed"))
    done = tw("tasks", "clear", "d", "t", "--all-runs")
    assert len(lines(done)) == 5
    # The second fails: the later ones wait for it, and do not run.
    wait_until(lambda: scheduled(tw, "d").get("scheduled__" + day(3).isoformat()) == "failed")
    states = scheduled(tw, "d")
    assert [states["scheduled__" + day(n).isoformat()] for n in (2, 1, 0)] == ["running"] * 3
    assert open(tw.path("ran")).read().split() == days[:2]
    tw.write("fixed", "")
    tw("tasks", "clear", "d", day(3).isoformat(), "t")
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"] * 5)
    assert open(tw.path("ran")).read().split() == days[:2] + days[1:]
    stop(p)


def test_a_range_of_many_runs_survives_a_kill(tw):
    """Each run is cleared once by commands of one key, whatever is killed in between."""
    daily(tw, "d", 20, command="echo {{ ds }} >> " + tw.path("ran"))
    p = start(tw)
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"] * 21)
    os.unlink(tw.path("ran"))
    clear = tw.start("tasks", "clear", "d", "t", "--all-runs", "--key", "k1")
    wait_until(lambda: os.path.exists(tw.path("ran")))
    p.kill()
    p.wait()
    clear.wait(60)
    os.unlink(os.path.join(tw.home, "engine.sock"))
    p = start(tw)
    wait_until(lambda: os.path.exists(os.path.join(tw.home, "engine.sock")))
    tw("tasks", "clear", "d", "t", "--all-runs", "--key", "k1")
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"] * 21)
    assert sorted(open(tw.path("ran")).read().split()) == [day(n).date().isoformat() for n in range(20, -1, -1)]
    stop(p)


def test_rerun_of_a_run_in_one_command(tw):
    tasks = {"a": bash("echo a >> ran"), "b": bash("echo b >> ran; test -e fixed"), "c": bash("echo c >> ran", upstream=["b"])}
    for t in tasks.values():
        t["cwd"] = tw.folder
    tw.dag(tasks)
    tw("run", "dag.yaml", "-q", code=1)
    tw.write("fixed", "")
    assert lines(tw("runs", "rerun", "d", "--failed", "--dry-run")) == [
        "would clear b (is failed)", "would clear c (is upstream_failed)"]
    tw("runs", "rerun", "d", "--failed")
    assert set(tw.states().values()) == {"success"}
    assert sorted(open(tw.path("ran")).read().split()) == ["a", "b", "b", "c"]
    tw("runs", "rerun", "d")
    assert sorted(open(tw.path("ran")).read().split()) == ["a", "a", "b", "b", "b", "c", "c"]


def test_rerun_on_the_newest_version(tw):
    """Instances are known by task id: tasks that are gone become removed and keep what they did, new ones run."""
    dated(tw, 1, tasks={"gone": bash("echo gone"), "a": bash("echo old >> ran; echo first"), "z": bash("true", upstream=["a"])})
    tw("tasks", "note", "d", "a", "--set", "by hand")
    tw.dag({"z": bash("true"), "new": bash("echo new >> ran", cwd=tw.folder), "a": bash("echo newer >> ran; echo second", cwd=tw.folder)})
    tw("run", "dag.yaml", "--run-id", "r2", "--logical-date", "2026-02-02", "-q")
    os.unlink(tw.path("ran"))
    before = tw.json("runs", "show", "d", "r1")["version"]
    plan = tw.json("runs", "rerun", "d", "r1", "--newest", "--dry-run")
    assert (plan[0]["removed"], plan[0]["new"], plan[0]["newest_version"]) == (["gone"], ["new"], True)
    assert [t["task_id"] for t in plan[0]["tasks"]] == ["z", "a"]
    tw("runs", "rerun", "d", "r1")  # its own version stays without --newest
    assert open(tw.path("ran")).read() == "old\n"
    assert tw.json("runs", "show", "d", "r1")["version"] == before
    os.unlink(tw.path("ran"))
    tw("runs", "rerun", "d", "r1", "--newest")
    run = tw.json("runs", "show", "d", "r1")
    assert run["version"] != before and run["state"] == "success" and run["removed_tasks"] == ["gone"]
    assert sorted(open(tw.path("ran")).read().split()) == ["new", "newer"]
    by_id = {t["task_id"]: t for t in run["tasks"]}
    assert set(by_id) == {"a", "z", "new"}
    assert (by_id["a"]["try_number"], by_id["new"]["try_number"], by_id["a"]["note"]) == (3, 1, "by hand")
    assert "first" in tw("tasks", "logs", "d", "r1", "a", "--try", "1").stdout
    assert "second" in tw("tasks", "logs", "d", "r1", "a").stdout
    tw("db", "check")
    tw("runs", "rerun", "d", "r1", "--newest")  # it is the newest already
    assert tw.json("runs", "show", "d", "r1")["removed_tasks"] == ["gone"]


def test_a_task_that_is_mapped_otherwise_begins_anew(tw):
    dated(tw, 1, tasks={"m": {"operator": "bash", "bash_command": "echo {{ 1 }}", "expand": {"env": [{"X": "1"}, {"X": "2"}]}}, "t": bash("true")})
    tw.dag({"t": bash("true"), "m": {"operator": "bash", "bash_command": "true", "expand": {"env": [{"X": "1"}, {"X": "2"}, {"X": "3"}]}}})
    tw("run", "dag.yaml", "--run-id", "r2", "-q")
    tw("runs", "rerun", "d", "r1", "--newest")
    run = tw.json("runs", "show", "d", "r1")
    assert run["removed_tasks"] == ["m"] and run["state"] == "success"
    assert [t["state"] for t in run["tasks"] if t["task_id"] == "m" and t["map_index"] >= 0] == ["success"] * 3
    tw("db", "check")


def test_a_run_at_work_stays_on_its_version(tw, until):
    tw.dag({"a": bash("touch started; until [ -e go ]; do sleep 0.02; done", cwd=tw.folder)})
    p = tw.start("run", "dag.yaml", "--run-id", "r1", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    tw.dag({"a": bash("true"), "b": bash("true")})
    tw("dags", "trigger", "dag.yaml", "--run-id", "r2")
    done = tw("runs", "rerun", "d", "r1", "--newest", code=1)
    assert "at work" in done.stderr
    tw.write("go", "")
    assert p.wait(60) == 0


def test_groups_setups_and_teardowns_go_along(tw):
    tw.dag({"make": bash("true", setup=True), "work": bash("true", upstream=["make"]),
            "drop": bash("true", teardown=True, upstream=["make", "work"]), "aside": bash("true")})
    tw("run", "dag.yaml", "-q")
    assert lines(tw("tasks", "clear", "d", "work", "--only", "--dry-run")) == [
        "would clear make (is success), as it goes with one of these", "would clear work (is success)",
        "would clear drop (is success), as it goes with one of these"]


def test_marking_runs(tw, until):
    tw.dag({"a": bash("false"), "b": bash("true", upstream=["a"])})
    tw("run", "dag.yaml", "-q", code=1)
    assert "would mark" in tw("runs", "mark", "d", "success", "--dry-run").stdout
    tw("runs", "mark", "d", "success")
    assert tw.json("runs", "show", "d")["state"] == "success" and set(tw.states().values()) == {"success"}
    tw("runs", "mark", "d", "failed")
    run = tw.json("runs", "show", "d")
    assert run["state"] == "failed" and run["reason"].startswith("marked failed") and set(tw.states().values()) == {"success"}
    tw.dag({"a": bash("touch started; sleep 60", cwd=tw.folder), "b": bash("true", upstream=["a"]), "c": bash("true")})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")) and tw.states().get("c") == "success")
    tw("runs", "mark", "d", "failed")
    assert p.wait(60) == 1
    assert tw.states() == {"a": "failed", "b": "skipped", "c": "success"}


def test_marking_across_runs(tw):
    dated(tw, 1, 2, 3)
    assert lines(tw("tasks", "mark", "d", "r2", "b", "failed", "--future", "--yes")) == [
        "marked b failed of r2 (was success)", "marked b failed of r3 (was success)"]
    assert [tw.json("runs", "show", "d", r)["state"] for r in ("r1", "r2", "r3")] == ["success", "failed", "failed"]


def test_notes(tw):
    dated(tw, 1, 2)
    assert "no note" in tw("runs", "note", "d", "r1", code=66).stderr
    tw("runs", "note", "d", "r1", "--set", "source was late – see Monday")
    tw("tasks", "note", "d", "r1", "b", "--set", "loaded by hand")
    assert tw("runs", "note", "d", "r1").stdout == "source was late – see Monday\n"
    run = tw.json("runs", "show", "d", "r1")
    assert run["note"].startswith("source was late") and run["note_by"].startswith("cli:")
    assert {t["task_id"]: t["note"] for t in run["tasks"]} == {"a": None, "b": "loaded by hand"}
    assert {r["run_id"]: r["note"] for r in tw.json("runs", "list")} == {"r1": run["note"], "r2": None}
    text = tw("runs", "show", "d", "r1").stdout
    assert "note: source was late" in text and "note on b: loaded by hand" in text
    assert "NOTE" in tw("runs", "list").stdout
    tw("runs", "note", "d", "r1", "--delete")
    assert tw.json("runs", "show", "d", "r1")["note"] is None
    assert "at most" in tw("runs", "note", "d", "--set", "x" * 20000, code=None).stderr
    tw("db", "check")
