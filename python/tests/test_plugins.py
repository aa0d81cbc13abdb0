"""Plugins and policies of an installation, in interpreters of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PYTHON = Path(__file__).resolve().parents[1]



def document(path, home, **env):
    """What `python3 -m tradewind.document` says of the file."""
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.document", str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PYTHON), "TRADEWIND_HOME": str(home), **env},
    )
    return json.loads(done.stdout), done.stderr


PLAIN = """
from airflow.sdk import DAG
from airflow.operators.bash import BashOperator

with DAG("plain", tags=["x"]):
    BashOperator(task_id="a", bash_command="true", queue="slow")

with DAG("other"):
    BashOperator(task_id="a", bash_command="true")
"""


def test_policies_change_and_leave_out(folder, write):
    write(
        "home/config/airflow_local_settings.py",
        """
        from airflow.exceptions import AirflowClusterPolicySkipDag

        def dag_policy(dag):
            if dag.dag_id == "other":
                raise AirflowClusterPolicySkipDag("not this one")
            dag.tags.append("seen")

        def task_policy(task):
            task.retries = 4
        """,
    )
    answer, _ = document(write("dag.py", PLAIN), folder / "home")
    (found,) = answer["documents"]
    assert found["dag_id"] == "plain" and found["tags"] == ["x", "seen"]
    assert found["tasks"]["a"]["retries"] == 4
    # The policies are part of what the file depends on.
    assert str(folder / "home/config/airflow_local_settings.py") in answer["uses"]["files"]


def test_a_policy_refuses(folder, write):
    write(
        "home/config/airflow_local_settings.py",
        """
        from airflow.exceptions import AirflowClusterPolicyViolation

        def task_policy(task):
            raise AirflowClusterPolicyViolation("an owner is needed")
        """,
    )
    answer, _ = document(write("dag.py", PLAIN), folder / "home")
    assert answer["documents"] == []
    assert "an owner is needed" in answer["errors"][0]["text"]


PLUGIN = """
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


def shout(text):
    return text.upper()


class Heard:
    @hookimpl
    def on_task_instance_success(self, previous_state, task_instance):
        print("heard", previous_state, task_instance)


class Mine(AirflowPlugin):
    name = "mine"
    macros = [shout]
    listeners = [Heard()]
"""


def test_plugins_of_the_folder(folder, write):
    write("home/plugins/mine.py", PLUGIN)
    write("home/plugins/broken.py", "from airflow.plugins_manager import AirflowPlugin\n1 / 0\n")
    write("home/plugins/library.py", "WORD = 'found'\n")
    code = (
        "from tradewind import plugins, macros\n"
        "loaded = plugins.load()\n"
        "import library\n"
        "print([p.name for p in loaded.plugins], macros.mine.shout('x'), library.WORD)\n"
        "print(list(loaded.errors.values()))\n"
        "plugins.get_listener_manager().tell('on_task_instance_success', previous_state='running',"
        " task_instance='ti')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PYTHON), "TRADEWIND_HOME": str(folder / "home")},
    )
    lines = done.stdout.splitlines()
    assert lines == ["['mine'] X found", "['ZeroDivisionError: division by zero']", "heard running ti"]
    assert "broken.py cannot be loaded" in done.stderr


def test_a_plugin_is_part_of_what_a_file_uses(folder, write):
    plugin = write("home/plugins/mine.py", PLUGIN)
    answer, _ = document(write("dag.py", PLAIN), folder / "home")
    assert str(plugin) in answer["uses"]["files"]


HOOK = """
def task_instance_mutation_hook(task_instance):
    if task_instance.operator == "BashOperator" and task_instance.dag_id == "plain":
        task_instance.pool = "small"
        task_instance.queue += "er"
        task_instance.priority_weight = 7
        task_instance.max_tries = 3
"""


def test_the_mutation_hook_changes_tasks(folder, write):
    write("home/config/airflow_local_settings.py", HOOK)
    answer, errors = document(write("dag.py", PLAIN), folder / "home")
    plain, other = (d["tasks"]["a"] for d in answer["documents"])
    assert (plain["pool"], plain["queue"], plain["retries"]) == ("small", "slower", 3)
    assert (plain["priority_weight"], plain["weight_rule"]) == (7, "absolute")
    assert "pool" not in other and "retries" not in other and errors == ""


def test_a_mutation_hook_that_asks_for_the_run_is_warned_of(folder, write):
    write(
        "home/config/airflow_local_settings.py",
        """
        def task_instance_mutation_hook(task_instance):
            if task_instance.dag_run.conf.get("fast"):
                task_instance.queue = "fast"
        """,
    )
    answer, errors = document(write("dag.py", PLAIN), folder / "home")
    assert answer["errors"] == [] and answer["documents"][0]["tasks"]["a"]["queue"] == "slow"
    assert "task_instance_mutation_hook asks for dag_run of an instance of 'a'" in errors
