"""BaseOperatorLink: a link of a task's page to somewhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from tradewind.baseoperator import BaseOperator


class BaseOperatorLink:
    """A subclass gives `name` and defines get_link(operator, *, ti_key)."""

    operators = ()
    name = ""

    @property
    def xcom_key(self) -> str:
        """The key of the XCom that holds the link."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The link's address."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_link()")
