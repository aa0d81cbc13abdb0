"""Backfills: a range of dates with one command, with and without a scheduler, over kills; what people do to them on the way."""
import json
import os
import signal

from conftest import wait_until


def put(tw, command="true", schedule="0 0 * * *", tasks=None, **more):
    os.makedirs(tw.path("home/dags"), exist_ok=True)
    more = {"catchup": False, "start_date": "2026-01-01", "end_date": "2026-06-30", **more}
    tasks = tasks or {"t": {"operator": "bash", "bash_command": command}}
    with open(tw.path("home/dags/.new"), "w") as f:
        json.dump({"dag_id": "d", "schedule": schedule, "tasks": tasks, **more}, f)
    os.rename(tw.path("home/dags/.new"), tw.path("home/dags/d.yaml"))


def create(tw, first, last, *args, **more):
    return tw("backfill", "create", "d", "--from", first, "--to", last, *args, **more)


def show(tw, backfill="d"):
    return tw.json("backfill", "show", backfill, "-n", "1000")


def days(tw, backfill="d"):
    """Logical day → state of its run, or why there is none; in the order of the backfill."""
    return {d["logical_date"][:10]: d["state"] for d in show(tw, backfill)["dates"]}


def scheduler(tw):
    p = tw.start("scheduler", "-q")
    wait_until(lambda: os.path.exists(tw.path("home/engine.sock")))
    wait_until(lambda: tw("backfill", "list", code=None).returncode == 0)
    wait_until(lambda: any(d["dag_id"] == "d" for d in tw.json("dags", "list")))
    return p


def ask(tw, first, last, *args):
    """Through the scheduler; as soon as it knows the DAG."""
    wait_until(lambda: create(tw, first, last, *args, code=None).returncode == 0)


def stop(p):
    p.send_signal(signal.SIGTERM)
    out, _ = p.communicate(timeout=20)
    assert p.returncode == 0, out


# ---- without a scheduler ----


def test_a_quarter_with_one_command(tw):
    put(tw, "echo {{ ds }} >> %s" % tw.path("order"), max_active_runs=1)
    done = create(tw, "2026-07-01", "2026-09-30", "--max-active-runs", "1")
    assert "is carried out here, to its end" in done.stderr
    assert "92 of 92 dates done: 92 success" in done.stdout
    with open(tw.path("order")) as f:
        order = f.read().split()
    assert order == sorted(order) and len(order) == 92 and (order[0], order[-1]) == ("2026-07-01", "2026-09-30")
    b = show(tw)
    assert (b["state"], b["num_runs"], b["counts"]["success"], b["max_active_runs"]) == ("success", 92, 92, 1)
    runs = tw.json("runs", "list", "--backfill", "1", "-n", "100")
    assert [r["run_id"][:20] for r in runs[:2]] == ["backfill__2026-07-01", "backfill__2026-07-02"] and len(runs) == 92
    assert {r["run_type"] for r in runs} == {"backfill"}


def test_backwards_and_dry(tw):
    put(tw, "echo {{ ds }} >> %s" % tw.path("order"))
    done = create(tw, "2026-07-01", "2026-07-04", "--run-backwards", "--dry-run")
    assert "4 of 4 dates would run. Nothing was changed." in done.stdout
    assert done.stdout.index("2026-07-04") < done.stdout.index("2026-07-01")
    assert not os.path.exists(tw.path("home/tradewind.db")) and not os.path.exists(tw.path("order"))
    create(tw, "2026-07-01", "2026-07-04", "--run-backwards", "--max-active-runs", "1")
    with open(tw.path("order")) as f:
        assert f.read().split() == ["2026-07-04", "2026-07-03", "2026-07-02", "2026-07-01"]


def test_what_becomes_of_runs_that_are_there(tw):
    put(tw, "test ! -e %s || test {{ ds }} != 2026-07-02" % tw.path("broken"))
    open(tw.path("broken"), "w").close()
    create(tw, "2026-07-01", "2026-07-03", code=1)
    assert days(tw) == {"2026-07-01": "success", "2026-07-02": "failed", "2026-07-03": "success"}
    os.unlink(tw.path("broken"))
    create(tw, "2026-07-01", "2026-07-04", "--conf", '{"why": "again"}')
    assert days(tw) == {"2026-07-01": "already exists", "2026-07-02": "already exists", "2026-07-03": "already exists",
                        "2026-07-04": "success"}
    dry = tw.json("backfill", "create", "d", "--from", "2026-07-01", "--to", "2026-07-03", "--reprocess-behavior", "failed",
                  "--dry-run")
    assert [d["outcome"] for d in dry] == ["already exists", "cleared", "already exists"]
    create(tw, "2026-07-01", "2026-07-03", "--reprocess-behavior", "failed", "--conf", '{"why": "failed"}')
    assert days(tw) == {"2026-07-01": "already exists", "2026-07-02": "success", "2026-07-03": "already exists"}
    create(tw, "2026-07-01", "2026-07-03", "--reprocess-behavior", "completed")
    assert set(days(tw).values()) == {"success"}
    run = tw.json("runs", "show", "d", "backfill__2026-07-02T00:00:00+00:00")
    assert run["conf"] == {"why": "failed"} and run["tasks"][0]["try_number"] == 3
    assert [b["id"] for b in tw.json("backfill", "list", "d")] == [4, 3, 2, 1]


