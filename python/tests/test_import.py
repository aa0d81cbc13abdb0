"""
Importing files: documents, errors that name the line, what was used, and when it counts as changed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import fakes


def document(path, env=None, code=None):
    """The answer of `python3 -m tradewind.document`, in a process of its own as in real life."""
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.document", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**fakes.BASE_ENV, "PYTHONPATH": fakes.PYTHON_DIR, **(env or {})},
    )
    assert code is None or done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_two_dags_of_a_file_and_its_prints(write):
    path = write(
        "dag.py",
        """
        from tradewind.sdk import DAG, dag
        print("noise")
        with DAG("one"):
            pass
        two = DAG("two")
        hidden = [DAG("three")]
    """,
    )
    answer = document(path, code=0)
    assert [d["dag_id"] for d in answer["documents"]] == ["one", "two"]
    assert answer["documents"][0]["python"] == {"file": str(path)}
    assert answer["errors"] == [] and answer["cold"] is None


def test_an_import_error_names_the_users_line(write):
    write("helper.py", "def f(x):\n    return 1 / x\n")
    path = write("dag.py", "import helper\n\nhelper.f(0)\n")
    answer = document(path, code=1)
    assert answer["errors"] == [
        {
            "file": str(path.parent / "helper.py"),
            "line": 2,
            "text": "ZeroDivisionError: division by zero",
        }
    ]


def test_an_error_in_the_sdk_names_the_users_line(write):
    path = write(
        "dag.py",
        """\
        from tradewind.sdk import DAG, BashOperator
        with DAG("d"):
            BashOperator(task_id="a",
                         bash_comand="x")
    """,
    )
    (error,) = document(path)["errors"]
    assert error["file"] == str(path) and error["line"] == 3 and "bash_command" in error["text"]


def test_a_syntax_error(write):
    path = write("dag.py", "x = 1\nif x\n    pass\n")
    (error,) = document(path)["errors"]
    assert (error["file"], error["line"]) == (str(path), 2) and error["text"].startswith(
        "SyntaxError"
    )


def test_a_missing_module_and_exit(write):
    assert (
        "No module named 'nothere'"
        in document(write("a.py", "\nimport nothere\n"))["errors"][0]["text"]
    )
    assert document(write("b.py", "import sys\nsys.exit(3)\n"))["errors"][0]["line"] == 2


def test_one_dag_that_cannot_be_written_does_not_stop_the_others(write):
    path = write(
        "dag.py",
        """\
        from tradewind.sdk import DAG
        good = DAG("good")
        bad = DAG("bad", params={"p": object()})
    """,
    )
    answer = document(path)
    assert [d["dag_id"] for d in answer["documents"]] == ["good"]
    assert answer["errors"][0]["line"] == 3 and "'p' of DAG 'bad'" in answer["errors"][0]["text"]


def test_uses_are_recorded(write, folder):
    write("helper/__init__.py", "X = 1\n")
    write("data.json", "{}")
    write("many/a.yaml", "")
    path = write(
        "dag.py",
        """
        import json, os
        from pathlib import Path
        import helper
        here = Path(__file__).parent
        json.loads((here / "data.json").read_text())
        os.listdir(here / "many")
        os.environ.get("REGION"); os.getenv("OTHER", "x"); "THIRD" in os.environ
        try:
            import absent
        except ImportError:
            pass
        try:
            open(here / "later.txt")
        except OSError:
            pass
    """,
    )
    uses = document(path)["uses"]
    names = {os.path.relpath(p, folder) for p in uses["files"]}
    assert names == {
        "dag.py",
        "helper/__init__.py",
        "data.json",
        "absent.py",
        "absent/__init__.py",
        "later.txt",
    }
    assert [os.path.relpath(p, folder) for p in uses["folders"]] == ["many"]
    assert uses["env"] == ["OTHER", "REGION", "THIRD"]


def test_the_version_follows_content_and_environment(write):
    text = "import os\nos.environ.get('REGION')\n"
    path = write("dag.py", text)
    first = document(path, {"REGION": "eu"})["version"]
    os.utime(path, (1, 1))
    assert document(path, {"REGION": "eu", "NOT_READ": "1"})["version"] == first
    assert document(path, {"REGION": "us"})["version"] != first
    path.write_text(text + "#\n")
    assert document(path, {"REGION": "eu"})["version"] != first


def test_threads_and_sockets_make_a_file_cold(write):
    thread = write(
        "thread.py",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,),"
        " daemon=True).start()\n",
    )
    sock = write("sock.py", "import socket\ns = socket.socket()\n")
    closed = write("closed.py", "import socket\nsocket.socket().close()\n")
    joined = write(
        "joined.py", "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\n"
    )
    assert document(thread)["cold"] == "starts threads"
    assert document(sock)["cold"] == "opens sockets"
    assert document(closed)["cold"] is None and document(joined)["cold"] is None


def test_wrong_use():
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.document"],
        capture_output=True,
        env={"PYTHONPATH": fakes.PYTHON_DIR},
    )
    assert done.returncode == 64 and b"usage" in done.stderr


def test_changes_of_what_was_used(folder, write):
    from tradewind.uses import Uses, content, signature

    path, listed = str(write("f", "1")), str(folder / "list")
    os.mkdir(listed)
    uses = Uses()
    for one in (path, listed, str(folder / "absent")):
        uses.paths[one] = [signature(one), content(one)]
    uses.env["A"] = "1"
    assert uses.changed({"A": "1"}) is None
    assert uses.changed({}) == "$A"
    os.utime(path, (5, 5))
    assert uses.changed({"A": "1"}) is None, "the same content under another time is no change"
    (folder / "list" / "x").write_text("")
    assert uses.changed({"A": "1"}) == listed
    os.unlink(folder / "list" / "x")
    (folder / "absent").write_text("")
    assert uses.changed({"A": "1"}) == str(folder / "absent")
    os.unlink(folder / "absent")
    (folder / "f").write_text("2")
    assert uses.changed({"A": "1"}) == path
    again = Uses.load(json.loads(json.dumps(uses.dump())))
    assert again.version() == uses.version()


DAG_BAG = """
import json, sys, threading
from airflow.models import DagBag
before = list(sys.path)
def work():
    global bag
    bag = DagBag(sys.argv[1], include_examples=False)
work()
one = [bag.dags[name].task_ids for name in sorted(bag.dags)]
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(json.dumps([one, bag.dag_ids, bag.import_errors, sys.path == before, bag.dags["a"].fileloc]))
"""


def test_a_dag_bag_imports_each_file_once(folder, write):
    text = """
        with open(__file__ + ".count", "a") as f:
            f.write("x")
        import tradewind.sdk as s
        with s.DAG("{0}"):
            s.BashOperator(task_id="of_{0}", bash_command="true")
    """
    write("a.py", text.format("a"))
    write("sub/a.py", text.format("b"))
    write("bad.py", "import tradewind\ndag = 1 / 0\n")
    done = subprocess.run(
        [sys.executable, "-c", DAG_BAG, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**fakes.BASE_ENV, "PYTHONPATH": fakes.PYTHON_DIR},
        check=True,
    )
    tasks, ids, errors, path_kept, fileloc = json.loads(done.stdout)
    assert tasks == [["of_a"], ["of_b"]] and ids == ["a", "b"] and path_kept
    bad = str(folder / "bad.py")
    assert errors == {bad: f"{bad}:2: ZeroDivisionError: division by zero"}
    assert fileloc == str(folder / "a.py")
    assert (folder / "a.py.count").read_text() == (folder / "sub/a.py.count").read_text() == "xx"
