"""
Variables: from the secrets backend of airflow.cfg, the secrets folder, the environment
(TRADEWIND_VAR_<KEY>, AIRFLOW_VAR_<KEY>, the key in capitals), then the store. A running task asks
its engine for folder and store; while a file is imported, the program is asked.
"""

from __future__ import annotations

import json
import os

from tradewind import link, log
from tradewind.exceptions import AirflowNotFoundException, AirflowRuntimeError
from tradewind.types import NOTSET


class VariableNotFound(AirflowNotFoundException, AirflowRuntimeError, KeyError):
    """There is no such variable: caught as what Airflow 3 raises, and as Airflow 2's KeyError."""

    def __str__(self):
        return str(self.args[0])


def text_in_environment(key):
    """The variable as the environment has it, or None."""
    for prefix in ("TRADEWIND_VAR_", "AIRFLOW_VAR_"):
        text = os.environ.get(prefix + key.upper())
        if text is not None:
            return text
    return None


def _find(key):
    from tradewind.hooks import secrets_backend

    backend = secrets_backend()
    text = backend.get_variable(key=key) if backend is not None else None
    if text is None:
        near = text_in_environment(key)
        answer = link.look_up("var_get", key=key, **({} if near is None else {"folder": True}))
        text = answer.get("value") if answer and answer.get("found") else near
    if text is not None and log.is_sensitive(key):
        log.mask_secret(text)
    return text


def _engine(what):
    if not link.has_engine():
        raise RuntimeError(
            f"{what}: variables are changed within a running task, or by `tradewind variables`"
        )


class Variable:
    """Named settings. Reading one while a DAG file is imported makes the file depend on it."""

    def __init__(self, key=None, value=None, description=None, **_):
        self.key, self.value, self.description = key, value, description

    @staticmethod
    def get(key, default=NOTSET, deserialize_json=False, default_var=NOTSET):
        """
        The variable's text, or the value of its JSON text. Without it the default; else
        VariableNotFound. The second argument by position is the default, as in Airflow 2 and 3.
        """
        text = _find(key)
        if text is not None:
            return json.loads(text) if deserialize_json else text
        if default is NOTSET:
            default = default_var
        if default is NOTSET:
            raise VariableNotFound(
                f"variable {key!r} is not defined (`tradewind variables set`, or"
                f" TRADEWIND_VAR_{key.upper()} in the environment)"
            )
        return default

    @staticmethod
    def set(key, value, description=None, serialize_json=False):
        """Stores a variable: the value as text, or as JSON text. Within a running task only."""
        _engine("Variable.set")
        text = json.dumps(value, indent=2) if serialize_json else str(value)
        link.ask("var_set", key=key, value=text, description=description)

    @staticmethod
    def update(key, value, serialize_json=False):
        """Changes a variable. AirflowNotFoundException if there is none."""
        Variable.get(key)
        Variable.set(key, value, serialize_json=serialize_json)

    @staticmethod
    def setdefault(key, default, description=None, deserialize_json=False):
        """The variable, stored as the default first if there is none."""
        found = Variable.get(key, default=None, deserialize_json=deserialize_json)
        if found is None:
            Variable.set(key, default, description=description, serialize_json=deserialize_json)
            return default
        return found

    @staticmethod
    def delete(key):
        """Removes a variable. Within a running task only."""
        _engine("Variable.delete")
        answer = link.ask("var_delete", key=key)
        return 1 if not isinstance(answer, dict) or answer.get("found", True) else 0

    @staticmethod
    def keys(prefix=""):
        """The keys of all variables of the store that begin so. Within a running task only."""
        _engine("Variable.keys")
        answer = link.ask("var_list") or {}
        return [key for key in answer.get("keys", ()) if key.startswith(prefix)]


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
