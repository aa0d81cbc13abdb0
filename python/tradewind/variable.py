"""
Variables: from the secrets backend of airflow.cfg, the secrets folder, the environment
(TRADEWIND_VAR_<KEY>, AIRFLOW_VAR_<KEY>, the key in capitals), then the store. A running task asks
its engine for folder and store; while a file is imported, the program is asked.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from tradewind import link, log
from tradewind.exceptions import AirflowNotFoundException, AirflowRuntimeError
from tradewind.types import NOTSET

if TYPE_CHECKING:
    from typing import Any


class VariableNotFound(AirflowNotFoundException, AirflowRuntimeError, KeyError):
    """There is no such variable: caught as what Airflow 3 raises, and as Airflow 2's KeyError."""

    def __str__(self) -> str:
        return str(self.args[0])


def text_in_environment(key: str) -> str | None:
    """The variable as the environment has it, or None."""
    for prefix in ("TRADEWIND_VAR_", "AIRFLOW_VAR_"):
        text = os.environ.get(prefix + key.upper())
        if text is not None:
            return text
    return None


def _find(key: str) -> str | None:
    from tradewind.hooks import secrets_backend

    backend = secrets_backend()
    text = backend.get_variable(key=key) if backend is not None else None
    if text is None:
        near = text_in_environment(key)
        answer = link.look_up("var_get", key=key, **({} if near is None else {"folder": True}))
        text = answer.get("value") if answer and answer.get("found") else near
    if text is not None:
        _mask(key, text)
    return text


def _mask(key: str, text: str) -> None:
    """The text where its name says that it is a secret; of JSON what stands under such names."""
    if log.is_sensitive(key):
        log.mask_secret(text)
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(text)
        except ValueError:
            return
        if log.is_sensitive(key):
            log.mask_secret(value)
        else:
            log.mask_named(value)


def _engine(what: str) -> None:
    if not link.has_engine():
        raise RuntimeError(
            f"{what}: variables are changed within a running task, or by `tradewind variables`"
        )


class Variable:
    """Named settings. Reading one while a DAG file is imported makes the file depend on it."""

    def __init__(
        self, key: str | None = None, value: Any = None, description: str | None = None, **_: Any
    ) -> None:
        self.key, self.value, self.description = key, value, description

    @staticmethod
    def get(
        key: str, default: Any = NOTSET, deserialize_json: bool = False, default_var: Any = NOTSET
    ) -> Any:
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
    def set(
        key: str, value: Any, description: str | None = None, serialize_json: bool = False
    ) -> None:
        """Stores a variable: the value as text, or as JSON text. Within a running task only."""
        _engine("Variable.set")
        text = json.dumps(value, indent=2) if serialize_json else str(value)
        link.ask("var_set", key=key, value=text, description=description)

    @staticmethod
    def update(key: str, value: Any, serialize_json: bool = False) -> None:
        """Changes a variable. AirflowNotFoundException if there is none."""
        Variable.get(key)
        Variable.set(key, value, serialize_json=serialize_json)

    @staticmethod
    def setdefault(
        key: str, default: Any, description: str | None = None, deserialize_json: bool = False
    ) -> Any:
        """The variable, stored as the default first if there is none."""
        found = Variable.get(key, default=None, deserialize_json=deserialize_json)
        if found is None:
            Variable.set(key, default, description=description, serialize_json=deserialize_json)
            return default
        return found

    @staticmethod
    def delete(key: str) -> int:
        """Removes a variable. Within a running task only."""
        _engine("Variable.delete")
        answer = link.ask("var_delete", key=key)
        return 1 if not isinstance(answer, dict) or answer.get("found", True) else 0

    @staticmethod
    def keys(prefix: str = "") -> list[str]:
        """The keys of all variables of the store that begin so. Within a running task only."""
        _engine("Variable.keys")
        answer = link.ask("var_list") or {}
        return [key for key in answer.get("keys", ()) if key.startswith(prefix)]


class VariableAccessor:
    """`var.value.NAME` and `var.json.NAME` of templates."""

    def __init__(self, deserialize_json: bool) -> None:
        self._json = deserialize_json

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_"):
            raise AttributeError(key)
        return Variable.get(key, deserialize_json=self._json)

    def get(self, key: str, default: Any = NOTSET, default_var: Any = NOTSET) -> Any:
        """The variable, else the default; AirflowNotFoundException without one."""
        return Variable.get(
            key, default=default, default_var=default_var, deserialize_json=self._json
        )
