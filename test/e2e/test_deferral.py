"""Tasks that wait without a process: deferral, its trigger process, and what a restart makes of both."""
import os
import signal

from world import processes

DAG = """
    import asyncio, datetime as dt, os
    from tradewind.sdk import DAG, BaseOperator, BaseSensorOperator
    from tradewind.triggers.base import BaseTrigger, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent
    from tradewind.triggers.file import FileTrigger
    from tradewind.triggers.temporal import TimeDeltaTrigger

    class Own(BaseTrigger):
        def __init__(self, what):
            super().__init__()
            self.what = what
        def serialize(self):
            return f"{type(self).__module__}.{type(self).__qualname__}", {"what": self.what}
        async def run(self):
            self.log.info("the trigger of the file runs")
            await asyncio.sleep(0.05)
            if self.what == "fail":
                raise ValueError("it is broken")
            if self.what == "for ever":
                await asyncio.sleep(3600)
            yield {"end": TaskSuccessEvent(xcoms={"return_value": 7}), "skip": TaskSkippedEvent()}.get(
                self.what, TriggerEvent({"what": self.what, "at": dt.date(2026, 1, 2)}))

    class Wait(BaseOperator):
        def __init__(self, trigger, timeout=None, **kwargs):
            super().__init__(**kwargs)
            self.trigger, self.timeout = trigger, timeout
        def execute(self, context):
            context["ti"].xcom_push("before", context["ti"].try_number)
            self.defer(trigger=self.trigger(), method_name="later", kwargs={"more": {1, 2}}, timeout=self.timeout)
        def later(self, context, event, more):
            assert more == {1, 2}
            assert context["ti"].xcom_pull(key="before") == context["ti"].try_number
            print("came:", event)
            return str(event)
"""


def write(tw, tasks, name="dag.py", **dag):
    args = "".join(", %s=%r" % item for item in dag.items())
    return tw.write(name, DAG + "\n    with DAG('d'%s):\n" % args + "".join("        %s\n" % t for t in tasks))


def trigger_processes(tw):
    return [pid for pid, (_, cmd) in processes().items()
            if "tradewind.runner.triggers" in cmd and in_home(tw, pid)]


def in_home(tw, pid):
    try:
        with open("/proc/%d/environ" % pid, "rb") as f:
            return ("HOME=%s\0" % tw.folder).encode() in f.read()
    except OSError:
        return False


def test_deferred_tasks_take_no_slot(tw):
    """Twenty waits of a second on one slot take about a second, and what they return is theirs."""
    tasks = ["Wait(task_id='w%d', trigger=lambda: TimeDeltaTrigger(dt.timedelta(seconds=1)))" % i for i in range(20)]
    file = write(tw, tasks + ["Wait(task_id='own', trigger=lambda: Own('x'))"], max_active_tasks=1)
    tw("run", file, "--jobs", "1", "--plain")
    states = tw.json("runs", "show", "d")
    assert {t["state"] for t in states["tasks"]} == {"success"}
    db = tw.db()
    started, ended = db.execute("SELECT MIN(start_us), MAX(end_us) FROM run").fetchone()
    db.close()
    assert ended - started < 15_000_000
    assert "'what': 'x'" in tw.xcom("own") and "2026, 1, 2" in tw.xcom("own")
    log = tw.log("own")
    assert "the trigger of the file runs" in log and "came:" in log
    assert not trigger_processes(tw)


def test_how_a_trigger_ends_its_task(tw):
    file = write(tw, ["Wait(task_id='end', trigger=lambda: Own('end'))", "Wait(task_id='skip', trigger=lambda: Own('skip'))"])
    tw("run", file, "--plain")
    assert tw.states() == {"end": "success", "skip": "skipped"}
    assert tw.xcom("end") == 7
    assert "came:" not in tw.log("end")


def test_a_trigger_that_fails_or_is_late(tw):
    """The task fails in its own process, so retries and callbacks apply."""
    file = write(tw, ["Wait(task_id='broken', trigger=lambda: Own('fail'), retries=1, retry_delay=0.1,"
                      " on_failure_callback=lambda c: print('callback', c['exception']))",
                      "Wait(task_id='late', trigger=lambda: Own('for ever'), timeout=0.2)"])
    tw("run", file, "--plain", code=1)
    found = {t["task_id"]: t for t in tw.json("runs", "show", "d")["tasks"]}
    assert found["broken"]["state"] == found["late"]["state"] == "failed"
    assert found["broken"]["try_number"] == 2
    log = tw.log("broken")
    assert "it is broken" in log and "callback Trigger failure" in log
    assert "TaskDeferralTimeout" in tw.log("late")


