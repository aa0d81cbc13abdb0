"""
BaseXCom: the XComs of the running task's run, and how values are stored: by this class, or the subclass
that [core] xcom_backend names. A backend turns a value into what the engine stores, and back, in the
task's process; what runs without Python sees what is stored.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowException
from tradewind.serde import BYTES_MAX, NotStorable, decode, encode, storable
from tradewind.types import NOTSET, XCOM_RETURN_KEY

if TYPE_CHECKING:
    from typing import Any

    from tradewind.runner.instance import TaskInstance


def _ti() -> TaskInstance:
    from tradewind.context import get_current_context

    return get_current_context()["ti"]


class BaseXCom:
    """XComs by key. A subclass is a backend: its serialize_value and deserialize_value are used."""

    XCOM_RETURN_KEY = XCOM_RETURN_KEY

    @classmethod
    def set(
        cls,
        key: str,
        value: Any,
        *,
        dag_id: str | None = None,
        task_id: str | None = None,
        run_id: str | None = None,
        map_index: int = -1,
    ) -> None:
        """Stores an XCom of the running task. ValueError for another task's."""
        ti = _ti()
        if (dag_id or ti.dag_id, task_id or ti.task_id, run_id or ti.run_id) != (
            ti.dag_id,
            ti.task_id,
            ti.run_id,
        ):
            raise ValueError("a task can set only XComs of its own")
        ti.xcom_push(key, value)

    @classmethod
    def get_one(
        cls,
        *,
        key: str = XCOM_RETURN_KEY,
        dag_id: str | None = None,
        task_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
        **_: Any,
    ) -> Any:
        """The value, or None."""
        index = NOTSET if map_index is None else map_index
        return _ti().xcom_pull(
            task_ids=task_id, dag_id=dag_id, key=key, run_id=run_id, map_indexes=index
        )

    @classmethod
    def get_value(cls, *, key: Any = XCOM_RETURN_KEY, ti_key: Any = None, **which: Any) -> Any:
        """The value of the task instance that ti_key is (its dag_id, task_id, run_id, map_index), or None."""
        if ti_key is not None:
            which = {
                name: getattr(ti_key, name) for name in ("dag_id", "task_id", "run_id", "map_index")
            }
        return cls.get_one(key=key, **which)

    @classmethod
    def get_all(
        cls,
        *,
        key: str = XCOM_RETURN_KEY,
        dag_id: str | None = None,
        task_id: str | None = None,
        run_id: str | None = None,
        **_: Any,
    ) -> list[Any]:
        """The values of all instances of a mapped task."""
        return _ti().xcom_list(task_id or _ti().task_id, key, dag_id=dag_id, run_id=run_id)

    @staticmethod
    def serialize_value(value: Any, **_: Any) -> Any:
        """The value as it is stored."""
        return encode(value)

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """The value from what is stored."""
        return decode(getattr(result, "value", result))

    @classmethod
    def purge(cls, xcom: Any, *args: Any) -> None:
        """Deletes what a backend keeps elsewhere. Nothing calls it yet."""


_DEFAULTS = ("", "airflow.sdk.bases.xcom.BaseXCom", "airflow.models.xcom.BaseXCom")


@functools.lru_cache(maxsize=1)
def backend() -> Any:
    """
    The class that stores values. AirflowException says what is wrong with the setting [core]
    xcom_backend.
    """
    from tradewind.configuration import conf

    path = (conf.get("core", "xcom_backend", "") or "").strip()
    if path in _DEFAULTS:
        return BaseXCom
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise AirflowException(
            f"the setting [core] xcom_backend names {path!r}, which cannot be imported: {error}"
        ) from None
    if not inspect.isclass(found) or not issubclass(found, BaseXCom):
        raise AirflowException(
            f"the setting [core] xcom_backend names {path!r}, which is not a subclass of BaseXCom"
        )
    return found


def is_custom() -> bool:
    """True if a backend other than BaseXCom is set. AirflowException as of backend()."""
    return backend() is not BaseXCom


class Stored:
    """What a backend is given of an XCom that it reads."""

    def __init__(self, key: Any, value: Any) -> None:
        self.key, self.value = key, value


def to_stored(value: Any, what: Any, ti: Any, key: Any) -> Any:
    """What the engine stores for a value of the task. NotStorable; `what` names it."""
    cls = backend()
    if cls is BaseXCom:
        return storable(value, what)
    where = {
        "key": key,
        "task_id": ti.task_id,
        "dag_id": ti.dag_id,
        "run_id": ti.run_id,
        "map_index": ti.map_index,
    }
    taken = inspect.signature(cls.serialize_value).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        where = {name: given for name, given in where.items() if name in taken}
    stored = cls.serialize_value(value, **where)
    if isinstance(stored, bytes):
        # Backends that were written for Airflow 2.
        return storable(stored, what)
    try:
        size = len(json.dumps(stored, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError) as error:
        raise NotStorable(
            f"{what}: what the XCom backend {cls.__name__} made of it is no JSON: {error}"
        ) from None
    if size > BYTES_MAX:
        raise NotStorable(
            f"{what} takes {size} bytes after the XCom backend {cls.__name__}; at most {BYTES_MAX}"
        )
    return stored


def from_stored(stored: Any, key: Any) -> Any:
    """The value from what is stored."""
    cls = backend()
    if cls is BaseXCom:
        return decode(stored)
    if stored is None:
        return None
    if isinstance(stored, dict) and stored.get("__type__") == "bytes":
        stored = decode(stored)
    return cls.deserialize_value(Stored(key, stored))


def __getattr__(name: Any) -> Any:
    if name == "XCom":
        return backend()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
