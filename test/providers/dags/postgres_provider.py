"""A hook of the provider postgres and the operator of common.sql that uses it."""
import json
import os
from datetime import datetime

from airflow.sdk import DAG, Variable, task
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook


@task
def keep(hook, operator=True):
    with open(os.path.join(Variable.get("folder"), "answers.json"), "w") as file:
        json.dump({"hook": hook, "operator": operator}, file)


@task
def by_hook():
    hook = PostgresHook(postgres_conn_id="pg")
    hook.insert_rows("fruit", [("apple", 1), ("pear", 2)], target_fields=["name", "n"])
    return hook.get_first("SELECT sum(n) FROM fruit")[0] == 3


with DAG("postgres_provider", start_date=datetime(2026, 1, 1), schedule=None):
    create = SQLExecuteQueryOperator(
        task_id="create", conn_id="pg", sql="CREATE TABLE fruit (name TEXT, n INTEGER)"
    )
    operator = SQLExecuteQueryOperator(
        task_id="operator",
        conn_id="pg",
        sql="SELECT name FROM fruit WHERE n > {{ params.least }} ORDER BY name",
        params={"least": 1},
        handler=lambda cursor: [row[0] for row in cursor.fetchall()] == ["pear"],
    )
    hook = by_hook()
    create >> hook >> operator
    keep(hook=hook, operator=operator.output)
