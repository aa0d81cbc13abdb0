"""Scripts written for Airflow's command line, run as they are."""
import json
import os
import subprocess

import pytest

DAG = """
    from datetime import datetime
    from airflow import DAG
    from airflow.operators.bash import BashOperator
    with DAG("etl", start_date=datetime(2026, 1, 1), schedule="@daily", catchup=False, tags=["x"], default_args={"owner": "data"}):
        a = BashOperator(task_id="extract", bash_command="echo got {{ ds }} {{ dag_run.conf.get('region') }}")
        a >> BashOperator(task_id="load", bash_command="test ! -e ../fail")
"""


class Airflow:
    """An AIRFLOW_HOME with a DAG, and the command on the PATH."""

    def __init__(self, tw):
        self.tw = tw
        self.home = tw.path("airflow_home")
        os.makedirs(os.path.join(self.home, "dags"))
        os.mkdir(tw.path("bin"))
        os.symlink(tw.program, tw.path("bin/airflow"))
        self.env = {k: v for k, v in tw.env.items() if k != "TRADEWIND_HOME"}
        self.env.update(AIRFLOW_HOME=self.home, PATH="%s:%s" % (tw.path("bin"), tw.env["PATH"]))
        tw.env = self.env
        tw.home = os.path.join(self.home, "tradewind")
        tw.write("airflow_home/dags/etl.py", DAG)

    def __call__(self, line, code=0, stdin=""):
        done = subprocess.run(["bash", "-euc", "airflow " + line], cwd=self.tw.folder, env=self.env, input=stdin, text=True,
                              capture_output=True, timeout=60)
        assert code is None or done.returncode == code, "%s: exit code %d\n%s\n%s" % (line, done.returncode, done.stdout, done.stderr)
        return done

    def out(self, line, **more):
        return self(line, **more).stdout

    def json(self, line):
        return json.loads(self.out(line + " -o json"))


@pytest.fixture
def af(tw):
    return Airflow(tw)


SCRIPT = r"""
set -eu
airflow version
airflow db migrate
airflow db check
airflow variables set region eu
airflow variables set --description "a limit" limit 5
test "$(airflow variables get region)" = eu
test "$(airflow variables get nothing --default none)" = none
airflow connections add warehouse --conn-uri 'postgres://etl:pw@db.example:5432/dw'
airflow connections add api --conn-type http --conn-host api.example --conn-port 8080 --conn-extra '{"k": 1}'
airflow connections get warehouse -o json | grep -q '"login": "etl"'
airflow pools set database 4 "the database"
airflow pools get database -o plain | grep -q '^database  4 '
airflow dags unpause etl
airflow dags list -o plain | grep -q '^etl '
airflow tasks list etl
airflow dags trigger etl --run-id nightly --conf '{"region": "eu"}' --exec-date 2026-02-03
until airflow dags state etl 2026-02-03T00:00:00+00:00 | grep -q success; do sleep 1; done
airflow tasks states-for-dag-run etl nightly
test "$(airflow tasks state etl load nightly)" = success
airflow dags test etl 2026-03-04
airflow tasks test etl extract 2026-03-05
airflow variables export vars.json
airflow variables delete limit
airflow variables import vars.json
airflow connections export conns.json
airflow connections delete api
airflow connections import conns.json --overwrite
airflow pools export pools.json
airflow pools delete database
airflow pools import pools.json
echo done
"""


def test_a_script_of_airflow_commands(af):
    af.tw.write("nightly.sh", SCRIPT)
    done = subprocess.run(["bash", "nightly.sh"], cwd=af.tw.folder, env=af.env, stdin=subprocess.DEVNULL, text=True, capture_output=True,
                          timeout=80)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == "3.2.2" and done.stdout.endswith("done\n")
    assert "got 2026-03-05" in done.stdout
    assert af.json("pools get database")[0]["slots"] == "4"
    assert af.out("variables get limit") == "5\n"
    assert [c["conn_id"] for c in af.json("connections list")] == ["api", "warehouse"]


