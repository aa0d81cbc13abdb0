"""EmptyOperator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.baseoperator import BaseOperator

if TYPE_CHECKING:
    from typing import Any

    from tradewind.context import Context


class EmptyOperator(BaseOperator):
    """Does nothing: a point where edges meet. Succeeds in the scheduler, without a process."""

    ui_color = "#e8f7e4"
    inherits_from_empty_operator = True

    def execute(self, context: Context) -> Any:
        """Nothing."""
