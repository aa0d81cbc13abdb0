"""
Variables, from the environment: TRADEWIND_VAR_<KEY> or AIRFLOW_VAR_<KEY>, the key in capitals.
"""

from __future__ import annotations

import json
import os

from tradewind.exceptions import AirflowNotFoundException
from tradewind.types import NOTSET


class Variable:
    """Named settings. Reading one while a DAG file is imported makes the file depend on it."""

    @staticmethod
    def get(key, default=NOTSET, deserialize_json=False, default_var=NOTSET):
        """
        The variable's text, or the value of its JSON text. Without it the default; else
        AirflowNotFoundException.
        """
        for prefix in ("TRADEWIND_VAR_", "AIRFLOW_VAR_"):
            text = os.environ.get(prefix + key.upper())
            if text is not None:
                return json.loads(text) if deserialize_json else text
        if default is NOTSET:
            default = default_var
        if default is NOTSET:
            raise AirflowNotFoundException(
                f"variable {key!r} is not defined (TRADEWIND_VAR_{key.upper()} in the environment)"
            )
        return default

    @staticmethod
    def set(key, value, description=None, serialize_json=False):
        """Not supported yet: raises NotImplementedError."""
        raise NotImplementedError("Variable.set: variables come from the environment only, so far")


class VariableAccessor:
    """`var.value.NAME` and `var.json.NAME` of templates."""

    def __init__(self, deserialize_json):
        self._json = deserialize_json

    def __getattr__(self, key):
        if key.startswith("_"):
            raise AttributeError(key)
        return Variable.get(key, deserialize_json=self._json)

    def get(self, key, default=NOTSET, default_var=NOTSET):
        """The variable, else the default; AirflowNotFoundException without one."""
        return Variable.get(
            key, default=default, default_var=default_var, deserialize_json=self._json
        )
