"""run: files, output, exit codes, retries, timeouts."""
import json
import os
import signal
import subprocess

from conftest import ROOT, processes


def bash(text, **more):
    return {"operator": "bash", "bash_command": text, **more}


def test_hello(tw):
    done = tw("run", os.path.join(ROOT, "examples", "hello", "hello.yaml"), "-p", "name=you")
    lines = done.stdout.splitlines()
    assert "hello" in lines[-1] and "success" in lines[-1] and "3 success" in lines[-1]
    assert tw.log("left", "hello") == "hello, you\n"
    assert tw.log("join", "hello").startswith("left said hello, you on 20")


def test_python_file(tw):
    file = tw.write("p.py", """
        from tradewind.sdk import dag, task

        @dag(schedule=None)
        def numbers():
            @task
            def some():
                return [1, 2, 3]

            @task
            def total(values):
                print("adding", values)
                return sum(values)

            total(some())

        numbers()
    """)
    tw("run", file)
    assert tw.states("numbers") == {"some": "success", "total": "success"}
    assert tw.xcom("total") == 6
    assert "adding [1, 2, 3]" in tw.log("total", "numbers")


def test_plain_output_is_one_line_per_change(tw):
    tw.dag({"a": bash("true"), "b": bash("exit 4", upstream=["a"])})
    done = tw("run", "dag.yaml", "--plain", code=1)
    changes = [line.split(maxsplit=3)[1:3] for line in done.stdout.splitlines() if line[2:3] == ":"]
    assert changes == [["a", "running"], ["a", "success"], ["b", "running"], ["b", "failed"]]
    assert "exit code 4" in done.stdout
    assert "\x1b" not in done.stdout


def test_json_output_is_a_document_per_line(tw):
    tw.dag({"a": bash("true"), "b": bash("exit 4", upstream=["a"])})
    done = tw("run", "dag.yaml", "--json", "--run-id", "r", code=1)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(x["task_id"], x["to"]) for x in lines[:-1] if x["to"] in ("running", "success", "failed")] == [
        ("a", "running"), ("a", "success"), ("b", "running"), ("b", "failed")]
    assert lines[-1]["state"] == "failed" and lines[-1]["run_id"] == "r"
    assert lines[-1]["tasks"] == {"success": 1, "failed": 1}


def test_a_failed_task_shows_its_last_words(tw):
    tw.dag({"a": bash("echo the disk is on fire >&2; exit 1")})
    assert "the disk is on fire" in tw("run", "dag.yaml", code=1).stdout


def test_exit_codes(tw):
    tw.dag({"a": bash("true")})
    tw.dag({"a": bash("false")}, "fails.yaml")
    tw.dag({"a": {"operator": "nothing"}}, "bad.yaml")
    tw("run", "dag.yaml", code=0)
    tw("run", "fails.yaml", code=1)
    tw("run", "bad.yaml", code=65)
    tw("run", code=64)
    tw("run", "dag.yaml", "--no-such-option", code=64)
    tw("nonsense", code=64)
    tw("run", "missing.yaml", code=66)
    tw("run", "dag.yaml", "--conf", "[1]", code=64)
    tw("--help")
    tw("run", "--help")
    assert tw("--version").stdout.startswith("tradewind ")


def test_params_are_checked(tw):
    tw.dag({"a": bash("echo {{ params.n }}")}, params={"n": {"default": 1, "type": "integer", "minimum": 1}})
    done = tw("run", "dag.yaml", "-p", "n=0", code=None)
    assert done.returncode in (64, 65) and "n" in done.stderr
    tw("run", "dag.yaml", "-p", "n=7")
    assert tw.log("a") == "7\n"
    tw("run", "dag.yaml", "--conf", '{"n": 8}')
    assert tw.log("a") == "8\n"


