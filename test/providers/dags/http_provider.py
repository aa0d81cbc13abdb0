"""A hook and an operator of the provider http."""
import json
import os
from datetime import datetime

from airflow.sdk import DAG, Variable, task
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.http.operators.http import HttpOperator


@task
def keep(hook, operator=True):
    with open(os.path.join(Variable.get("folder"), "answers.json"), "w") as file:
        json.dump({"hook": hook, "operator": operator}, file)


@task
def by_hook():
    answer = HttpHook(method="GET", http_conn_id="web").run("/hello").json()
    return answer["hello"] == "world" and answer["signed"]


with DAG("http_provider", start_date=datetime(2026, 1, 1), schedule=None):
    operator = HttpOperator(
        task_id="operator",
        http_conn_id="web",
        endpoint="/{{ dag.dag_id }}",
        method="GET",
        response_filter=lambda response: response.json()["path"] == "/http_provider",
    )
    keep(hook=by_hook(), operator=operator.output)
