"""Dynamic task mapping: how it is written, the documents, and the instances in the runner."""

from __future__ import annotations

import pytest

from tradewind.dags import DAG
from tradewind.emit import dag_document
from tradewind.sdk import (
    BaseOperator,
    BashOperator,
    BranchPythonOperator,
    EmptyOperator,
    PythonOperator,
    TaskGroup,
    task,
    task_group,
)


def tasks_of(made):
    return dag_document(made)["tasks"]


@task
def numbers():
    return [1, 2, 3]


@task
def add(x, y=0):
    return x + y


# Documents.


def test_a_literal_and_a_result():
    with DAG("d") as d:
        add.partial(y=1).expand(x=[1, 2])
        add.expand(x=numbers(), y=[1])
    found = tasks_of(d)
    assert found["add"]["expand"] == {"x": [1, 2]} and found["add"]["operator"] == "python"
    assert found["add__1"]["expand"] == {"x": {"__xcom__": {"task_id": "numbers"}}, "y": [1]}
    assert found["add__1"]["upstream"] == ["numbers"]


def test_expand_kwargs():
    with DAG("d") as d:
        add.expand_kwargs([{"x": 1}, {"x": 2, "y": 3}])
        add.expand_kwargs(numbers().map(lambda n: {"x": n}))
    found = tasks_of(d)
    assert found["add"]["expand_kwargs"] == [{"x": 1}, {"x": 2, "y": 3}]
    assert found["add__1"]["expand_kwargs"] == {
        "__map__": {"of": {"__xcom__": {"task_id": "numbers"}}}
    }


def test_zip_and_concat():
    with DAG("d") as d:
        a, b = numbers(), numbers()
        add.expand(x=a.zip(b, fillvalue=0))
        add.expand(x=a.concat(b))
    found = tasks_of(d)
    refs = [{"__xcom__": {"task_id": i}} for i in ("numbers", "numbers__1")]
    assert found["add"]["expand"]["x"] == {"__zip__": {"of": refs, "fillvalue": 0}}
    assert found["add__1"]["expand"]["x"] == {"__concat__": {"of": refs}}
    assert found["add__1"]["upstream"] == ["numbers", "numbers__1"]


def test_a_mapped_bash_is_native_where_it_can_be():
    with DAG("d") as d:
        BashOperator.partial(task_id="a", retries=2, pool="p").expand(bash_command=["x", "y"])
        BashOperator.partial(task_id="b").expand(bash_command=["echo {{ ds }}"])
        BashOperator.partial(task_id="c", bash_command="x").expand(env=[{"A": "1"}])
        BashOperator.partial(task_id="e", on_success_callback=print).expand(bash_command=["x"])
        BashOperator.partial(task_id="f").expand(bash_command=numbers())
    found = tasks_of(d)
    assert found["a"] == {
        "operator": "bash",
        "expand": {"bash_command": ["x", "y"]},
        "retries": 2,
        "pool": "p",
    }
    assert [found[i]["operator"] for i in "bcef"] == ["python", "python", "python", "bash"]


def test_default_args_reach_mapped_tasks():
    with DAG("d", default_args={"retries": 3, "cwd": "/tmp"}) as d:
        BashOperator.partial(task_id="a").expand(bash_command=["x"])
    assert tasks_of(d)["a"]["retries"] == 3 and tasks_of(d)["a"]["cwd"] == "/tmp"


def test_a_mapped_group():
    @task_group
    def work(x, y):
        first = add(x, y)
        BashOperator(task_id="say", bash_command=x)
        return add.override(task_id="second")(first)

    with DAG("d") as d:
        work.partial(y=5).expand(x=numbers()) >> EmptyOperator(task_id="end")
        work.expand_kwargs([{"x": 1, "y": 2}])
    out = dag_document(d)
    groups, tasks = out["task_groups"], out["tasks"]
    assert groups["work"]["expand"] == {"x": {"__xcom__": {"task_id": "numbers"}}}
    assert groups["work__1"]["expand_kwargs"] == [{"x": 1, "y": 2}]
    assert tasks["work.add"]["upstream"] == ["numbers"] == tasks["work.say"]["upstream"]
    assert tasks["work.say"]["operator"] == "python"
    assert tasks["end"]["upstream"] == ["work.second"]


def test_reduce_and_edges_of_a_mapped_task():
    with DAG("d") as d:
        mapped = add.expand(x=[1, 2])
        add.override(task_id="total")(mapped)
        mapped >> EmptyOperator(task_id="end")
        BashOperator(task_id="say", bash_command=mapped)
    found = tasks_of(d)
    assert found["total"]["upstream"] == ["add"] == found["end"]["upstream"]
    assert found["say"]["operator"] == "python"


