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
