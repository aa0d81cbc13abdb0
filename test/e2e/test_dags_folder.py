"""The DAGs folder: which files of it count, what is read again, errors beside, runs by a DAG's id."""
import glob
import json
import os
import time

import pytest

DAG = "from tradewind.sdk import DAG, BashOperator\nwith DAG(%r):\n    BashOperator(task_id='a', bash_command='echo %s')\n"


def fill(tw, **files):
    for name, text in files.items():
        path = tw.path(os.path.join("home/dags", name.replace("__", "/")))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path if "." in path.rsplit("/", 1)[1] else path + ".py", "w") as f:
            f.write(text)


def ids(tw, **env):
    return [d["dag_id"] for d in json.loads(tw("dags", "list", "--json", "-n", "1000", env=env).stdout)]


def test_a_run_by_id(tw):
    fill(tw, one=DAG % ("first", "one"), sub__two=DAG % ("second", "{{ dag.dag_id }}"))
    fill(tw, **{"y.yaml": "dag_id: third\ntasks: {a: {operator: bash, bash_command: echo three}}\n", "not.yaml": "dag_id: []\n"})
    assert ids(tw) == ["first", "second", "third"]
    tw("run", "second")
    assert tw.log("a", "second") == "second\n"
    tw("run", "third")
    assert tw.log("a", "third") == "three\n"
    listed = {d["dag_id"]: d["last_run"] for d in json.loads(tw("dags", "list", "--json").stdout)}
    assert listed["first"] is None and listed["second"]["state"] == listed["third"]["state"] == "success"
    db = tw.db()
    assert {row[0] for row in db.execute("SELECT dag_id FROM dag")} == {"first", "second", "third"}  # child runs find them
    db.close()
    assert "there is no DAG 'nobody'" in tw("run", "nobody", code=66).stderr
    assert "no such file" in tw("run", "nobody.py", code=66).stderr


def test_a_folder_as_the_argument(tw):
    fill(tw, one=DAG % ("first", "one"), two=DAG % ("second", "two"))
    os.rename(tw.path("home/dags"), tw.path("here"))
    assert "choose one with --dag" in tw("run", "here", code=64).stderr
    tw("run", "here", "--dag", "second")
    assert tw.log("a", "second") == "two\n"
    assert ids(tw, TRADEWIND_DAGS="here") == ids(tw, AIRFLOW__CORE__DAGS_FOLDER=tw.path("here")) == ["first", "second"]
    tw("run", "first", env={"TRADEWIND_DAGS": "here"})
    tw("dags", "test", "first", env={"TRADEWIND_DAGS": "here"})


def test_one_bad_file_stops_no_other(tw):
    fill(tw, a=DAG % ("good", "x"), b="import tradewind_nope  # dag\n", c="def f(:  # dag tradewind\n", d="import os  # a dag of tradewind\nos._exit(3)\n",
         e="# dag tradewind\nwhile True: pass\n", f=DAG % ("good", "again"), g="import os, signal  # dag tradewind\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass\n")
    fill(tw, **{"h.yaml": "dag_id: h\ntasks:\n  a: {operator: nope}\n"})
    env = {"TRADEWIND_IMPORT_TIMEOUT": "0.5"}
    errors = json.loads(tw("dags", "list", "--errors", "--json", env=env, code=65).stdout)
    told = {os.path.basename(e["file"]): (e["line"], e["message"]) for e in errors}
    assert set(told) == {"b.py", "c.py", "d.py", "e.py", "f.py", "g.py", "h.yaml"}
    assert told["b.py"][0] == 1 and "tradewind_nope" in told["b.py"][1]
    assert told["c.py"][0] == 1 and "SyntaxError" in told["c.py"][1]
    assert "exit code 3" in told["d.py"][1]
    assert told["e.py"][0] == 2 and "longer than 0.5 s" in told["e.py"][1]
    assert "did not let itself be interrupted" in told["g.py"][1]
    assert "is in " in told["f.py"][1] and told["f.py"][1].endswith("a.py already")
    assert told["h.yaml"][0] == 3
    os.remove(tw.path("home/dags/g.py"))
    done = tw("dags", "list", env=env)
    assert "good" in done.stdout and "errors in the DAGs folder" in done.stderr
    tw("run", "good", env=env)


