"""Markers and words."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from tradewind.types import (  # noqa: F401
    NOTSET as NOTSET,
    ArgNotSet as ArgNotSet,
    DagRunType as DagRunType,
)

if TYPE_CHECKING:
    from typing import Any


class DagRunTriggeredByType(str, enum.Enum):
    """Who made a run."""

    CLI = "cli"
    OPERATOR = "operator"
    REST_API = "rest_api"
    UI = "ui"
    TEST = "test"
    TIMETABLE = "timetable"
    ASSET = "asset"
    BACKFILL = "backfill"


class SetDuringExecution(ArgNotSet):
    """The type of SET_DURING_EXECUTION."""


SET_DURING_EXECUTION = SetDuringExecution()


def is_arg_set(arg: Any) -> bool:
    """True unless it is NOTSET."""
    return not isinstance(arg, ArgNotSet)