def sh(text, **more):
    return {"operator": "bash", "bash_command": text, **more}


def test_what_runs_again_goes_on_with_the_tasks_of_now(tw):
    """Known by their ids: one that is gone becomes removed and keeps what it did, a new one runs, one that stands elsewhere is the same."""
    put(tw, tasks={"gone": sh("true"), "a": sh("echo old"), "z": sh("true", upstream=["a"]),
                   "m": sh("true", expand={"env": [{"X": "1"}, {"X": "2"}]})})
    create(tw, "2026-07-01", "2026-07-03")
    before = tw.json("runs", "show", "d", "2026-07-02")["version"]
    put(tw, tasks={"m": sh("true", expand={"env": [{"X": "1"}]}), "z": sh("true"), "renamed": sh("echo new"), "a": sh("echo newer", upstream=["z"])})
    create(tw, "2026-07-01", "2026-07-01", "--reprocess-behavior", "completed", "--own-version")
    assert tw.json("runs", "show", "d", "2026-07-01")["version"] == before
    assert "old" in tw("tasks", "logs", "d", "2026-07-01", "a").stdout
    dry = tw.json("backfill", "create", "d", "--from", "2026-07-01", "--to", "2026-07-03", "--reprocess-behavior", "completed", "--dry-run")
    assert [d["outcome"] for d in dry] == ["cleared"] * 3
    create(tw, "2026-07-01", "2026-07-03", "--reprocess-behavior", "completed")
    assert set(days(tw).values()) == {"success"}
    for day, tries in (("2026-07-01", 3), ("2026-07-02", 2), ("2026-07-03", 2)):
        run = tw.json("runs", "show", "d", day)
        by_id = {(t["task_id"], t["map_index"]): t for t in run["tasks"]}
        assert run["version"] != before and run["state"] == "success" and run["removed_tasks"] == ["gone", "m"]
        assert {k for k in by_id if k[0] != "m"} == {("a", -1), ("z", -1), ("renamed", -1)} and ("m", 1) not in by_id
        assert [by_id[k]["try_number"] for k in (("a", -1), ("z", -1), ("renamed", -1), ("m", 0))] == [tries, tries, 1, 1]
        assert "newer" in tw("tasks", "logs", "d", day, "a").stdout and "old" in tw("tasks", "logs", "d", day, "a", "--try", "1").stdout
    tw("db", "check")


def test_a_run_that_failed_before_it_began_goes_on_with_the_tasks_of_now(tw):
    """Of such a run the store has no instances at all."""
    put(tw, tasks={"a": sh("true"), "b": sh("true")})
    p = scheduler(tw)
    wait_until(lambda: tw("dags", "pause", "d", code=None).returncode == 0)  # the list tells of files that the store does not have yet
    ask(tw, "2026-07-01", "2026-07-02")
    wait_until(lambda: days(tw) == {"2026-07-01": "queued", "2026-07-02": "queued"})
    tw("backfill", "cancel", "d")
    wait_until(lambda: days(tw) == {"2026-07-01": "failed", "2026-07-02": "failed"})
    tw("dags", "unpause", "d")
    stop(p)
    put(tw, tasks={"b": sh("true"), "c": sh("true")})
    tw("run", tw.path("home/dags/d.yaml"), "-q")
    tw("runs", "rerun", "d", "2026-07-01", "--newest")
    create(tw, "2026-07-01", "2026-07-02", "--reprocess-behavior", "failed")
    for day in ("2026-07-01", "2026-07-02"):
        run = tw.json("runs", "show", "d", day)
        assert (run["state"], {t["task_id"]: t["state"] for t in run["tasks"]}) == ("success", {"b": "success", "c": "success"})


def test_days_are_those_of_the_schedules_zone(tw):
    put(tw, timezone="Europe/Berlin")
    create(tw, "2026-03-28", "2026-03-30")
    assert [d["logical_date"] for d in show(tw)["dates"]] == [
        "2026-03-27T23:00:00+00:00", "2026-03-28T23:00:00+00:00", "2026-03-29T22:00:00+00:00"]


