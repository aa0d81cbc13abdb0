"""Params: a run's input values, each with a default and a JSON Schema."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from tradewind.exceptions import ParamValidationError
from tradewind.types import NOTSET

if TYPE_CHECKING:
    from collections.abc import ItemsView, Mapping
    from typing import Any


class Param:
    """
    A param: its default (NOTSET: it must be given), a description, and the members of a JSON Schema
    (`type`, `enum` ...).
    """

    def __init__(
        self,
        default: Any = NOTSET,
        description: str | None = None,
        source: str | None = None,
        **schema: Any,
    ) -> None:
        nested = schema.pop("schema", None)
        self.value = default
        self.description = description
        self.schema = {**nested, **schema} if nested else schema
        self.source = source

    @property
    def has_value(self) -> bool:
        """True if there is a default."""
        return self.value is not NOTSET

    def resolve(self, value: Any = NOTSET, suppress_exception: bool = False) -> Any:
        """
        The value given, else the default; checked where the package jsonschema is installed.
        ParamValidationError.
        """
        final = self.value if value is NOTSET else value
        if final is NOTSET:
            if suppress_exception:
                return None
            raise ParamValidationError("no value was given and the param has no default")
        if self.schema:
            try:
                import jsonschema
            except ImportError:
                return final
            try:
                jsonschema.validate(final, self.schema, format_checker=jsonschema.FormatChecker())
            except jsonschema.ValidationError as error:
                if suppress_exception:
                    return None
                raise ParamValidationError(error.message) from None
        return final

    def dump(self) -> dict[str, Any]:
        """The param as JSON Schema with `default`, the form of the DAG document."""
        out = dict(self.schema)
        if self.description is not None:
            out.setdefault("description", self.description)
        if self.has_value:
            out["default"] = self.value
        return out

    def __repr__(self) -> str:
        return f"Param({self.value!r})"


class ParamsDict(dict):
    """
    Name to value; `get_param` gives the Param itself. Plain values become Params without a schema.
    """

    def __init__(
        self, values: Mapping[str, Any] | None = None, suppress_exception: bool = False
    ) -> None:
        super().__init__()
        self._params: dict[str, Param] = {}
        self.suppress_exception = suppress_exception
        for name, value in (values or {}).items():
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(value, Param):
            known = self._params.get(name)
            if known is not None:
                known = copy.copy(known)
                known.value = value
                value = known
            else:
                value = Param(value)
        self._params[name] = value
        super().__setitem__(name, None if value.value is NOTSET else value.value)

    def get_param(self, name: str) -> Param:
        """The Param of that name; KeyError."""
        return self._params[name]

    def params(self) -> ItemsView[str, Param]:
        """Pairs of name and Param, in the order given."""
        return self._params.items()

    def update(self, *args: Any, **kwargs: Any) -> None:
        for other in (*args, kwargs):
            if isinstance(other, ParamsDict):
                for name, param in other.params():
                    self[name] = param
            else:
                for name, value in dict(other).items():
                    self[name] = value

    def dump(self) -> dict[str, Any]:
        """A plain dict of the values."""
        return dict(self)

    def validate(self) -> dict[str, Any]:
        """Checks all values; a plain dict of them. ParamValidationError."""
        return {name: param.resolve() for name, param in self._params.items()}