def test_forms_of_output(af):
    table = af.out("dags list").splitlines()
    assert [c.strip() for c in table[0].split("|")] == ["dag_id", "fileloc", "owners", "is_paused"]
    assert set(table[1]) == {"=", "+"} and [c.strip() for c in table[2].split("|")][::3] == ["etl", "False"]
    assert af.out("dags list -o plain --columns is_paused,dag_id").split() == ["is_paused", "dag_id", "False", "etl"]
    (row,) = json.loads(af.out("dags list --output=json"))
    assert row["is_paused"] == "False" and row["fileloc"].endswith("/airflow_home/dags/etl.py")
    assert '"dag_id": "etl"' in af.out("dags list -o json")
    assert "there is no column x" in af("dags list --columns x", code=2).stderr
    assert af.out("dags list -oyaml").startswith("- dag_id: etl\n")
    assert af.out("variables list") == "No data found\n"
    assert af.json("variables list") == []
    assert "--output is table, json, yaml or plain" in af("dags list -o xml", code=2).stderr


def test_a_run_and_what_is_told_of_it(af):
    (made,) = af.json("dags trigger etl -r r1 -c '{\"region\": \"eu\"}' -l 2026-02-03")
    assert made["dag_run_id"] == "r1" and made["state"] == "success" and made["conf"] == {"region": "eu"}
    assert af.out("dags state etl r1") == 'success, {"region": "eu"}\n'
    assert "'r1'" in af("dags trigger etl -r r1", code=1).stderr
    runs = af.json("dags list-runs -d etl")
    assert [(r["run_id"], r["state"], r["logical_date"]) for r in runs] == [("r1", "success", "2026-02-03T00:00:00+00:00")]
    assert af.json("dags list-runs etl --state failed") == []
    assert af.json("dags list-runs etl -s 2026-02-04") == []
    assert [t["state"] for t in af.json("tasks states-for-dag-run etl 2026-02-03")] == ["success", "success"]
    assert af.out("tasks list etl").split() == ["extract", "load"]
    rendered = af.out("tasks render etl extract 2026-05-06")
    assert "# property: bash_command\n" in rendered and "echo got 2026-05-06" in rendered
    assert "digraph" in af.out("dags show etl")
    assert {"property_name": "schedule", "property_value": "@daily"} in af.json("dags details etl")


def test_subdir_names_the_file(af):
    af.tw.write("other.py", DAG.replace('"etl"', '"other"'))
    assert "got 2026-01-09" in af.out("tasks test other extract 2026-01-09 -S other.py")
    assert "success" in af.out("dags test other -f other.py")


def test_nothing_has_run_yet(af):
    assert af.json("dags list-runs -d etl") == []
    assert af.out("dags list-runs etl") == "No data found\n"
    assert af.home + "/tradewind" in af("dags state etl r1", code=1).stderr
    assert [d["dag_id"] for d in af.json("dags list -S airflow_home/dags/etl.py")] == ["etl"]
    af("connections add api --conn-type http --conn-host h --conn-extra '{\"k\": [1]}'")
    assert af.json("connections get api")[0]["extra_dejson"] == {"k": [1]}


def test_what_is_not_built_says_so(af):
    for line, word in [("scheduler -D", "foreground"), ("tasks run etl load r1 --local", "airflow tasks test"),
                       ("roles create a", "four roles"), ("assets materialize x", "asset")]:
        done = af(line, code=2)
        assert done.stderr.startswith("airflow ") and word in done.stderr and done.stdout == ""
    assert 'did you mean "dags list"?' in af("dags lis", code=2).stderr
    assert "DAG_ID is missing" in af("dags trigger", code=2).stderr
    assert "there is no option --nothing" in af("dags trigger etl --nothing", code=2).stderr
    assert "there is no DAG 'nope'" in af("dags trigger nope", code=1).stderr
    assert "there is no DAG nope" in af("dags unpause nope", code=1).stderr
    assert "pools delete" not in af("pools delete nope", code=1).stderr
    af("variables delete nope")
    assert "airflow dags trigger" in af.out("cheat-sheet")
    assert "--logical-date" in af.out("dags trigger --help")


def test_pause_and_what_comes_next(af):
    af("dags pause etl")
    assert [d["is_paused"] for d in af.json("dags list") if d["dag_id"] == "etl"] == ["True"]
    af("dags unpause etl")
    assert [d["is_paused"] for d in af.json("dags list") if d["dag_id"] == "etl"] == ["False"]
    af("dags next-execution etl -n 2")
    assert af.json("assets list") == []


