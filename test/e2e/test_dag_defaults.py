"""Defaults of DAGs and tasks from the configuration: they hold for what a file does not say, and make no new version."""
import os
import sqlite3

from test_run import bash

COUNT = "echo x >> {}; exit 1"


def versions(tw):
    db = tw.db()
    try:
        return db.execute("SELECT hash, document FROM version ORDER BY version_key").fetchall()
    finally:
        db.close()


def configure(tw, text):
    os.makedirs(tw.home, exist_ok=True)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        f.write(text)


def test_a_changed_default_holds_at_the_next_run_and_is_no_version(tw):
    file = tw.dag({"a": bash(COUNT.format(tw.path("a"))), "b": {**bash(COUNT.format(tw.path("b"))), "retries": 0}})
    tw("run", file, code=1)
    before = versions(tw)
    configure(tw, "core: {default_task_retries: 2, default_task_retry_delay: 0}\n")
    tw("run", file, code=1)
    assert open(tw.path("a")).read() == "x\n" * 4 and open(tw.path("b")).read() == "x\n" * 2
    tw("run", file, code=1, env={"AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "1"})
    assert open(tw.path("a")).read() == "x\n" * 6
    assert versions(tw) == before and len(before) == 1


def test_of_a_python_file(tw):
    file = tw.write("d.py", """\
        from airflow.sdk import DAG
        from airflow.providers.standard.operators.bash import BashOperator

        with DAG("d"):
            BashOperator(task_id="a", bash_command="echo x >> %s; exit 1")
            BashOperator(task_id="b", bash_command="echo x >> %s; exit 1", retries=0)
        """ % (tw.path("a"), tw.path("b")))
    env = {"AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "1", "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "0"}
    tw("run", file, code=1, env=env)
    assert open(tw.path("a")).read() == "x\n" * 2 and open(tw.path("b")).read() == "x\n"


def test_the_time_zone_is_part_of_the_version(tw):
    file = tw.dag({"a": bash("true")}, schedule="0 6 * * *", start_date="2026-01-01")
    tw("run", file)
    configure(tw, "core: {default_timezone: Europe/Berlin}\n")
    tw("run", file)
    said = [document for _, document in versions(tw)]
    assert len(said) == 2 and "timezone" not in said[0] and '"timezone":"Europe/Berlin"' in said[1]
    configure(tw, "core: {default_timezone: Mars/North}\n")
    done = tw("run", file, code=None)
    assert done.returncode != 0 and "core.default_timezone is 'Mars/North'" in done.stderr


def test_new_dags_begin_paused_and_with_these_limits(tw, until):
    configure(tw, "core: {dags_are_paused_at_creation: true}\nscheduler: {catchup_by_default: true}\n")
    os.makedirs(tw.path("dags"))
    for name, more in (("d", {}), ("e", {"is_paused_upon_creation": False})):
        tw.dag({"a": bash("true")}, name="dags/%s.yaml" % name, dag_id=name, schedule="@yearly", start_date="2023-01-01", end_date="2025-06-01", **more)
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("log"), "w"))

    def runs(dag):
        try:
            db = tw.db()
            return db.execute("SELECT count(*) FROM run JOIN dag USING (dag_key) WHERE dag_id = ?", (dag,)).fetchone()[0]
        except sqlite3.OperationalError:  # it is not there yet
            return 0

    until(lambda: runs("e") == 3)
    assert [d["is_paused"] for d in sorted(tw.json("dags", "list"), key=lambda d: d["dag_id"])] == [True, False]
    assert runs("d") == 0