def test_retries(tw):
    tw.dag({"a": bash("echo try $AIRFLOW_CTX_TRY_NUMBER; test $AIRFLOW_CTX_TRY_NUMBER = 3", retries=3, retry_delay=0.01),
            "b": bash("exit 1", retries=1, retry_delay=0.01)})
    tw("run", "dag.yaml", code=1)
    tis = {t["task_id"]: t for t in tw.json("runs", "show", "d")["tasks"]}
    assert (tis["a"]["state"], tis["a"]["try_number"]) == ("success", 3)
    assert (tis["b"]["state"], tis["b"]["try_number"]) == ("failed", 2)
    assert [tw.log("a", "d", "-t", n) for n in "123"] == ["try 1\n", "try 2\n", "try 3\n"]


def test_skip_exit_code(tw):
    tw.dag({"a": bash("exit 99"), "b": bash("true", upstream=["a"])})
    tw("run", "dag.yaml")
    assert tw.states() == {"a": "skipped", "b": "skipped"}


def test_a_signal_has_its_name(tw):
    tw.dag({"a": bash("kill -SEGV $$")})
    assert "SIGSEGV" in tw("run", "dag.yaml", code=1).stdout


def test_a_missing_program_is_said(tw):
    tw.dag({"a": bash("no-such-program-at-all || exit"), "b": bash(["/no/such/program"])})
    tw("run", "dag.yaml", code=1)
    why = {t["task_id"]: t["reason"] for t in tw.json("runs", "show", "d")["tasks"]}
    assert "127" in why["a"] and "not found" in why["a"]
    assert "cannot start" in why["b"] and "/no/such/program" in why["b"]


def test_execution_timeout_ends_the_whole_tree(tw):
    # A child, and one that forked twice into a session of its own; both ignore SIGTERM.
    tw.dag({"a": bash("""trap '' TERM
                         (trap '' TERM; exec sleep 777.1) &
                         (trap '' TERM; setsid bash -c "trap '' TERM; sleep 777.2; true" &)
                         sleep 777.3""", execution_timeout=0.3)})
    p = tw.start("run", "dag.yaml")
    out = p.communicate(timeout=60)[0]
    assert p.returncode == 1 and "execution_timeout" in out
    left = [cmd for _, cmd in processes().values() if cmd[:1] == ["sleep"] and cmd[1].startswith("777.")]
    assert left == []


def test_what_a_task_leaves_in_the_background_ends_with_it(tw):
    tw.dag({"a": bash("(setsid sleep 778.1 >/dev/null 2>&1 &)")})
    tw("run", "dag.yaml")
    assert [cmd for _, cmd in processes().values() if cmd == ["sleep", "778.1"]] == []


def test_several_dags_in_one_python_file(tw):
    file = tw.write("two.py", """
        from tradewind.sdk import DAG, BashOperator
        for name in ("one", "two"):
            with DAG(name, schedule=None):
                BashOperator(task_id="t", bash_command="echo " + name)
    """)
    done = tw("run", file, code=None)
    assert done.returncode == 64 and "--dag" in done.stderr and "one" in done.stderr and "two" in done.stderr
    tw("run", file, "--dag", "two")
    assert tw.log("t", "two") == "two\n"


def test_a_python_file_that_cannot_be_read(tw):
    file = tw.write("p.py", "import tradewind.sdk\n\nprint(undefined_name)\n")
    done = tw("run", file, code=65)
    text = done.stdout + done.stderr
    assert "p.py:3" in text and "undefined_name" in text


def test_interrupt_ends_what_runs_and_resume_goes_on(tw, until):
    tw.dag({"a": bash("echo once; test -e go || { touch started; sleep 779.5; }", cwd=tw.folder), "b": bash("true", upstream=["a"]),
            "first": bash("echo done >> first")}, )
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    p.send_signal(signal.SIGINT)
    out = p.communicate(timeout=60)[0]
    assert p.returncode == 130 and "resume" in out
    assert [cmd for _, cmd in processes().values() if cmd == ["sleep", "779.5"]] == []
    tw.write("go", "")
    tw("runs", "resume")
    assert set(tw.states().values()) == {"success"}
    run = tw.json("runs", "show", "d")
    assert run["state"] == "success"


