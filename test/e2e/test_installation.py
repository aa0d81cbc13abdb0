"""What an installation adds to all DAGs: plugins, policies, settings. Seen by the tasks of a real run."""
import os


def install(tw, where):
    for folder in ("plugins", "config"):
        os.makedirs(os.path.join(where, folder))
    with open(os.path.join(where, "plugins", "ours.py"), "w") as f:
        f.write("from airflow.plugins_manager import AirflowPlugin\n"
                "def shout(text): return text.upper()\n"
                "class Ours(AirflowPlugin):\n    name = 'ours'\n    macros = [shout]\n")
    with open(os.path.join(where, "config", "airflow_local_settings.py"), "w") as f:
        f.write("def task_policy(task): task.retries = 2\n"
                "def get_airflow_context_vars(context): return {'OURS': 'yes'}\n")


def dag(tw):
    return tw.write("d.py", """
        import os
        from airflow.sdk import DAG, conf, task
        from airflow.operators.python import PythonOperator
        def show(word):
            print("word", word, os.environ.get("OURS"), conf.get("core", "mine", fallback="none"))
            print(sorted(k for k in os.environ if "__" in k or k in ("TRADEWIND_HOME", "TRADEWIND_SECRET_KEYS")))
        with DAG("d"):
            PythonOperator(task_id="show", python_callable=show, op_args=["{{ macros.ours.shout('hello') }}"])
    """)


def test_plugins_and_policies_of_the_home(tw):
    install(tw, tw.home)
    tw("run", dag(tw))
    assert "word HELLO yes none" in tw.log("show")
    [shown] = tw.json("runs", "show", "d")["tasks"]
    assert shown["max_tries"] == 2


def test_those_of_airflow_home(tw):
    install(tw, tw.path("airflow"))
    tw.env["AIRFLOW_HOME"] = tw.path("airflow")
    tw("run", dag(tw))
    assert "word HELLO yes none" in tw.log("show")


def test_settings_reach_tasks_and_keys_do_not(tw):
    install(tw, tw.home)
    tw.env.update({"AIRFLOW__CORE__MINE": "set", "AIRFLOW__CORE__FERNET_KEY": "k" * 44, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgres://u:p@h/d",
                   "AIRFLOW__API_AUTH__JWT_SECRET": "j" * 40, "AIRFLOW__CELERY__BROKER_URL": "redis://:p@h", "TRADEWIND__CORE__FERNET_KEY_CMD": "cat k",
                   "TRADEWIND_SECRET_KEYS": "0" * 64})
    tw("run", dag(tw))
    assert "word HELLO yes set" in tw.log("show")
    assert "['AIRFLOW__CORE__MINE']" in tw.log("show")


def test_the_mutation_hook_moves_tasks(tw):
    install(tw, tw.home)
    with open(os.path.join(tw.home, "config", "airflow_local_settings.py"), "a") as f:
        f.write("def task_instance_mutation_hook(ti):\n"
                "    ti.pool = 'small' if ti.task_id != 'late' else ti.pool\n"
                "    if ti.try_number > 0:\n        ti.queue = 'retries'\n")
    tw("pools", "set", "small", "1")
    path = tw.write("d.py", """
        import os
        from airflow.sdk import DAG, task
        with DAG("d"):
            @task
            def show(x, ti=None):
                print("pool", ti.pool)
                assert not os.path.exists("held"), "one at a time"
                open("held", "w").close()
                os.unlink("held")
            show.override(task_id="one")(1) , show.override(task_id="mapped").expand(x=[1, 2, 3])
    """)
    tw("run", path)
    assert "pool small" in tw.log("one")
    assert "changes queue of this instance: no effect" in tw.log("one")
    found = tw.db().execute("SELECT document FROM version").fetchone()[0]
    assert found.count('"pool":"small"') == 2


