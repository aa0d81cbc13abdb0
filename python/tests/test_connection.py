"""Connections and variables: URI and JSON as Airflow reads and writes them, where they come from, masking."""

from __future__ import annotations

import json

import pytest

from tradewind import link, log
from tradewind.connection import Connection, ConnectionAccessor
from tradewind.exceptions import AirflowException, AirflowNotFoundException
from tradewind.hooks import BaseHook
from tradewind.variable import Variable


class Engine:
    """Answers as the engine's socket does."""

    path = "engine.sock"

    def __init__(self):
        self.variables = {"stored": "7"}
        self.asked = []

    def ask(self, kind, **members):
        self.asked.append(kind)
        if kind == "conn_get":
            if members["conn_id"] == "filed":
                return {"found": True, "conn": {"conn_type": "http", "host": "of-the-folder"}}
            if members["conn_id"] != "stored" or members.get("folder"):
                return {"found": False}
            return {
                "found": True,
                "conn": {
                    "conn_id": "stored",
                    "conn_type": "http",
                    "description": None,
                    "host": "h",
                    "schema": None,
                    "login": "u",
                    "password": "secret-of-store",
                    "port": 80,
                    "extra": '{"token": "hush-hush"}',
                },
            }
        if kind == "var_get":
            found = members["key"] in self.variables
            return {"found": found, "value": self.variables.get(members["key"])}
        if kind == "var_set":
            self.variables[members["key"]] = members["value"]
        if kind == "var_delete":
            return {"found": self.variables.pop(members["key"], None) is not None}
        return {}


@pytest.fixture
def engine():
    made = Engine()
    link.set_engine(made)
    yield made
    link._engine.clear()


@pytest.fixture
def masked():
    values = []
    before = list(log._sinks)
    log.set_sink(values.append)
    yield values
    log._sinks[:] = before
    log._values.clear()


@pytest.mark.parametrize(
    ("uri", "fields"),
    [
        (
            "postgresql://U%40x:p%2F%3A@Host.Example:1/d%20b?a=b&c=d",
            ("postgres", "host.example", "U@x", "p/:", "d b", 1, {"a": "b", "c": "d"}),
        ),
        ("google-cloud-platform://?x=%7B%7D", ("google_cloud_platform", "", None, None, "", None, {"x": "{}"})),
        ("http://https://host:443/p", ("http", "https://host", None, None, "p", 443, {})),
        ("mysql://me@%2Ftmp%2FMy.sock/db", ("mysql", "/tmp/My.sock", "me", None, "db", None, {})),
        ("aws://?__extra__=%7B%22a%22%3A%7B%22b%22%3A2%7D%7D", ("aws", "", None, None, "", None, {"a": {"b": 2}})),
        ("ssh://[::1]:22", ("ssh", "::1", None, None, "", 22, {})),
    ],
)
def test_uri_is_read_and_written(uri, fields):
    conn = Connection("c", uri=uri)
    got = (conn.conn_type, conn.host, conn.login, conn.password, conn.schema, conn.port)
    assert (*got, conn.extra_dejson) == fields
    if "::1" not in uri:
        assert Connection("c", uri=conn.get_uri()).to_dict() == conn.to_dict()


@pytest.mark.parametrize("uri", ["nope", "a://b://c://d", "x://h:99999", "x://u:p@https://h"])
def test_wrong_uris_are_refused(uri):
    with pytest.raises((AirflowException, ValueError)):
        Connection("c", uri=uri)


def test_uri_and_fields_do_not_mix():
    with pytest.raises(AirflowException, match="not both"):
        Connection("c", uri="http://h", login="u")


def test_json_form():
    text = json.dumps({"conn_type": "postgresql", "port": "5432", "extra": {"a": [1]}})
    conn = Connection.from_json(text, conn_id="c")
    assert (conn.conn_type, conn.port, conn.extra_dejson) == ("postgres", 5432, {"a": [1]})
    assert Connection.from_json(conn.as_json(), conn_id="c") == conn
    with pytest.raises(ValueError, match="port"):
        Connection.from_json('{"port": "x"}')


@pytest.mark.parametrize("prefix", ["TRADEWIND_CONN_", "AIRFLOW_CONN_"])
def test_environment_comes_before_the_store_and_after_the_folder(monkeypatch, engine, prefix):
    monkeypatch.setenv(prefix + "STORED", "ftp://elsewhere")
    monkeypatch.setenv(prefix + "FILED", "ftp://elsewhere")
    assert BaseHook.get_connection("stored").host == "elsewhere"
    assert BaseHook.get_connection("filed").host == "of-the-folder"


def test_connection_of_the_engine_and_its_secrets(engine, masked):
    conn = Connection.get("stored")
    assert (conn.host, conn.port, conn.get_password()) == ("h", 80, "secret-of-store")
    assert {"secret-of-store", "hush-hush"} <= set(masked)


def test_no_connection(engine):
    with pytest.raises(AirflowNotFoundException, match="nowhere"):
        BaseHook.get_connection("nowhere")
    link._engine.clear()
    with pytest.raises(AirflowNotFoundException, match="TRADEWIND_CONN_NOWHERE"):
        BaseHook.get_connection("nowhere")


def test_conn_of_templates(engine):
    accessor = ConnectionAccessor()
    assert accessor.stored.login == "u"
    assert accessor.get("nowhere") is None
    assert accessor.get("nowhere", "x") == "x"


def test_variables(monkeypatch, engine):
    monkeypatch.setenv("AIRFLOW_VAR_GIVEN", '{"a": 1}')
    assert Variable.get("given", deserialize_json=True) == {"a": 1}
    assert Variable.get("stored") == "7"
    assert Variable.get("none", default_var=None) is None
    assert Variable.get("none", "d") == "d"
    with pytest.raises(KeyError):
        Variable.get("none")
    Variable.set("made", {"b": 2}, serialize_json=True)
    assert Variable.get("made", deserialize_json=True) == {"b": 2}
    assert Variable.setdefault("made2", "x") == "x"
    assert Variable.delete("made") == 1
    assert Variable.delete("made") == 0


def test_variables_outside_of_a_task_are_not_changed():
    with pytest.raises(RuntimeError, match="tradewind variables"):
        Variable.set("a", "b")


def test_secret_variables_are_masked(monkeypatch, masked):
    monkeypatch.setenv("AIRFLOW_VAR_API_KEY", "key-of-something")
    Variable.get("api_key")
    assert masked == ["key-of-something"]