COUNT = "import os\nwith open(%r, 'a') as f:\n    f.write('x')\nfrom tradewind.sdk import DAG\nimport shared\nDAG(shared.NAME + os.environ.get('AIRFLOW_VAR_MORE', ''), tags=['a']).add_task if False else None\nwith DAG(shared.NAME + '_%s' + os.environ.get('AIRFLOW_VAR_MORE', '')): pass\n"


def test_a_file_is_read_again_only_when_what_it_used_changed(tw):
    count = {name: tw.path("count_" + name) for name in "ab"}
    fill(tw, shared="NAME = 'x'\n", sub__b=COUNT % (count["b"], "b"), a=COUNT.replace("import shared", "class shared: NAME = 'y'") % (count["a"], "a"))
    read = lambda: "".join(str(os.path.getsize(count[name])) for name in "ab")  # noqa: E731
    assert ids(tw) == ["x_b", "y_a"] and read() == "11"
    assert ids(tw) == ["x_b", "y_a"] and read() in ("11", "12")  # shared.py is so new that it counts as changed
    ids(tw)
    before = read()
    assert ids(tw) == ["x_b", "y_a"] and read() == before
    fill(tw, shared="NAME = 'zz'\n")
    assert ids(tw) == ["y_a", "zz_b"] and read() == before[0] + str(int(before[1]) + 1)
    assert ids(tw, AIRFLOW_VAR_MORE="1") == ["y_a1", "zz_b1"] and read() == str(int(before[0]) + 1) + str(int(before[1]) + 2)
    os.remove(tw.path("home/dags/a.py"))
    assert ids(tw, AIRFLOW_VAR_MORE="1") == ["zz_b1"]
    tw("run", "zz_b1", env={"AIRFLOW_VAR_MORE": "1"}, code=None)


UNSEEN = """import datetime, os, subprocess
%s
from tradewind.sdk import DAG
# What another program finds out is not seen.
name = subprocess.run(["cat", %r], capture_output=True, text=True).stdout.strip()
with DAG(name and name + os.path.basename(__file__)[:-3]): pass
"""


@pytest.mark.parametrize("every", ["reparse_every = 0.2", "reparse_every = datetime.timedelta(milliseconds=200)", "reparse_every = 3600",
                                   "", "reparse_every = True", "reparse_every = -1", "reparse_every = 'often'"])
def test_a_file_that_wants_to_be_read_again_is(tw, every):
    tw.write("name", "one")
    fill(tw, x=UNSEEN % (every, tw.path("name")))
    assert ids(tw) == ["onex"]
    ids(tw)  # a file so new counts as changed, once
    time.sleep(0.3)
    ids(tw)
    tw.write("name", "two")
    time.sleep(0.3)
    assert ids(tw) == (["twox"] if "0.2" in every or "200" in every else ["onex"])
    os.utime(tw.path("home/dags/x.py"), (1, 1))
    assert ids(tw) == (["twox"] if "0.2" in every or "200" in every else ["onex"])  # its content is the same
    fill(tw, x="# another\n" + UNSEEN % (every, tw.path("name")))
    assert ids(tw) == ["twox"]


def test_an_import_that_failed_is_tried_again_after_a_while(tw):
    """What it needs may have been away: a database, a server."""
    for name, every in (("a", "reparse_every = 7200"), ("b", "reparse_every = 60"), ("c", "")):
        fill(tw, **{name: UNSEEN % (every, tw.path("name"))})
    assert tw("dags", "list", code=None).returncode != 0
    (cache,) = glob.glob(tw.path("home/cache/*"))

    def age(by):
        """The cache as it is when so much time has passed."""
        with open(cache) as f:
            lines = f.read().split("\n")
        for n in range(1, len(lines) - 1, 2):
            entry = json.loads(lines[n])
            entry["uses"]["until"] -= by
            lines[n] = json.dumps(entry, ensure_ascii=False)
        with open(cache, "w") as f:
            f.write("\n".join(lines))

    fails = lambda: sorted(os.path.basename(e["file"]) for e in json.loads(tw("dags", "list", "--errors", "--json", code=None).stdout))  # noqa: E731
    for name in "abc":
        os.utime(tw.path("home/dags/%s.py" % name), (1, 1))
    assert fails() == fails() == ["a.py", "b.py", "c.py"]
    tw.write("name", "one")
    assert fails() == ["a.py", "b.py", "c.py"]
    age(70)
    assert fails() == ["a.py", "c.py"] and ids(tw) == ["oneb"]
    age(240)
    assert fails() == [] and ids(tw) == ["onea", "oneb", "onec"]