def test_packages_with_entry_points(tw):
    """A provider's decorator and a package's plugin, as pip leaves them."""
    for name, points in (("apache_airflow_providers_box", "[apache_airflow_provider]\ni = airflow.providers.box.info:info\n"),
                         ("boxed", "[airflow.plugins]\nb = boxed_plugin:Boxed\n")):
        os.makedirs(tw.path("site/%s-1.dist-info" % name))
        tw.write("site/%s-1.dist-info/METADATA" % name, "Metadata-Version: 2.1\nName: %s\nVersion: 1\n" % name.replace("_", "-"))
        tw.write("site/%s-1.dist-info/entry_points.txt" % name, points)
    os.makedirs(tw.path("site/airflow/providers/box"))
    tw.write("site/airflow/providers/box/info.py", """
        def info():
            return {"package-name": "apache-airflow-providers-box",
                    "task-decorators": [{"name": "box", "class-name": "airflow.providers.box.task.box"}]}
    """)
    tw.write("site/airflow/providers/box/task.py", """
        from airflow.sdk import BaseOperator
        from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory
        class Box(BaseOperator):
            template_fields = ("box",)
            def __init__(self, *, box, **kwargs):
                super().__init__(**kwargs)
                self.box = box
            def execute(self, context):
                return [self.box, self.python_callable(*self.op_args, **self.op_kwargs)]
        class Boxed(DecoratedOperator, Box):
            template_fields = ("box", "op_args", "op_kwargs")
        def box(function=None, **options):
            return task_decorator_factory(function, decorated_operator_class=Boxed, **options)
    """)
    tw.write("site/boxed_plugin.py", """
        from airflow.listeners import hookimpl
        from airflow.plugins_manager import AirflowPlugin
        class Listener:
            @hookimpl
            def on_task_instance_success(self, previous_state, task_instance):
                print("the package heard of", task_instance.task_id)
        def shout(text): return text.upper()
        class Boxed(AirflowPlugin):
            name = "boxed"
            macros = [shout]
            listeners = [Listener()]
    """)
    tw.env["PYTHONPATH"] = tw.path("site")
    path = tw.write("d.py", """
        from airflow.sdk import DAG, task
        with DAG("d"):
            @task.box(box="{{ macros.boxed.shout('b') }}")
            def put(what):
                return what
            put("apple")
    """)
    tw("run", path)
    assert tw.xcom("put") == ["B", "apple"]
    assert "the package heard of put" in tw.log("put")


def test_links_of_operators(tw):
    os.makedirs(os.path.join(tw.home, "plugins"))
    with open(os.path.join(tw.home, "plugins", "links.py"), "w") as f:
        f.write("from airflow.plugins_manager import AirflowPlugin\n"
                "from airflow.sdk import BaseOperatorLink\n"
                "class Everywhere(BaseOperatorLink):\n    name = 'Everywhere'\n"
                "    def get_link(self, operator, *, ti_key):\n        return f'https://all/{ti_key.task_id}'\n"
                "class Links(AirflowPlugin):\n    name = 'links'\n    global_operator_extra_links = [Everywhere()]\n")
    path = tw.write("d.py", """
        from airflow.models import XCom
        from airflow.sdk import DAG, BaseOperator, BaseOperatorLink
        class Job(BaseOperatorLink):
            name = "Job"
            def get_link(self, operator, *, ti_key):
                return "https://jobs/" + XCom.get_value(ti_key=ti_key, key="job")
        class Broken(BaseOperatorLink):
            name = "Broken"
            def get_link(self, operator, *, ti_key):
                raise KeyError("no job")
        class Work(BaseOperator):
            operator_extra_links = (Job(), Broken())
            def execute(self, context):
                context["ti"].xcom_push("job", "j-1")
                raise ValueError("failed, and has its link all the same")
        with DAG("d"):
            Work(task_id="w")
    """)
    tw("run", path, code=1)
    why = tw("tasks", "why", "d", "w").stdout
    assert "Link Job: https://jobs/j-1" in why and "Link Everywhere: https://all/w" in why
    assert "the operator link 'Broken' fails: KeyError: 'no job'" in tw.log("w")
