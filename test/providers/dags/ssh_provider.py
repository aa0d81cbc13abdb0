"""A hook and an operator of the provider ssh."""
import json
import os
from datetime import datetime

from airflow.sdk import DAG, Variable, task
from airflow.providers.ssh.hooks.ssh import SSHHook
from airflow.providers.ssh.operators.ssh import SSHOperator


@task
def keep(hook, operator=True):
    with open(os.path.join(Variable.get("folder"), "answers.json"), "w") as file:
        json.dump({"hook": hook, "operator": operator}, file)


@task
def by_hook():
    with SSHHook(ssh_conn_id="box").get_conn() as client:
        _, out, _ = client.exec_command("echo from the other side")
        return out.read() == b"from the other side\n"


@task
def decoded(text):
    import base64

    return base64.b64decode(text) == b"ssh_provider\n"


with DAG("ssh_provider", start_date=datetime(2026, 1, 1), schedule=None):
    operator = SSHOperator(task_id="operator", ssh_conn_id="box", command="echo {{ dag.dag_id }}")
    keep(hook=by_hook(), operator=decoded(operator.output))
