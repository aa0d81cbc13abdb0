"""What a task is mapped over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow._exceptions import NotMapped as NotMapped  # noqa: F401

if TYPE_CHECKING:
    from typing import Any

OperatorExpandArgument = OperatorExpandKwargsArgument = MappedArgument = ExpandInput = Any


class NotFullyPopulated(RuntimeError):
    """The length is not known yet."""

    def __init__(self, missing: set[str]) -> None:
        super().__init__(f"Failed to populate all mapping metadata; missing: {sorted(missing)}")
        self.missing = missing


def is_mappable(value: Any) -> bool:
    """True for what a task can be mapped over."""
    from tradewind.xcom_arg import XComArg

    return isinstance(value, (XComArg, dict, list, tuple))
