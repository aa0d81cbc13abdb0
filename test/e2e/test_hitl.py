"""Tasks that ask a person: they wait without a process, and the answer finds them whoever lives when it comes."""
import json
import os
import signal

HEAD = """
    import datetime as dt
    from tradewind.sdk import DAG, EmptyOperator, Param, task
    from tradewind.operators.hitl import ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator
"""


def waiting(tw, dag="d"):
    if not os.path.exists(tw.home + "/tradewind.db"):
        return set()
    out = tw("tasks", "list", dag, "--json", code=None).stdout
    return {t["task_id"] for t in json.loads(out or "[]") if "asks" in t and t["state"] == "deferred"}


def test_questions_and_answers(tw, until):
    file = tw.write("dag.py", HEAD + """
    with DAG("d"):
        ask = HITLOperator(task_id="ask", subject="Which for {{ run_id }}?", body="Choose.", options=["a", "b", "c"], multiple=True,
                           params={"n": Param(3, type="integer", description="how many"), "t": Param("x", type="string")})
        @task
        def shows(answer): print("answer:", answer["chosen_options"], answer["params_input"], answer["responded_by_user"])
        shows(ask.output)
        HITLEntryOperator(task_id="enter", subject="How many?", params={"n": Param(1, type="integer")})
        yes = ApprovalOperator(task_id="yes", subject="Go?")
        no = ApprovalOperator(task_id="no", subject="Go?")
        strict = ApprovalOperator(task_id="strict", subject="Go?", fail_on_reject=True)
        yes >> EmptyOperator(task_id="after_yes")
        no >> EmptyOperator(task_id="after_no")
        way = HITLBranchOperator(task_id="way", subject="Left or right?", options=["L", "R"], options_mapping={"L": "left", "R": "right"})
        way >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    """)
    engine = tw.start("run", file, "--jobs", "1", "--run-id", "r1", "--plain")
    until(lambda: waiting(tw) == {"ask", "enter", "yes", "no", "strict", "way"})

    why = tw("tasks", "why", "d", "ask").stdout
    assert "waits for a person: Which for r1?" in why and "options: a, b, c" in why and "param n: how many" in why
    assert "tradewind tasks respond d ask --run r1 --option OPTION --param NAME=VALUE" in why
    assert "yes waits for a person: Go?" in tw("tasks", "list", "d").stdout

    respond = lambda task, *args, code=0: tw("tasks", "respond", "d", task, *args, code=code)
    assert "not one of the options" in respond("ask", "--option", "z", code=None).stderr
    assert "choose one" in respond("ask", code=None).stderr
    assert "no parameter 'q'" in respond("ask", "--option", "a", "--param", "q=1", code=None).stderr
    assert "only one" in respond("yes", "--option", "Approve", "--option", "Reject", code=None).stderr
    assert respond("after_yes", code=None).returncode == 75
    assert "Answered" in respond("ask", "--option", "a", "--option", "c", "--param", "n=5").stdout
    until(lambda: "ask" not in waiting(tw))
    assert respond("ask", "--option", "b", code=None).returncode == 75
    respond("enter", "-p", "n=7")
    respond("yes", "-o", "Approve")
    respond("no", "-o", "Reject")
    respond("strict", "-o", "Reject")
    respond("way", "-o", "R")
    assert engine.wait(60) == 1
    states = tw.states()
    assert states == {"ask": "success", "shows": "success", "enter": "success", "yes": "success", "after_yes": "success",
                      "no": "success", "after_no": "skipped", "strict": "failed", "way": "success", "left": "skipped",
                      "right": "success"}
    log = tw.log("shows")
    assert "answer: ['a', 'c'] {'n': 5, 't': 'x'}" in log and "'name'" in log
    assert tw.xcom("enter")["params_input"] == {"n": 7}


def test_nobody_answers(tw):
    file = tw.write("dag.py", HEAD + """
    soon = dt.timedelta(seconds=0.5)
    with DAG("d"):
        HITLOperator(task_id="dflt", subject="?", options=["a", "b"], defaults="b", response_timeout=soon)
        HITLOperator(task_id="late", subject="?", options=["a", "b"], execution_timeout=soon)
    """)
    tw("run", file, "--plain", code=1)
    assert tw.states() == {"dflt": "success", "late": "failed"}
    assert tw.xcom("dflt")["chosen_options"] == ["b"]
    assert "HITLTimeoutError" in tw.log("late")


def test_answered_while_nothing_lives(tw, until):
    """kill -9 of the engine while a task waits for a person, who answers meanwhile; the next start goes on with the answer."""
    file = tw.write("dag.py", HEAD + """
    with DAG("d"):
        a = ApprovalOperator(task_id="a", subject="Go?")
        b = ApprovalOperator(task_id="b", subject="Then?")
        a >> b
    """)
    engine = tw.start("run", file, "--plain", "--run-id", "r1")
    until(lambda: waiting(tw) == {"a"})
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    said = tw("tasks", "respond", "d", "a", "--run", "r1", "--option", "Approve").stdout
    assert "tradewind runs resume d r1" in said
    assert tw.states()["a"] == "deferred"
    engine = tw.start("runs", "resume", "d", "--plain")
    until(lambda: waiting(tw) == {"b"})
    tw("tasks", "respond", "d", "b", "--option", "Approve")
    assert engine.wait(60) == 0
    assert tw.states() == {"a": "success", "b": "success"}
