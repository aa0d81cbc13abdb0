"""What a dead holder leaves behind is ended before its attempts are tried again."""
import os
import signal
import time

from conftest import kill, processes

FILE = """
    import os, time
    from tradewind.sdk import DAG, BashOperator, task

    def note(text):
        with open("{folder}/ran", "a") as f:
            f.write(text + "\\n")

    with DAG("h", schedule=None, default_args={{"retries": 1, "retry_delay": 0.01}}):
        @task
        def first():
            pass

        @task
        def work(ti=None):
            note("%d %d" % (ti.try_number, os.getpid()))
            while not os.path.exists("{folder}/end"):
                time.sleep(0.02)

        first() >> BashOperator(task_id="gate", bash_command="until [ -e {folder}/go ]; do sleep 0.02; done") >> work()
"""


def test_a_process_that_the_dead_holder_had_not_written_down(tw, until):
    """The task has begun, its holder dies before it could note the pid: it is ended all the same before the next try begins."""
    file = tw.write("h.py", FILE.format(folder=tw.folder))
    p = tw.start("run", file, "--plain", stdout=open(tw.path("out"), "w"))
    until(lambda: "gate running" in open(tw.path("out")).read())
    holder = [pid for pid in tw.holders() if processes()[pid][1][2].startswith("p-")][0]
    journal = os.path.join(tw.home, "holders", processes()[holder][1][2] + ".journal")
    until(lambda: os.path.getsize(journal) == 0)  # the first task is acknowledged
    root = [pid for pid, (ppid, _) in processes().items() if ppid == holder][0]

    def tries():
        return [line.split() for line in open(tw.path("ran"))] if os.path.exists(tw.path("ran")) else []

    os.kill(root, signal.SIGSTOP)
    tw.write("go", "")
    until(lambda: b'"pid":0' in open(journal, "rb").read())
    time.sleep(0.2)  # the start is sent right after it was noted
    os.kill(holder, signal.SIGSTOP)
    os.kill(root, signal.SIGCONT)
    until(lambda: len(tries()) == 1)
    kill(holder)
    until(lambda: len(tries()) == 2)
    first = int(tries()[0][1])
    assert first not in processes() or processes()[first][1] == []
    tw.write("end", "")
    assert p.wait(60) == 0
    assert [t[0] for t in tries()] == ["1", "2"]
    assert "exit not seen" in tw("tasks", "why", "h", "work").stdout


def test_a_task_whose_holder_was_killed_is_ended_with_its_tree(tw, until):
    from test_run import bash

    tw.dag({"a": bash("echo $AIRFLOW_CTX_TRY_NUMBER >> ran; test $AIRFLOW_CTX_TRY_NUMBER = 2 || { (setsid sleep 781.1 &); sleep 781.2; }",
                      cwd=tw.folder, retries=1, retry_delay=0.01)})
    p = tw.start("run", "dag.yaml", "--plain")
    until(lambda: [1 for _, cmd in processes().values() if cmd == ["sleep", "781.2"]])
    for pid in tw.holders():
        kill(pid)
    assert p.wait(60) == 0
    assert [cmd for _, cmd in processes().values() if cmd[:1] == ["sleep"] and cmd[1].startswith("781.")] == []
    assert open(tw.path("ran")).read() == "1\n2\n"
