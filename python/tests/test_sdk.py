"""The SDK: graphs, defaults, groups, setup and teardown, and the documents that they become."""

from __future__ import annotations

import datetime as dt
import inspect

import pytest

from tradewind import exceptions, sdk
from tradewind.dags import DAG
from tradewind.emit import dag_document
from tradewind.sdk import (
    BaseOperator,
    BashOperator,
    BranchPythonOperator,
    DateTimeSensor,
    EmptyOperator,
    FileSensor,
    HttpSensor,
    Label,
    Param,
    PythonOperator,
    PythonSensor,
    ShortCircuitOperator,
    TaskGroup,
    TimeDeltaSensor,
    Variable,
    chain,
    chain_linear,
    cross_downstream,
    dag,
    literal,
    macros,
    task,
    task_group,
)


def tasks_of(made):
    return dag_document(made)["tasks"]


def empties(*names):
    return [EmptyOperator(task_id=name) for name in names]


def edges(made):
    return sorted((u, i) for i, t in tasks_of(made).items() for u in t.get("upstream", []))


# The graph.


def test_shift_operators_and_lists():
    with DAG("d") as d:
        a, b, c, e = empties("a", "b", "c", "e")
        a >> [b, c] >> e
    assert edges(d) == [("a", "b"), ("a", "c"), ("b", "e"), ("c", "e")]


def test_left_shift_and_methods():
    with DAG("d") as d:
        a, b, c = empties("a", "b", "c")
        c << b << a
        c.set_upstream([a])
    assert edges(d) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_list_on_the_left():
    with DAG("d") as d:
        a, b, c = empties("a", "b", "c")
        [a, b] >> c
    assert edges(d) == [("a", "c"), ("b", "c")]


def test_chain_pairs_lists_of_equal_length():
    with DAG("d") as d:
        a, b, c, e, f = empties("a", "b", "c", "e", "f")
        chain(a, [b, c], [e, f])
    assert edges(d) == [("a", "b"), ("a", "c"), ("b", "e"), ("c", "f")]


def test_chain_refuses_lists_of_different_length():
    with DAG("d"):
        a, b, c = empties("a", "b", "c")
        with pytest.raises(ValueError, match="same length"):
            chain([a, b], [c])


def test_chain_linear_links_all_to_all():
    with DAG("d") as d:
        a, b, c, e = empties("a", "b", "c", "e")
        chain_linear([a, b], [c, e])
    assert edges(d) == [("a", "c"), ("a", "e"), ("b", "c"), ("b", "e")]
    with pytest.raises(ValueError):
        chain_linear()


def test_cross_downstream():
    with DAG("d") as d:
        a, b, c, e = empties("a", "b", "c", "e")
        cross_downstream([a, b], [c, e])
    assert len(edges(d)) == 4


def test_label_is_kept_and_links():
    with DAG("d") as d:
        a, b, c = empties("a", "b", "c")
        a >> Label("yes") >> [b, c]
    assert edges(d) == [("a", "b"), ("a", "c")]
    assert d.get_edge_info("a", "c") == {"label": "yes"}


def test_linking_something_else_is_named():
    with DAG("d"):
        (a,) = empties("a")
        with pytest.raises(TypeError, match="only tasks"):
            a >> 3


def test_tasks_of_two_dags_cannot_be_linked():
    with DAG("d"):
        (a,) = empties("a")
    with DAG("e"):
        (b,) = empties("b")
    with pytest.raises(exceptions.AirflowException, match="different DAGs"):
        a >> b


def test_duplicate_task_id():
    with DAG("d"):
        empties("a")
        with pytest.raises(exceptions.DuplicateTaskIdFound, match="'a'"):
            empties("a")


@pytest.mark.parametrize("wrong", ["a b", "", "ä", "x" * 251, 7])
def test_ids_are_checked(wrong):
    with DAG("d"), pytest.raises((ValueError, TypeError)):
        EmptyOperator(task_id=wrong)


