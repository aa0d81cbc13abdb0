"""All public names of the SDK in one module, as airflow.sdk has them."""

from __future__ import annotations

from tradewind import macros, timezone
from tradewind.baseoperator import BaseOperator
from tradewind.context import Context, get_current_context, get_parsing_context
from tradewind.dags import DAG, dag
from tradewind.decorators import setup, task, teardown
from tradewind.edges import EdgeModifier, Label, chain, chain_linear, cross_downstream
from tradewind.log import mask_secret
from tradewind.operators.bash import BashOperator
from tradewind.operators.empty import EmptyOperator
from tradewind.operators.python import (
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

__all__ = [
    "DAG",
    "BaseBranchOperator",
    "BaseOperator",
    "BaseSensorOperator",
    "BashOperator",
    "BranchMixIn",
    "BranchPythonOperator",
    "Context",
    "DagRunState",
    "DateTimeSensor",
    "EdgeModifier",
    "EmptyOperator",
    "FileSensor",
    "HttpSensor",
    "Label",
    "Param",
    "ParamsDict",
    "PokeReturnValue",
    "PythonOperator",
    "PythonSensor",
    "ShortCircuitOperator",
    "SkipMixin",
    "TaskGroup",
    "TaskInstanceState",
    "TimeDeltaSensor",
    "TimeSensor",
    "TriggerRule",
    "Variable",
    "WeightRule",
    "XComArg",
    "chain",
    "chain_linear",
    "cross_downstream",
    "dag",
    "get_current_context",
    "get_parsing_context",
    "literal",
    "macros",
    "mask_secret",
    "setup",
    "task",
    "task_group",
    "teardown",
    "timezone",
]
