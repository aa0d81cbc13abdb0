"""Distributions that are installed beside a DAG: decorators of providers and plugins by entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[1]

OPERATOR = """
from airflow.sdk import BaseOperator
from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory


class BoxOperator(BaseOperator):
    template_fields = ("box",)

    def __init__(self, *, box, **kwargs):
        super().__init__(**kwargs)
        self.box = box

    def execute(self, context):
        return [self.box, self.python_callable(*self.op_args, **self.op_kwargs)]


class BoxedOperator(DecoratedOperator, BoxOperator):
    custom_operator_name = "@task.box"
    template_fields = (*BoxOperator.template_fields, "op_args", "op_kwargs")


def box_task(python_callable=None, multiple_outputs=None, **kwargs):
    return task_decorator_factory(
        python_callable, multiple_outputs=multiple_outputs, decorated_operator_class=BoxedOperator, **kwargs
    )
"""

INFO = """
def get_provider_info():
    return {
        "package-name": "apache-airflow-providers-box",
        "name": "Box",
        "task-decorators": [{"name": "box", "class-name": "airflow.providers.box.tasks.box_task"}],
    }
"""

PLUGIN = """
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


def shout(text):
    return text.upper()


class Listener:
    @hookimpl
    def on_dag_run_success(self, dag_run, msg):
        pass


class Boxed(AirflowPlugin):
    name = "boxed"
    macros = [shout]
    listeners = [Listener()]
"""

DAG = """
from airflow.sdk import DAG, task

with DAG("d"):
    @task.box(box="{{ macros.boxed.shout('b') }}", retries=2)
    def put(what):
        return what

    put("apple")
    put.override(task_id="many").expand(what=["a", "b"])
"""


def distribution(write, name, points, **files):
    """A distribution as pip leaves it: its files, and its entry points."""
    info = f"site/{name.replace('-', '_')}-1.0.dist-info"
    write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    write(f"{info}/entry_points.txt", "".join(f"[{g}]\n{p}\n" for g, p in points.items()))
    for path, text in files.items():
        write(f"site/{path.replace('__', '/')}.py", text)


@pytest.fixture
def box(write):
    """A provider with the decorator @task.box, and a package with a plugin."""
    distribution(
        write,
        "apache-airflow-providers-box",
        {"apache_airflow_provider": "info = airflow.providers.box.get_info:get_provider_info"},
        airflow__providers__box__get_info=INFO,
        airflow__providers__box__tasks=OPERATOR,
    )
    distribution(
        write, "boxed", {"airflow.plugins": "boxed = boxed_plugin:Boxed"}, boxed_plugin=PLUGIN
    )


def document(path, folder):
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.document", str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": f"{PYTHON}{os.pathsep}{folder / 'site'}",
            "TRADEWIND_HOME": str(folder / "home"),
        },
    )
    return json.loads(done.stdout), done.stderr


def test_a_decorator_of_a_provider(folder, write, box):
    answer, _ = document(write("dag.py", DAG), folder)
    assert answer["errors"] == []
    tasks = answer["documents"][0]["tasks"]
    assert tasks["put"] == {"operator": "python", "retries": 2}
    assert tasks["many"]["expand"] == {"what": ["a", "b"]}


def test_its_arguments_are_checked(folder, write, box):
    wrong = DAG.replace('put("apple")', "put()").replace("    put.override", "    #")
    answer, _ = document(write("dag.py", wrong), folder)
    (error,) = answer["errors"]
    assert "missing a required argument: 'what'" in error["text"]


def test_a_plugin_of_a_package_is_heard_of(folder, write, box):
    answer, _ = document(write("dag.py", DAG), folder)
    assert answer["documents"][0]["listeners"] == ["success"]


@pytest.mark.parametrize(
    ("name", "package"),
    [("docker", "docker"), ("kubernetes", "cncf-kubernetes"), ("pyspark", "apache-spark")],
)
def test_without_the_provider_its_package_is_named(folder, write, name, package):
    text = f"from airflow.sdk import task\n\n@task.{name}(image='x')\ndef f(): pass\n"
    answer, _ = document(write("dag.py", text), folder)
    (error,) = answer["errors"]
    assert f"pip install --no-deps apache-airflow-providers-{package}" in error["text"]
    assert error["line"] == 3


def test_a_provider_that_cannot_be_read_says_why(folder, write):
    distribution(
        write,
        "apache-airflow-providers-docker",
        {"apache_airflow_provider": "info = airflow.providers.docker.get_info:get_provider_info"},
        airflow__providers__docker__get_info="import nowhere_at_all\n",
    )
    text = "from airflow.sdk import task\n\n@task.docker(image='x')\ndef f(): pass\n"
    answer, _ = document(write("dag.py", text), folder)
    (error,) = answer["errors"]
    assert "apache-airflow-providers-docker is installed, but cannot be used" in error["text"]
    assert "No module named 'nowhere_at_all'" in error["text"]


def test_no_such_decorator(folder, write):
    answer, _ = document(write("dag.py", "from airflow.sdk import task\ntask.zz\n"), folder)
    assert "task decorator 'zz' not found" in answer["errors"][0]["text"]


def test_the_script_of_providers_runs_the_function(folder, write):
    """As a container runs it: arguments and result by files."""
    import pickle

    from airflow.providers.standard.utils.python_virtualenv import write_python_script

    given = {
        "op_args": [1],
        "op_kwargs": {"b": 2},
        "pickling_library": "pickle",
        "python_callable": "add",
        "python_callable_source": "def add(a, b):\n    return a + b if b else 1 / b\n",
        "expect_airflow": False,
        "string_args_global": False,
    }
    script, input_file, output, error = (str(folder / n) for n in ("s.py", "in", "out", "error"))

    def run(**kwargs):
        write_python_script(jinja_context={**given, **kwargs}, filename=script)
        with open(input_file, "wb") as file:
            pickle.dump({"args": given["op_args"], "kwargs": {**given["op_kwargs"], **kwargs}}, file)
        command = [sys.executable, script, input_file, output, "none", error]
        return subprocess.run(command, capture_output=True, text=True, check=False).returncode

    assert run() == 0
    with open(output, "rb") as file:
        assert pickle.load(file) == 3
    assert run(b=0) == 1
    with open(error, encoding="utf-8") as file:
        assert "division" in file.read()