def test_task_without_dag_joins_its_neighbour():
    lone = EmptyOperator(task_id="lone")
    with DAG("d") as d:
        (a,) = empties("a")
        a >> lone
    assert edges(d) == [("a", "lone")]


# Parameters.


def test_all_parameters_of_airflow_are_accepted():
    names = set(inspect.signature(BaseOperator.__init__.__wrapped__).parameters)
    for name in (
        "task_id owner email email_on_retry email_on_failure retries retry_delay"
        " retry_exponential_backoff max_retry_delay start_date end_date depends_on_past"
        " ignore_first_depends_on_past wait_for_past_depends_before_skipping wait_for_downstream"
        " dag params default_args priority_weight weight_rule queue pool pool_slots sla"
        " execution_timeout on_execute_callback on_failure_callback on_success_callback"
        " on_retry_callback on_skipped_callback pre_execute post_execute trigger_rule resources"
        " run_as_user map_index_template max_active_tis_per_dag max_active_tis_per_dagrun executor"
        " executor_config do_xcom_push multiple_outputs inlets outlets task_group doc doc_md"
        " doc_json doc_yaml doc_rst task_display_name logger_name allow_nested_operators"
        " render_template_as_native_obj"
    ).split():
        assert name in names, name
    names = set(inspect.signature(DAG.__init__).parameters)
    for name in (
        "dag_id description default_args start_date end_date schedule template_searchpath"
        " template_undefined user_defined_macros user_defined_filters max_active_tasks"
        " max_active_runs max_consecutive_failed_dag_runs dagrun_timeout deadline sla_miss_callback"
        " catchup on_success_callback on_failure_callback doc_md params access_control"
        " is_paused_upon_creation jinja_environment_kwargs render_template_as_native_obj tags"
        " owner_links auto_register fail_fast allowed_run_types dag_display_name"
        " disable_bundle_versioning"
    ).split():
        assert name in names, name


def test_unknown_parameter_names_the_nearest():
    with DAG("d"), pytest.raises(TypeError, match="'retires'.*did you mean 'retries'"):
        EmptyOperator(task_id="a", retires=2)


def test_missing_parameter_is_named():
    with DAG("d"), pytest.raises(TypeError, match="bash_command"):
        BashOperator(task_id="a")


def test_positional_arguments_are_refused():
    with DAG("d"), pytest.raises(TypeError, match="keyword"):
        EmptyOperator("a")


def test_default_args_of_dag_group_and_operator():
    with DAG("d", default_args={"retries": 1, "owner": "me", "cwd": "/tmp"}) as d:
        with TaskGroup("g", default_args={"retries": 2}):
            BashOperator(task_id="a", bash_command="true")
            BashOperator(task_id="b", bash_command="true", default_args={"retries": 3})
        EmptyOperator(task_id="c", retries=4)
    found = tasks_of(d)
    assert [found[i]["retries"] for i in ("g.a", "g.b", "c")] == [2, 3, 4]
    assert found["g.a"]["cwd"] == "/tmp" and found["c"]["owner"] == "me"


def test_default_args_reach_a_subclass():
    class Mine(BaseOperator):
        def __init__(self, *, place, **kwargs):
            super().__init__(**kwargs)
            self.place = place

    with DAG("d", default_args={"place": "here"}) as d:
        mine = Mine(task_id="a")
    assert mine.place == "here"
    assert tasks_of(d)["a"] == {"operator": "python"}


def test_common_members():
    with DAG("d") as d:
        EmptyOperator(
            task_id="a",
            retry_delay=dt.timedelta(seconds=1.5),
            retry_exponential_backoff=True,
            max_retry_delay=60,
            execution_timeout=dt.timedelta(minutes=2),
            priority_weight=5,
            weight_rule="absolute",
            pool="p",
            pool_slots=2,
            max_active_tis_per_dag=3,
            wait_for_downstream=True,
            trigger_rule="all_done",
            do_xcom_push=False,
        )
    assert tasks_of(d)["a"] == {
        "operator": "empty",
        "retry_delay": 1.5,
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": 60,
        "execution_timeout": 120,
        "priority_weight": 5,
        "weight_rule": "absolute",
        "pool": "p",
        "pool_slots": 2,
        "max_active_tis_per_dag": 3,
        "depends_on_past": True,
        "wait_for_downstream": True,
        "trigger_rule": "all_done",
        "do_xcom_push": False,
    }