def test_params_are_checked_and_reach_the_tasks(tw):
    put(tw, "echo {{ params.region }} >> %s" % tw.path("out"), params={"region": {"default": "eu", "enum": ["eu", "us"]}})
    assert "region" in create(tw, "2026-07-01", "2026-07-01", "-p", "region=mars", code=None).stderr
    assert not os.path.exists(tw.path("out"))
    create(tw, "2026-07-01", "2026-07-02", "-p", "region=us")
    with open(tw.path("out")) as f:
        assert f.read().split() == ["us", "us"]


def test_what_cannot_be_backfilled(tw):
    put(tw, schedule="@continuous", max_active_runs=1)
    assert "has no dates of its own" in create(tw, "2026-07-01", "2026-07-02", code=None).stderr
    put(tw, schedule=None)
    assert "no schedule by the clock" in create(tw, "2026-07-01", "2026-07-02", code=None).stderr
    put(tw, allowed_run_types=["manual", "scheduled"])
    assert "allows no backfill runs" in create(tw, "2026-07-01", "2026-07-02", code=None).stderr
    put(tw, tasks={"t": {"operator": "bash", "bash_command": "true", "depends_on_past": True}})
    assert "cannot be run backwards" in create(tw, "2026-07-01", "2026-07-02", "--run-backwards", code=None).stderr
    assert "--reprocess-behavior" in create(tw, "2026-07-01", "2026-07-02", code=None).stderr
    assert "ends" in create(tw, "2026-07-02", "2026-07-01", code=None).stderr
    assert "in the future" in create(tw, "2926-07-01", "2926-07-02", code=None).stderr
    assert tw("backfill", "list").stdout.count("\n") <= 1


def test_the_past_across_it(tw):
    put(tw, tasks={"t": {"operator": "bash", "bash_command": "echo {{ ds }} >> %s" % tw.path("order"), "depends_on_past": True}})
    create(tw, "2026-07-01", "2026-07-06", "--reprocess-behavior", "failed")
    create(tw, "2026-07-01", "2026-07-06", "--reprocess-behavior", "completed")
    with open(tw.path("order")) as f:
        order = f.read().split()
    assert order == ["2026-07-0%d" % n for n in range(1, 7)] * 2


def test_interrupted_and_resumed(tw):
    put(tw, "echo {{ ds }} >> %s; sleep 0.2" % tw.path("order"))
    p = tw.start("backfill", "create", "d", "--from", "2026-07-01", "--to", "2026-07-20", "--max-active-runs", "2")
    wait_until(lambda: os.path.exists(tw.path("order")))
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=20)
    assert p.returncode == 130 and "backfill resume 1" in out
    assert show(tw)["state"] == "running"
    tw("backfill", "resume", "1")
    assert set(days(tw).values()) == {"success"}
    with open(tw.path("order")) as f:
        order = f.read().split()
    assert sorted(order) == ["2026-07-%02d" % n for n in range(1, 21)]


# ---- with a scheduler ----


def test_a_scheduler_carries_it_out_over_kills(tw):
    put(tw, "echo {{ ds }}.{{ ti.try_number }} >> %s" % tw.path("order"))
    p = scheduler(tw)
    ask(tw, "2026-01-01", "2026-06-30", "--max-active-runs", "3")
    for n in (5, 40, 90):
        wait_until(lambda: show(tw)["counts"]["success"] >= n)
        p.kill()
        p.wait()
        p = scheduler(tw)
    wait_until(lambda: show(tw)["completed_at"] is not None, 60)
    b = show(tw)
    assert (b["state"], b["counts"]["success"], len(b["dates"])) == ("success", 181, 181)
    runs = tw.json("runs", "list", "--backfill", "1", "-n", "1000")
    assert len({r["logical_date"] for r in runs}) == len(runs) == 181
    with open(tw.path("order")) as f:
        tries = f.read().split()
    assert len(set(tries)) == len(tries) == 181
    stop(p)


def test_killed_in_the_foreground_a_scheduler_goes_on(tw):
    put(tw, "echo {{ ds }} >> %s" % tw.path("order"))
    p = tw.start("backfill", "create", "d", "--from", "2026-01-01", "--to", "2026-04-10", "--max-active-runs", "2")
    wait_until(lambda: os.path.exists(tw.path("order")))
    p.kill()
    p.wait()
    p = scheduler(tw)
    wait_until(lambda: show(tw)["completed_at"] is not None, 60)
    with open(tw.path("order")) as f:
        order = f.read().split()
    assert len(order) == len(set(order)) == 100
    stop(p)


