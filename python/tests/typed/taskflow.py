"""A DAG file as they are written for Airflow 3: type checkers have nothing to say."""

from __future__ import annotations

import datetime
from typing import Any

import pendulum
from airflow.sdk import (  # noqa: F401
    DAG,
    Asset,
    AssetAlias,
    AsyncCallback,
    BaseHook,
    BaseNotifier,
    BaseOperator,
    BaseSensorOperator,
    Connection,
    Context,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    Label,
    Metadata,
    ObjectStoragePath,
    Param,
    PokeReturnValue,
    TaskGroup,
    TriggerRule,
    Variable,
    XComArg,
    asset,
    chain,
    cross_downstream,
    dag,
    get_current_context,
    setup,
    task,
    task_group,
    teardown,
)
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator, PythonVirtualenvOperator  # noqa: F401
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.sensors.filesystem import FileSensor  # noqa: F401
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent


@task
def number() -> int:
    return 1


@task
def add(x: int, y: int = 2) -> int:
    return x + y


@task(retries=3, task_id="named")
def text(x: int, *, ti=None, **context) -> str:
    return f"{x} {context['ds']}"


@task.bash
def command(x: str) -> str:
    return f"echo {x}"


@task.bash(retries=2)
def command2() -> str:
    return "echo"


@task.branch
def choose() -> str:
    return "a"


@task.short_circuit(ignore_downstream_trigger_rules=False)
def go() -> bool:
    return True


@task.sensor(poke_interval=3, mode="reschedule")
def ready() -> PokeReturnValue:
    return PokeReturnValue(is_done=True, xcom_value=3)


@task.virtualenv(requirements=["x"])
def venv(x: int):
    return x


@task(multiple_outputs=True)
def many() -> dict[str, Any]:
    return {"a": 1, "b": 2}


@task.run_if(lambda context: context["ds"] > "2")
@task
def cond(): ...


@setup
def create():
    ...


@setup
@task
def create2() -> str:
    return "c"


@teardown(on_failure_fail_dagrun=True)
def drop(c: str):
    ...


@task_group
def group(x: int):
    return add(x)


@task_group(group_id="g2", tooltip="x")
def group2():
    add(1) >> add(2)


class MySensor(BaseSensorOperator):
    def poke(self, context: Context) -> bool | PokeReturnValue:
        return True


class MyOp(BaseOperator):
    def execute(self, context: Context):
        self.defer(trigger=TimeDeltaTrigger(datetime.timedelta(seconds=1)), method_name="done")

    def done(self, context: Context, event: dict[str, Any] | None = None) -> None:
        ...


class MyTrigger(BaseTrigger):
    def __init__(self, x: int):
        super().__init__()
        self.x = x

    def serialize(self):
        return ("a.MyTrigger", {"x": self.x})

    async def run(self):
        yield TriggerEvent({"a": 1})


class Tell(BaseNotifier):
    def notify(self, context: Context):
        print(context["task_instance"].task_id)


class MyHook(BaseHook):
    conn_name_attr = "x_conn_id"

    def get_conn(self):
        c = self.get_connection("x")
        return c.host, c.port, c.extra_dejson.get("a")


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    tags=["x"],
    params={"n": Param(1, type="integer", minimum=0)},
    default_args={"retries": 1},
    on_failure_callback=Tell(),
)
def flow(n: int = 1):
    """Doc."""
    a = number()
    b = add(a, 3)
    c = add(x=b, y=a)
    t = text(c)
    t2 = text.override(task_id="other", retries=1)(c)
    m = add.partial(y=1).expand(x=[1, 2, 3])
    m2 = add.expand(x=m, y=[1])
    m3 = add.expand_kwargs([{"x": 1}])
    command(t) >> command2() >> [choose(), go()] >> ready()
    d = many()
    add(d["a"], d["b"])
    cond() >> venv(3)
    c1 = create()
    with drop("x").as_teardown(setups=c1):
        add(1, 2)
    s = create2()
    s >> add(1) >> drop(s)
    g = group(a)
    g >> t2
    gg = group2()
    gg >> t2
    group.expand(x=[1, 2])
    group.partial().expand(x=m)
    op = BashOperator(task_id="op", bash_command=command("x"))
    MySensor(task_id="s", poke_interval=datetime.timedelta(seconds=3)) >> op
    PythonOperator.partial(task_id="pp", python_callable=print).expand(op_args=[[1], [2]])
    chain(op, [t, t2], gg)
    cross_downstream([op, t], [t2])
    MyOp(task_id="m")
    ApprovalOperator(task_id="ok", subject="x")
    m.map(lambda x: x + 1).zip(m2, fillvalue=None)
    m.concat(m2)
    with TaskGroup(group_id="gx") as gx:
        EmptyOperator(task_id="e", trigger_rule=TriggerRule.ALL_DONE, outlets=[Asset("s3://a/b")])
    gx >> Label("x") >> op
    ctx = get_current_context()
    print(ctx["ti"].xcom_pull(task_ids="a"), ctx["params"]["n"], ctx["logical_date"].isoformat())
    print(ctx["dag_run"].conf.get("x"), ctx["dag"].dag_id, ctx["run_id"])


flow()
flow(n=3).test()

a1 = Asset("x", uri="s3://a/b", extra={"a": 1})
with DAG(
    "by_asset",
    schedule=a1 | AssetAlias("y"),
    start_date=datetime.datetime(2024, 1, 1),
    dagrun_timeout=datetime.timedelta(1),
):

    @task(outlets=[a1], inlets=[a1])
    def produce(*, outlet_events, inlet_events):
        outlet_events[a1].extra = {"n": 1}
        yield Metadata(a1, {"x": 1})

with DAG("two", schedule=[a1, Asset("z")]), TaskGroup("q"):
    EmptyOperator(task_id="x")
with DAG(dag_id="three", schedule=CronTriggerTimetable("@daily", timezone="UTC")) as three:
    pass
with DAG(
    dag_id="four",
    schedule=datetime.timedelta(days=1),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=datetime.timedelta(1),
        callback=AsyncCallback("a.b"),
    ),
) as four:
    pass


@asset(schedule="@daily")
def made(self, context, x: Asset):
    return 1


p = ObjectStoragePath("file:///tmp/x") / "a"
print(p.read_text(), p.exists())
if not Variable.get("x", default="1").startswith("1"):
    raise AirflowFailException("x")
