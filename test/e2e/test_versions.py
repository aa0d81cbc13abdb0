"""A run keeps the version of its DAG: its tasks run the code that was there when it was made, whatever becomes of the files."""
import os
import signal

import pytest

from conftest import wait_until

DAG = """
import os, helper
from tradewind.sdk import DAG, BashOperator, task
HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "data.txt")) as f:
    DATA = f.read()
with DAG("d"):
    wait = BashOperator(task_id="wait", bash_command="touch started; while [ ! -e go ]; do sleep 0.05; done", cwd=%r)
    @task
    def say():
        from late import WORD
        with open(os.path.join(HERE, "beside.txt")) as f:
            print("SAYS dag=%s", "helper=" + helper.WORD, "late=" + WORD, "data=" + DATA, "beside=" + f.read())
    wait >> say()
"""


class Files:
    """The files of a DAG, all of them of one age."""

    def __init__(self, tw, folder):
        self.tw, self.folder = tw, tw.path(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.write("old", beside="as ever")

    def write(self, age, beside=None):
        texts = {"dag.py": DAG % (self.tw.folder, age), "data.txt": age}
        texts.update({name: "WORD = %r\n" % age for name in ("helper.py", "late.py")})
        if beside is not None:
            texts["beside.txt"] = beside
        for name, text in texts.items():
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(text)

    def change(self, name, text):
        with open(os.path.join(self.folder, name), "w") as f:
            f.write(text)

    @property
    def dag(self):
        return os.path.join(self.folder, "dag.py")

    def start(self, *more):
        for name in ("started", "go"):
            if os.path.exists(self.tw.path(name)):
                os.remove(self.tw.path(name))
        p = self.tw.start("run", self.dag, "--plain", *more)
        wait_until(lambda: os.path.exists(self.tw.path("started")))
        return p

    def go(self):
        open(self.tw.path("go"), "w").close()


OLD = "SAYS dag=old helper=old late=old data=old beside=as ever"
NEW = "SAYS dag=new helper=new late=new data=new beside=as ever"


def log_of(tw, run):
    return tw("tasks", "logs", "d", run, "say").stdout


def says(tw, run):
    return [line for line in log_of(tw, run).splitlines() if line.startswith("SAYS")]


@pytest.fixture(params=["files", "home/dags"])
def files(tw, request):
    return Files(tw, request.param)


def test_a_waiting_run_keeps_its_code(tw, files):
    p = files.start("--run-id", "one")
    files.write("new")
    files.go()
    out, _ = p.communicate(timeout=60)
    assert p.returncode == 0, out
    assert says(tw, "one") == [OLD]
    log = log_of(tw, "one")
    assert "has changed since this run was made" in log and os.path.join("sources", "") in log
    tw("run", files.dag, "--run-id", "two")
    assert says(tw, "two") == [NEW]
    assert "has changed" not in log_of(tw, "two")


@pytest.mark.parametrize("name", ["helper.py", "late.py", "data.txt"])
def test_what_the_file_used_is_of_the_version_too(tw, name):
    files = Files(tw, "files")
    p = files.start("--run-id", "one")
    files.change(name, "WORD = 'new'\n" if name.endswith(".py") else "new")
    files.go()
    out, _ = p.communicate(timeout=60)
    assert p.returncode == 0 and says(tw, "one") == [OLD], out


def test_killed_and_resumed_it_runs_the_old_code(tw, files):
    p = files.start("--run-id", "one")
    p.send_signal(signal.SIGKILL)
    p.wait(20)
    # The task that was there is another one now, and the file cannot even be read.
    files.write("new")
    files.change("dag.py", "from tradewind.sdk import (\n")
    files.go()
    tw("runs", "resume", "d", "one", timeout=100)
    assert says(tw, "one") == [OLD]


def test_without_a_change_the_file_itself_is_run(tw):
    files = Files(tw, "files")
    files.change("dag.py", "import os\nfrom tradewind.sdk import DAG, task\nwith DAG('d'):\n    @task\n    def say(): print('SAYS', __file__)\n    say()\n")
    files.go()
    tw("run", files.dag, "--run-id", "one")
    assert says(tw, "one") == ["SAYS " + os.path.realpath(files.dag)]
    kept = os.listdir(tw.path("home/sources"))
    assert len(kept) == 2 and not any(os.path.isdir(tw.path("home/sources/" + name)) for name in kept)
    tw("run", files.dag, "--run-id", "two")
    assert os.listdir(tw.path("home/sources")) == kept


def test_runs_show_says_which_version(tw):
    files = Files(tw, "files")
    files.go()
    tw("run", files.dag, "--run-id", "one")
    files.write("new")
    tw("run", files.dag, "--run-id", "two")
    one, two = (tw.json("runs", "show", "d", run) for run in ("one", "two"))
    assert one["version"] != two["version"] and one["sources"]["tree"] != two["sources"]["tree"]
    assert sorted(one["sources"]["files"]) == ["dag.py", "data.txt", "helper.py", "late.py"]
    assert one["sources"]["folder"] == os.path.realpath(files.folder)
    assert one["version"][:12] in tw("runs", "show", "d", "one").stdout
    yaml = tw.dag({"a": {"operator": "empty"}}, dag_id="y")
    tw("run", yaml, "--run-id", "three")
    assert "sources" not in tw.json("runs", "show", "y", "three")


def test_lost_sources_are_said(tw):
    files = Files(tw, "files")
    p = files.start("--run-id", "one")
    for name in os.listdir(tw.path("home/sources")):
        os.remove(tw.path("home/sources/" + name))
    files.write("new")
    files.go()
    out, _ = p.communicate(timeout=60)
    assert p.returncode == 0 and says(tw, "one") == [NEW], out
    assert "the earlier one is not kept" in log_of(tw, "one")


def test_a_damaged_source_is_not_run(tw):
    files = Files(tw, "files")
    p = files.start("--run-id", "one")
    for name in os.listdir(tw.path("home/sources")):
        if not name.endswith(".json"):
            os.chmod(tw.path("home/sources/" + name), 0o600)
            with open(tw.path("home/sources/" + name), "a") as f:
                f.write("# more\n")
    files.write("new")
    files.go()
    p.communicate(timeout=60)
    assert says(tw, "one") == [NEW] and "the earlier one is not kept" in log_of(tw, "one")


def test_a_dag_may_ask_for_the_code_of_now(tw):
    files = Files(tw, "files")
    text = DAG.replace('DAG("d")', 'DAG("d", disable_bundle_versioning=True)')
    files.change("dag.py", text % (tw.folder, "old"))
    p = files.start("--run-id", "one")
    files.write("new")
    files.go()
    p.communicate(timeout=60)
    assert says(tw, "one") == [NEW]


def test_files_that_start_threads_keep_their_version_too(tw):
    files = Files(tw, "files")
    cold = "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
    files.change("dag.py", cold + DAG % (tw.folder, "old"))
    p = files.start("--run-id", "one")
    files.write("new")
    files.change("dag.py", cold + DAG % (tw.folder, "new"))
    files.go()
    p.communicate(timeout=60)
    assert says(tw, "one") == [OLD]
    assert "starts threads" in log_of(tw, "one")


def test_a_version_of_a_folder_in_the_folder(tw):
    """A run by id: nothing was imported in the runner before its first task."""
    files = Files(tw, "home/dags/team")
    for name in ("started", "go"):
        assert not os.path.exists(tw.path(name))
    p = tw.start("run", "d", "--plain", "--run-id", "one")
    wait_until(lambda: os.path.exists(tw.path("started")))
    files.write("new")
    files.go()
    p.communicate(timeout=60)
    assert says(tw, "one") == [OLD]
    tw("run", "d", "--run-id", "two")
    assert says(tw, "two") == [NEW]
