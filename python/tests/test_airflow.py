"""Airflow's import paths: every name of the table is there, and what is not is known with its reason."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[1]

SDK = """
__version__ AllowedKeyMapper Asset AssetAlias AssetAll AssetAny AssetOrTimeSchedule AssetWatcher AsyncCallback
BaseAsyncOperator BaseBranchOperator BaseHook BaseNotifier BaseOperator BaseOperatorLink BaseSensorOperator BaseXCom
BranchMixIn ChainMapper Connection Context CronDataIntervalTimetable CronTriggerTimetable CronPartitionTimetable DAG
DagRunState DeadlineAlert DeadlineReference DeltaDataIntervalTimetable DeltaTriggerTimetable EdgeModifier
EventsTimetable IdentityMapper Label Metadata MultipleCronTriggerTimetable ObjectStoragePath Param ParamsDict
PartitionedAssetTimetable PartitionMapper PokeReturnValue ProductMapper SkipMixin SyncCallback StartOfDayMapper
StartOfHourMapper StartOfMonthMapper StartOfQuarterMapper StartOfWeekMapper StartOfYearMapper TaskGroup TaskInstance
TaskInstanceState TriggerRule Variable WeightRule XComArg asset chain chain_linear conf cross_downstream dag
get_current_context get_parsing_context literal lineage macros setup task task_group teardown
""".split()


def run(code, *, path=(), env=None):
    """Runs code in an interpreter of its own."""
    folders = os.pathsep.join([*map(str, path), str(PYTHON)])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": folders, **(env or {})},
    )


def test_unknown_names_and_modules_are_errors():
    with pytest.raises(ImportError):
        importlib.import_module("airflow.no_such_module")
    with pytest.raises(ImportError):
        exec("from airflow.models import NoSuchName")


def test_refused_modules_give_the_reason():
    with pytest.raises(ImportError, match="TaskGroup"):
        importlib.import_module("airflow.operators.subdag")


def test_aliases_are_the_same_objects():
    from airflow.models import DAG as OLD
    from airflow.operators.bash import BashOperator as OLD_BASH
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG

    import tradewind.sdk

    assert OLD is DAG is tradewind.sdk.DAG
    assert OLD_BASH is BashOperator is tradewind.sdk.BashOperator


def test_airflow_itself_is_refused_with_a_remedy(folder):
    (folder / "airflow").mkdir()
    (folder / "airflow" / "__init__.py").write_text('__version__ = "3.2.0"\n')
    done = run("import airflow", env={"PYTHONPATH": f"{PYTHON}{os.pathsep}{folder}"})
    assert done.returncode != 0
    assert "Uninstall apache-airflow" in done.stderr and str(folder) in done.stderr


def test_providers_of_any_folder_merge_in(folder):
    for name in ("one", "two"):
        package = folder / name / "airflow" / "providers" / "common" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"NAME = {name!r}\n")
    done = run(
        """
        from airflow.providers.common.one import NAME as one
        from airflow.providers.common.two import NAME as two
        from airflow.providers.standard.operators.empty import EmptyOperator
        print(one, two, EmptyOperator.__module__)
        """,
        path=[folder / "one", folder / "two"],
    )
    assert done.stdout.split() == ["one", "two", "tradewind.operators.empty"], done.stderr


def test_standard_provider_is_ours_and_what_it_lacks_is_the_installed_ones(folder):
    package = folder / "airflow" / "providers" / "standard"
    (package / "operators").mkdir(parents=True)
    (package / "operators" / "empty.py").write_text("raise RuntimeError\n")
    (package / "operators" / "rare.py").write_text("WHO = 'installed'\n")
    done = run(
        """
        from airflow.providers.standard.operators.empty import EmptyOperator
        from airflow.providers.standard.operators.rare import WHO
        print(EmptyOperator.__module__, WHO)
        """,
        path=[folder],
    )
    assert done.stdout.split() == ["tradewind.operators.empty", "installed"], done.stderr


def test_another_copy_of_this_package_is_no_foreign_airflow(folder):
    shutil.copytree(PYTHON / "airflow", folder / "airflow")
    code = "import airflow; from airflow.sdk import DAG; print(airflow.__file__, DAG.__module__)"
    done = run(code, path=[folder])
    assert done.stdout.split() == [str(folder / "airflow" / "__init__.py"), "tradewind.dags"], done.stderr


# Names of the table that are not there, each with the reason: what waits for another part or for a
# provider that is to be installed. At most ten entries.
MISSING = {
    "airflow.providers.common.sql": "GenericTransfer, DbApiHook and the SQL operators are that provider's",
    "airflow.providers.smtp": "EmailOperator is that provider's",
    "airflow.providers.standard.hooks": "these hooks are the genuine provider's",
}


def missing_names():
    """Every name of the table that cannot be had → the text of the error."""
    from airflow import _finder

    found = {}
    for module, entry in sorted(_finder.ENTRIES.items()):
        if entry.refused:
            continue
        made = importlib.import_module(module)
        for name in entry.names:
            try:
                getattr(made, name)
            except ImportError as error:
                found[f"{module}.{name}"] = str(error)
        for target in entry.whole:
            try:
                importlib.import_module(target)
            except ImportError as error:
                found[f"{module}.*"] = str(error)
    return found


def test_every_name_of_the_table_is_there_or_known_to_be_missing():
    from airflow import _finder

    assert len(MISSING) <= 10
    for name, error in missing_names().items():
        targets = {error}
        for module, entry in _finder.ENTRIES.items():
            if name.startswith(module + "."):
                wanted = entry.names.get(name[len(module) + 1 :])
                targets.update(wanted[0] if wanted else entry.whole)
        assert any(known in text for known in MISSING for text in targets), f"{name}: {error}"


def test_an_exception_is_one_class_wherever_it_is_imported_from():
    from airflow import _finder

    found = {}
    for module, entry in _finder.ENTRIES.items():
        if entry.refused:
            continue
        try:
            names = _finder.names(module)
        except ImportError:
            continue  # Of a provider.
        for name in names:
            try:
                value = getattr(importlib.import_module(module), name)
            except ImportError:
                continue
            if isinstance(value, type) and issubclass(value, BaseException):
                found.setdefault(value.__name__, {}).setdefault(value, module)
    assert len(found) > 50
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_the_public_names_of_airflow_sdk():
    import airflow.sdk

    for name in SDK:
        assert getattr(airflow.sdk, name) is not None, name


def test_every_file_of_the_package_can_be_imported():
    for path in (PYTHON / "airflow").rglob("*.py"):
        name = ".".join(path.relative_to(PYTHON).with_suffix("").parts)
        importlib.import_module(name.replace(".__init__", ""))


# What Airflow's example DAGs import (Airflow 3.2 and its standard provider); airflow.sdk is above.
EXAMPLES = """
airflow: DAG
airflow.configuration: conf
airflow.listeners: hookimpl
airflow.models: TaskInstance
airflow.models.dagrun: DagRun
airflow.models.taskinstance: TaskInstance
airflow.plugins_manager: AirflowPlugin
airflow.providers.common.compat.sdk: Context TriggerRule timezone
airflow.providers.standard.operators.bash: BashOperator
airflow.providers.standard.operators.datetime: BranchDateTimeOperator
airflow.providers.standard.operators.empty: EmptyOperator
airflow.providers.standard.operators.latest_only: LatestOnlyOperator
airflow.providers.standard.operators.hitl: ApprovalOperator HITLBranchOperator HITLEntryOperator HITLOperator
airflow.providers.standard.operators.python: BranchExternalPythonOperator BranchPythonOperator
airflow.providers.standard.operators.python: BranchPythonVirtualenvOperator ExternalPythonOperator PythonOperator
airflow.providers.standard.operators.python: PythonVirtualenvOperator ShortCircuitOperator
airflow.providers.standard.operators.trigger_dagrun: TriggerDagRunOperator
airflow.providers.standard.sensors.external_task: ExternalTaskMarker ExternalTaskSensor
airflow.providers.standard.operators.weekday: BranchDayOfWeekOperator
airflow.providers.standard.sensors.bash: BashSensor
airflow.providers.standard.sensors.filesystem: FileSensor
airflow.providers.standard.sensors.python: PythonSensor
airflow.providers.standard.sensors.time: TimeSensor
airflow.providers.standard.sensors.time_delta: TimeDeltaSensor
airflow.providers.standard.sensors.weekday: DayOfWeekSensor
airflow.providers.standard.triggers.file: FileDeleteTrigger
airflow.providers.standard.utils.weekday: WeekDay
airflow.sdk.bases.notifier: BaseNotifier
airflow.sdk.exceptions: AirflowSkipException
airflow.sdk.execution_time.task_runner: RuntimeTaskInstance
airflow.task.priority_strategy: PriorityWeightStrategy
airflow.timetables.base: DagRunInfo DataInterval TimeRestriction Timetable
airflow.utils.state: TaskInstanceState
"""


def test_imports_of_airflows_examples():
    for line in EXAMPLES.split("\n"):
        module, _, names = line.partition(":")
        for name in names.split():
            assert hasattr(importlib.import_module(module), name), f"{module}.{name}"


AIRFLOW_2 = """
from datetime import timedelta