def test_the_same_by_the_name_tradewind(tw):
    tw("airflow", "variables", "set", "-j", "text", "plain")
    assert tw("variables", "get", "text").stdout == '"plain"\n'
    assert json.loads(tw("airflow", "variables", "list", "-o", "json").stdout) == [{"key": "text", "val": None}]
    tw("airflow", "variables", "set", "n", "-5")
    assert tw("variables", "get", "n").stdout == "-5\n"


def test_the_version_is_the_one_that_files_see(af, tw):
    tw.write("v.py", "import airflow; print(airflow.__version__)")
    seen = subprocess.run(["/usr/bin/python3", "v.py"], cwd=tw.folder, text=True, capture_output=True,
                          env={**tw.env, "PYTHONPATH": os.path.join(os.path.dirname(__file__), "../../python")}).stdout
    assert af.out("version") == seen and seen.count(".") == 2


def test_settings_of_an_airflow_home(af):
    assert af.out("config get-value core dags_folder") == os.path.join(af.home, "dags") + "\n"
    af.tw.write("airflow_home/airflow.cfg", "[core]\ndags_folder = %s\n[mine]\nx = 7\n" % af.tw.path("elsewhere"))
    os.mkdir(af.tw.path("elsewhere"))
    assert af.out("config get-value mine x") == "7\n"
    assert af.json("dags list") == []
    assert "not found in config" in af("config get-value mine y", code=1).stderr
    assert "[operators]\ndefault_cpus = 1\n" in af.out("config list --section operators")
    assert af.json("providers list") == [] or "package_name" in af.json("providers list")[0]


def test_clearing_by_a_pattern_and_dates(af):
    for day in (3, 4, 5):
        af("dags trigger etl -r r%d -l 2026-02-0%d" % (day, day))
    assert "y/n" in af("tasks clear etl -t load", code=1).stderr
    assert [t["state"] for t in af.json("tasks states-for-dag-run etl r3")] == ["success"] * 2
    assert "cleared load of r4" in af.out("tasks clear etl -t '^lo' -s 2026-02-04 -e 2026-02-05", stdin="y\n")
    states = {r: {t["task_id"]: t["state"] for t in af.json("tasks states-for-dag-run etl " + r)} for r in ("r3", "r4", "r5")}
    assert states == {"r3": {"extract": "success", "load": "success"}, "r4": {"extract": "success", "load": None},
                      "r5": {"extract": "success", "load": None}}
    assert af.out("tasks state etl load r4") == "None\n"
    assert af.out("tasks clear etl -y -f") == "Nothing to clear.\n"


def test_what_changes_much_asks(af):
    af("dags trigger etl -r r1")
    assert "y/n" in af("dags delete etl", code=1).stderr and len(af.json("dags list-runs etl")) == 1
    assert "with 1 run" in af.out("dags delete etl", stdin="y\n")
    af("dags trigger etl -r r1 -l 2026-02-03")
    assert "--clean-before-timestamp is missing" in af("db clean -y", code=2).stderr
    assert "Would remove 1 run" in af.out("db clean --clean-before-timestamp '2999-01-01 00:00:00+00:00' --dry-run")
    af("variables set a 1")
    af("db reset", code=1, stdin="n\n")
    af("db reset -y")
    assert af.json("variables list") == [] and af.json("dags list-runs etl") == []


def test_tasks_and_options(af):
    out = af.out("tasks test etl extract 2026-01-05 --task-params '{\"region\": \"eu\"}'")
    assert "got 2026-01-05 eu" in out
    af.tw.write("airflow_home/dags/e.py", DAG.replace('"etl"', '"e"').replace("echo got", "echo {{ params.word }}").replace(
        'tags=["x"]', 'params={"word": __import__("os").environ.get("WORD", "none")}'))
    assert "from-outside 2026" in af.out("tasks test e extract 2026-01-05 --env-vars '{\"WORD\": \"from-outside\"}'")
    assert "--dry-run" in af("tasks test etl extract -n", code=2).stderr
    assert af("connections add c --conn-uri http://h", code=0) and "already" in af("connections add c --conn-uri http://h", code=1).stderr
    assert "is not JSON" in af("connections add d --conn-type x --conn-extra nope", code=2).stderr
    af("db check --retry 3 -v", code=0)
    af("dags trigger etl -r r1")
    assert "no such task" in af("tasks state etl load r1 --map-index 0", code=1).stderr
