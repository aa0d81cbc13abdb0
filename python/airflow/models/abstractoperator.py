"""Defaults of operators."""

from __future__ import annotations

import datetime as dt

from airflow._exceptions import NotMapped as NotMapped  # noqa: F401
from tradewind.baseoperator import BaseOperator as AbstractOperator  # noqa: F401
from tradewind.types import DEFAULT_POOL, TriggerRule, WeightRule

DEFAULT_OWNER = "airflow"
DEFAULT_POOL_SLOTS = 1
DEFAULT_POOL_NAME = DEFAULT_POOL
DEFAULT_PRIORITY_WEIGHT = 1
DEFAULT_EXECUTOR = None
DEFAULT_QUEUE = "default"
DEFAULT_IGNORE_FIRST_DEPENDS_ON_PAST = False
DEFAULT_WAIT_FOR_PAST_DEPENDS_BEFORE_SKIPPING = False
DEFAULT_RETRIES = 0
DEFAULT_RETRY_DELAY = dt.timedelta(seconds=300)
MAX_RETRY_DELAY = 24 * 60 * 60
DEFAULT_TRIGGER_RULE = TriggerRule.ALL_SUCCESS
DEFAULT_WEIGHT_RULE = WeightRule.DOWNSTREAM
DEFAULT_TASK_EXECUTION_TIMEOUT = None
TaskStateChangeCallback = object
