"""Airflow's import paths: every name of the table is there, and what is not is known with its reason."""

from __future__ import annotations

import importlib
import os
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
