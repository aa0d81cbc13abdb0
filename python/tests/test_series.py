"""
Files that are imported in one process give what they give alone, whatever the file before them did to
the process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import fakes
import pytest

# What each of these does to its process, a file that follows must not see.
NASTY = {
    "exit": "import sys\nsys.exit(3)",
    "end": "import os\nos._exit(0)",
    "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "loop": "while True: pass",
    "deaf": "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
    "error": "import helper\nhelper.SEEN.append(1)\nraise ValueError('no')",
    "syntax": "def f(:",
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "builtin": "import builtins\nbuiltins.sum = lambda x: 77",
    "builtin_by_name": "__builtins__['sum'] = lambda x: 77",
    "module_attribute": "import json\njson.dumps = lambda x: 'fake'",
    "class_attribute": "from pathlib import Path\nPath.exists = lambda self: True",
    "in_a_function": "import json\ndef f(module):\n    module.dumps = lambda x: 'fake'\nf(json)",
    "in_a_helper": "import patcher\npatcher.patch()",
    "in_an_exec": "exec('import json\\njson.dumps = lambda x: \"fake\"')",
    "in_an_exec_of_an_exec": "exec('exec(\"import json; json.dumps = str\")')",
    "in_a_file_by_path": "import importlib.util as u\ns = u.spec_from_file_location('p', __file__.rpartition('/')[0] + '/patcher.py')\nm = u.module_from_spec(s)\ns.loader.exec_module(m)\nm.patch()",
    "setattr": "import json\nsetattr(json, 'dumps', lambda x: 'fake')",
    "dict": "import json\njson.__dict__['dumps'] = lambda x: 'fake'",
    "sdk_class": "from tradewind.sdk import BashOperator\nBashOperator.template_fields = ()",
    "environment": "import os\nos.environ['SEEN'] = '1'",
    "environment_by_c": "import os\nos.environ.update(SEEN='2')",
    "folder": "import os\nos.chdir('/')",
    "path": "import os, sys\nsys.path.append(os.path.join(os.path.dirname(__file__), 'more'))\nimport extra",
    "path_replaced": "import sys\nsys.path = ['/nowhere', *sys.path]",
    "fake_module": "import sys, types\nsys.modules['json'] = types.SimpleNamespace(dumps=lambda x: 'fake')",
    "own_module": "import sys, types\nsys.modules['helper'] = types.SimpleNamespace(SEEN=[1], NAME='fake')",
    "module_gone": "import sys\ndel sys.modules['json']",
    "helper_state": "import helper\nhelper.SEEN.append(1)",
    "finder": "import sys\nclass F:\n    @staticmethod\n    def find_spec(name, path=None, target=None):\n        if name == 'helper': raise ImportError('mine')\nsys.meta_path.insert(0, F)",
    "warnings": "import warnings\nwarnings.simplefilter('error')",
    "signal": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "alarm": "import signal\nsignal.setitimer(signal.ITIMER_PROF, 1000)",
    "recursion": "import sys\nsys.setrecursionlimit(5000)",
    "umask": "import os\nos.umask(0o777)",
    "streams": "import io, sys\nsys.stdout = io.StringIO()",
    "argv": "import sys\nsys.argv[:] = ['mine']",
    "hook": "import sys\nsys.excepthook = print",
    "descriptor": "import os\nos.dup2(os.open('/dev/zero', os.O_RDONLY), 50)",
    "closed": "import os\nos.closerange(3, 100)",
    "child": "import subprocess\nsubprocess.Popen(['sleep', '0'])",
    "fork": "import os\nif os.fork() == 0:\n    pass",
    "noise": "import sys\nprint('noise' * 100000)\nprint('noise', file=sys.stderr)",
    "settings": "from airflow.configuration import conf\nconf.set('core', 'default_timezone', 'Mars')",
    "decimal": "import decimal\ndecimal.getcontext().prec = 3",
    "open_dag": "from tradewind.sdk import DAG\nDAG('open').__enter__()",
    "long": "from tradewind.sdk import DAG\nDAG('long', doc_md='x' * 300000).__enter__()",
}

SEES = """
import decimal, helper, json, os, pathlib, signal, sys, threading, warnings
from airflow.configuration import conf
from tradewind.sdk import DAG, BashOperator
def warned():
    try:
        warnings.warn("old", DeprecationWarning)
    except DeprecationWarning:
        return True
try:
    import extra
except ImportError:
    extra = None
helper.SEEN.append(2)
seen = [os.environ.get("SEEN"), os.getenv("SEEN"), os.getcwd(), sys.path, json.dumps([1]), sum([]), pathlib.Path("/no").exists(),
    BashOperator.template_fields, helper.SEEN, helper.NAME, extra, warned(), str(signal.getsignal(signal.SIGTERM)),
    signal.getitimer(signal.ITIMER_PROF), sys.getrecursionlimit(), type(sys.stdout).__name__, sys.argv[-1] == 'mine', sys.excepthook.__name__,
    sorted(os.listdir("/proc/self/fd"))[:4], threading.active_count(), conf.get("core", "default_timezone"), str(decimal.Decimal(1) / 7),
    sorted(n for n in sys.modules if n.startswith(("helper", "patcher", "extra", "tradewind_dag"))), os.path.exists("/proc/self/fd/50"),
    oct(os.umask(0o22))]
