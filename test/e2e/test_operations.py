"""Drain, reload and upgrade of a service that works."""
import json
import os
import signal

from conftest import kill, wait_until
from test_standalone import Service, dag, lives, state


def scheduler(tw, *args, env=None):
    with open(tw.path("service.log"), "a") as out:
        p = tw.start("scheduler", "-S", tw.path("dags"), *args, env=env, stdout=out, stderr=out)
    wait_until(lambda: "works in" in log(tw) and tw("info", "--engine", code=None).returncode == 0)
    return p


def log(tw):
    with open(tw.path("service.log")) as f:
        return f.read()


def configure(tw, text):
    os.makedirs(tw.home, exist_ok=True)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        f.write(text)


def chain(tw, first):
    os.makedirs(tw.path("dags"), exist_ok=True)
    with open(tw.path("dags/d.yaml"), "w") as f:
        json.dump({"dag_id": "d", "schedule": "@once", "start_date": "2020-01-01", "tasks": {
            "a": {"operator": "bash", "bash_command": first},
            "b": {"operator": "bash", "bash_command": "echo b >> %s" % tw.path("ran"), "upstream": ["a"]}}}, f)


WAIT = "echo a >> {0}; while [ ! -e {1} ]; do sleep 0.05; done"


def test_a_drain_waits_for_what_runs_starts_nothing_and_stops(tw):
    chain(tw, WAIT.format(tw.path("ran"), tw.path("go")))
    p = scheduler(tw)
    wait_until(lambda: os.path.exists(tw.path("ran")))
    d = tw.start("drain")
    wait_until(lambda: "drain: nothing new starts; 1 processes run" in log(tw))
    assert p.poll() is None and d.poll() is None
    open(tw.path("go"), "w").close()
    assert d.wait(timeout=20) == 0
    assert d.stdout.read().splitlines()[-1] == "Nothing runs; the service has stopped."
    assert p.wait(timeout=20) == 0
    assert tw.states() == {"a": "success", "b": "scheduled"}
    p = scheduler(tw)
    wait_until(lambda: state(tw) == "success")
    with open(tw.path("ran")) as f:
        assert f.read() == "a\nb\n"
    p.send_signal(signal.SIGTERM)
    assert p.wait(timeout=20) == 0


def test_a_drain_tells_when_its_time_is_over_and_can_be_cancelled(tw):
    chain(tw, WAIT.format(tw.path("ran"), tw.path("go")))
    p = scheduler(tw)
    wait_until(lambda: os.path.exists(tw.path("ran")))
    done = tw("drain", "--timeout", "300ms", code=75)
    assert "1 process still runs" in done.stderr and p.poll() is None
    open(tw.path("go"), "w").close()
    assert tw("drain", "--cancel", code=None).returncode in (0, 74)
    if p.poll() is None:
        wait_until(lambda: p.poll() is not None or state(tw) == "success")


def test_a_cancelled_drain_goes_on_with_what_waited(tw):
    chain(tw, WAIT.format(tw.path("ran"), tw.path("go")))
    p = scheduler(tw)
    wait_until(lambda: os.path.exists(tw.path("ran")))
    tw("drain", "--no-wait")
    tw("drain", "--cancel")
    open(tw.path("go"), "w").close()
    wait_until(lambda: state(tw) == "success")
    assert p.poll() is None


def test_what_is_claimed_does_not_start_in_a_drain(tw):
    os.makedirs(tw.path("dags"))
    tasks = {"t%d" % n: {"operator": "bash", "bash_command": WAIT.format(tw.path("ran"), tw.path("go"))} for n in range(6)}
    with open(tw.path("dags/d.yaml"), "w") as f:
        json.dump({"dag_id": "d", "schedule": "@once", "start_date": "2020-01-01", "tasks": tasks}, f)
    p = scheduler(tw, "--jobs", "2")
    wait_until(lambda: os.path.exists(tw.path("ran")) and open(tw.path("ran")).read() == "a\na\n")
    d = tw.start("drain")
    wait_until(lambda: "drain: nothing new starts" in log(tw))
    open(tw.path("go"), "w").close()
    assert d.wait(timeout=20) == 0 and p.wait(timeout=20) == 0
    assert open(tw.path("ran")).read() == "a\na\n"
    p = scheduler(tw, "--jobs", "2")
    wait_until(lambda: state(tw) == "success")
    assert open(tw.path("ran")).read() == "a\n" * 6


