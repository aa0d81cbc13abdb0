"""Operators that are plug-ins (include/tradewind/operator.h): in a host of their own, which may crash, hang, and hold hundreds of attempts."""
import os
import signal
import time

import pytest

from world import processes

PATIENCE_S = 120


@pytest.fixture
def plugins(tw, build):
    folder = os.path.join(tw.home, "operators")
    os.makedirs(folder)

    def use(*names):
        for name in names:
            os.symlink(os.path.join(build, "test", "capi", name + ".so"), os.path.join(folder, name + ".so"))
    return use


def hosts(tw):
    """Of this home: where their own output goes tells it."""
    mine = [pid for pid, (ppid, cmd) in processes().items() if cmd and os.path.basename(cmd[0]) == "tradewind-operator-host"]
    found = []
    for pid in mine:
        try:
            if os.readlink("/proc/%d/fd/1" % pid).startswith(tw.home):
                found.append(pid)
        except OSError:
            pass  # it ended meanwhile
    return found


def try_it(mode, **more):
    return {"operator": "try_it", "mode": mode, **more}


def reasons(tw):
    return {t["task_id"]: t.get("reason") or "" for t in tw.json("runs", "show", "d")["tasks"]}


def test_parameters_xcom_offload_and_skip(tw, plugins):
    plugins("op_try")
    tw.dag({"before": {"operator": "bash", "bash_command": "echo hello"},
            "pull": try_it("pull", upstream=["before"]),
            "rendered": try_it("x", text="{{ ti.xcom_pull('before') }} {{ ds }}", upstream=["before"]),
            "offload": try_it("offload"), "skip": try_it("skip")})
    tw("run", "dag.yaml", "--quiet")
    assert tw.states() == {"before": "success", "pull": "success", "rendered": "success", "offload": "success", "skip": "skipped"}
    assert tw.xcom("pull") == "hello"
    assert '"text":"hello 20' in tw.log("rendered")
    assert reasons(tw)["skip"] == "nothing to do"
    assert hosts(tw) == []


def test_parameters_are_checked_by_the_schema(tw, plugins):
    plugins("op_try")
    tw.dag({"a": {"operator": "try_it", "mood": "x", "n": "many"}})
    out = tw("dags", "validate", "dag.yaml", code=None)
    words = out.stdout + out.stderr
    assert out.returncode != 0 and "'mode'" in words and "mood" in words and "n" in words
    tw.dag({"enum": try_it("x", color="{{ 'blue' }}"), "range": try_it("x", n=10)})
    tw("run", "dag.yaml", "--quiet", code=1)
    assert "not one of the values" in reasons(tw)["enum"] and "at most 9" in reasons(tw)["range"]


def test_what_cannot_be_used_says_why(tw, plugins, build):
    plugins("op_old", "op_taken")
    tw.write("home/operators/broken.so", "not an object file")
    tw.dag({"a": {"operator": "bash", "bash_command": "true"}})
    words = tw("run", "dag.yaml", "--quiet").stderr
    assert "compile it again" in words and "'bash' is built in" in words and "broken.so: cannot be loaded" in words
    tw.dag({"a": try_it("x")})
    assert "try_it" in tw("run", "dag.yaml", "--quiet", code=65, env={"TRADEWIND_OPERATORS": "/nowhere.so"}).stderr


def test_named_by_the_environment(tw, build):
    tw.dag({"a": try_it("x")})
    tw.dag({"a": try_it("x"), "b": try_it("skip")})
    tw("run", "dag.yaml", "--quiet", env={"TRADEWIND_OPERATORS": os.path.join(build, "test", "capi", "op_try.so")})
    assert tw.states() == {"a": "success", "b": "skipped"}  # read without the plug-in


def test_a_crash_fails_its_attempts_and_retries_apply(tw, plugins):
    plugins("op_try")
    tw.dag({"other": try_it("short", retries=9, retry_delay=0),
            "first": {"operator": "bash", "bash_command": "sleep 0.2"},
            "crash": try_it("crash", retries=1, retry_delay=0, upstream=["first"]),
            "no_retry": try_it("crash", upstream=["crash"])})
    tw("run", "dag.yaml", "--quiet", code=1)
    assert tw.states() == {"other": "success", "first": "success", "crash": "success", "no_retry": "failed"}
    assert "operator host died: signal 11 (SIGSEGV)" in reasons(tw)["no_retry"]
    text = tw("tasks", "logs", "d", "crash", "--try", "1", code=None).stdout
    assert text == "" or '"crash"' in text  # the log is complete up to the crash


def test_one_that_loops_is_ended_by_its_timeout(tw, plugins):
    plugins("op_try")
    tw.dag({"loop": try_it("loop", execution_timeout=0.5), "after": try_it("x", upstream=["loop"], trigger_rule="all_done")})
    begin = time.monotonic()
    tw("run", "dag.yaml", "--quiet", code=None)
    assert time.monotonic() - begin < 20
    assert tw.states() == {"loop": "failed", "after": "success"}
    assert "execution_timeout" in reasons(tw)["loop"]


def test_a_wait_is_canceled_by_its_timeout(tw, plugins):
    plugins("op_try", "op_wait")
    tw.dag({"long": try_it("long", execution_timeout=0.3), "wait": {**try_it("long", execution_timeout=0.3), "operator": "try_wait"},
            "beside": try_it("short")})
    tw("run", "dag.yaml", "--quiet", code=1)
    assert tw.states() == {"long": "failed", "wait": "failed", "beside": "success"}
    assert "execution_timeout" in reasons(tw)["long"] and "canceled" in tw.log("long")


def test_two_hundred_at_once_in_one_host(tw, plugins):
    plugins("op_wait")
    tw.dag({"t%d" % i: {**try_it("short"), "operator": "try_wait"} for i in range(200)}, max_active_tasks=200)
    begin = time.monotonic()
    tw("run", "dag.yaml", "--quiet", "-j", "2")
    assert time.monotonic() - begin < 10  # one after another they would take 100 s
    assert set(tw.states().values()) == {"success"}


def test_secrets_are_masked_in_its_log(tw, plugins):
    plugins("op_try")
    tw.dag({"a": try_it("x", text="tell hunter2hunter2")}, env={"DB_PASSWORD": "hunter2hunter2"})
    tw("run", "dag.yaml", "--quiet")
    assert "hunter2" not in tw.log("a") and "***" in tw.log("a")


def test_lost_with_its_worker_or_repeated(tw, plugins, until):
    plugins("op_try", "op_wait")
    tw.dag({"lost": try_it("long"), "repeated": {**try_it("short"), "operator": "try_wait"}})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(os.path.join(tw.home, "tradewind.db")) and len(hosts(tw)) == 2)
    until(lambda: tw.states()["lost"] == "running")
    p.send_signal(signal.SIGKILL)
    p.wait()
    until(lambda: hosts(tw) == [])
    tw("runs", "resume", "d", "--quiet", code=1)
    assert tw.states() == {"lost": "failed", "repeated": "success"}
    assert reasons(tw)["lost"] == "worker lost"


def test_an_interrupted_run_goes_on(tw, plugins, until):
    plugins("op_try")
    tw.dag({"a": try_it("short")})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: len(hosts(tw)) == 1)
    p.send_signal(signal.SIGINT)
    assert p.wait() == 130
    tw("runs", "resume", "d", "--quiet")
    assert tw.states() == {"a": "success"}