def test_wrong_trigger_rule_lists_the_words():
    with DAG("d"), pytest.raises(ValueError, match="all_success"):
        EmptyOperator(task_id="a", trigger_rule="all_sucess")


def test_dag_members():
    d = DAG(
        "d",
        description="x",
        schedule=dt.timedelta(hours=1),
        start_date=dt.datetime(2026, 1, 1),
        tags=["b", "a"],
        max_active_tasks=3,
        dagrun_timeout=dt.timedelta(hours=2),
        fail_fast=True,
        catchup=True,
        dag_display_name="Nice",
        params={
            "n": Param(1, type="integer", minimum=0),
            "plain": "x",
            "object": {"k": 1},
            "needed": Param(type="string"),
        },
    )
    out = dag_document(d)
    out.pop("python")
    assert out == {
        "version": 1,
        "dag_id": "d",
        "display_name": "Nice",
        "description": "x",
        "schedule": "every 1:00:00",
        "start_date": "2026-01-01T00:00:00+00:00",
        "catchup": True,
        "max_active_tasks": 3,
        "dagrun_timeout": 7200,
        "fail_fast": True,
        "tags": ["a", "b"],
        "tasks": {},
        "params": {
            "n": {"type": "integer", "minimum": 0, "default": 1},
            "plain": "x",
            "object": {"default": {"k": 1}, "type": "object"},
            "needed": {"type": "string"},
        },
    }


def test_param_that_is_not_json_is_named():
    with pytest.raises(exceptions.AirflowException, match="'p' of DAG 'd'"):
        dag_document(DAG("d", params={"p": object()}))


# XComArgs.


def test_xcom_args_anywhere_make_edges():
    with DAG("d") as d:

        @task
        def one():
            return 1

        value = one()
        PythonOperator(task_id="a", python_callable=print, op_kwargs={"x": [{"y": (value,)}]})
        BashOperator(task_id="b", bash_command=value["cmd"], env={"V": value})
        late = BashOperator(task_id="c", bash_command="x")
        late.bash_command = value
    assert edges(d) == [("one", "a"), ("one", "b"), ("one", "c")]
    assert tasks_of(d)["b"]["bash_command"] == "{{ ti.xcom_pull(task_ids='one', key='cmd') }}"
    with pytest.raises(TypeError):
        iter(value)
    with pytest.raises(ValueError):
        value[0]


def test_task_calls_get_numbers_and_overrides():
    with DAG("d") as d:

        @task(retries=2)
        def one(x):
            """What it does."""

        one(1), one(2), one.override(task_id="other", retries=5)(3)
        with TaskGroup("g"):
            one(1)
    found = tasks_of(d)
    assert list(found) == ["one", "one__1", "other", "g.one"]
    assert found["other"]["retries"] == 5 and found["one"]["doc_md"] == "What it does."


def test_task_arguments_are_checked_at_the_call():
    with DAG("d"):

        @task
        def one(x, ti, y=3):
            pass

        one(1)
        with pytest.raises(TypeError):
            one(1, z=3)


def test_multiple_outputs_by_annotation():
    with DAG("d") as d:

        @task
        def one() -> dict:
            return {}

        @task(multiple_outputs=False)
        def two() -> dict:
            return {}

        one(), two()
    assert d.get_task("one").multiple_outputs and not d.get_task("two").multiple_outputs


def test_dag_decorator_makes_params():
    @dag(schedule=None, tags=["x"])
    def pipeline(region="eu"):
        """Words."""
        BashOperator(task_id="a", bash_command=region)

    made = pipeline()
    out = dag_document(made)
    assert (
        out["dag_id"] == "pipeline"
        and out["doc_md"] == "Words."
        and out["params"] == {"region": "eu"}
    )
    assert out["tasks"]["a"]["bash_command"] == "{{ params.region }}"


