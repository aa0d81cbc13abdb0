"""Listeners of an installation: what they hear of tasks, runs and assets of a real run."""

import glob
import itertools
import os

from test_scheduler import start, stop

PLUGIN = """
import os
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

HEARD = os.path.join(os.path.dirname(__file__), "heard.txt")

def hear(*words):
    with open(HEARD, "a") as f:
        f.write(" ".join(map(str, words)) + "\\n")

class Listener:
    @hookimpl
    def on_starting(self, component):
        hear("starting", type(component).__name__)

    @hookimpl
    def before_stopping(self, component):
        hear("stopping", type(component).__name__)

    @hookimpl
    def on_dag_run_running(self, dag_run, msg):
        hear("running", dag_run.dag_id, dag_run.state, msg, dag_run.end_date)

    @hookimpl
    def on_dag_run_success(self, dag_run, msg):
        hear("success", dag_run.run_id, dag_run.conf, msg, dag_run.end_date > dag_run.start_date, dag_run.dag.dag_id)
        raise ValueError("of the listener")

    @hookimpl
    def on_dag_run_failed(self, dag_run, msg):
        hear("failed", dag_run.run_id, msg)

    @hookimpl
    def on_asset_created(self, asset):
        hear("created", asset.name)

    @hookimpl
    def on_asset_alias_created(self, asset_alias):
        hear("alias", asset_alias.name)

    @hookimpl
    def on_asset_changed(self, asset):
        hear("changed", asset.uri)

    @hookimpl
    def on_asset_event_emitted(self, asset_event):
        hear("event", asset_event.source_task_id, asset_event.extra, asset_event.source_aliases)

class Ours(AirflowPlugin):
    name = "ours"
    listeners = [Listener()]
"""

DAG = """
from airflow.sdk import DAG, Asset, AssetAlias, task

with DAG("d"):
    @task(outlets=[Asset("a", "s3://a"), AssetAlias("al")])
    def t(outlet_events, dag_run):
        outlet_events[Asset("a", "s3://a")].extra = {"n": 1}
        if dag_run.conf.get("bad"):
            raise ValueError("no")
        outlet_events[AssetAlias("al")].add(Asset("b"))
    t()
"""


def install(tw, text=PLUGIN):
    os.makedirs(os.path.join(tw.home, "plugins"))
    with open(os.path.join(tw.home, "plugins", "ours.py"), "w") as f:
        f.write(text)


def heard(tw):
    """What was heard, in the order of each process; runs are told in processes of their own."""
    path = os.path.join(tw.home, "plugins", "heard.txt")
    with open(path) as f:
        lines = f.read().splitlines()
    os.unlink(path)
    return lines


def of_kind(lines, *kinds):
    return [line for line in lines if line.split()[0] in kinds]


def test_listeners_hear_of_runs_and_assets(tw):
    install(tw)
    file = tw.write("d.py", DAG)
    done = tw("run", file, "--run-id", "one", "--conf", '{"x": 1}')
    lines = heard(tw)
    assert of_kind(lines, "starting", "stopping") == ["starting TaskRunnerMarker", "stopping TaskRunnerMarker"]
    assert of_kind(lines, "running") == ["running d running started None"]
    assert of_kind(lines, "success", "failed") == ["success one {'x': 1} success True d"]
    assert of_kind(lines, "created", "alias", "changed", "event") == [
        "created a",
        "changed s3://a",
        "event t {'n': 1} []",
        "created b",
        "alias al",
        "changed b",
        "event t {} [AssetAlias('al')]",
    ]
    # A listener that fails: in the log, and nowhere else.
    assert tw.json("runs", "show", "d")["state"] == "success"
    assert "a listener (success) of d in run one failed" in done.stderr
    [log] = glob.glob(os.path.join(tw.home, "logs", "dag_id=d", "run_id=one", "listeners_success.log"))
    with open(log) as f:
        assert "ValueError: of the listener" in f.read()

    tw("run", file, "--run-id", "two")
    assert of_kind(heard(tw), "created", "alias", "changed") == ["changed s3://a", "changed b"]

    tw("run", file, "--run-id", "three", "--conf", '{"bad": true}', code=1)
    lines = heard(tw)
    assert of_kind(lines, "failed")[0].startswith("failed three ")
    assert of_kind(lines, "changed", "success") == []


def test_where_nobody_listens_no_process_is_started(tw):
    install(tw, PLUGIN.replace("listeners = [Listener()]", "listeners = []"))
    tw("run", tw.write("d.py", DAG), "--run-id", "one")
    assert not os.path.exists(os.path.join(tw.home, "plugins", "heard.txt"))
    assert not glob.glob(os.path.join(tw.home, "logs", "dag_id=d", "run_id=one", "listeners*"))


