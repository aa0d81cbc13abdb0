"""
Values within a document that JSON has no word for, as objects of one member:

    {"__xcom__": {"task_id", "key"?}}              what a task returned
    {"__map__": {"of", "functions"}}  {"__zip__": {"of", "fillvalue"?}}  {"__concat__": {"of"}}
    {"__mapped__": name}                           an argument of the mapped task group
    {"__param__": name}                            a param of the run, as the value that it is
    {"__object__": "file.py:name"}                 what a file or a module has by that name
    {"__asset__": {"type", ...}}                   an asset, or several
    {"__literal__": value}                         a text that is not rendered
    {"__type__": "timedelta", "value": ...}        the types of XComs (docs/internals/python.md)
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING

from tradewind import assets, serde
from tradewind.dags import DagParam
from tradewind.exceptions import AirflowException
from tradewind.mapped import MappedArgument
from tradewind.reference import FunctionReference, find
from tradewind.templates import LiteralValue
from tradewind.types import NOTSET, XCOM_RETURN_KEY
from tradewind.xcom_arg import ConcatXComArg, MapXComArg, XComArg, ZipXComArg

if TYPE_CHECKING:
    from typing import Any

WORDS = frozenset(
    "__xcom__ __map__ __zip__ __concat__ __mapped__ __param__ __object__ __asset__ __literal__".split()
)


class NotSaid(Exception):
    """Something that a document cannot say; the text is the reason, and what to do."""


def encode(value: Any, name_of: Any, what: str) -> Any:
    """
    The value as a document has it. name_of(object) → its name, or NotSaid. `what` begins the
    reasons.
    """
    if value is None or isinstance(value, (bool, int, float, str, enum.Enum)):
        return _scalar(value)
    if isinstance(value, XComArg):
        return _reference(value, name_of, what)
    if isinstance(value, MappedArgument):
        return {"__mapped__": value.key}
    if isinstance(value, DagParam):
        return {"__param__": value.name}
    if isinstance(value, LiteralValue):
        return {"__literal__": encode(value.value, name_of, what)}
    if isinstance(value, assets.BaseAsset):
        return {"__asset__": value.as_expression()}
    if type(value) is list:
        return [encode(item, name_of, what) for item in value]
    if type(value) in (tuple, set, frozenset):
        items = sorted(value, key=repr) if type(value) is not tuple else value
        inner = [encode(item, name_of, what) for item in items]
        return {serde.TYPE: type(value).__name__, "value": inner}
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise NotSaid(f"{what}: keys that are not strings; use strings")
        if len(value) == 1 and next(iter(value)) in (*WORDS, serde.TYPE) or serde.TYPE in value:
            raise NotSaid(f"{what}: a key {next(iter(value))!r}, which has a meaning of its own")
        return {key: encode(item, name_of, what) for key, item in value.items()}
    if callable(value) or not isinstance(value, (dt.date, dt.time, dt.timedelta, bytes)):
        return _object(value, name_of, what)
    return serde.encode(value, what)


def _scalar(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        kind = type(value)
        if isinstance(value, str):
            return str(value.value)
        return {"__object__": f"{kind.__module__}:{kind.__qualname__}.{value.name}"}
    return serde.encode(value)


def _object(value: Any, name_of: Any, what: str) -> Any:
    if isinstance(value, FunctionReference):
        return {"__object__": value.reference}
    try:
        return {"__object__": name_of(value)}
    except NotSaid as error:
        try:
            return serde.encode(value, what)
        except serde.NotStorable:
            raise NotSaid(f"{what}: {error}") from None


def _reference(value: Any, name_of: Any, what: str) -> dict[str, Any]:
    if isinstance(value, MapXComArg):
        names = []
        for function in value.functions:
            try:
                names.append(getattr(function, "reference", None) or name_of(function))
            except NotSaid as error:
                raise NotSaid(f"{what}: map: {error}") from None
        return {"__map__": {"of": _reference(value.args[0], name_of, what), "functions": names}}
    if isinstance(value, ZipXComArg):
        out = {"of": [_reference(arg, name_of, what) for arg in value.args]}
        if value.fillvalue is not NOTSET:
            out["fillvalue"] = encode(value.fillvalue, name_of, what)
        return {"__zip__": out}
    if isinstance(value, ConcatXComArg):
        return {"__concat__": {"of": [_reference(arg, name_of, what) for arg in value.args]}}
    out = {"task_id": value.operator.task_id}
    if value.key != XCOM_RETURN_KEY:
        out["key"] = value.key
    return {"__xcom__": out}


class Reader:
    """Values of a document as objects, for the task of one attempt."""

    def __init__(self, folder: str, xcom: Any, mapped: Any = None) -> None:
        """xcom(task_id, key) makes the reference to an XCom; mapped: the expand input of the group."""
        self.folder, self.xcom, self.mapped = folder, xcom, mapped

    def read(self, value: Any) -> Any:
        """The value. AirflowException if a name in it is not there."""
        if isinstance(value, list):
            return [self.read(item) for item in value]
        if not isinstance(value, dict):
            return value
        if serde.TYPE in value:
            return self._typed(value)
        if len(value) == 1:
            ((word, inner),) = value.items()
            if word in WORDS:
                return getattr(self, "_" + word.strip("_"))(inner)
        return {key: self.read(item) for key, item in value.items()}

    def named(self, reference: str) -> Any:
        """What a name stands for. AirflowException."""
        try:
            return find(reference, self.folder)
        except (ValueError, ImportError, AttributeError, OSError) as error:
            raise AirflowException(f"{reference!r}: {error}") from None

    def _typed(self, value: Any) -> Any:
        if value[serde.TYPE] in ("tuple", "set", "frozenset"):
            kind = {"tuple": tuple, "set": set, "frozenset": frozenset}[value[serde.TYPE]]
            return kind(self.read(item) for item in value.get("value") or ())
        return serde.decode(value)

    def _xcom(self, inner: Any) -> Any:
        return self.xcom(inner["task_id"], inner.get("key", XCOM_RETURN_KEY))

    def _map(self, inner: Any) -> Any:
        functions = [FunctionReference(name, self.folder) for name in inner.get("functions") or ()]
        return MapXComArg(self.read(inner["of"]), functions)

    def _zip(self, inner: Any) -> Any:
        fill = self.read(inner["fillvalue"]) if "fillvalue" in inner else NOTSET
        return ZipXComArg(self.read(inner["of"]), fill)

    def _concat(self, inner: Any) -> Any:
        return ConcatXComArg(self.read(inner["of"]))

    def _mapped(self, inner: Any) -> Any:
        if self.mapped is None:
            raise AirflowException(
                f"__mapped__: {inner!r}: the task is in no task group that is mapped"
            )
        return MappedArgument(self.mapped, inner)

    def _param(self, inner: Any) -> Any:
        return DagParam(inner)

    def _object(self, inner: Any) -> Any:
        return self.named(inner)

    def _asset(self, inner: Any) -> Any:
        return asset(inner)

    def _literal(self, inner: Any) -> Any:
        return LiteralValue(self.read(inner))


def asset(data: Any) -> Any:
    """The asset, alias, reference or combination of these data (`as_expression`). AirflowException."""
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "asset":
        watchers = [
            assets.AssetWatcher(one["name"], _trigger(one["trigger"]))
            for one in data.get("watchers") or ()
            if "trigger" in one  # one with a path alone is the engine's
        ]
        return assets.Asset(
            data.get("name"),
            data.get("uri"),
            group=data.get("group"),
            extra=data.get("extra"),
            watchers=watchers,
        )
    if kind == "asset_alias":
        return assets.AssetAlias(data["name"], data.get("group"))
    if kind == "asset_ref":
        return assets.Asset.ref(name=data.get("name"), uri=data.get("uri"))
    if kind in ("all", "any"):
        combine = assets.AssetAll if kind == "all" else assets.AssetAny
        return combine(*(asset(one) for one in data.get("of") or ()))
    raise AirflowException(
        f"an asset is an object with 'type': asset, asset_alias, asset_ref, all or any; not {kind!r}"
    )


def _trigger(data: Any) -> Any:
    module, _, name = data["classpath"].rpartition(".")
    return find(f"{module}:{name}", "")(**data.get("kwargs") or {})
