"""BaseOperatorLink: a link of a task's page to somewhere else."""

from __future__ import annotations

import sys
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


def links_of(operator: Any) -> Any:
    """The links of an operator: its own, and those that plugins have for it or for all."""
    plugins = sys.modules.get("tradewind.plugins")
    found = list(operator.operator_extra_links or ())
    for plugin in plugins.loaded() if plugins is not None else ():
        found.extend(plugin.global_operator_extra_links)
        found.extend(
            link
            for link in plugin.operator_extra_links
            if any(isinstance(operator, cls) for cls in link.operators)
        )
    return found


def addresses(operator: Any, ti: Any) -> Any:
    """XCom key → the link's address. A link that fails is told in the log, and left out."""
    out = {}
    for link in links_of(operator):
        try:
            address = link.get_link(operator, ti_key=ti)
            if address:
                out[link.xcom_key] = str(address)
        except Exception as error:
            name = getattr(link, "name", "") or type(link).__name__
            sys.stderr.write(
                f"tradewind: the operator link {name!r} fails: {type(error).__name__}: {error}\n"
            )
    return out