ERRORS = """
import os
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
import sys

from airflow.sdk import Variable

@hookimpl
def on_new_dag_import_error(filename, stacktrace):
    hear("new" + Variable.get("mark", default=""), filename, stacktrace)

@hookimpl
def on_existing_dag_import_error(filename, stacktrace):
    hear("existing", filename, stacktrace)
    raise ValueError("of the listener")

def hear(word, filename, text):
    with open(os.path.join(os.path.dirname(__file__), "heard.txt"), "a") as f:
        f.write(" ".join((word, os.path.basename(filename), str(os.path.isabs(filename)), text.replace("\\n", "; "))) + "\\n")

class Ours(AirflowPlugin):
    name = "ours"
    listeners = [sys.modules[__name__]]
"""


def put(tw, name, text):
    """In one go: nobody reads half of it."""
    os.rename(tw.write("part", text), tw.path("dags/" + name))


def test_listeners_hear_of_import_errors(tw, until):
    install(tw, ERRORS)
    os.makedirs(tw.path("dags"))

    def lines():
        """What was heard; a file so new that it is read twice is told twice."""
        path = os.path.join(tw.home, "plugins", "heard.txt")
        if not os.path.exists(path):
            return []
        with open(path) as f:
            return [line for line, _ in itertools.groupby(f.read().splitlines())]

    p = start(tw)
    put(tw, "good.yaml", "dag_id: good\ntasks: {t: {operator: empty}}\n")
    put(tw, "bad.py", "# dag tradewind\nraise KeyError('one')\n")
    until(lambda: len(lines()) >= 1)
    assert lines()[0] == "new bad.py True bad.py:2: KeyError: 'one'"
    # Another reason is no new error; nor is the same one, of a file that is read again.
    put(tw, "bad.py", "# dag tradewind\n\nraise KeyError('two')\n")
    until(lambda: lines()[-1] == "existing bad.py True bad.py:3: KeyError: 'two'")
    with open(tw.path("home/plugins/heard.txt")) as f:
        before = len(f.readlines())
    put(tw, "bad.py", "# dag tradewind\n\nraise KeyError('two')  # as before\n")
    with open(tw.path("home/plugins/heard.txt")) as f:
        until(lambda: f.seek(0) == 0 and len(f.readlines()) > before)
    assert lines()[-1] == "existing bad.py True bad.py:3: KeyError: 'two'"
    # What only the scheduler finds, of YAML too.
    put(tw, "second.yaml", "dag_id: good\ntasks: {t: {operator: nope}}\n")
    until(lambda: lines()[-1].startswith("new second.yaml True second.yaml:2:"))
    # Mended, then broken: new once more.
    put(tw, "bad.py", "# dag tradewind\n")
    until(lambda: len(tw.json("dags", "list-import-errors", code=None)) == 1)
    put(tw, "bad.py", "# dag tradewind\nraise KeyError('three')\n")
    until(lambda: "new bad.py True bad.py:2: KeyError: 'three'" in lines())
    out = stop(p)
    assert "of the listeners of import errors" in out and "ValueError: of the listener" in out

    # They may look up what a task may.
    tw("variables", "set", "mark", "er")
    known = len(lines())
    p = start(tw)
    put(tw, "marked.yaml", "dag_id: marked\ntasks: {t: {operator: nope}}\n")
    until(lambda: any(line.startswith("newer marked.yaml ") for line in lines()[known:]))
    stop(p)
    tw("variables", "delete", "mark")

    # Over a restart the errors are no new ones, though files are read again.
    known = len(lines())
    said = lambda: [" ".join(line.split()[:2]) for line in lines()[known:]]  # noqa: E731
    p = start(tw)
    until(lambda: "existing second.yaml" in said())
    put(tw, "third.yaml", "dag_id: third\ntasks: {t: {operator: nope}}\n")
    until(lambda: "new third.yaml" in said())
    assert set(said()) <= {"existing second.yaml", "existing bad.py", "existing marked.yaml", "new third.yaml"}
    stop(p)


def test_a_listener_of_import_errors_that_hangs_holds_up_nothing(tw, until):
    install(tw, ERRORS.replace("    hear(\"new\" ", "    import time\n    hear(\"new\", filename, stacktrace)\n    time.sleep(1000)\n    hear(\"new\" "))
    os.makedirs(tw.path("dags"))
    path = os.path.join(tw.home, "plugins", "heard.txt")
    p = start(tw)
    put(tw, "bad.py", "# dag tradewind\nraise KeyError\n")
    until(lambda: os.path.exists(path))
    put(tw, "good.yaml", "dag_id: good\nschedule: '@once'\ntasks: {t: {operator: empty}}\n")
    until(lambda: "success" in tw("runs", "list", "good", code=None).stdout)
    stop(p)
