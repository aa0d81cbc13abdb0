"""
Points in time: pendulum's where pendulum is installed, else the standard library's; always with a
time zone.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

utc = dt.timezone.utc


def pendulum_or_none() -> Any:
    """
    The module pendulum, or None where it is not installed. Imports it on the first call only.
    Version 2 prints points in time with a T; here they print as those of version 3 (Airflow's).
    """
    try:
        import pendulum
    except ImportError:
        return None
    if pendulum.__version__.startswith("2."):
        pendulum.DateTime.__str__ = _text_of_version_3  # type: ignore[assignment, method-assign]
    return pendulum


def _text_of_version_3(moment: dt.datetime) -> str:
    return moment.isoformat(" ")


def from_text(text: str) -> dt.datetime:
    """
    A point in time from RFC 3339 text or a date (UTC unless the text says otherwise). ValueError if
    it is neither.
    """
    text = text.strip()
    if text[-1:] in ("Z", "z"):
        text = text[:-1] + "+00:00"
    point, mark, rest = text.partition(".")
    if mark:
        # Python before 3.11 takes three or six digits of a second's fraction only.
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{point}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"
    value = dt.datetime.fromisoformat(text)
    return value if value.tzinfo is not None else value.replace(tzinfo=utc)


def coerce_datetime(value: Any) -> Any:
    """
    What the API hands to user code: None stays None; a naive time is UTC; pendulum's type where
    there is pendulum.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = from_text(value)
    elif not isinstance(value, dt.datetime) and isinstance(value, dt.date):
        value = dt.datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=utc)
    pendulum = pendulum_or_none()
    if pendulum is None or isinstance(value, pendulum.DateTime):
        return value
    # An offset of zero is UTC, and says so.
    if isinstance(value.tzinfo, dt.timezone) and not value.utcoffset():
        return pendulum.instance(value.replace(tzinfo=None), tz="UTC")
    return pendulum.instance(value, tz=value.tzinfo)


convert_to_utc = coerce_datetime


def datetime(*args: Any, **kwargs: Any) -> dt.datetime:
    """datetime.datetime(...) that is UTC unless `tzinfo` is given."""
    kwargs.setdefault("tzinfo", utc)
    return dt.datetime(*args, **kwargs)


def utcnow() -> dt.datetime:
    """Now, in UTC."""
    return coerce_datetime(dt.datetime.now(utc))


def make_aware(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    """
    A naive time taken to be of `timezone` (UTC unless given). ValueError if it has a zone already.
    """
    if value.tzinfo is not None:
        raise ValueError(f"make_aware expects a naive datetime, got {value.isoformat()}")
    return value.replace(tzinfo=timezone or utc)


def make_naive(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    """A time as the naive local time of `timezone` (UTC unless given)."""
    return value.astimezone(timezone or utc).replace(tzinfo=None)


def is_localized(value: dt.datetime) -> bool:
    """True if the time has a zone."""
    return value.utcoffset() is not None


def is_naive(value: dt.datetime) -> bool:
    """True if the time has no zone."""
    return value.utcoffset() is None


def parse(text: str, timezone: Any = None) -> dt.datetime:
    """A point in time from text; `timezone` is that of text without one (UTC unless given)."""
    pendulum = pendulum_or_none()
    if pendulum is not None:
        return pendulum.parse(text, tz=timezone or "UTC", strict=False)
    value = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return value if value.tzinfo is not None else value.replace(tzinfo=timezone or utc)


def parse_timezone(name: str | int) -> dt.tzinfo:
    """A time zone from its name ("Europe/Berlin") or its offset in seconds."""
    if isinstance(name, int):
        return dt.timezone(dt.timedelta(seconds=name))
    pendulum = pendulum_or_none()
    if pendulum is not None:
        return pendulum.timezone(name)
    import zoneinfo

    return zoneinfo.ZoneInfo(name)