def test_a_mapped_branch():
    with DAG("d") as d:
        BranchPythonOperator.partial(task_id="b", python_callable=print).expand(op_args=[["x"]])
    assert tasks_of(d)["b"]["operator"] == "branch"


# What is refused.


def refused(make, kind, words):
    with DAG("d"), pytest.raises(kind, match=words):
        make()


@pytest.mark.parametrize(
    "make, kind, words",
    [
        (lambda: add.expand(), TypeError, "at least one argument"),
        (lambda: add.expand(z=[1]), TypeError, "unexpected keyword argument 'z'"),
        (lambda: add.partial(q=1), TypeError, "unexpected keyword argument 'q'"),
        (lambda: add.expand(x=5), ValueError, "'x' over a int"),
        (lambda: add.expand(x="text"), ValueError, "over a str"),
        (lambda: add.partial(x=1).expand(x=[1]), TypeError, "already specified argument 'x'"),
        (lambda: add.expand_kwargs({"x": 1}), TypeError, "list of dicts"),
        (lambda: add.expand_kwargs([1]), TypeError, "a int in it"),
        (lambda: add.expand(y=[1]), TypeError, "missing a required argument: 'x'"),
        (lambda: add.expand(x=numbers()["k"]), ValueError, "output 'k'"),
        (
            lambda: BashOperator.partial(task_id="a").expand(retries=[1]),
            TypeError,
            "unmappable.*'retries'",
        ),
        (
            lambda: BashOperator.partial(task_id="a", bash=1),
            TypeError,
            "unexpected keyword argument 'bash'",
        ),
        (
            lambda: BashOperator.partial(task_id="a").expand(cwd=["/"]),
            TypeError,
            "missing keyword argument 'bash_command'",
        ),
        (
            lambda: add.override(trigger_rule="always").expand(x=numbers()),
            ValueError,
            "trigger rule 'always'",
        ),
        (lambda: numbers().map(add), ValueError, "plain function"),
    ],
)
def test_wrong_uses(make, kind, words):
    refused(make, kind, words)


def test_nesting_is_refused():
    @task_group
    def outer(x):
        add.expand(x=[1])

    @task_group
    def over_argument(x):
        add.expand(x=x)

    @task_group
    def inner(x):
        EmptyOperator(task_id="e")

    @task_group
    def around(x):
        inner.expand(x=[1])

    for group in (outer, over_argument, around):
        refused(lambda group=group: group.expand(x=[1]), NotImplementedError, "not supported")


# Instances.

FILE = """
    from tradewind.sdk import *
    from tradewind.exceptions import AirflowSkipException

    def only_odd(x):
        if x % 2 == 0:
            raise AirflowSkipException("even")
        return x * 10

    with DAG("d", params={"p": "P"}) as d:

        @task
        def numbers():
            return [1, 2, 3]

        @task
        def wrong():
            return "text"

        @task
        def nothing():
            pass

        @task(map_index_template="{{ name }}")
        def add(x, y="", ti=None, expanded_ti_count=None):
            from tradewind.sdk import get_current_context
            get_current_context()["name"] = f"{x}-{y}"
            return [x, y, ti.map_index, expanded_ti_count]

        n = numbers()
        add.override(task_id="cross").expand(x=["{{ params.p }}", "b"], y=n)
        kwargs = add.override(task_id="kwargs").partial(y="{{ params.p }}")
        kwargs.expand_kwargs(n.map(lambda i: {"x": i}))
        add.override(task_id="mapped").expand(x=n.map(only_odd))
        add.override(task_id="zipped").expand(x=n.zip(n.map(str), fillvalue=0))
        add.override(task_id="both").expand(x=n.concat(n))
        add.override(task_id="pairs").expand(x={"a": 1, "b": 2})
        add.override(task_id="w").expand(x=wrong())
        add.override(task_id="no").expand(x=nothing())
        BashOperator.partial(task_id="bash", output_processor=str.upper).expand(
            bash_command=["echo {{ params.p }}", "echo b"])

        @task
        def total(values):
            return [len(values), list(values), values[-1], values[0:2]]

        total(n_plus := add.expand(x=n))

        @task
        def pulled(ti=None):
            return [ti.xcom_pull("add"), ti.xcom_pull("add", map_indexes=1),
                    ti.xcom_pull("add", map_indexes=[2, 0]), ti.xcom_pull("numbers")]
        pulled()

        @task_group
        def work(x):
            @task
            def first(v):
                return v
            @task.branch
            def choose(v):
                return "work.left"
            left, right = EmptyOperator(task_id="left"), EmptyOperator(task_id="right")
            chosen = choose(x)
            chosen >> [left, right]
            @task
            def second(v, ti):
                return [v, ti.map_index, context_count()]
            out = first(x)
            second(out)
            return out

        def context_count():
            return get_current_context()["expanded_ti_count"]

        total.override(task_id="of_group")(work.expand(x=n))
"""


