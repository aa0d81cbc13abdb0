"""Mistakes that type checkers find: each in a line that is marked, and in no other."""

from airflow.operators.bash import BashOperator
from airflow.operators.bash import NoSuchOperator  # noqa: F401  # wrong
from airflow.sdk import DAG, no_such_name, task, task_group  # noqa: F401  # wrong
from tradewind.sdk import never_heard_of  # noqa: F401  # wrong


@task
def add(x: int, y: int = 2) -> int:
    return x + y


@task(retries=2)
def text(x: int) -> str:
    return str(x)


@task_group
def group(x: int):
    return add(x)


with DAG("wrong", schedule=3):  # wrong
    add()  # wrong
    add("x")  # wrong
    add(1, z=3)  # wrong
    text(x="1")  # wrong
    text(add(1))
    group("x")  # wrong
    BashOperator(task_id="x")  # wrong
    BashOperator(task_id="y", bash_command="y", env=["A=b"])  # wrong
    BashOperator(task_id="z", bash_command="z") >> 3  # wrong
