"""Variables, connections and pools: on the command line, in the store, in tasks."""
import json
import os
import stat
import subprocess

SECRET = "Zx9-s3cret-value"


def bytes_below(folder):
    """All that is kept in a home, but for its key."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if name != "secret.key" and stat.S_ISREG(os.stat(path).st_mode):
                with open(path, "rb") as f:
                    yield path, f.read()


def add(tw, kind, *args, text):
    tw.write("in", text)
    with open(tw.path("in")) as f:
        subprocess.run([tw.program, kind, *args], cwd=tw.folder, env=tw.env, stdin=f, check=True, capture_output=True)


def test_tasks_read_what_is_stored_and_logs_mask_it(tw):
    tw("variables", "set", "region", "eu")
    add(tw, "variables", "set", "api_token", "-", text=SECRET)
    add(tw, "connections", "add", "wh", "--uri", "-", text="postgres://etl:%s@db.example:5432/dw?sslmode=require" % SECRET)
    file = tw.write("d.py", """
        from airflow.sdk import DAG, BaseHook, Variable, task
        from airflow.operators.bash import BashOperator
        with DAG("d"):
            @task
            def read():
                c = BaseHook.get_connection("wh")
                print("got", Variable.get("region"), Variable.get("api_token"), c.host, c.port, c.password, c.extra_dejson)
                Variable.set("written", {"n": 1}, serialize_json=True)
            read()
            BashOperator(task_id="shell", bash_command="echo {{ var.value.region }} {{ var.value.api_token }} {{ conn.wh.host }}")
    """)
    tw("run", file)
    assert "got eu *** db.example 5432 *** {'sslmode': 'require'}" in tw.log("read")
    assert tw.log("shell") == "eu *** db.example\n"
    assert json.loads(tw("variables", "get", "written").stdout) == {"n": 1}
    found = [path for path, data in bytes_below(tw.home) if SECRET.encode() in data]
    assert found == []
    assert os.stat(os.path.join(tw.home, "secret.key")).st_mode & 0o077 == 0


def test_what_stands_under_a_secrets_name_within_a_variable_is_masked(tw):
    """In the log and in the rendered parameters, by either engine of templates and by Python; the rest of the variable is shown."""
    value = {"token": SECRET, "hosts": [{"name": "db.example", "password": SECRET + "-2"}], "user": "etl-user"}
    add(tw, "variables", "set", "warehouse", "-", text=json.dumps(value))
    file = tw.write("d.py", """
        from airflow.sdk import DAG, Variable, task
        from airflow.operators.bash import BashOperator
        with DAG("d"):
            @task
            def read():
                v = Variable.get("warehouse", deserialize_json=True)
                print("got", v["token"], v["hosts"][0]["password"], v["user"])
            read()
            BashOperator(task_id="shell", bash_command="echo {{ var.json.warehouse.token }} {{ var.json.warehouse.hosts[0].password }} {{ var.json.warehouse.user }}")
            BashOperator(task_id="jinja", bash_command="{% macro m(x) %}echo {{ x }}{% endmacro %}{{ m(var.json.warehouse.token) }} {{ var.json.warehouse.user }}")
    """)
    tw("run", file)
    assert "got *** *** etl-user" in tw.log("read")
    assert tw.log("shell") == "*** *** etl-user\n" and tw.log("jinja") == "*** etl-user\n"
    assert [path for path, data in bytes_below(tw.home) if SECRET.encode() in data] == []


def test_listings_hide_and_files_come_back(tw):
    tw("connections", "add", "wh", "--type", "http", "--host", "h", "--password", SECRET)
    assert SECRET not in tw("connections", "get", "wh").stdout
    assert SECRET in tw("connections", "get", "wh", "--show-values").stdout
    tw("connections", "add", "wh", "--type", "http", code=73)
    tw("variables", "set", "a", "1")
    tw("variables", "export", "v.json")
    tw("connections", "export", "c.json")
    assert os.stat(tw.path("c.json")).st_mode & 0o077 == 0
    tw("variables", "delete", "a")
    tw("connections", "delete", "wh")
    tw("variables", "get", "a", code=66)
    tw("variables", "import", "v.json")
    tw("connections", "import", "c.json")
    assert tw("variables", "get", "a").stdout == "1\n"
    assert SECRET in tw("connections", "get", "wh", "--show-values").stdout


def test_environment_and_keys(tw):
    tw("variables", "set", "a", "stored")
    assert tw("variables", "get", "a", env={"AIRFLOW_VAR_A": "outside"}).stdout == "outside\n"
    tw("db", "rotate-key")
    assert tw("variables", "get", "a").stdout == "stored\n"
    other = bytes(range(32)).hex()
    wrong = tw("variables", "get", "a", code=None, env={"TRADEWIND_SECRET_KEYS": other})
    assert wrong.returncode == 77 and "key" in wrong.stderr and "stored" not in wrong.stdout


def test_pools(tw):
    tw("pools", "set", "one", "1")
    tw.dag({n: {"operator": "bash", "bash_command": "mkdir lock && sleep 0.1 && rmdir lock", "pool": "one", "cwd": tw.folder} for n in "abc"})
    tw("run", "dag.yaml")
    tw("pools", "delete", "one")
    tw("pools", "delete", "one", code=66)


def test_pools_come_and_go(tw):
    assert [(p["pool"], p["slots"]) for p in tw.json("pools", "list")] == [("default_pool", 128)]
    tw("pools", "set", "one", "1", "--description", "a lock")
    tw("pools", "export", "p.json")
    tw("pools", "delete", "one")
    assert "there is no pool 'one'" in tw("pools", "get", "one", code=66).stderr
    tw("pools", "import", "p.json")
    (one,) = tw.json("pools", "get", "one")
    assert one == {"pool": "one", "slots": 1, "description": "a lock", "include_deferred": False}
    tw("pools", "set", "default_pool", "7")
    assert [p["slots"] for p in tw.json("pools", "list")] == [7, 1]
    tw.write("bad.json", '{"x": {"slots": 1, "size": 2}}')
    assert "pool 'x': size is not known" in tw("pools", "import", "bad.json", code=65).stderr


def test_files_of_connections(tw):
    tw.write("c.yaml", "wh: postgres://etl:pw@db.example:5432/dw\napi:\n  conn_type: http\n  host: h\n  extra: {k: 1}\n")
    tw("connections", "import", "c.yaml")
    tw("connections", "export", "c.env")
    tw("connections", "export", "j.env", "--env-as", "json")
    assert "wh=postgres://etl:pw@db.example:5432/dw\n" in open(tw.path("c.env")).read()
    before = tw.json("connections", "list", "--show-values")
    for name in ("c.env", "j.env"):
        for one in ("wh", "api"):
            tw("connections", "delete", one)
        tw("connections", "import", name)
        assert tw.json("connections", "list", "--show-values") == before
    tw("connections", "delete", "api")
    done = tw("connections", "import", "c.yaml", code=73)  # what is there stays, the others come
    assert "'wh' already" in done.stderr and "1 connections are added" in done.stdout
    tw("connections", "import", "c.yaml", "--overwrite")
    tw.write("bad.env", "wh=http://h\nnonsense\n")
    assert "bad.env:2" in tw("connections", "import", "bad.env", code=65).stderr
    tw.write("twice.json", '{"a": "http://h", "a": "http://i"}')
    assert "twice" in tw("connections", "import", "twice.json", code=65).stderr
    tw.write("v.env", "# settings\nregion=eu\n\nlimit=5=6\n")
    tw("variables", "import", "v.env")
    assert tw("variables", "get", "limit").stdout == "5=6\n"
    tw("variables", "set", "region", "us")
    tw("variables", "import", "v.env", "--existing", "skip")
    assert tw("variables", "get", "region").stdout == "us\n"
    assert "already" in tw("variables", "import", "v.env", "--existing", "fail", code=73).stderr


PROVIDER = """
    from tradewind.sdk import BaseHook

    def describe():
        return {"package-name": "fake-provider", "name": "Fake", "description": "For a test.",
                "connection-types": [{"connection-type": "fake", "hook-class-name": "fake_provider.FakeHook"}]}

    class FakeHook(BaseHook):
        conn_name_attr = "fake_conn_id"
        def __init__(self, fake_conn_id="fake_default"):
            super().__init__()
            self.fake_conn_id = fake_conn_id
        def test_connection(self):
            c = self.get_connection(self.fake_conn_id)
            return c.password == "right", "the password %s of %s is wrong" % (c.password, c.host)
