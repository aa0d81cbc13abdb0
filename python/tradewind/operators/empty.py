"""EmptyOperator."""

from __future__ import annotations

from tradewind.baseoperator import BaseOperator


class EmptyOperator(BaseOperator):
    """Does nothing: a point where edges meet. Succeeds in the scheduler, without a process."""

    ui_color = "#e8f7e4"
    inherits_from_empty_operator = True

    def execute(self, context):
        """Nothing."""
