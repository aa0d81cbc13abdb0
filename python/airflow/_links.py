"""Links to other DAGs' pages, which providers and DAG files name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowException
from tradewind.links import BaseOperatorLink

if TYPE_CHECKING:
    from typing import Any

    from tradewind.baseoperator import BaseOperator


class DagIsPaused(AirflowException):
    """The DAG to trigger is paused."""

    def __init__(self, dag_id: str) -> None:
        super().__init__(f"Dag {dag_id} is paused")
        self.dag_id = dag_id


class _DagLink(BaseOperatorLink):
    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """There is no page yet: an empty text."""
        return ""


class TriggerDagRunLink(_DagLink):
    """To the run that was triggered."""

    name = "Triggered DAG"


class ExternalDagLink(_DagLink):
    """To the DAG that is waited for."""

    name = "External DAG"