def test_killed_and_resumed(tw, until):
    """kill -9 of the engine while tasks wait: the next one takes the waits up from the store, and nothing runs from its beginning."""
    gate = tw.path("gate")
    file = write(tw, ["Wait(task_id='w', trigger=lambda: FileTrigger(filepath=%r, poke_interval=0.1), retries=1)" % gate,
                      "Wait(task_id='t', trigger=lambda: TimeDeltaTrigger(dt.timedelta(seconds=2)))"])
    engine = tw.start("run", file, "--plain", "--run-id", "r1")
    until(lambda: os.path.exists(tw.home + "/tradewind.db") and
          list(tw("tasks", "list", "d", code=None).stdout.split()).count("deferred") == 2)
    until(lambda: trigger_processes(tw))
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    until(lambda: not trigger_processes(tw))
    with open(gate, "w") as f:
        f.write("open")
    tw("runs", "resume", "d", "--plain")
    assert tw.states() == {"w": "success", "t": "success"}
    assert tw.log("w").count("deferred: waits for") == 1
    assert "came: True" in tw.log("w")


def test_the_trigger_process_dies(tw, until):
    gate = tw.path("gate")
    file = write(tw, ["Wait(task_id='w', trigger=lambda: FileTrigger(filepath=%r, poke_interval=0.1))" % gate])
    engine = tw.start("run", file, "--plain")
    until(lambda: trigger_processes(tw))
    first = trigger_processes(tw)
    os.kill(first[0], signal.SIGKILL)
    until(lambda: trigger_processes(tw) and trigger_processes(tw) != first)
    with open(gate, "w") as f:
        f.write("open")
    assert engine.wait(60) == 0


def test_interrupted_while_it_waits(tw, until):
    """Ctrl-C: what waits goes on waiting at the next resume."""
    gate = tw.path("gate")
    file = write(tw, ["Wait(task_id='w', trigger=lambda: FileTrigger(filepath=%r, poke_interval=0.1))" % gate])
    engine = tw.start("run", file, "--plain")
    until(lambda: trigger_processes(tw))
    engine.send_signal(signal.SIGINT)
    assert engine.wait(30) == 130
    assert tw.states() == {"w": "deferred"}
    with open(gate, "w") as f:
        f.write("open")
    tw("runs", "resume", "d", "--plain")
    assert tw.log("w").count("deferred: waits for") == 1


def test_sensors(tw):
    """Deferrable sensors that the engine cannot wait for itself, and timeouts that count over reschedules."""
    file = tw.write("dag.py", """
        import datetime as dt
        from tradewind.sdk import DAG, BaseSensorOperator, DateTimeSensor, FileSensor
        class Never(BaseSensorOperator):
            def poke(self, context):
                print("poke", context["task_reschedule_count"])
                return False
        done = dict(on_success_callback=lambda c: print("callback"))
        soon = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=1)
        with DAG("d"):
            DateTimeSensor(task_id="time", target_time=soon, deferrable=True, **done)
            FileSensor(task_id="file", filepath=__file__, deferrable=True, **done)
            FileSensor(task_id="late", filepath="/there/is/none", deferrable=True, timeout=0.3, poke_interval=0.1, retries=3, **done)
            FileSensor(task_id="soft", filepath="/there/is/none", deferrable=True, timeout=0.3, soft_fail=True, **done)
            Never(task_id="again", mode="reschedule", poke_interval=0.2, timeout=1)
        """)
    tw("run", file, "--plain", code=1)
    found = {t["task_id"]: t for t in tw.json("runs", "show", "d")["tasks"]}
    states = {name: t["state"] for name, t in found.items()}
    assert states == {"time": "success", "file": "success", "late": "failed", "soft": "skipped", "again": "failed"}
    assert found["late"]["try_number"] == 1
    log = tw.log("again")
    assert "poke 0" in log and "poke 2" in log and "AirflowSensorTimeout" in log