def test_a_torn_cache_is_only_slow(tw):
    fill(tw, a=DAG % ("one", "1"), b=DAG % ("two", "2"))
    assert ids(tw) == ["one", "two"]
    (name,) = os.listdir(tw.path("home/cache"))
    with open(tw.path("home/cache/" + name), "r+b") as f:
        f.truncate(os.path.getsize(f.name) - 40)
    assert ids(tw) == ["one", "two"]
    with open(tw.path("home/cache/" + name), "wb") as f:
        f.write(b"\xff\xfe{")
    assert ids(tw) == ["one", "two"]


GLOB = "*_skip.py  # a comment\nold/\n/top_only.py\n!keep_skip.py\nsub/**/deep.py\na?c.py\n[xy]1.py\n"


@pytest.mark.parametrize("syntax", ["glob", "regexp"])
def test_airflowignore(tw, syntax):
    names = ["one", "x_skip", "keep_skip", "old__in", "top_only", "sub__top_only", "sub__q__deep", "sub__deep", "abc", "abbc", "x1", "z1", "sub__own"]
    fill(tw, **{name: DAG % (name.replace("__", "."), "x") for name in names})
    if syntax == "glob":
        fill(tw, **{".airflowignore": GLOB, "sub__.airflowignore": "own.py\n"})
        left = {"one", "keep_skip", "sub.top_only", "abbc", "z1"}
    else:
        fill(tw, **{".airflowignore": "_skip  # all of them\n^old/\nsub/q\n(\n", "sub__.airflowignore": "own\\.py$\n"})
        left = {"one", "top_only", "sub.top_only", "sub.deep", "abc", "abbc", "x1", "z1"}
    assert set(ids(tw, AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX=syntax)) == left


def test_files_that_name_no_dag_are_not_imported(tw):
    fill(tw, helper="raise SystemExit\n", real=DAG % ("one", "1"))
    assert ids(tw) == ["one"] and tw("dags", "list", "--errors").stdout == ""
    assert tw("dags", "list", "--errors", env={"AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE": "False"}, code=65).stdout != ""


def test_a_file_of_the_folder_brings_the_others(tw):
    fill(tw, one=DAG % ("first", "one"), two=DAG % ("second", "two"))
    tw("run", tw.path("home/dags/one.py"))
    db = tw.db()
    assert {row[0] for row in db.execute("SELECT dag_id FROM dag")} == {"first", "second"}
    db.close()


def test_many_dags_are_stored_together(tw):
    fill(tw, **{"f%d" % n: "".join(DAG.replace("DAG(%r)", "DAG('d%d_%d')" % (n, m)) % m for m in range(60)) for n in range(5)})
    tw("run", "d3_7")
    assert tw.log("a", "d3_7") == "7\n"
    db = tw.db()
    rows = db.execute("SELECT dag_id, dag_key, version_key FROM dag").fetchall()
    assert {row[0] for row in rows} == {"d%d_%d" % (n, m) for n in range(5) for m in range(60)}
    assert len({row[1] for row in rows}) == len({row[2] for row in rows}) == 300
    assert db.execute("SELECT COUNT(*) FROM version").fetchone() == (300,)
    db.close()
    tw("run", "d4_59")


@pytest.mark.parametrize("where", ["file", "TRADEWIND__CORE__DAGBAG_IMPORT_TIMEOUT", "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT", "TRADEWIND_IMPORT_TIMEOUT"])
def test_the_limits_of_an_import_are_settings(tw, where):
    fill(tw, slow="import time  # dag tradewind\ntime.sleep(60)\n", large="x = bytearray(300 << 20)  # dag tradewind\n")
    with open(tw.path("home/tradewind.yaml"), "w") as f:
        f.write("dag_processor: {parse_memory_limit: 200}\n" + ("core: {dagbag_import_timeout: 1}\n" if where == "file" else ""))
    env = {} if where == "file" else {where: "1"}
    errors = {os.path.basename(e["file"]): e["message"] for e in json.loads(tw("dags", "list", "--errors", "--json", code=65, env=env).stdout)}
    assert "longer than 1 s" in errors["slow.py"]
    assert "an import may take 200 MiB (dag_processor.parse_memory_limit)" in errors["large.py"]
    # A file by itself is imported by the runner of tasks.
    task = tw.write("t.py", "import time\ntime.sleep(60)\n")
    if where != "TRADEWIND_IMPORT_TIMEOUT":  # its environment is a defined one
        assert "longer than 1 s" in tw("run", task, code=None, env=env).stderr
    env["TRADEWIND_IMPORT_TIMEOUT"] = "soon"
    os.remove(tw.path("home/dags/large.py"))
    done = tw("dags", "list", code=None, env=env)
    assert done.returncode != 0 and "TRADEWIND_IMPORT_TIMEOUT is a number of seconds" in done.stderr


