"""PythonSensor."""

from __future__ import annotations

from tradewind.operators.python import call_with_context
from tradewind.sensors.base import BaseSensorOperator


class PythonSensor(BaseSensorOperator):
    """
    Waits until python_callable(*op_args, **op_kwargs) returns something true, or a PokeReturnValue
    that is done.
    """

    template_fields = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self, *, python_callable, op_args=None, op_kwargs=None, templates_dict=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = list(op_args or ()), dict(op_kwargs or {})
        self.templates_dict = templates_dict

    def poke(self, context):
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        return call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)