"""


def test_a_connection_is_tried(tw):
    import socket

    os.makedirs(tw.path("lib/fake_provider-1.0.dist-info"))
    tw.write("lib/fake_provider.py", PROVIDER)
    tw.write("lib/fake_provider-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: fake-provider\nVersion: 1.0\n")
    tw.write("lib/fake_provider-1.0.dist-info/entry_points.txt", "[apache_airflow_provider]\nprovider_info = fake_provider:describe\n")
    env = {"PYTHONPATH": tw.path("lib")}
    for name, password in (("good", "right"), ("bad", "sesame")):
        tw("connections", "add", name, "--type", "fake", "--host", "h.example", "--password", password)
    assert tw("connections", "test", "good", env=env).stdout == "Connection success!\n"
    assert "the password *** of h.example is wrong" in tw("connections", "test", "bad", env=env, code=1).stdout
    assert json.loads(tw("airflow", "providers", "list", "-o", "json", env=env).stdout) == [
        {"package_name": "fake-provider", "description": "For a test.", "version": "1.0"}]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        tw("connections", "add", "db", "--type", "unknown_type", "--host", "127.0.0.1", "--port", str(port))
        assert "can be reached. Nothing more was tried" in tw("connections", "test", "db").stdout
    assert "cannot be reached" in tw("connections", "test", "db", code=1).stdout
    assert "Nothing can be tried" in tw("connections", "test", "good", code=69).stderr
    tw("connections", "test", "none", code=66)


def test_a_pool_is_deleted_under_a_run(tw, until):
    """What waits for it waits on, and says why; a pool of that name lets it go on."""
    tw("pools", "set", "one", "1")
    command = "echo x >> began; until [ -e go ]; do sleep 0.02; done"
    tw.dag({n: {"operator": "bash", "bash_command": command, "pool": "one", "cwd": tw.folder} for n in "ab"})
    engine = tw.start("run", "dag.yaml", "--plain")
    until(lambda: os.path.exists(tw.path("began")))
    assert "does not exist" not in tw("tasks", "why", "d", "b").stdout
    tw("pools", "delete", "one")
    assert "the pool one does not exist" in tw("tasks", "why", "d", "b").stdout
    tw.write("go", "")
    until(lambda: tw.states()["a"] == "success")
    assert tw.states()["b"] == "scheduled"
    tw("pools", "set", "one", "1")
    assert engine.wait(60) == 0
