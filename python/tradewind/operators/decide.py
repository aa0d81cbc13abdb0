"""Branches that a template decides: no function, and the engine alone does it. This program's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.baseoperator import BaseOperator
from tradewind.operators.python import BranchMixIn, SkipMixin

if TYPE_CHECKING:
    from typing import Any

_NO = ("", "false", "False", "0", "no", "none", "None", "null", "[]", "{}")


class FollowOperator(BaseOperator, BranchMixIn):
    """
    Follows the tasks (or task groups) that `follow` names: an id, several with commas between them,
    or a list; rendered to nothing: none.
    """

    template_fields = ("follow",)

    def __init__(self, *, follow: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.follow = follow

    def execute(self, context: Any) -> Any:
        """What is followed."""
        follow = self.follow
        if isinstance(follow, str):
            for mark in "[]'\"":
                follow = follow.replace(mark, ",")
            follow = [one for one in follow.replace(",", " ").split() if one != "None"]
        return self.do_branch(context, list(follow or ()))


class ConditionOperator(BaseOperator, SkipMixin):
    """
    Goes on if `condition` is rendered to anything but `false`, `0`, `no`, `none`, `null` or
    nothing; else what is downstream is skipped, as by ShortCircuitOperator.
    """

    template_fields = ("condition",)

    def __init__(
        self, *, condition: Any, ignore_downstream_trigger_rules: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.condition = condition
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: Any) -> bool:
        """Whether it goes on."""
        if self.condition not in _NO if isinstance(self.condition, str) else self.condition:
            return True
        if self.ignore_downstream_trigger_rules:
            ids = self.get_flat_relative_ids(upstream=False)
        else:
            ids = self.downstream_task_ids
        self.skip(i for i in sorted(ids) if not self.dag.get_task(i).is_teardown)
        return False
