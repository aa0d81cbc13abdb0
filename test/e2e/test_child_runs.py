"""Tasks that make runs of other DAGs, and tasks that wait for those of others."""
import os
import signal

HEAD = """
    import datetime as dt, os, time
    from tradewind.sdk import DAG, task
    from airflow.exceptions import DagRunTriggerException
    from tradewind.operators.trigger_dagrun import TriggerDagRunOperator as Trigger
    from tradewind.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
"""


def states(tw, dag, run=None):
    found = tw.json("runs", "show", dag, *([run] if run else []))
    return found["state"], {t["task_id"]: t["state"] for t in found["tasks"]}


def test_a_child_and_its_end(tw):
    """One slot: the parent waits for its child without holding it."""
    file = tw.write("dag.py", HEAD + """
    with DAG("parent"):
        Trigger(task_id="good", trigger_dag_id="child", trigger_run_id="c1", conf={"who": "{{ dag.dag_id }}"},
                wait_for_completion=True, poke_interval=0.1)
        Trigger(task_id="bad", trigger_dag_id="broken", trigger_run_id="b1", wait_for_completion=True, poke_interval=0.1)
        Trigger(task_id="left", trigger_dag_id="slow", trigger_run_id="s1", note="on its way")
        Trigger(task_id="none", trigger_dag_id="nowhere")
        @task
        def raises():
            raise DagRunTriggerException(trigger_dag_id="child", dag_run_id="c2")
        raises()
    with DAG("child"):
        @task
        def who(dag_run): print("who:", dag_run.conf)
        who()
    with DAG("broken"):
        @task
        def fails(): raise ValueError("no")
        fails()
    with DAG("slow"):
        @task
        def slow(): time.sleep(1)
        slow()
    """)
    tw("run", file, "--dag", "parent", "--jobs", "1", "--plain", code=1)
    assert states(tw, "parent") == ("failed", {"good": "success", "bad": "failed", "left": "success", "none": "failed",
                                               "raises": "success"})
    assert "who:" in tw("tasks", "logs", "child", "c1", "who").stdout
    assert "'parent'" in tw("tasks", "logs", "child", "c1", "who").stdout
    assert states(tw, "child", "c2")[0] == "success"
    assert states(tw, "broken")[0] == "failed"
    assert states(tw, "slow", "s1") == ("success", {"slow": "success"})  # waited for, though nobody asked for its end
    assert "b1 is in state 'failed'" in tw("tasks", "logs", "parent", "bad").stdout
    assert "there is no DAG 'nowhere'" in tw("tasks", "logs", "parent", "none").stdout


def test_a_run_that_is_there(tw):
    file = tw.write("dag.py", HEAD + """
    with DAG("parent"):
        a = Trigger(task_id="a", trigger_dag_id="child", trigger_run_id="c", wait_for_completion=True, poke_interval=0.1)
        b = Trigger(task_id="b", trigger_dag_id="child", trigger_run_id="c")
        s = Trigger(task_id="s", trigger_dag_id="child", trigger_run_id="c", skip_when_already_exists=True)
        r = Trigger(task_id="r", trigger_dag_id="child", trigger_run_id="c", reset_dag_run=True, wait_for_completion=True,
                    poke_interval=0.1, trigger_rule="all_done")
        a >> [b, s] >> r
    with DAG("child"):
        @task
        def t(ti): print("try", ti.try_number)
        t()
    """)
    tw("run", file, "--dag", "parent", "--plain", code=None)
    assert states(tw, "parent")[1] == {"a": "success", "b": "failed", "s": "skipped", "r": "success"}
    assert "already exists" in tw("tasks", "logs", "parent", "b").stdout
    assert "try 2" in tw("tasks", "logs", "child", "c", "t").stdout


