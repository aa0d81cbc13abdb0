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
