"""
The runner's processes: one import per change, cold files, import errors, and processes killed at
random.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time

from tradewind.runner.keeper import children_of

COUNTED = """
import os
with open(__file__ + '.count', 'a') as f:
    f.write('x')
from tradewind.sdk import DAG, task
with DAG('d') as d:
    @task
    def t(path=''):
        print('begin')
        while path and not os.path.exists(path):
            import time
            time.sleep(0.01)
        return %r
    t(__file__ + '.go')
    @task
    def quick(): return %r
    quick()
"""


def imports(path):
    return len((path.parent / (path.name + ".count")).read_text())


def test_one_import_for_many_attempts_and_one_more_per_change(holder, write):
    path = write("dag.py", COUNTED % (1, 1))
    for _ in range(5):
        assert holder.run(path, "quick").outcome()["xcoms"][0]["value"] == 1
    first = holder.parse(path)
    assert imports(path) == 1
    os.utime(path)
    holder.run(path, "quick")
    assert imports(path) == 1, "another time with the same content is no change"
    write("dag.py", COUNTED % (1, 2))
    time.sleep(0.05)
    for _ in range(3):
        assert holder.run(path, "quick").outcome()["xcoms"][0]["value"] == 2
    assert holder.parse(path)["version"] != first["version"]
    assert imports(path) == 2


def test_a_change_of_the_environment_that_was_read(holder, write):
    path = write("dag.py", "import os\nR = os.environ.get('REGION')\n" + COUNTED.replace("%r", "R"))
    got = [
        holder.run(path, "quick", env={"REGION": r, "Z": str(i)}).outcome()["xcoms"][0]["value"]
        for i, r in enumerate(["eu", "eu", "us", "us"])
    ]
    assert got == ["eu", "eu", "us", "us"] and imports(path) == 2


def test_a_change_of_a_helper(holder, write):
    write("helper.py", "X = 1\n")
    path = write("dag.py", "import helper\n" + COUNTED.replace("%r", "helper.X"))
    assert holder.run(path, "quick").outcome()["xcoms"][0]["value"] == 1
    time.sleep(0.02)
    write("helper.py", "X = 22\n")
    assert holder.run(path, "quick").outcome()["xcoms"][0]["value"] == 22


def keep(folder, documents):
    """What the engine does with the sources of a document; the member `sources` of a start message."""
    made_from = documents[0]["python"]
    folder.mkdir(exist_ok=True)
    for name, digest in made_from["sources"].items():
        with open(os.path.join(made_from["root"], name), "rb") as file:
            (folder / digest).write_bytes(file.read())
    (folder / (made_from["tree"] + ".json")).write_text(json.dumps(made_from["sources"]))
    return {"folder": str(folder), "tree": made_from["tree"], "root": made_from["root"]}


def test_each_version_has_its_process(holder, write, folder):
    path = write("dag.py", COUNTED % (1, 1))
    first = keep(folder / "sources", holder.parse(path)["documents"])
    values = lambda sources: holder.run(path, "quick", sources=sources).outcome()["xcoms"]  # noqa: E731
    one = values(first)
    write("dag.py", (COUNTED % (1, 2)))
    second = keep(folder / "sources", holder.parse(path)["documents"])
    assert first["tree"] != second["tree"]
    two = values(second)
    assert one != two
    for _ in range(2):
        assert values(first) == one and values(second) == two
    write("dag.py", (COUNTED % (1, 1)))
    assert values(first) == one and values(second) == two
    assert values({**first, "tree": "0" * 32}) == one  # never kept: the file as it is


def test_an_import_that_ends_its_process_is_not_that_of_another_version(holder, write, folder):
    path = write("dag.py", COUNTED % (1, 1))
    first = keep(folder / "sources", holder.parse(path)["documents"])
    write(
        "dag.py",
        """
        import os
        open(__file__ + ".begun", "w").close()
        while not os.path.exists(__file__ + ".end"):
            pass
        os._exit(3)
    """,
    )
    now = holder.start(path, "quick")
    while not os.path.exists(str(path) + ".begun"):
        time.sleep(0.01)
    then = holder.start(path, "quick", sources=first)
    write("dag.py.end", "")
    assert holder.wait(then).outcome()["xcoms"][0]["value"] == 1
    assert "exit code 3" in holder.wait(now).error


def test_a_version_that_is_no_more_is_said_in_the_log(holder, write, folder):
    path = write("dag.py", COUNTED % (1, 1))
    sources = keep(folder / "sources", holder.parse(path)["documents"])
    assert "changed" not in holder.run(path, "quick", sources=sources).text
    sources["folder"] = str(folder / "empty")
    assert "changed" not in holder.run(path, "quick", sources=sources).text
    write("dag.py", COUNTED % (1, 2))
    assert "the earlier one is not kept" in holder.run(path, "quick", sources=sources).text


def test_files_do_not_share_a_process(holder, write):
    a = write(
        "a.py",
        "import sys\nsys.marker = 1\nfrom tradewind.sdk import *\nwith DAG('d'):\n   "
        " EmptyOperator(task_id='x')\n",
    )
    b = write(
        "b.py",
        "import sys\nfrom tradewind.sdk import *\nwith DAG('d'):\n    @task\n    def t(): return"
        " hasattr(sys, 'marker')\n    t()\n",
    )
    holder.parse(a)
    assert holder.run(b, "t").outcome()["xcoms"][0]["value"] is False


def test_an_import_error_fails_the_attempt_and_not_other_files(holder, write):
    bad, good = write("bad.py", "x = 1\nraise ValueError('no good')\n"), write(
        "good.py", COUNTED % (1, 1)
    )
    attempts = [holder.start(bad, "t"), holder.start(good, "quick"), holder.start(bad, "t")]
    for attempt in attempts:
        holder.wait(attempt)
    assert attempts[0].error == f"import error: {bad}:2: ValueError: no good" == attempts[2].error
    assert "Traceback" in attempts[0].text and attempts[1].exit_code == 0
    assert holder.parse(bad)["errors"] == [
        {"file": str(bad), "line": 2, "text": "ValueError: no good"}
    ]
    write("bad.py", COUNTED % (1, 1))
    assert holder.run(bad, "quick").exit_code == 0


def test_imports_that_end_the_process(holder, write):
    assert "exit code 3" in holder.run(write("a.py", "import os\nos._exit(3)\n"), "t").error
    assert "SIGKILL" in holder.run(write("b.py", "import os\nos.kill(os.getpid(), 9)\n"), "t").error
    assert (
        "exit code 3"
        in holder.parse(write("a.py", "import os\nos._exit(3)\n"))["errors"][0]["text"]
    )


def test_an_import_that_takes_too_long(folder, write):
    import fakes

    holder = fakes.Holder(folder, env={"TRADEWIND_IMPORT_TIMEOUT": "0.3"})
    try:
        (error,) = holder.parse(write("a.py", "import time\n\nwhile True:\n    time.sleep(1)\n"))[
            "errors"
        ]
        assert error["line"] in (3, 4) and "longer than 0.3 s" in error["text"]
    finally:
        holder.close()


def test_a_cold_file_is_imported_for_each_attempt(holder, write):
    path = write("dag.py", "import socket\nS = socket.socket()\n" + COUNTED % (1, 1))
    before = holder.parse(path)
    assert before["cold"] == "opens sockets" and imports(path) == 1
    for number in (2, 3):
        attempt = holder.run(path, "quick")
        assert attempt.exit_code == 0, attempt.text
        assert "opens sockets" in attempt.text and imports(path) == number


def test_many_attempts_at_once(holder, write):
    path = write("dag.py", COUNTED % (1, 1))
    attempts = [holder.start(path, "quick") for _ in range(40)]
    for attempt in attempts:
        assert holder.wait(attempt).exit_code == 0
    assert imports(path) == 1


def test_changes_while_attempts_run(holder, write, folder):
    path = write("dag.py", COUNTED % ("old", 1))
    old = holder.start(path, "t")
    holder.wait_log(old, "begin")
    write("dag.py", COUNTED % ("new", 2))
    assert holder.run(path, "quick").outcome()["xcoms"][0]["value"] == 2
    (folder / "dag.py.go").write_text("")
    assert holder.wait(old).outcome()["xcoms"][0]["value"] == "old"


def start_and_let_go(holder, write, folder):
    path = write("dag.py", COUNTED % (7, 7))
    attempt = holder.start(path, "t")
    holder.wait_log(attempt, "begin")
    return attempt, lambda: (folder / "dag.py.go").write_text("")


def test_killing_the_file_process_does_not_harm_its_tasks(holder, write, folder):
    attempt, go = start_and_let_go(holder, write, folder)
    for pid in children_of(holder.runner.pid):
        os.kill(pid, signal.SIGKILL)
    go()
    assert holder.wait(attempt).exit_code == 0
    assert holder.run(folder / "dag.py", "quick").exit_code == 0


def test_killing_the_root_does_not_harm_its_tasks(holder, write, folder):
    attempt, go = start_and_let_go(holder, write, folder)
    holder.runner.kill()
    holder.runner.wait()
    go()
    assert holder.wait(attempt).exit_code == 0
    holder.start_runner()
    assert holder.run(folder / "dag.py", "quick").exit_code == 0


def test_killing_the_keeper_leaves_the_task_to_the_holder(holder, write, folder):
    attempt, go = start_and_let_go(holder, write, folder)
    with open(f"/proc/{attempt.pid}/stat") as file:
        keeper = int(file.read().rpartition(")")[2].split()[1])
    os.kill(keeper, signal.SIGKILL)
    go()
    assert holder.wait(attempt).exit_code == 0 and attempt.messages == ["pid"]


def test_the_file_process_ends_with_the_root(holder, write, folder):
    holder.run(write("dag.py", COUNTED % (1, 1)), "quick")
    (pid,) = children_of(holder.runner.pid)
    holder.runner.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.waitpid(pid, os.WNOHANG)
            os.kill(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            break
        time.sleep(0.01)
    else:
        raise AssertionError("the file process lives on")


def test_file_processes_are_few(folder, write):
    import fakes

    holder = fakes.Holder(folder, env={"TRADEWIND_RUNNER_FILES": "2"})
    try:
        for name in "abcd":
            assert holder.run(write(name + ".py", COUNTED % (1, 1)), "quick").exit_code == 0
        deadline = time.monotonic() + 10
        while len(children_of(holder.runner.pid)) > 2 and time.monotonic() < deadline:
            holder.run(folder / "d.py", "quick")
        assert len(children_of(holder.runner.pid)) <= 2
    finally:
        holder.close()


def test_processes_killed_at_random_run_nothing_twice(holder, write, folder):
    """
    Root and file processes are killed again and again: each attempt ran once or not at all, and its
    end is known.
    """
    path = write(
        "dag.py",
        """