# Operators in the document.


def test_plain_bash_is_native():
    with DAG("d") as d:
        BashOperator(
            task_id="a",
            bash_command="x {{ ds }}",
            env={"A": "1"},
            append_env=True,
            skip_on_exit_code=[1, 2],
        )
    assert tasks_of(d)["a"] == {
        "operator": "bash",
        "bash_command": "x {{ ds }}",
        "env": {"A": "1"},
        "append_env": True,
        "skip_on_exit_code": [1, 2],
    }


def test_bash_that_needs_python_runs_in_python():
    with DAG("d", user_defined_macros={"f": str}) as d:
        BashOperator(task_id="macro", bash_command="{{ f(1) }}")
        BashOperator(task_id="plain", bash_command="true")
        BashOperator(task_id="callback", bash_command="true", on_success_callback=print)
        BashOperator(task_id="literal", bash_command=literal("{{ x }}"))
        BashOperator(task_id="processed", bash_command="true", output_processor=int)

        @task.bash
        def made():
            return "true"

        made()
    kinds = {i: t["operator"] for i, t in tasks_of(d).items()}
    assert kinds == {
        "macro": "python",
        "plain": "bash",
        "callback": "python",
        "literal": "python",
        "processed": "python",
        "made": "python",
    }


def test_bash_command_from_a_template_file(folder, write):
    write("job.sh", "echo {{ ds }}\n")
    with DAG("d", template_searchpath=str(folder)) as d:
        BashOperator(task_id="a", bash_command="job.sh")
        BashOperator(task_id="b", bash_command="/bin/other.sh")
    assert tasks_of(d)["a"]["bash_command"] == "echo {{ ds }}\n"
    assert tasks_of(d)["b"]["bash_command"] == "/bin/other.sh"


def test_branches_short_circuits_and_empties():
    with DAG("d") as d:
        BranchPythonOperator(task_id="b", python_callable=print)
        ShortCircuitOperator(
            task_id="s", python_callable=print, ignore_downstream_trigger_rules=False
        )
        EmptyOperator(task_id="e")
        EmptyOperator(task_id="c", on_success_callback=print)
    assert tasks_of(d) == {
        "b": {"operator": "branch"},
        "s": {"operator": "short_circuit", "ignore_downstream_trigger_rules": False},
        "e": {"operator": "empty"},
        "c": {"operator": "python", "callbacks": ["success"]},
    }


