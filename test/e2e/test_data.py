"""What tasks write: XComs of all sizes, logs of all kinds, secrets."""
import os

from test_run import bash


def test_xcom_of_bash_is_its_last_line(tw):
    tw.dag({"a": bash("echo one; echo 'two \"quoted\"'"), "b": bash("echo '{{ ti.xcom_pull(\"a\") }}'", upstream=["a"]),
            "c": bash("echo no", do_xcom_push=False)})
    tw("run", "dag.yaml")
    assert tw.xcom("a") == 'two "quoted"'
    assert tw.log("b") == 'two "quoted"\n'
    assert tw.xcom("c") is None


def big(tw, size):
    return tw.write("big.py", """
        from tradewind.sdk import DAG, task
        with DAG("big", schedule=None):
            @task
            def make():
                return {"text": "x" * %d, "n": 7}
            @task
            def take(value):
                assert value["n"] == 7
                return len(value["text"])
            take(make())
    """ % size)


def test_a_large_xcom_goes_to_a_file(tw):
    tw("run", big(tw, 60000))
    assert tw.xcom("take") == 60000
    spilled = [os.path.join(d, f) for d, _, files in os.walk(os.path.join(tw.home, "xcom")) for f in files]
    assert len(spilled) == 1 and os.path.getsize(spilled[0]) > 60000
    assert os.path.getsize(os.path.join(tw.home, "tradewind.db")) < 1 << 20


def test_an_xcom_of_five_megabytes(tw):
    tw("run", big(tw, 5 << 20))
    assert tw.xcom("take") == 5 << 20


def test_binary_output(tw):
    tw.dag({"a": bash("printf 'a\\000b\\377\\376\\n'; head -c 300000 /dev/urandom; echo; printf 'last\\377\\n'")})
    tw("run", "dag.yaml")
    out = tw("tasks", "logs", "d", "a", text=False).stdout
    assert out.startswith(b"a\0b\xff\xfe\n") and out.endswith(b"last\xff\n") and len(out) > 300000
    assert tw.xcom("a").startswith("last")


def test_output_without_end_is_bounded(tw):
    tw.dag({"a": bash("head -c 104857600 /dev/zero | tr '\\0' x; echo; echo end")})
    tw("run", "dag.yaml")
    folder = os.path.join(tw.home, "logs")
    kept = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(folder) for f in files)
    assert kept < 104857600
    assert tw.log("a").endswith("x\nend\n")
    assert "left out" in tw.log("a")
    assert tw.xcom("a") == "end"


SECRET = "hunter2-and-more"


def stored(tw, text):
    found = []
    for folder, _, files in os.walk(tw.home):
        for name in files:
            with open(os.path.join(folder, name), "rb") as f:
                if text.encode() in f.read():
                    found.append(name)
    return found


def test_secrets_of_the_environment_are_masked(tw):
    tw.dag({"a": bash("echo $AIRFLOW_CONN_PASSWORD; echo {{ 1 }} $MY_TOKEN; printf %s \"${MY_TOKEN:0:5}\"; sleep 0.05; echo ${MY_TOKEN:5}",
                      env={"MY_TOKEN": "{{ 'tok' ~ 'en-value' }}"}, append_env=True)})
    tw("run", "dag.yaml", env={"AIRFLOW_CONN_PASSWORD": SECRET})
    assert tw.log("a") == "***\n1 ***\n***\n"
    assert stored(tw, SECRET) == []
    assert stored(tw, "token-value") == []


def test_secrets_are_masked_in_rendered_fields_of_python(tw):
    file = tw.write("s.py", """
        import os
        from tradewind.sdk import DAG, BashOperator, task
        with DAG("s", schedule=None):
            BashOperator(task_id="a", bash_command="echo {{ macros.datetime.now().year > 0 }} " + os.environ["AIRFLOW_CONN_PASSWORD"])
            @task
            def b(x):
                print("it is", x)
                return 1
            b(os.environ["AIRFLOW_CONN_PASSWORD"])
    """)
    tw("run", file, env={"AIRFLOW_CONN_PASSWORD": SECRET})
    assert tw.log("a", "s") == "True ***\n"
    assert "it is ***" in tw.log("b", "s")
    db = tw.db()
    for (text,) in db.execute("SELECT json FROM rendered"):
        assert SECRET not in text
    db.close()


def test_what_a_task_sees_of_the_environment(tw):
    tw.dag({"a": bash("env")}, env={"OF_DAG": "1"})
    tw("run", "dag.yaml", env={"SOME_OTHER": "x", "LC_ALL": "C.UTF-8"})
    env = dict(line.split("=", 1) for line in tw.log("a").splitlines())
    assert env["OF_DAG"] == "1" and env["LC_ALL"] == "C.UTF-8" and env["AIRFLOW_CTX_TASK_ID"] == "a"
    assert "SOME_OTHER" not in env and "TRADEWIND_HOME" not in env


def test_append_env_false_leaves_only_its_own(tw):
    tw.dag({"a": {**bash("env"), "env": {"MINE": "1"}, "append_env": False}}, env={"OF_DAG": "1"})
    tw("run", "dag.yaml", env={"LC_ALL": "C.UTF-8"})
    names = {line.split("=", 1)[0] for line in tw.log("a").splitlines()}
    assert {"MINE", "PATH", "AIRFLOW_CTX_TASK_ID"} <= names
    assert not names & {"OF_DAG", "LC_ALL", "HOME", "USER"}