@pytest.mark.parametrize("others_ran", [False, True])
def test_a_dag_that_never_ran_is_known_by_its_id(tw, others_ran):
    fill(tw, p="from tradewind.sdk import DAG, BashOperator\nwith DAG('one', schedule='0 6 * * *'):\n    BashOperator(task_id='a', bash_command='true') >> "
               "BashOperator(task_id='b', bash_command='true')\n",
         **{"sub__y.yaml": "dag_id: two\nschedule: {type: assets, condition: {type: asset, name: x, uri: x}}\ntasks: {t: {operator: empty}}\n",
            "o.yaml": "dag_id: other\ntasks: {t: {operator: empty}}\n"})
    if others_ran:
        tw("run", os.path.join(tw.home, "dags/o.yaml"), "-q")
        os.rename(tw.path("home/dags/p.py"), tw.path("home/dags/moved.py"))
    file = tw.path("home/dags/moved.py" if others_ran else "home/dags/p.py")
    assert "a" in tw("dags", "show", "one").stdout and list(tw.json("dags", "show", "one")["tasks"]) == ["a", "b"]
    done = tw("tasks", "list", "one")
    assert "has not run yet" in done.stderr and [line.split() for line in done.stdout.splitlines()[1:]] == [["a", "bash"], ["b", "bash", "a"]]
    assert [t["task_id"] for t in tw.json("tasks", "list", "one")] == ["a", "b"] == [t["task_id"] for t in tw.json("tasks", "list", "one", "--defined")]
    (due,) = tw.json("dags", "next-execution", "one")
    assert "T06:00:00" in due["run_after"]
    assert tw("dags", "next-execution", "two").stdout == "waits for asset x\n"
    assert file in tw("dags", "validate", "one").stdout and tw.json("dags", "validate", "two")[0]["valid"]
    assert "dag_id: one" in tw("dags", "convert", "one").stdout and "DAG(" in tw("dags", "convert", "two").stdout
    for words in (("dags", "show"), ("tasks", "list"), ("dags", "next-execution"), ("dags", "convert")):
        assert "there is no DAG 'nobody'" in tw(*words, "nobody", code=66).stderr
    assert "there is no DAG 'nobody'" in tw("dags", "validate", "nobody", "one", code=65).stdout
    tw("tasks", "list", "one", "2026-01-01", code=66)  # a run that is named must be there


def test_no_folder(tw):
    assert "nothing has run" in tw("dags", "list", code=66).stderr
    assert "no DAGs folder" in tw("dags", "list", "--errors", code=66).stderr


def test_nothing_could_be_read(tw):
    os.mkdir(tw.path("dags"))
    env = {"TRADEWIND_DAGS": tw.path("dags")}
    tw("dags", "list", env=env)
    tw.write("dags/bad.py", "from airflow.sdk import DAG\nx =\n")
    assert "1 error" in tw("dags", "list", env=env, code=65).stderr
    tw.write("dags/good.yaml", '{"dag_id": "good", "tasks": {"a": {"operator": "empty", "owner": "ann"}, "b": {"operator": "empty"}, '
                               '"c": {"operator": "empty", "owner": "ann"}}}')
    (row,) = json.loads(tw("dags", "list", "--json", env=env).stdout)
    assert row["owners"] == "ann, airflow"
    (file,) = json.loads(tw("dags", "list", "--files", "--json", env=env).stdout)
    assert file == {"file": tw.path("dags/good.yaml"), "dag_num": 1, "task_num": 3, "dags": "good"}
    assert tw("dags", "show", "good", env=env).stdout != ""  # it has never run
    assert [t["task_id"] for t in json.loads(tw("tasks", "list", "good", "--defined", "--json", env=env).stdout)] == ["a", "b", "c"]