def test_a_drain_ends_standalone_too(tw):
    dag(tw, schedule="@once", start_date="2020-01-01")
    s = Service(tw).ready()
    wait_until(lambda: state(tw) == "success")
    tw("drain")
    assert s.process.wait(timeout=20) == 0
    assert "has stopped: drained" in s.log() and len(s.pids()) == 1


def test_a_drain_where_nothing_works_is_done(tw):
    assert "Nothing works in" in tw("drain").stdout
    assert tw("reload", code=None).returncode != 0


def test_reload_takes_over_what_can_change_and_names_what_cannot(tw):
    os.makedirs(tw.path("dags"))
    tasks = {"t%d" % n: {"operator": "bash", "bash_command": WAIT.format(tw.path("ran"), tw.path("go"))} for n in range(4)}
    with open(tw.path("dags/d.yaml"), "w") as f:
        json.dump({"dag_id": "d", "schedule": "@once", "start_date": "2020-01-01", "tasks": tasks}, f)
    configure(tw, "core: {parallelism: 1}\n")
    scheduler(tw)
    wait_until(lambda: os.path.exists(tw.path("ran")))
    configure(tw, "core: {parallelism: 4, max_map_length: 9}\nlogging: {level: warning}\n")
    told = tw.json("reload")
    assert [c["key"] for c in told["applied"]] == ["core.parallelism", "logging.level"]
    assert told["applied"][0] == {"key": "core.parallelism", "from": "1", "to": "4"}
    assert [c["key"] for c in told["restart"]] == ["core.max_map_length"]
    wait_until(lambda: open(tw.path("ran")).read() == "a\n" * 4)  # all four run at once
    open(tw.path("go"), "w").close()
    wait_until(lambda: state(tw) == "success")


def test_a_reload_with_an_error_changes_nothing(tw):
    dag(tw)
    configure(tw, "core: {parallelism: 3}\n")
    p = scheduler(tw)
    configure(tw, "core: {parallelism: 0}\n")
    done = tw("reload", code=None)
    assert done.returncode != 0 and "core.parallelism is 0" in done.stderr
    p.send_signal(signal.SIGHUP)
    wait_until(lambda: log(tw).count("not reloaded, all stays as it was") == 2)
    assert p.poll() is None


def test_the_slots_of_default_pool_follow_the_configuration_until_they_are_set(tw):
    os.makedirs(tw.path("dags"))
    tasks = {"t%d" % n: {"operator": "bash", "bash_command": WAIT.format(tw.path("ran"), tw.path("go"))} for n in range(2)}
    with open(tw.path("dags/d.yaml"), "w") as f:
        json.dump({"dag_id": "d", "schedule": "@once", "start_date": "2020-01-01", "tasks": tasks}, f)
    configure(tw, "core: {default_pool_task_slot_count: 1}\n")
    p = scheduler(tw)
    wait_until(lambda: os.path.exists(tw.path("ran")))
    configure(tw, "core: {default_pool_task_slot_count: 2}\n")
    p.send_signal(signal.SIGHUP)
    wait_until(lambda: open(tw.path("ran")).read() == "a\na\n")
    open(tw.path("go"), "w").close()
    wait_until(lambda: state(tw) == "success")
    tw("pools", "set", "default_pool", "7")
    configure(tw, "core: {default_pool_task_slot_count: 3}\n")
    tw("reload")
    assert [x["slots"] for x in tw.json("pools", "list") if x["pool"] == "default_pool"] == [7]


def test_an_upgrade_in_the_middle_of_a_task_does_not_touch_it(tw):
    chain(tw, WAIT.format(tw.path("ran"), tw.path("go")))
    s = Service(tw).ready()
    wait_until(lambda: os.path.exists(tw.path("ran")))
    first = s.pids()[0]
    s.stop()
    assert not lives(first) and tw.holders()
    second = Service(tw)
    wait_until(lambda: second.log().count("scheduler is ready") == 2)
    open(tw.path("go"), "w").close()
    wait_until(lambda: state(tw) == "success")
    with open(tw.path("ran")) as f:
        assert f.read() == "a\nb\n"
    kill(second.pids()[-1])
    second.ready(times=3)
    second.stop()


def test_a_log_line_says_what_run_it_is_about(tw):
    dag(tw, command="exit 3", schedule="@once", start_date="2020-01-01")
    scheduler(tw, "--json")
    wait_until(lambda: state(tw) == "failed")
    wait_until(lambda: "the run has ended" in log(tw))
    lines = [json.loads(line) for line in log(tw).splitlines()]
    ended = [line for line in lines if line["event"].startswith("the run has ended: failed")]
    assert [(line["dag_id"], line["run_id"][:11], line["component"]) for line in ended] == [("d", "scheduled__", "engine")]