with DAG("sees_" + os.path.basename(os.path.dirname(__file__)) + "_" + os.path.basename(__file__)[:-3], doc_md=repr(seen)):
    BashOperator(task_id="a", bash_command="echo {{ ds }}")
"""


def scan(folder, cache, series):
    """Lines of the scanner, by file; (of the cache) what each used."""
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.dagfolder", str(folder), "--cache", str(cache)]
        + ["--jobs", "2", "--timeout", "0.5", "--series", str(series)],
        capture_output=True,
        timeout=300,
        env={**fakes.BASE_ENV, "PYTHONPATH": fakes.PYTHON_DIR, "TRADEWIND_DAGS": str(folder)},
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    with open(cache, "rb") as file:
        uses = [json.loads(line) for line in file.read().splitlines()[1::2]]
    return {line["file"]: line for line in lines}, {use["file"]: use["uses"] for use in uses}


def fill(folder, nasty):
    """For each text a file that has it, and after that a file that sees what is left of it."""
    folder.mkdir(exist_ok=True)
    (folder / "more").mkdir(exist_ok=True)
    (folder / "more" / "extra.py").write_text("")
    (folder / "helper.py").write_text(f"SEEN, NAME = [], {folder.name!r}\n")
    (folder / "patcher.py").write_text(
        "import json\ndef patch():\n    json.dumps = lambda x: 'fake'\n"
    )
    for name, text in nasty.items():
        (folder / f"{name}_a.py").write_text(f"# a dag of tradewind\n{text}\n")
        (folder / f"{name}_b.py").write_text(SEES)


def test_nasty_files_are_seen_by_no_other(tmp_path):
    folder = tmp_path / "dags"
    folder.mkdir()
    names = sorted(NASTY)
    fill(folder / "one", {name: NASTY[name] for name in names[::2]})
    fill(folder / "two", {name: NASTY[name] for name in names[1::2]})
    alone, used_alone = scan(folder, tmp_path / "alone", 1)
    series, used_in_series = scan(folder, tmp_path / "series", 50)
    assert len(alone) == 2 * len(NASTY) and sum(bool(line["errors"]) for line in alone.values()) == 8
    for path in alone:
        assert series[path] == alone[path], path
    assert set(used_in_series) == set(used_alone)
    for path, used in used_alone.items():
        assert used_in_series[path]["paths"].keys() == used["paths"].keys(), path
        # What packages read when they are imported is read by the first file alone, and counts for all.
        assert used_in_series[path]["env"].items() >= used["env"].items(), path


TAME = {
    "plain": "x = 1",
    "helper": "import helper\nhelper.SEEN.append(1)",
    "path": "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'more'))\nimport extra",
    "doc": "from tradewind.sdk import DAG\nwith DAG('a') as dag:\n    pass\ndag.doc_md = 'text'",
    "many": "from tradewind.sdk import DAG\nfor n in range(3):\n    globals()[f'dag_{n}'] = DAG(f'd{n}')",
    "classes": "import dataclasses, collections\n@dataclasses.dataclass\nclass A:\n    x: int = 1\nclass B:\n    def __init__(self):\n        self.x = 1\nb = B()\nb.x = 2\nC = collections.namedtuple('C', 'd e')",
    "reads": "import os, json, pathlib\nos.environ.get('X')\nopen(__file__).read()",
    "airflow": "import datetime\nfrom airflow.sdk import DAG, task\nfrom airflow.providers.standard.operators.bash import BashOperator\nwith DAG('x', start_date=datetime.datetime(2026, 1, 1)):\n    @task\n    def f(): return 1\n    f() >> BashOperator(task_id='a', bash_command='true')",
}

RUN = """
import sys
from json import dumps
from tradewind import batch
from tradewind.importer import Target
series = batch.Series()
errors = series.run(Target.of(sys.argv[1]), 5).errors
print(dumps([series.over, errors]))
"""


def over(folder, name):
    """Why no file may be imported after that one in its process."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder / f"{name}_a.py")],
        stdout=subprocess.PIPE,
        timeout=60,
        env={**fakes.BASE_ENV, "PYTHONPATH": fakes.PYTHON_DIR},
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", sorted(TAME))
def test_usual_files_share_a_process(tmp_path, name):
    fill(tmp_path, {name: TAME[name]})
    assert over(tmp_path, name) == [None, []]


@pytest.mark.parametrize("name", ["builtin", "class_attribute", "in_a_helper", "environment", "thread"])
def test_nasty_files_share_no_process(tmp_path, name):
    fill(tmp_path, {name: NASTY[name]})
    reason, errors = over(tmp_path, name)
    assert reason and not errors


def test_a_file_that_hangs_does_not_cost_those_after_it(tmp_path):
    fill(tmp_path, {"a": "while True: pass", "b": "import time\nwhile True: time.sleep(9)"})
    lines, _ = scan(tmp_path, tmp_path / "cache", 50)
    told = {os.path.basename(path): line["errors"] for path, line in lines.items()}
    assert [error["line"] for error in told["a_a.py"]] == [2] and told["a_b.py"] == told["b_b.py"] == []
