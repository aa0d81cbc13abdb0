"""A DAG file as they were written for Airflow 2: type checkers have nothing to say."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow import DAG
from airflow.models import Variable
from airflow.models.baseoperator import BaseOperator, chain
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator, PythonOperator, get_current_context  # noqa: F401
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sensors.external_task import ExternalTaskSensor
from airflow.sensors.filesystem import FileSensor
from airflow.utils.dates import days_ago
from airflow.utils.edgemodifier import Label
from airflow.utils.task_group import TaskGroup
from airflow.utils.trigger_rule import TriggerRule
from airflow.exceptions import AirflowException, AirflowSkipException  # noqa: F401
from airflow.utils.context import Context


class MyOperator(BaseOperator):
    template_fields = ("text",)

    def __init__(self, *, text: str, **kwargs):
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context: Context) -> str:
        ti = context["ti"]
        ti.xcom_push(key="a", value=1)
        self.log.info("run %s", context["ds"])
        return self.text


class SqlTemplated(BaseOperator):
    template_fields = ["sql"]
    template_ext = [".sql"]
    ui_color = "#aaa"

    def execute(self, context):
        return context["params"]["x"]


def choose(**context):
    return "left" if context["ti"].xcom_pull(task_ids="x") else "right"


def fail(context):
    print(context["ti"].task_id)


def alert(context: Context) -> None:
    print(context["exception"] if "exception" in context else None, context.get("reason"))


default_args = {
    "owner": "me",
    "retries": 2,
    "retry_delay": timedelta(minutes=5),
    "on_failure_callback": fail,
}

with DAG(
    dag_id="classic",
    default_args=default_args,
    schedule="@daily",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    tags=["a"],
    on_failure_callback=alert,
    on_success_callback=[alert, fail],
    params={"x": 1},
) as dag:
    start = EmptyOperator(task_id="start")
    b = BashOperator(task_id="b", bash_command="echo {{ ds }}", env={"A": "b"}, retry_delay=timedelta(seconds=3))
    p = PythonOperator(task_id="p", python_callable=lambda: 1, op_kwargs={"a": 1})
    br = BranchPythonOperator(task_id="br", python_callable=choose)
    left = EmptyOperator(task_id="left")
    right = EmptyOperator(task_id="right", trigger_rule=TriggerRule.ALL_DONE)
    join = EmptyOperator(task_id="join", trigger_rule="none_failed")
    m = MyOperator(task_id="m", text="x", retries=3)
    with TaskGroup("g", tooltip="t") as g:
        one = BashOperator(task_id="one", bash_command="x")
        two = BashOperator(task_id="two", bash_command="x")
        one >> two
    wait = FileSensor(task_id="w", filepath="/tmp/x", poke_interval=30, mode="reschedule")
    ext = ExternalTaskSensor(task_id="e", external_dag_id="d", external_task_id="t", execution_delta=timedelta(hours=1))
    trg = TriggerDagRunOperator(task_id="t", trigger_dag_id="d", conf={"a": 1}, wait_for_completion=True)
    start >> [b, p] >> br
    br >> Label("yes") >> left >> join
    br >> Label("no") >> right >> join
    join >> g >> m
    [wait, ext] >> trg
    m << trg
    chain(start, [left, right], [wait, ext], join)
    start.set_downstream([b, p])
    mapped = BashOperator.partial(task_id="map", retries=1).expand(bash_command=["a", "b"])
    mapped >> join
    MyOperator(task_id="n", text=p.output)

v = Variable.get("x", default_var=None)
w: dict = Variable.get("y", deserialize_json=True)
print(dag.dag_id, days_ago(1))
