"""
Tradewind's Python side: the SDK that DAG files use, and the runner of their tasks. Names load on
first use.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # As typing's, whose import would cost more than all of this.
if TYPE_CHECKING:
    from tradewind.sdk import *  # noqa: F403
else:

    def __getattr__(name):
        if not name.startswith("_"):
            import importlib
            import os

            path = os.path.join(__path__[0], name)
            if os.path.exists(path + ".py") or os.path.isdir(path):
                return importlib.import_module(f"tradewind.{name}")
            sdk = importlib.import_module("tradewind.sdk")
            if name in sdk.__all__:
                return getattr(sdk, name)
        raise AttributeError(f"module 'tradewind' has no attribute {name!r}")


def __dir__() -> list[str]:
    from tradewind import sdk

    return sorted([*globals(), *sdk.__all__])
