"""A backend of XComs of the user's own ([core] xcom_backend), through the program."""

import json
import os

BACKEND = """
import json
import os

from airflow.sdk.bases.xcom import BaseXCom

STORE = os.path.join(os.path.dirname(__file__), "store")


class FileXCom(BaseXCom):
    @staticmethod
    def serialize_value(value, *, key=None, task_id=None, dag_id=None, run_id=None, map_index=None):
        if isinstance(value, dict) and len(value) > 1:
            path = os.path.join(STORE, f"{dag_id}-{task_id}-{map_index}-{key}.json")
            os.makedirs(STORE, exist_ok=True)
            with open(path, "w") as f:
                json.dump(value, f)
            value = "file:" + path
        return BaseXCom.serialize_value(value)

    @staticmethod
    def deserialize_value(result):
        value = BaseXCom.deserialize_value(result)
        if isinstance(value, str) and value.startswith("file:"):
            with open(value[5:]) as f:
                return json.load(f)
        return value


class Shout(BaseXCom):
    '''As written for Airflow 2: bytes, and arguments by position or not at all.'''

    @staticmethod
    def serialize_value(value, **kwargs):
        return json.dumps(["stored", value]).encode()

    @staticmethod
    def deserialize_value(result):
        return json.loads(result.value)[1]
"""

DAG = """
import datetime as dt
from airflow.models.xcom import XCom
from airflow.sdk import DAG, task
from airflow.operators.bash import BashOperator

with DAG("d"):
    @task
    def make(ti=None):
        ti.xcom_push("more", {"a": 1, "b": 2})
        assert ti.xcom_pull(key="more") == {"a": 1, "b": 2}
        return {"rows": [1, 2], "n": 2}

    @task
    def use(value, ti=None):
        assert value == {"rows": [1, 2], "n": 2}, value
        assert ti.xcom_pull("make", key="more") == {"a": 1, "b": 2}
        assert ti.xcom_pull("when") == dt.date(2026, 1, 1)
        return XCom.__name__

    @task
    def when():
        return dt.date(2026, 1, 1)

    @task
    def items():
        return [1, 2, 3]

    @task
    def double(x):
        return x * 2

    @task
    def total(xs):
        return sum(xs)

    made = make()
    when() >> use(made)
    BashOperator(task_id="bash", bash_command="echo {{ ti.xcom_pull('make')['n'] }}") << made
    total(double.expand(x=items()))
"""


def install(tw, name):
    os.makedirs(os.path.join(tw.home, "plugins"), exist_ok=True)
    with open(os.path.join(tw.home, "plugins", "backends.py"), "w") as f:
        f.write(BACKEND)
    tw.env["AIRFLOW__CORE__XCOM_BACKEND"] = name


def test_values_go_through_the_backend(tw):
    install(tw, "backends.FileXCom")
    tw("run", tw.write("d.py", DAG))
    # The engine has what the backend made of it.
    assert tw.xcom("make").startswith("file:")
    with open(tw.xcom("make")[5:]) as f:
        assert json.load(f) == {"rows": [1, 2], "n": 2}
    assert tw.xcom("use") == "FileXCom" and tw.xcom("bash") == "2" and tw.xcom("total") == 12


def test_bytes_as_in_airflow_2(tw):
    install(tw, "backends.Shout")
    tw("run", tw.write("d.py", """
        from airflow.sdk import DAG, task
        with DAG("d"):
            @task
            def a():
                return {"x": 1}
            @task
            def b(value):
                return value["x"] + 1
            b(a())
    """))
    assert tw.xcom("a")["__type__"] == "bytes"


def test_a_value_that_is_mapped_over_must_be_stored_as_it_is(tw):
    install(tw, "backends.Shout")
    tw("run", tw.write("d.py", DAG), code=1)
    assert "is mapped over, and the XCom backend Shout stores something else" in tw.log("items")


def test_a_backend_that_is_none(tw):
    for name, text in (("nowhere.X", "cannot be imported"), ("json.JSONDecoder", "is not a subclass of BaseXCom")):
        tw.env["AIRFLOW__CORE__XCOM_BACKEND"] = name
        done = tw("run", tw.write("d.py", DAG), code=65)
        assert "[core] xcom_backend" in done.stderr and text in done.stderr
