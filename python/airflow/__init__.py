"""
Airflow's import paths over the package tradewind: DAG files and providers written for Airflow 2 and
3 import from here. Which path leads where: `_table.py`. How: `_finder.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow import _finder

if TYPE_CHECKING:
    from typing import Any

# The version whose names and semantics these are: providers ask for it.
__version__ = "3.2.2"

_finder.install(__path__)


def __getattr__(name: str) -> Any:
    return _finder.attribute(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_finder.names(__name__)})