def test_waits(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SITE", "https://example.com/base")
    with DAG("d") as d:
        TimeDeltaSensor(task_id="delta", delta=dt.timedelta(minutes=5))
        DateTimeSensor(task_id="until", target_time=dt.datetime(2026, 1, 2, 3))
        FileSensor(
            task_id="file", filepath="/tmp/{{ ds }}", poke_interval=5, timeout=60, soft_fail=True
        )
        HttpSensor(task_id="http", endpoint="x", http_conn_id="site", request_params={"q": "1"})
        HttpSensor(task_id="check", endpoint="https://example.com", response_check=print)
        PythonSensor(task_id="python", python_callable=print)
    assert tasks_of(d) == {
        "delta": {"operator": "wait_time", "delta": 300},
        "until": {"operator": "wait_time", "until": "2026-01-02T03:00:00+00:00"},
        "file": {
            "operator": "wait_file",
            "filepath": "/tmp/{{ ds }}",
            "poke_interval": 5,
            "timeout": 60,
            "soft_fail": True,
        },
        "http": {
            "operator": "wait_http",
            "url": "https://example.com/base/x?q=1",
            "poke_interval": 60,
            "timeout": 604800,
        },
        "check": {"operator": "python"},
        "python": {"operator": "python"},
    }


# Groups.


def test_groups_nest_and_link():
    with DAG("d") as d:
        a, z = empties("a", "z")
        with TaskGroup("g", tooltip="tip") as g:
            one, two = empties("one", "two")
            with TaskGroup("inner"):
                three = EmptyOperator(task_id="three")
            one >> three
        a >> g >> z
    out = dag_document(d)
    assert out["task_groups"] == {"g": {"tooltip": "tip"}, "g.inner": {"parent": "g"}}
    assert out["tasks"]["g.inner.three"]["group"] == "g.inner"
    assert edges(d) == [
        ("a", "g.one"),
        ("a", "g.two"),
        ("g.inner.three", "z"),
        ("g.one", "g.inner.three"),
        ("g.two", "z"),
    ]


def test_group_without_prefix_and_decorated():
    with DAG("d") as d:
        with TaskGroup("g", prefix_group_id=False):
            empties("a")

        @task_group
        def part(x):
            return EmptyOperator(task_id="b")

        part(1), part(2)
    assert list(tasks_of(d)) == ["a", "part.b", "part__1.b"]


def test_groups_linked_to_groups():
    with DAG("d") as d:
        with TaskGroup("g") as g:
            empties("a", "b")
        with TaskGroup("h") as h:
            empties("c")
        g >> h
    assert edges(d) == [("g.a", "h.c"), ("g.b", "h.c")]


def test_group_id_is_taken_once():
    with DAG("d"):
        TaskGroup("g")
        with pytest.raises(exceptions.DuplicateTaskIdFound):
            TaskGroup("g")


def test_leaves_of_a_group_pass_over_teardowns():
    with DAG("d") as d:
        with TaskGroup("g") as g:
            s, w, t = empties("s", "w", "t")
            s.as_setup() >> w >> t.as_teardown(setups=s)
        g >> EmptyOperator(task_id="after")
    assert ("g.w", "after") in edges(d) and ("g.t", "after") not in edges(d)


# Setup and teardown.


def test_setup_and_teardown_by_methods():
    with DAG("d") as d:
        s, w, t = empties("s", "w", "t")
        s >> w >> t.as_teardown(setups=s, on_failure_fail_dagrun=True)
    found = tasks_of(d)
    assert found["s"]["setup"] and found["t"]["teardown"] and found["t"]["on_failure_fail_dagrun"]
    assert found["t"]["upstream"] == ["s", "w"] and "trigger_rule" not in found["t"]


def test_setup_and_teardown_by_decorators_and_with():
    with DAG("d") as d:

        @sdk.setup
        def make():
            return 1

        @sdk.teardown(on_failure_fail_dagrun=True)
        def drop(x):
            pass

        made = make()
        with drop(made):
            a, b = empties("a", "b")
            a >> b
    assert edges(d) == [("a", "b"), ("b", "drop"), ("make", "a"), ("make", "drop")]
    assert tasks_of(d)["drop"]["on_failure_fail_dagrun"]


def test_with_as_teardown():
    with DAG("d") as d:
        s, t = empties("s", "t")
        with t.as_teardown(setups=s):
            empties("a", "b")
    assert edges(d) == [("a", "t"), ("b", "t"), ("s", "a"), ("s", "b"), ("s", "t")]


# Odds and ends.


def test_variables(monkeypatch):
    monkeypatch.setenv("TRADEWIND_VAR_A", "1")
    monkeypatch.setenv("AIRFLOW_VAR_B", '{"x": 2}')
    assert Variable.get("a") == "1" and Variable.get("b", deserialize_json=True) == {"x": 2}
    assert Variable.get("c", default=None) is None and Variable.get("c", "z") == "z"
    with pytest.raises(exceptions.AirflowNotFoundException, match="'c'"):
        Variable.get("c")


def test_macros():
    assert macros.ds_add("2026-01-30", 5) == "2026-02-04"
    assert macros.ds_format("2026-01-30", "%Y-%m-%d", "%d.%m.%y") == "30.01.26"
    assert macros.datetime(2026, 1, 1).year == 2026 and macros.json.loads("1") == 1


def test_names_of_the_package():
    import tradewind

    assert tradewind.DAG is DAG and "task" in dir(tradewind)
    with pytest.raises(AttributeError):
        tradewind.nothing