def test_sensors_of_other_runs(tw):
    file = tw.write("dag.py", HEAD + """
    where = dict(external_dag_id="child")
    with DAG("parent"):
        go = Trigger(task_id="go", trigger_dag_id="child", logical_date="{{ logical_date.isoformat() }}")
        quick = dict(poke_interval=0.1, timeout=10)
        go >> [
            ExternalTaskSensor(task_id="one", external_task_id="ok", mode="reschedule", check_existence=True, **where, **quick),
            ExternalTaskSensor(task_id="later", external_task_id="slow", deferrable=True, poll_interval=0.1, **where),
            ExternalTaskSensor(task_id="two", external_task_ids=["ok", "slow"], **where, **quick),
            ExternalTaskSensor(task_id="group", external_task_group_id="g", deferrable=True, poll_interval=0.1, **where),
            ExternalTaskSensor(task_id="run", deferrable=True, poll_interval=0.1, allowed_states=["failed"], **where),
            ExternalTaskSensor(task_id="fails", external_task_id="bad", failed_states=["failed"], deferrable=True,
                               poll_interval=0.1, **where),
            ExternalTaskSensor(task_id="skips", external_task_id="bad", skipped_states=["failed"], **where, **quick),
            ExternalTaskSensor(task_id="soft", external_task_id="bad", failed_states=["failed"], soft_fail=True, **where, **quick),
            ExternalTaskSensor(task_id="no_dag", external_dag_id="nowhere", check_existence=True),
            ExternalTaskSensor(task_id="no_task", external_task_id="nothing", check_existence=True, **where),
            ExternalTaskSensor(task_id="no_group", external_task_group_id="nothing", mode="reschedule", **where, **quick),
            ExternalTaskSensor(task_id="other_date", execution_delta=dt.timedelta(days=1), timeout=0.3, poke_interval=0.1, **where),
            ExternalTaskSensor(task_id="fn", execution_date_fn=lambda d: [d], external_task_id="ok", **where, **quick),
        ]
        ExternalTaskMarker(task_id="mark", external_dag_id="child", external_task_id="ok")
    from tradewind.sdk import TaskGroup
    with DAG("child"):
        @task
        def ok(): pass
        @task
        def slow(): time.sleep(0.7)
        @task
        def bad(): raise ValueError("no")
        @task
        def inner(): pass
        ok(), slow(), bad()
        with TaskGroup("g"):
            inner()
    """)
    tw("run", file, "--dag", "parent", "--plain", code=1)
    assert states(tw, "parent")[1] == {
        "go": "success", "one": "success", "later": "success", "two": "success", "group": "success", "run": "success",
        "fails": "failed", "skips": "skipped", "soft": "skipped", "no_dag": "failed", "no_task": "failed", "no_group": "failed",
        "other_date": "failed", "fn": "success", "mark": "success"}
    assert "does not exist" in tw("tasks", "logs", "parent", "no_group").stdout


def test_the_run_before(tw):
    file = tw.write("dag.py", HEAD + """
    with DAG("d"):
        @task
        def t(ti, dag_run, logical_date, prev_data_interval_start_success, prev_start_date_success):
            before = ti.get_previous_dagrun()
            print("before:", before and before.run_id, prev_data_interval_start_success, prev_start_date_success is not None)
            print("prior:", ti.xcom_pull(task_ids="t", key="mine", include_prior_dates=True))
            print("counts:", ti.get_dr_count("d"), ti.get_ti_count("d", task_ids=["t"], states=["success"]))
            if dag_run.run_id == "r1":
                ti.xcom_push("mine", 11)
            if dag_run.run_id == "r2":
                raise ValueError("no")
        t()
    """)
    for n, code in ((1, 0), (2, 1), (3, 0)):
        tw("run", file, "--run-id", "r%d" % n, "--logical-date", "2026-01-0%d" % n, "--plain", code=code)
    log = tw("tasks", "logs", "d", "r3", "t").stdout
    assert "before: r2 2026-01-01" in log and "True" in log
    assert "prior: 11" in log
    assert "counts: 3 1" in log
    assert "before: None None False" in tw("tasks", "logs", "d", "r1", "t").stdout


def test_killed_and_resumed(tw, until):
    """The parent's resume continues the runs that it made, and makes none twice."""
    gate = tw.path("gate")
    file = tw.write("dag.py", HEAD + """
    with DAG("parent"):
        Trigger(task_id="go", trigger_dag_id="child", wait_for_completion=True, poke_interval=0.1)
    with DAG("child"):
        @task
        def t():
            while not os.path.exists(%r):
                time.sleep(0.05)
        t()
    """ % gate)
    engine = tw.start("run", file, "--dag", "parent", "--plain")
    until(lambda: os.path.exists(tw.home + "/tradewind.db")
          and "running" in tw("tasks", "list", "child", code=None).stdout
          and "deferred" in tw("tasks", "list", "parent", code=None).stdout)
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    with open(gate, "w"):
        pass
    tw("runs", "resume", "parent", "--plain")
    assert states(tw, "parent") == ("success", {"go": "success"})
    db = tw.db()
    assert db.execute("SELECT COUNT(*) FROM run").fetchone() == (2,)
    db.close()
