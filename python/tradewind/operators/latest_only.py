"""LatestOnlyOperator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.operators.python import BaseBranchOperator
from tradewind.types import DagRunType

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from tradewind.context import Context
    from tradewind.runner.instance import DagRun


class LatestOnlyOperator(BaseBranchOperator):
    """
    Lets only the latest scheduled run go on: in a run whose next one is due already, what is
    directly downstream is skipped. Runs by hand go on.
    """

    ui_color = "#e9ffdb"

    def choose_branch(self, context: Context) -> str | Iterable[str]:
        everything = sorted(self.downstream_task_ids)
        run = context["dag_run"]
        if run.run_type in (DagRunType.MANUAL.value, DagRunType.ASSET_TRIGGERED.value):
            self.log.info("the run was not made by a schedule: nothing is skipped")
            return everything
        following = self._next_run(run)
        if following is None or timezone.utcnow() <= following:
            return everything
        self.log.info("the next run is due since %s: what is downstream is skipped", following)
        return []

    def _next_run(self, run: DagRun) -> dt.datetime | None:
        """When the run after this one is due; None if there is none."""
        from tradewind.ticks import next_run_after

        return next_run_after(self.dag.schedule, run)
