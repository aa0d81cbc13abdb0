"""Variables and connections that a DAG file reads while it is imported, and where each is looked up."""
import json
import os

FILE = """
    from airflow.sdk import DAG, BaseHook, Variable, task
    region = Variable.get("region")
    host = BaseHook.get_connection("wh").host
    with DAG("d"):
        @task
        def show():
            print("got", region, host, Variable.get("region"))
        show()
"""


def prepare(tw):
    tw("variables", "set", "region", "north")
    tw("connections", "add", "wh", "--uri", "http://one/")
    return tw.write("d.py", FILE)


def secret(tw, kind, name, text):
    os.makedirs(os.path.join(tw.home, "secrets", kind), exist_ok=True)
    with open(os.path.join(tw.home, "secrets", kind, name), "w") as f:
        f.write(text + "\n")


def test_an_import_reads_the_store_and_is_done_again_when_it_changes(tw):
    file = prepare(tw)
    tw("run", file)
    assert tw.log("show") == "got north one north\n"
    tw("variables", "set", "region", "south")  # the same runner: it has imported the file already
    tw("run", file)
    assert tw.log("show") == "got south one south\n"


def test_without_them_the_error_names_the_line(tw):
    file = tw.write("d.py", FILE)
    result = tw("run", file, code=65)
    assert "d.py:3: VariableNotFound: variable 'region' is not defined" in result.stderr


def test_folder_then_environment_then_store(tw):
    file = prepare(tw)
    tw.env["AIRFLOW_VAR_REGION"] = "near"
    tw.env["AIRFLOW_CONN_WH"] = "http://two/"
    tw("run", file)
    assert tw.log("show") == "got near two near\n"
    secret(tw, "variables", "region", "folder")
    secret(tw, "connections", "wh", "http://three/")
    tw("run", file)
    assert tw.log("show") == "got folder three folder\n"


def test_templates_in_c_keep_the_order(tw):
    file = tw.write("d.yaml", """
        dag_id: d
        env: {AIRFLOW_VAR_REGION: near}
        tasks:
          show: {operator: bash, bash_command: "echo {{ var.value.region }} $AIRFLOW_VAR_REGION"}
    """)
    tw("run", file)
    assert tw.log("show") == "near near\n"
    secret(tw, "variables", "region", "folder")
    tw("run", file)
    assert tw.log("show") == "folder near\n"


def test_the_folder_of_dags_is_read_again_when_a_variable_changes(tw):
    file = prepare(tw)
    dags = os.path.join(tw.home, "dags")
    os.makedirs(dags)
    os.rename(file, os.path.join(dags, "d.py"))
    assert [d["dag_id"] for d in json.loads(tw("dags", "list", "--json").stdout)] == ["d"]
    tw("variables", "delete", "region")
    assert "variable 'region' is not defined" in tw("dags", "list", "--errors", code=65).stdout
    tw("variables", "set", "region", "west")
    assert "variable" not in tw("dags", "list", "--errors").stdout


def test_tests_of_dags_and_tasks_work_on_a_copy(tw):
    prepare(tw)
    file = tw.write("e.py", """
        from airflow.sdk import DAG, BaseHook, Variable, task
        with DAG("e"):
            @task(pool="two")
            def change():
                print("got", Variable.get("region"), BaseHook.get_connection("wh").host)
                Variable.set("region", "changed")
            change()
    """)
    tw("pools", "set", "two", "2")
    assert "got north one" in tw("tasks", "test", file, "change").stdout
    tw("dags", "test", file)
    assert tw("variables", "get", "region").stdout == "north\n"
