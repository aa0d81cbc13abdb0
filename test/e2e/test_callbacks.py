"""Callbacks of a DAG after its run, and of tasks that were killed before they could run their own."""
import glob
import os

HEAD = """
    import os, signal
    from tradewind.sdk import DAG, task
    def tell(word):
        def callback(context):
            print(word, context["dag_run"].run_id, context["dag_run"].state, context["ti"].task_id, context["ti"].state,
                  context["reason"])
        return callback
    def broken(context):
        raise ValueError("this callback is broken")
"""


def output(tw, pattern):
    found = glob.glob(os.path.join(tw.home, "logs", pattern))
    assert len(found) == 1, found
    with open(found[0]) as f:
        return f.read()


def test_of_a_dag(tw):
    file = tw.write("dag.py", HEAD + """
    with DAG("good", on_success_callback=[broken, tell("well")], on_failure_callback=tell("never")):
        @task
        def a(): pass
        @task
        def b(): pass
        a() >> b()
    with DAG("bad", on_success_callback=tell("never"), on_failure_callback=tell("badly")):
        @task
        def c(): raise ValueError("no")
        c() >> b()
    with DAG("quiet", on_failure_callback=tell("never")):
        b()
    """)
    done = tw("run", file, "--dag", "good", "--run-id", "r1", "--plain")
    assert tw.json("runs", "show", "good")["state"] == "success"  # a callback that fails does not touch the run
    assert "on_success_callback of good in run r1 failed" in done.stderr
    text = output(tw, "dag_id=good/run_id=r1/on_success_callback.log")
    assert "this callback is broken" in text and "well r1 success b success" in text
    tw("run", file, "--dag", "bad", "--run-id", "r1", "--plain", code=1)
    text = output(tw, "dag_id=bad/run_id=r1/on_failure_callback.log")
    assert "badly r1 failed c failed" in text
    tw("run", file, "--dag", "quiet", "--plain")
    assert not glob.glob(os.path.join(tw.home, "logs", "*", "*", "on_*")) or not glob.glob(
        os.path.join(tw.home, "logs", "dag_id=quiet", "*", "on_*"))
    assert not glob.glob(os.path.join(tw.home, "results", "*"))


def test_what_they_may_ask_for_and_what_not(tw):
    """The attempt has ended: what is read is there, what belongs to it is refused, in words."""
    os.makedirs(tw.path("home/plugins"))
    tw.write("home/plugins/ours.py", """
        from airflow.listeners import hookimpl
        from airflow.plugins_manager import AirflowPlugin
        from airflow.sdk import Connection, Variable

        def attempt(name, what):
            try:
                print(name, "gives", what())
            except Exception as error:
                print(name, "fails:", error)

        class Listener:
            @hookimpl
            def on_dag_run_success(self, dag_run, msg):
                attempt("variable", lambda: Variable.get("v"))
                attempt("tasks", lambda: dag_run.get_task_instances())

        class Ours(AirflowPlugin):
            name = "ours"
            listeners = [Listener()]
    """)
    file = tw.write("dag.py", """
        from airflow.sdk import DAG, Connection, Variable, task
        from ours import attempt
        def asks(context):
            ti, dag_run = context["ti"], context["dag_run"]
            attempt("pull", lambda: ti.xcom_pull(task_ids="a"))
            attempt("prior", lambda: ti.xcom_pull(task_ids="a", include_prior_dates=True))
            attempt("push", lambda: ti.xcom_push("k", 1))
            attempt("variable", lambda: Variable.get("v"))
            attempt("set", lambda: Variable.set("w", "set by it"))
            attempt("password", lambda: Connection.get("c").password)
            attempt("host", lambda: Connection.get("c").host)
            attempt("count", lambda: ti.get_dr_count("d"))
            attempt("tasks", lambda: dag_run.get_task_instances())
            attempt("other", lambda: dag_run.no_such_thing)
        with DAG("d", on_success_callback=asks):
            @task
            def a(): return {"x": 1}
            a()
    """)
    tw("variables", "set", "v", "seen")
    tw("connections", "add", "c", "--type", "http", "--host", "example.org", "--password", "swordfish9")
    tw("run", file, "--run-id", "r1", "--plain")
    said = output(tw, "dag_id=d/run_id=r1/on_success_callback.log")
    assert "pull gives {'x': 1}" in said and "variable gives seen" in said and "set gives None" in said and "count gives 1" in said
    assert "host gives example.org" in said and "password gives ***" in said and "swordfish9" not in said
    assert "push fails: xcom_push: a has ended" in said
    assert "prior fails: xcom_prior: the engine refused: callbacks and listeners in a process of their own cannot ask for xcom_prior" in said
    assert "tasks fails: DagRun.get_task_instances: a run is data here" in said and "runs show d r1 --json" in said
    assert "other fails: 'DagRun' object has no attribute 'no_such_thing'" in said
    assert tw("variables", "get", "w").stdout.strip() == "set by it" and tw.json("xcom", "list", "d", "r1") != []
    told = output(tw, "dag_id=d/run_id=r1/listeners_success.log")
    assert "variable gives seen" in told and "tasks fails: DagRun.get_task_instances" in told


def test_of_a_task_that_was_killed(tw):
    """Its own process cannot tell: another one does."""
    file = tw.write("dag.py", HEAD + """
    with DAG("d"):
        @task(retries=1, retry_delay=0.1, on_retry_callback=tell("again"), on_failure_callback=tell("over"))
        def a(): os.kill(os.getpid(), signal.SIGKILL)
        a()
    """)
    tw("run", file, "--run-id", "r1", "--plain", code=1)
    assert "again r1 running a up_for_retry killed by SIGKILL" in output(tw, "*/*/*/attempt=1.log.on_retry_callback")
    assert "over r1 running a failed killed by SIGKILL" in output(tw, "*/*/*/attempt=2.log.on_failure_callback")
