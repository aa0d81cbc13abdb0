"""What branches are made of."""

from __future__ import annotations

from tradewind.operators.python import (  # noqa: F401
    BaseBranchOperator as BaseBranchOperator,
    BranchMixIn as BranchMixIn,
    SkipMixin as SkipMixin,
)