def test_pause_unpause_cancel(tw):
    put(tw, "while ! test -e %s; do sleep 0.02; done" % tw.path("go"))
    p = scheduler(tw)
    ask(tw, "2026-07-01", "2026-09-30", "--max-active-runs", "2")
    assert "has not ended" in create(tw, "2026-07-01", "2026-07-02", code=None).stderr
    wait_until(lambda: show(tw)["counts"]["running"] == 2)
    assert "2 of 2 active runs" in tw("backfill", "show", "d").stdout
    queued = next(d["run_id"] for d in show(tw)["dates"] if d["state"] == "queued")
    assert "backfill 1 has 2 of 2 active runs" in tw("tasks", "why", "d", queued, "t").stdout
    tw("backfill", "pause", "1")
    open(tw.path("go"), "w").close()
    wait_until(lambda: show(tw)["counts"]["success"] == 2)
    b = show(tw)
    assert b["state"] == "paused" and b["counts"]["running"] == 0 and b["counts"]["queued"] > 0
    os.unlink(tw.path("go"))
    tw("backfill", "unpause", "d")
    wait_until(lambda: show(tw)["counts"]["running"] == 2)
    tw("backfill", "cancel", "1")
    wait_until(lambda: show(tw)["completed_at"] is not None)
    b = show(tw)
    assert b["state"] == "cancelled" and b["counts"]["running"] == 2 and b["counts"]["queued"] == 0
    open(tw.path("go"), "w").close()
    wait_until(lambda: show(tw)["counts"]["success"] == 4)
    assert list(days(tw).values()).count("cancelled") == b["counts"]["planned"] > 0
    assert "was cancelled" in tw("backfill", "unpause", "1", code=None).stderr
    stop(p)


def test_changed_without_a_scheduler(tw):
    put(tw, "sleep 0.2")
    p = tw.start("backfill", "create", "d", "--from", "2026-07-01", "--to", "2026-09-30", "--max-active-runs", "1")
    wait_until(lambda: os.path.exists(tw.path("home/tradewind.db")) and tw("backfill", "show", "d", code=None).returncode == 0
               and show(tw)["counts"]["queued"] > 0)
    p.kill()
    p.wait()
    tw("backfill", "pause", "1")
    assert show(tw)["state"] == "paused"
    tw("backfill", "cancel", "1")
    b = show(tw)
    assert b["state"] == "cancelled" and b["counts"]["queued"] == 0 and b["counts"]["failed"] > 0


def test_wait_shows_it_and_tells_the_end(tw):
    put(tw, "test {{ ds }} != 2026-07-03")
    p = scheduler(tw)
    wait_until(lambda: create(tw, "2026-06-01", "2026-06-01", "--wait", code=None).returncode == 0)
    done = create(tw, "2026-07-01", "2026-07-05", "--wait", code=1)
    assert "4 success, 1 failed" in done.stdout and done.stdout.rstrip().endswith("failed")
    stop(p)


def test_the_schedule_makes_no_second_run_of_a_date(tw):
    """A backfill up to yesterday, then the schedule catches up over the same dates."""
    put(tw, "echo {{ ds }} >> %s" % tw.path("order"), start_date="2026-11-01", end_date="2026-11-10")
    create(tw, "2026-11-03", "2026-11-06")
    put(tw, "echo {{ ds }} >> %s" % tw.path("order"), start_date="2026-11-01", end_date="2026-11-10", catchup=True)
    p = scheduler(tw)
    wait_until(lambda: len([r for r in tw.json("runs", "list", "d", "-n", "100") if r["state"] == "success"]) == 10)
    stop(p)
    with open(tw.path("order")) as f:
        order = f.read().split()
    assert sorted(order) == ["2026-11-%02d" % n for n in range(1, 11)]


# ---- Airflow's command line ----


def test_airflows_words(tw):
    put(tw)
    tw("airflow", "backfill", "create", "--dag-id", "d", "--from-date", "2026-07-01", "--to-date", "2026-07-03",
       "--max-active-runs", "2", "--reprocess-behavior", "none", "--dag-run-conf", '{"a": 1}', "--run-on-latest-version")
    b = show(tw)
    assert (b["counts"]["success"], b["max_active_runs"], b["dag_run_conf"]) == (3, 2, {"a": 1})
    tw("airflow", "dags", "backfill", "-s", "2026-07-04", "-e", "2026-07-05", "-B", "d")
    b = show(tw)
    assert b["run_backwards"] and b["counts"]["success"] == 2
