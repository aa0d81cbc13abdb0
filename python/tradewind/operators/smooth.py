"""SmoothOperator."""

from __future__ import annotations

from tradewind.baseoperator import BaseOperator


class SmoothOperator(BaseOperator):
    """Logs the address of a song."""

    ui_color = "#e8f7e4"
    yt_link = "https://www.youtube.com/watch?v=4TYv2PhG89A"

    def execute(self, context):
        """Logs it."""
        self.log.info("Enjoy Sade - Smooth Operator: %s", self.yt_link)
