"""BaseOperatorLink: a link of a task's page to somewhere else."""

from __future__ import annotations


class BaseOperatorLink:
    """A subclass gives `name` and defines get_link(operator, *, ti_key)."""

    operators = ()
    name = ""

    @property
    def xcom_key(self):
        """The key of the XCom that holds the link."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator, *, ti_key):
        """The link's address."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_link()")