def test_two_interrupts_leave_at_once(tw, until):
    tw.dag({"a": bash("trap '' INT TERM; touch started; sleep 779.6; sleep 779.6", cwd=tw.folder)})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    p.send_signal(signal.SIGINT)
    until(lambda: p.poll() is not None or p.send_signal(signal.SIGINT))
    assert p.returncode == 130


def test_a_second_run_becomes_a_client(tw, until):
    tw.dag({"a": bash("touch started; until [ -e go ]; do sleep 0.02; done", cwd=tw.folder)}, dag_id="one")
    tw.dag({"b": bash("echo hi; sleep 0.1")}, "two.yaml", dag_id="two")
    first = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    second = tw.start("run", "two.yaml", "--plain")
    out = second.communicate(timeout=60)[0]
    assert second.returncode == 0, out
    assert "success" in out.splitlines()[-1]
    assert first.poll() is None
    tw.write("go", "")
    assert first.wait(60) == 0
    assert {r["dag_id"]: r["state"] for r in tw.json("runs", "list")} == {"one": "success", "two": "success"}


def test_a_client_speaks_json_too(tw, until):
    tw.dag({"a": bash("touch started; until [ -e go ]; do sleep 0.02; done", cwd=tw.folder)}, dag_id="one")
    tw.dag({"b": bash("false")}, "two.yaml", dag_id="two")
    first = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    lines = [json.loads(line) for line in tw("run", "two.yaml", "--json", "--run-id", "r", code=1).stdout.splitlines()]
    assert [x["to"] for x in lines[:-1]] == ["scheduled", "queued", "running", "failed"]
    assert (lines[-1]["run_id"], lines[-1]["state"], lines[-1]["tasks"]) == ("r", "failed", {"failed": 1})
    tw.write("go", "")
    assert first.wait(60) == 0


def test_the_first_waits_for_the_runs_of_its_clients(tw, until):
    tw.dag({"a": bash("touch started; until [ -e go ]; do sleep 0.02; done", cwd=tw.folder)}, dag_id="one")
    tw.dag({"b": bash("touch second; until [ -e go2 ]; do sleep 0.02; done", cwd=tw.folder)}, "two.yaml", dag_id="two")
    first = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("started")))
    second = tw.start("run", "two.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("second")))
    tw.write("go", "")
    until(lambda: tw.json("runs", "show", "one")["state"] == "success")
    tw.write("go2", "")
    assert second.wait(60) == 0
    assert first.wait(60) == 0


def test_run_id_is_used_once(tw):
    tw.dag({"a": bash("true")})
    tw("run", "dag.yaml", "--run-id", "mine")
    done = tw("run", "dag.yaml", "--run-id", "mine", code=None)
    assert done.returncode != 0 and "mine" in done.stderr


def test_jobs_limits_what_runs_at_once(tw):
    count = "n=$(ls running | wc -l); touch running/$0.$$; echo $n; sleep 0.05; rm running/$0.$$"
    os.mkdir(tw.path("running"))
    tw.dag({"t%d" % i: bash(count, cwd=tw.folder) for i in range(8)})
    tw("run", "dag.yaml", "-j", "2")
    assert max(int(tw.log("t%d" % i)) for i in range(8)) <= 1


def test_default_home_is_below_the_users(tw):
    tw.dag({"a": bash("true")})
    env = {k: v for k, v in tw.env.items() if k != "TRADEWIND_HOME"}
    tw.home = tw.path(".tradewind")
    done = subprocess.run([tw.program, "run", "dag.yaml"], cwd=tw.folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert os.path.exists(tw.path(".tradewind/tradewind.db"))
