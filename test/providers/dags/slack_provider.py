"""A hook and an operator of the provider slack."""
import json
import os
from datetime import datetime

from airflow.sdk import DAG, Variable, task
from airflow.providers.slack.hooks.slack import SlackHook
from airflow.providers.slack.operators.slack import SlackAPIPostOperator


@task
def keep(hook, operator=True):
    with open(os.path.join(Variable.get("folder"), "answers.json"), "w") as file:
        json.dump({"hook": hook, "operator": operator}, file)


@task
def by_hook():
    return SlackHook(slack_conn_id="chat").call("auth.test")["user"] == "tester"


with DAG("slack_provider", start_date=datetime(2026, 1, 1), schedule=None):
    operator = SlackAPIPostOperator(
        task_id="operator", slack_conn_id="chat", channel="#pipelines", text="{{ run_id }} is done"
    )
    hook = by_hook()
    operator >> hook
    keep(hook=hook)
