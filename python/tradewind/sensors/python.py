"""PythonSensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.operators.python import call_with_context
from tradewind.sensors.base import BaseSensorOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import Any

    from tradewind.context import Context


class PythonSensor(BaseSensorOperator):
    """
    Waits until python_callable(*op_args, **op_kwargs) returns something true, or a PokeReturnValue
    that is done.
    """

    template_fields: Collection[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Iterable[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = list(op_args or ()), dict(op_kwargs or {})
        self.templates_dict = templates_dict

    def poke(self, context: Context) -> Any:
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        return call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)
