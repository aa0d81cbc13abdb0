"""SmoothOperator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.baseoperator import BaseOperator

if TYPE_CHECKING:
    from typing import Any

    from tradewind.context import Context


class SmoothOperator(BaseOperator):
    """Logs the address of a song."""

    ui_color = "#e8f7e4"
    yt_link = "https://www.youtube.com/watch?v=4TYv2PhG89A"

    def execute(self, context: Context) -> Any:
        """Logs it."""
        self.log.info("Enjoy Sade - Smooth Operator: %s", self.yt_link)