@pytest.fixture
def instance(holder, write, engine):
    file = write("m.py", FILE)
    engine.xcoms[("numbers", "return_value")] = [1, 2, 3]

    def start(task_id, index=-1, outcome="success", env=None):
        attempt = holder.run(
            file, task_id, map_index=index, engine=engine.path, params={"p": "P"}, env=env
        )
        result = attempt.outcome()
        assert result is not None and result["outcome"] == outcome, attempt.text
        value = next((x["value"] for x in result["xcoms"] if x["key"] == "return_value"), None)
        return value, result

    return start


def test_a_cross_product(instance):
    # The last argument varies fastest; literals are rendered, what comes from tasks is not.
    assert [instance("cross", i)[0] for i in (0, 2, 3, 5)] == [
        ["P", 1, 0, 6],
        ["P", 3, 2, 6],
        ["b", 1, 3, 6],
        ["b", 3, 5, 6],
    ]
    assert instance("cross", 1)[1]["rendered_map_index"] == "P-2"
    assert "beyond" in instance("cross", 6, "failed")[1]["error"]


def test_expand_kwargs_of_a_map(instance):
    assert instance("kwargs", 1)[0] == [2, "P", 1, 3]


def test_a_map_function_that_skips(instance):
    assert instance("mapped", 2)[0][0] == 30
    assert instance("mapped", 1, "skipped")[1]["error"].endswith("even")


def test_zip_concat_and_pairs(instance):
    assert instance("zipped", 1)[0][0]["value"] == [2, "2"]
    assert instance("both", 4)[0][0] == 2
    assert instance("pairs", 1)[0][0]["value"] == ["b", 2]


def test_what_is_mapped_over_must_be_mappable(instance):
    assert "unmappable return type 'str'" in instance("wrong", -1, "failed")[1]["error"]
    assert "did not push" in instance("nothing", -1, "failed")[1]["error"]
    instance("numbers")
    found = instance("numbers", -1, "failed", env={"TRADEWIND__CORE__MAX_MAP_LENGTH": "2"})
    assert "3 > 2" in found[1]["error"]


def test_a_mapped_bash_in_python(instance):
    assert instance("bash", 0)[0] == "P" and instance("bash", 1)[0] == "B"


def test_a_mapped_task_without_index(instance):
    assert "none of its instances" in instance("cross", -1, "fail")[1]["error"]


def test_reduce_and_pulls(instance, engine):
    for i in range(3):
        engine.xcoms[("add", "return_value", i)] = i * 2
    assert instance("total")[0] == [3, [0, 2, 4], 4, [0, 2]]
    assert instance("pulled")[0] == [[0, 2, 4], 2, [4, 0], [1, 2, 3]]


def test_a_mapped_group_runs_by_index(instance, engine):
    for i in range(3):
        engine.xcoms[("work.first", "return_value", i)] = i + 1
    assert instance("work.first", 2)[0] == 3
    assert instance("work.second", 1)[0] == [2, 1, 3]
    assert instance("work.choose", 1)[1]["skip"] == [["work.right", 1]]


def test_all_of_a_mapped_group_from_outside(instance, engine):
    for i in range(3):
        engine.xcoms[("work.first", "return_value", i)] = "x"
    assert instance("of_group")[0] == [3, ["x"] * 3, "x", ["x", "x"]]


def test_unmap_outside_of_a_run():
    class Mine(BaseOperator):
        template_fields = ("a",)

        def __init__(self, *, a, b, **kwargs):
            super().__init__(**kwargs)
            self.a, self.b = a, b

    with DAG("d") as d, TaskGroup("g"):
        source = PythonOperator(task_id="s", python_callable=print)
        made = Mine.partial(task_id="t", a=source.output, retries=2).expand(b=[1, 2])
    one = made.unmap({"b": 1})
    assert (one.a, one.b, one.retries, one.task_id) == (source.output, 1, 2, "g.t")
    assert one.dag is d and len(d.tasks) == 2 and tasks_of(d)["g.t"]["upstream"] == ["g.s"]


def test_a_mapped_function_of_a_yaml_dag(holder, write, engine):
    write("jobs.py", "def show(*args, ti=None, **kwargs):\n    return [list(args), ti.map_index]\n")
    engine.xcoms[("a", "return_value", 0)] = [1]
    engine.xcoms[("a", "return_value", 1)] = [2]
    spec = {
        "operator": "python",
        "python_callable": "jobs.py:show",
        "expand": {"op_args": {"__concat__": {"of": [{"__xcom__": {"task_id": "a"}}] * 2}}},
    }
    file = write("d.yaml", "")
    attempt = holder.run(file, "t", map_index=3, engine=engine.path, spec=spec)
    assert attempt.outcome()["xcoms"][0]["value"] == [[2], 3], attempt.text