from airflow.decorators import dag, task
from airflow.models import DAG, BaseOperator, Variable, XCom
from airflow.models.baseoperator import chain
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy import DummyOperator
from airflow.operators.python_operator import PythonOperator
from airflow.utils.dates import days_ago
from airflow.utils.decorators import apply_defaults
from airflow.utils.task_group import TaskGroup
from airflow.utils.trigger_rule import TriggerRule


class Mine(BaseOperator):
    @apply_defaults
    def __init__(self, *, what, **kwargs):
        super().__init__(**kwargs)
        self.what = what

    def execute(self, context):
        return self.what


with DAG("old", schedule_interval="@daily", start_date=days_ago(2), concurrency=3, default_view="graph",
         default_args={"owner": "me", "retries": 1, "retry_delay": timedelta(minutes=1)}) as dag:
    start = DummyOperator(task_id="start")
    with TaskGroup("group"):
        a = BashOperator(task_id="a", bash_command="echo {{ ds }}")
        b = PythonOperator(task_id="b", python_callable=print, provide_context=True, task_concurrency=1)
    end = Mine(task_id="end", what="x", trigger_rule=TriggerRule.ALL_DONE)
    chain(start, [a, b], end)
"""


def test_a_dag_file_of_airflow_2(write):
    from tradewind.importer import Target, _load, find_dags

    path = write("old.py", AIRFLOW_2)
    with pytest.warns(DeprecationWarning, match="schedule_interval"):
        (dag,) = find_dags(_load(Target.of(str(path))))
    assert dag.schedule == "@daily" and dag.max_active_tasks == 3
    assert dag.get_task("group.b").max_active_tis_per_dag == 1
    assert dag.get_task("end").upstream_task_ids == {"group.a", "group.b"}


def test_decorators_of_providers_are_built_from_ours(write):
    from airflow.decorators.base import DecoratedOperator, task_decorator_factory
    from airflow.sdk import DAG, BaseOperator

    class Plain(BaseOperator):
        def __init__(self, *, text="", **kwargs):
            super().__init__(**kwargs)
            self.text = text

        def execute(self, context):
            return self.text

    class Decorated(DecoratedOperator, Plain):
        custom_operator_name = "@task.plain"

        def execute(self, context):
            self.text = self.python_callable(*self.op_args, **self.op_kwargs)
            return super().execute(context)

    def plain_task(python_callable=None, multiple_outputs=None, **kwargs):
        return task_decorator_factory(
            python_callable, multiple_outputs=multiple_outputs, decorated_operator_class=Decorated, **kwargs
        )

    with DAG("d"):

        @plain_task(text="before", retries=2)
        def work(word):
            return word + "!"

        result = work("hello")
    operator = result.operator
    assert (operator.task_id, operator.retries, operator.text) == ("work", 2, "before")
    assert operator.execute({}) == "hello!"


def test_settings(monkeypatch, folder):
    from airflow.configuration import conf
    from airflow.exceptions import AirflowConfigException

    monkeypatch.setenv("AIRFLOW__MINE__A", "3")
    monkeypatch.setenv("TRADEWIND__MINE__A", "4")
    monkeypatch.setenv("AIRFLOW__MINE__B_CMD", "echo from a command")
    (folder / "airflow.cfg").write_text("[mine]\nc = 100%\n")
    monkeypatch.setenv("AIRFLOW_HOME", str(folder))
    monkeypatch.setattr(conf, "_parsed", None)
    assert conf.getint("mine", "a") == 4
    assert conf.get("mine", "b") == "from a command"
    assert conf.get("mine", "c") == "100%"
    assert conf.getboolean("mine", "d", fallback=True) is True
    with pytest.raises(AirflowConfigException):
        conf.get("mine", "d")
    with pytest.raises(AirflowConfigException):
        conf.getboolean("mine", "c")
    monkeypatch.setenv("TRADEWIND_HOME", str(folder / "tradewind"))
    monkeypatch.delenv("TRADEWIND_DAGS", raising=False)
    assert conf.get("core", "dags_folder") == str(folder / "tradewind" / "dags")
    monkeypatch.setenv("TRADEWIND_DAGS", str(folder / "here"))
    assert conf.get("core", "dags_folder") == str(folder / "here")
    (folder / "plugins").mkdir()
    assert conf.get("core", "plugins_folder") == str(folder / "plugins")
    (folder / "tradewind" / "plugins").mkdir(parents=True)
    assert conf.get("core", "plugins_folder") == str(folder / "tradewind" / "plugins")


def test_helpers():
    from airflow.utils.email import get_email_address_list
    from airflow.utils.helpers import chunks, exactly_one, merge_dicts, prune_dict
    from airflow.utils.log.secrets_masker import redact
    from airflow.utils.module_loading import import_string, qualname
    from airflow.utils.process_utils import patch_environ

    assert list(chunks([1, 2, 3], 2)) == [[1, 2], [3]]
    assert exactly_one(None, "a") and not exactly_one("a", "b")
    assert merge_dicts({"a": {"b": 1}}, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert prune_dict({"a": None, "b": [None, 1], "c": {"d": None}}) == {"b": [1], "c": {}}
    assert import_string("airflow.sdk.DAG").__name__ == "DAG"
    assert qualname(test_helpers).endswith("test_helpers")
    assert get_email_address_list("a@x, b@y;c@z") == ["a@x", "b@y", "c@z"]
    assert redact({"password": "x", "host": "h"}) == {"password": "***", "host": "h"}
    with patch_environ({"SOME_NAME": "1"}):
        assert os.environ["SOME_NAME"] == "1"
    assert "SOME_NAME" not in os.environ


def test_database_sessions_are_refused():
    from airflow.utils.session import create_session

    with pytest.raises(RuntimeError, match="Variable, Connection"):
        create_session()
