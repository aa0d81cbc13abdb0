"""The task instance, and names beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.models.taskinstancekey import TaskInstanceKey as TaskInstanceKey  # noqa: F401
from tradewind.context import _current as _CURRENT_CONTEXT  # noqa: F401, N812
from tradewind.context import (  # noqa: F401
    Context as Context,
    set_current_context as set_current_context,
)
from tradewind.runner.instance import TaskInstance as TaskInstance  # noqa: F401

if TYPE_CHECKING:
    from typing import Any, NoReturn

SimpleTaskInstance = TaskInstance


def clear_task_instances(*_: Any, **__: Any) -> NoReturn:
    """RuntimeError: `tradewind tasks clear` does it."""
    raise RuntimeError("task instances are cleared by `tradewind tasks clear`, not from within code")
