"""What templates see as `macros`. Names and results are Airflow's."""

from __future__ import annotations

import json as json  # noqa: F401
import time as time  # noqa: F401
import uuid as uuid  # noqa: F401
from datetime import datetime, timedelta
from random import random as random  # noqa: F401
from typing import TYPE_CHECKING

from tradewind import timezone

if TYPE_CHECKING:
    from typing import Any


def __getattr__(name: str) -> Any:
    """`macros.dateutil` and `macros.yaml`, where they are installed."""
    if name in ("dateutil", "yaml"):
        import importlib

        module = importlib.import_module(name)
        if name == "dateutil":
            importlib.import_module("dateutil.parser")
            importlib.import_module("dateutil.relativedelta")
        return module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def ds_add(ds: Any, days: int) -> str:
    """The day (YYYY-MM-DD) that is `days` days after `ds`; a negative number: before."""
    if not days:
        return str(ds)
    return (datetime.strptime(str(ds), "%Y-%m-%d") + timedelta(days=days)).strftime("%Y-%m-%d")


def ds_format(ds: Any, input_format: str, output_format: str) -> str:
    """The text `ds` in `input_format` written in `output_format` (both as strftime)."""
    return datetime.strptime(str(ds), input_format).strftime(output_format)


def ds_format_locale(ds: Any, input_format: str, output_format: str, locale: Any = None) -> str:
    """As ds_format, with Babel's patterns and locale; needs the package babel."""
    try:
        from babel import Locale
        from babel.dates import LC_TIME, format_datetime
    except ImportError as error:
        raise RuntimeError(
            "macros.ds_format_locale needs the Python package babel (python3-babel), which is not"
            " installed"
        ) from error
    day = datetime.strptime(str(ds), input_format)
    return format_datetime(
        day, format=output_format, locale=Locale.parse(locale) if locale else LC_TIME
    )


def datetime_diff_for_humans(dt: Any, since: Any = None) -> str:
    """Words such as "2 hours ago" for the time from `dt` to now, or to `since`; needs pendulum."""
    pendulum = timezone.pendulum_or_none()
    if pendulum is None:
        raise RuntimeError("macros.datetime_diff_for_humans needs the Python package pendulum")
    return pendulum.instance(dt).diff_for_humans(since and pendulum.instance(since))
