"""All public names of the SDK in one module, as airflow.sdk has them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tradewind import __version__, macros, timezone
from tradewind.baseoperator import BaseOperator
from tradewind.context import Context, get_current_context, get_parsing_context
from tradewind.dags import DAG, dag
from tradewind.decorators import setup, task, teardown
from tradewind.edges import EdgeModifier, Label, chain, chain_linear, cross_downstream
from tradewind.log import mask_secret
from tradewind.operators.bash import BashOperator
from tradewind.operators.empty import EmptyOperator
from tradewind.operators.python import (
    BaseAsyncOperator,
    BaseBranchOperator,
    BranchMixIn,
    BranchPythonOperator,
    PythonOperator,
    ShortCircuitOperator,
    SkipMixin,
)
from tradewind.param import Param, ParamsDict
from tradewind.sensors.base import BaseSensorOperator, PokeReturnValue
from tradewind.sensors.filesystem import FileSensor
from tradewind.sensors.http import HttpSensor
from tradewind.sensors.python import PythonSensor
from tradewind.sensors.time import DateTimeSensor, TimeDeltaSensor, TimeSensor
from tradewind.taskgroup import TaskGroup, task_group
from tradewind.templates import literal
from tradewind.types import DagRunState, TaskInstanceState, TriggerRule, WeightRule
from tradewind.variable import Variable
from tradewind.xcom_arg import XComArg

# For checkers: what is loaded on demand (below).
if TYPE_CHECKING:
    from tradewind import lineage
    from tradewind.assets import (
        Asset,
        AssetAlias,
        AssetAll,
        AssetAny,
        AssetWatcher,
        Metadata,
        asset,
    )
    from tradewind.configuration import conf
    from tradewind.connection import Connection
    from tradewind.deadline import AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback
    from tradewind.hooks import BaseHook
    from tradewind.links import BaseOperatorLink
    from tradewind.notifier import BaseNotifier
    from tradewind.partitions import (
        AllowedKeyMapper,
        ChainMapper,
        IdentityMapper,
        PartitionMapper,
        ProductMapper,
        StartOfDayMapper,
        StartOfHourMapper,
        StartOfMonthMapper,
        StartOfQuarterMapper,
        StartOfWeekMapper,
        StartOfYearMapper,
    )
    from tradewind.runner.instance import TaskInstance
    from tradewind.storage import ObjectStoragePath
    from tradewind.timetables import (
        AssetOrTimeSchedule,
        CronDataIntervalTimetable,
        CronPartitionTimetable,
        CronTriggerTimetable,
        DeltaDataIntervalTimetable,
        DeltaTriggerTimetable,
        EventsTimetable,
        MultipleCronTriggerTimetable,
        PartitionedAssetTimetable,
    )
    from tradewind.weights import PriorityWeightStrategy
    from tradewind.xcom import BaseXCom

# What few files use is loaded when it is asked for: module → names.
_ON_DEMAND = {
    "assets": "Asset AssetAlias AssetAll AssetAny AssetWatcher Metadata asset",
    "configuration": "conf",
    "connection": "Connection",
    "deadline": "AsyncCallback DeadlineAlert DeadlineReference SyncCallback",
    "hooks": "BaseHook",
    "links": "BaseOperatorLink",
    "notifier": "BaseNotifier",
    "partitions": (
        "AllowedKeyMapper ChainMapper IdentityMapper PartitionMapper ProductMapper StartOfDayMapper"
        " StartOfHourMapper StartOfMonthMapper StartOfQuarterMapper StartOfWeekMapper"
        " StartOfYearMapper"
    ),
    "runner.instance": "TaskInstance",
    "storage": "ObjectStoragePath",
    "timetables": (
        "AssetOrTimeSchedule CronDataIntervalTimetable CronPartitionTimetable CronTriggerTimetable"
        " DeltaDataIntervalTimetable DeltaTriggerTimetable EventsTimetable"
        " MultipleCronTriggerTimetable PartitionedAssetTimetable"
    ),
    "weights": "PriorityWeightStrategy",
    "xcom": "BaseXCom",
}
_MODULE_OF = {name: module for module, names in _ON_DEMAND.items() for name in names.split()}


if not TYPE_CHECKING:  # Checkers see the names above, and no others.

    def __getattr__(name: str):
        if name == "lineage":
            return importlib.import_module("tradewind.lineage")
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"tradewind.{_MODULE_OF[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "DAG",
    "AllowedKeyMapper",
    "Asset",
    "AssetAlias",
    "AssetAll",
    "AssetAny",
    "AssetOrTimeSchedule",
    "AssetWatcher",
    "AsyncCallback",
    "BaseAsyncOperator",
    "BaseBranchOperator",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseXCom",
    "BashOperator",
    "BranchMixIn",
    "BranchPythonOperator",
    "ChainMapper",
    "Connection",
    "Context",
    "CronDataIntervalTimetable",
    "CronPartitionTimetable",
    "CronTriggerTimetable",
    "DagRunState",
    "DateTimeSensor",
    "DeadlineAlert",
    "DeadlineReference",
    "DeltaDataIntervalTimetable",
    "DeltaTriggerTimetable",
    "EdgeModifier",
    "EmptyOperator",
    "EventsTimetable",
    "FileSensor",
    "HttpSensor",
    "IdentityMapper",
    "Label",
    "Metadata",
    "MultipleCronTriggerTimetable",
    "ObjectStoragePath",
    "Param",
    "ParamsDict",
    "PartitionMapper",
    "PartitionedAssetTimetable",
    "PokeReturnValue",
    "PriorityWeightStrategy",
    "ProductMapper",
    "PythonOperator",
    "PythonSensor",
    "ShortCircuitOperator",
    "SkipMixin",
    "StartOfDayMapper",
    "StartOfHourMapper",
    "StartOfMonthMapper",
    "StartOfQuarterMapper",
    "StartOfWeekMapper",
    "StartOfYearMapper",
    "SyncCallback",
    "TaskGroup",
    "TaskInstance",
    "TaskInstanceState",
    "TimeDeltaSensor",
    "TimeSensor",
    "TriggerRule",
    "Variable",
    "WeightRule",
    "XComArg",
    "__version__",
    "asset",
    "chain",
    "chain_linear",
    "conf",
    "cross_downstream",
    "dag",
    "get_current_context",
    "get_parsing_context",
    "lineage",
    "literal",
    "macros",
    "mask_secret",
    "setup",
    "task",
    "task_group",
    "teardown",
    "timezone",
]
