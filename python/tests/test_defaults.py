"""Defaults of DAGs and tasks among the installation's settings: what was said is in the document, what was not is the engine's."""

import datetime as dt

import pytest

from tradewind.emit import dag_document
from tradewind.sdk import DAG, BashOperator

SET = {
    "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2",
    "TRADEWIND__CORE__DEFAULT_TASK_RETRY_DELAY": "1m30s",
    "AIRFLOW__CORE__DEFAULT_TASK_EXECUTION_TIMEOUT": "60",
    "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "3",
    "TRADEWIND__CORE__MAX_ACTIVE_RUNS_PER_DAG": "1",
    "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "True",
}


@pytest.fixture
def settings(monkeypatch):
    def change(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return change


def made(**said):
    of_dag = {name: said.pop(name) for name in ("max_active_tasks", "max_active_runs", "catchup", "default_args", "start_date", "schedule") if name in said}
    with DAG("d", **of_dag) as dag:
        task = BashOperator(task_id="t", bash_command="true", **said)
    return dag, task, dag_document(dag)


def test_what_was_not_said_is_not_in_the_document_whatever_the_settings(settings):
    before = made()[2]
    settings(**SET)
    dag, task, document = made()
    assert document == before
    assert (dag.max_active_tasks, dag.max_active_runs, dag.catchup) == (3, 1, True)
    assert (task.retries, task.retry_delay, task.execution_timeout) == (2, dt.timedelta(seconds=90), dt.timedelta(seconds=60))


def test_what_was_said_is_in_the_document_even_if_it_is_built_in(settings):
    said = {"max_active_tasks": 16, "catchup": False, "retries": 0, "retry_delay": 300, "execution_timeout": None}
    plain = made(**said)[2]
    assert "retries" not in plain["tasks"]["t"] and "catchup" not in plain
    settings(**SET)
    document = made(**said)[2]
    assert document["max_active_tasks"] == 16 and document["catchup"] is False and "max_active_runs" not in document
    assert {n: document["tasks"]["t"][n] for n in ("retries", "retry_delay", "execution_timeout")} == {"retries": 0, "retry_delay": 300, "execution_timeout": 0}


def test_default_args_and_attributes_say_it_too(settings):
    settings(**SET)
    dag, task, document = made(default_args={"retries": 2})
    assert document["tasks"]["t"]["retries"] == 2
    task.retry_delay = dt.timedelta(seconds=7)
    assert dag_document(dag)["tasks"]["t"]["retry_delay"] == 7


def test_the_time_zone_is_part_of_the_document(settings):
    naive, aware = dt.datetime(2026, 7, 1), dt.datetime(2026, 7, 1, tzinfo=dt.timezone.utc)
    assert made(start_date=naive, schedule="@daily")[2] == made(start_date=aware, schedule="@daily")[2]
    settings(AIRFLOW__CORE__DEFAULT_TIMEZONE="Europe/Berlin")
    document = made(start_date=naive, schedule="@daily")[2]
    assert document["start_date"] == "2026-07-01T00:00:00+02:00" and document["timezone"] == "Europe/Berlin"
    document = made(start_date=aware, schedule="@daily")[2]
    assert document["start_date"] == "2026-07-01T00:00:00+00:00" and document["timezone"] == "UTC"
