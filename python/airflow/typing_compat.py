"""Types that Airflow's code imports for annotations."""

from __future__ import annotations

from logging import Logger as Logger  # noqa: F401
from typing import *  # noqa: F403
from typing import Any

try:
    from typing_extensions import *  # type: ignore  # noqa: F403
except ImportError:
    pass

WeightRuleParam = Any
TaskInstanceStateParam = Any
