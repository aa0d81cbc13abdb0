"""Templates: the closed subset in C, and what Jinja2 renders in the runner."""
import json

from test_run import bash


def test_the_usual_variables(tw):
    tw.dag({"a": bash("echo {{ ds }} {{ ds_nodash }} {{ ti.task_id }} {{ dag.dag_id }} {{ run_id }} {{ params.x | upper }} {{ logical_date.year }}")},
           params={"x": "abc"})
    tw("run", "dag.yaml", "--logical-date", "2026-01-31T10:00:00Z", "--run-id", "r1")
    assert tw.log("a") == "2026-01-31 20260131 a d r1 ABC 2026\n"


# Outside of the subset: macros, a call with a block, a slice with namespace.
JINJA = "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice(params.x) }} {{ ds }}"


def test_jinja2_renders_what_c_does_not(tw):
    tw.dag({"a": bash("echo " + JINJA + "; echo $X $INNER; exit {{ params.code }}", env={"X": "{{ ti.task_id }}", "INNER": "plain"}, append_env=True, cwd=tw.folder),
            "b": bash("echo got {{ ti.xcom_pull('a') }}", upstream=["a"])}, params={"x": "ab", "code": 0})
    tw("run", "dag.yaml", "--logical-date", "2026-01-31")
    assert tw.log("a") == "abab 2026-01-31\na plain\n"
    assert tw.xcom("a") == "a plain"
    assert tw.log("b") == "got a plain\n"
    db = tw.db()
    (text,) = db.execute("SELECT json FROM rendered WHERE task = 0").fetchone()
    assert "abab" in text and json.loads(text)["env"]["X"] == "a"
    db.close()


def test_exit_codes_of_a_command_that_jinja2_rendered(tw):
    tw.dag({"fails": bash("echo " + JINJA + "; exit 5"), "skips": bash("echo " + JINJA + "; exit 99"),
            "killed": bash("echo " + JINJA + "; kill -KILL $$")}, params={"x": "y"})
    tw("run", "dag.yaml", code=1)
    tis = {t["task_id"]: t for t in tw.json("runs", "show", "d")["tasks"]}
    assert (tis["fails"]["state"], tis["fails"]["exit_code"]) == ("failed", 5)
    assert tis["skips"]["state"] == "skipped"
    assert tis["killed"]["state"] == "failed" and "SIGKILL" in tis["killed"]["reason"]


def test_its_environment_is_that_of_any_command(tw):
    command = "; cat /proc/self/status | grep -E '^Sig(Ign|Blk)'; ls /proc/self/fd | wc -l; pwd; env | cut -d= -f1 | grep -vE '^(_|SHLVL|OLDPWD)$' | sort"
    tw.dag({"plain": bash("echo {{ ds }}" + command, cwd=tw.folder), "jinja": bash("echo {% macro m() %}{% endmacro %}{{ ds }}" + command, cwd=tw.folder),
            "bare": bash("echo {% macro m() %}{% endmacro %}x; env | grep -c HOME=", env={"A": "1"}),
            "bare_c": bash("echo x; env | grep -c HOME=", env={"A": "1"})})
    tw("run", "dag.yaml", code=None)
    assert tw.log("jinja") == tw.log("plain")
    assert tw.log("bare") == tw.log("bare_c")


def test_a_template_that_fails(tw):
    tw.dag({"c": bash("echo {{ params.nothing }}"), "jinja": bash("echo {% macro m() %}{% endmacro %}{{ nothing.at_all }}")})
    tw("run", "dag.yaml", code=1)
    tis = {t["task_id"]: t for t in tw.json("runs", "show", "d")["tasks"]}
    assert tis["c"]["state"] == "failed" and "nothing" in tis["c"]["reason"]
    assert tis["jinja"]["state"] == "failed" and "nothing" in tis["jinja"]["reason"]


def test_retries_and_timeouts_of_rendered_commands(tw):
    tw.dag({"a": bash("echo {% macro m() %}{% endmacro %}; sleep 777.9", execution_timeout=0.5),
            "b": bash("echo {% macro m() %}{% endmacro %}; test $AIRFLOW_CTX_TRY_NUMBER = 2", retries=2, retry_delay=0.01)})
    tw("run", "dag.yaml", code=1)
    tis = {t["task_id"]: t for t in tw.json("runs", "show", "d")["tasks"]}
    assert tis["a"]["state"] == "failed" and "execution_timeout" in tis["a"]["reason"]
    assert (tis["b"]["state"], tis["b"]["try_number"]) == ("success", 2)


# What the process sees of itself: its command line, descriptors, name, last status; then the secret, which the log masks.
LOOK = ("set +x; tr '\\0' ' ' </proc/$$/cmdline >cmd.%s; ls /proc/$$/fd >fd.%s; tr '\\n' ' ' <fd.%s; echo $0 $# $? ${TRADEWIND_SCRIPT-unset}; "
        "echo {{ var.value.api_password }} | tr a-z A-Z; printf '%%s' '{{ var.value.api_password }}' >out.%s\nread x || echo no input; exit 7 # %s\n")


def test_a_secret_is_in_no_command_line(tw):
    secret = {"TRADEWIND_VAR_API_PASSWORD": "hunter22x"}
    look = {name: LOOK % (name, name, name, name, "") for name in ("c", "jinja", "plain", "py")}
    tw.dag({"c": bash(look["c"], cwd=tw.folder), "jinja": bash("{% macro m() %}{% endmacro %}" + look["jinja"], cwd=tw.folder),
            "words": bash("cat /proc/self/cmdline hunter22x", cwd=tw.folder),
            "plain": bash(look["plain"].replace("{{ var.value.api_password }}", "nothing"), cwd=tw.folder)})
    tw("run", "dag.yaml", code=1, env=secret)
    tw.write("d.py", "from tradewind.sdk import DAG, BashOperator\nwith DAG('p'):\n    BashOperator(task_id='py', bash_command=%r, cwd=%r, output_processor=str)\n"
             % (look["py"], tw.folder))
    tw("run", "d.py", code=1, env=secret)
    for name in ("c", "jinja", "py"):
        with open(tw.path("cmd." + name)) as f:
            assert "hunter22x" not in f.read()
        with open(tw.path("out." + name)) as f:
            assert f.read() == "hunter22x"
    with open(tw.path("cmd.plain")) as f:
        assert "nothing" in f.read()
    logs = {name: tw.log(name) for name in ("c", "jinja", "plain")}
    assert logs["c"] == logs["jinja"] == logs["plain"].replace("NOTHING", "HUNTER22X") != ""
    assert tw.log("py", "p").startswith(logs["c"])
    tis = {t["task_id"]: t for t in tw.json("runs", "show", "d")["tasks"]}
    assert {n: tis[n]["exit_code"] for n in ("c", "jinja", "plain")} == {"c": 7, "jinja": 7, "plain": 7}
    db = tw.db()
    for (text,) in db.execute("SELECT json FROM rendered"):
        assert "hunter22x" not in text
    db.close()