import os
from tradewind.sdk import DAG, task
with DAG('d') as d:
    @task
    def t():
        with open(os.environ['MARK'], 'a') as f:
            f.write('x')
    t()
""",
    )
    seed = random.Random(7)
    attempts = []
    for round_number in range(15):
        batch = []
        for number in range(3):
            mark = folder / f"mark{round_number}.{number}"
            batch.append((holder.start(path, "t", env={"MARK": str(mark)}), mark))
        for _ in range(seed.randrange(6)):
            holder._step(0.005)
        victim = seed.choice([*children_of(holder.runner.pid), holder.runner.pid])
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if victim == holder.runner.pid:
            holder.runner.wait()
        for attempt, _ in batch:
            holder.wait(attempt)
        attempts += batch
        if holder.sock.fileno() < 0 or holder.runner.poll() is not None:
            holder.sock.close()
            holder.start_runner()
        assert (
            holder.run(path, "t", env={"MARK": str(folder / f"between{round_number}")}).exit_code
            == 0
        )
    for attempt, mark in attempts:
        times = len(mark.read_text()) if mark.exists() else 0
        assert times <= 1
        if attempt.error is None:
            assert times == 1 and attempt.exit_code == 0, attempt.text


def test_broken_messages_end_the_runner(holder):
    holder.sock.sendall(b"\xff\xff\xff\xff")
    assert holder.runner.wait(10) == 76


def test_a_start_message_that_is_not_right(holder, folder):
    attempt = holder.start("dag.txt", "t")
    assert "not right" in holder.wait(attempt).error
