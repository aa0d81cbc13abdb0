"""Every DAG that is written in a test of Python or of the whole program, or is an example, from Python to a document and back: equal documents, or a stated reason."""
import ast
import collections
import glob
import json
import os
import subprocess
import sys
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# A fork for each file: a file is imported once in a process.
DRIVER = """
import json, os, signal, sys
from tradewind import sdk, to_python, to_yaml, yaml_text
from tradewind.importer import Target, run_import

def both_ways(path):
    result = run_import(Target.of(path))
    out = []
    for dag, document in zip(result.dags, result.documents if not result.errors else ()):
        converted = to_yaml.convert(dag, result.module, os.path.dirname(path))
        text, problems = ("", []) if converted.problems else to_python.convert(json.loads(json.dumps(converted.document)))
        out.append({"before": document, "problems": converted.problems, "back": problems, "source": text, "yaml": yaml_text.dump(converted.document)})
    return {"errors": result.errors, "dags": out}

def once(path):
    result = run_import(Target.of(path))
    return {"errors": result.errors, "documents": result.documents}

for line in sys.stdin:
    what, path = line.rstrip("\\n").split(" ", 1)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        try:
            os.chdir(os.path.dirname(path))
            found = {"both_ways": both_ways, "once": once}[what](path)
            with open(path + ".json", "w") as f:
                json.dump(found, f)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""


HEAD = """import json, os, sys, time
from datetime import datetime, timedelta, timezone
from tradewind.sdk import *
from tradewind.sdk import DAG, dag, task, task_group, TaskGroup, BashOperator, EmptyOperator, PythonOperator, BranchPythonOperator, ShortCircuitOperator, BaseOperator, Param, Label, Asset, Variable, XComArg
"""


def text_of(node, known):
    """The text of a constant, or of a module's constant and another; None of anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [known.get(one.id) if isinstance(one, ast.Name) else text_of(one, known) for one in (node.left, node.right)]
        return None if None in parts else "".join(map(textwrap.dedent, parts))
    return None


def sources():
    """(where, text): the texts in the tests that make a DAG, and the examples."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "python", "tests", "test_*.py")) + glob.glob(os.path.join(ROOT, "test", "e2e", "test_*.py"))):
        with open(path) as f:
            tree = ast.parse(f.read())
        known = {node.targets[0].id: node.value.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)}
        for node in ast.walk(tree):
            text = text_of(node, known)
            if text is not None and ("DAG(" in text or "@dag" in text) and len(text.splitlines()) > 1:
                text = textwrap.dedent(text)
                found.setdefault(text if "import" in text else HEAD + text, f"{os.path.basename(path)}:{node.lineno}")
    for path in sorted(glob.glob(os.path.join(ROOT, "examples", "*", "*.py"))):
        with open(path) as f:
            found.setdefault(f.read(), os.path.relpath(path, ROOT))
    return [(where, text) for text, where in found.items()]


def drive(what, paths):
    """What comes of each file, by path; None where its import ended the process."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.path.join(ROOT, "python"), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
    subprocess.run([sys.executable, "-c", DRIVER], env=env, input="".join(f"{what} {path}\n" for path in paths), text=True, check=True)
    found = {}
    for path in paths:
        try:
            with open(path + ".json") as f:
                found[path] = json.load(f)
        except (OSError, ValueError):
            found[path] = None
    return found


def canonical(document):
    return json.dumps({k: v for k, v in document.items() if k != "python"}, sort_keys=True)


def test_every_dag_there_and_back(tw):
    """The table of it is printed; what is refused has a reason that says what to do."""
    table, different, named, backs, reasons = collections.Counter(), [], {}, {}, []
    for number, (where, text) in enumerate(sources()):
        folder = tw.path("d%d" % number)
        os.mkdir(folder)
        path = os.path.join(folder, "source.py")
        named[path] = where
        with open(path, "w") as f:
            f.write(text)
    for path, found in drive("both_ways", list(named)).items():
        if found is None or found["errors"] or not found["dags"]:
            table["not a file of DAGs that can be imported by itself"] += 1
            continue
        for i, one in enumerate(found["dags"]):
            if one["problems"]:
                table["refused"] += 1
                for line, task, reason in one["problems"]:
                    assert "; " in reason, (named[path], reason)
                    reasons.append(f"{named[path]}: {task or 'the DAG'}: {reason}")
                continue
            if one["back"]:
                different.append((named[path], one["back"]))
                continue
            back = os.path.join(os.path.dirname(path), "back%d.py" % i)
            with open(back, "w") as f:
                f.write(one["source"])
            with open(back[:-3] + ".yaml", "w") as f:
                f.write(one["yaml"])
            backs[back] = named[path], one["before"]
    for back, answer in drive("once", list(backs)).items():
        where, before = backs[back]
        after = next((d for d in (answer or {}).get("documents", ()) if d["dag_id"] == before["dag_id"]), None)
        if after is None:
            different.append((where, (answer or {}).get("errors")))
        elif canonical(after) != canonical(before):
            different.append((where, canonical(before), canonical(after)))
        else:
            table["equal"] += 1
    print("\n" + "\n".join("%4d %s" % (n, what) for what, n in table.most_common()), *reasons, sep="\n")
    assert not different, (len(different), different[:5])
    assert table["equal"] >= 40 and table["equal"] > 3 * table["refused"]
    done = tw("dags", "validate", *(back[:-3] + ".yaml" for back in backs), code=None, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
