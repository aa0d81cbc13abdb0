"""The task of the DAG that @asset makes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from tradewind.assets import Asset
from tradewind.operators.python import PythonOperator

if TYPE_CHECKING:
    from typing import Any


def wanted_assets(function: Any) -> list[Any]:
    """The names of the assets that the function of an @asset uses: its arguments."""
    return [
        name
        for name, p in inspect.signature(function).parameters.items()
        if name not in ("self", "context") and p.default is p.empty
    ]


class AssetMainOperator(PythonOperator):
    """Calls the function of an @asset with the assets that its arguments name; `self` is `definition`."""

    custom_operator_name = "@asset"

    def __init__(self, *, definition: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.definition = definition

    def execute(self, context: Any) -> Any:
        from tradewind.runner.events import asset_known

        parameters = inspect.signature(self.python_callable).parameters
        kwargs = {
            name: asset_known(context["ti"], Asset.ref(name=name)) or Asset(name=name)
            for name in wanted_assets(self.python_callable)
        }
        if "self" in parameters:
            kwargs["self"] = self.definition
        if "context" in parameters:
            kwargs["context"] = context
        return self.call(context, kwargs)
