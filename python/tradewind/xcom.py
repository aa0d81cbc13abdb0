"""BaseXCom: the XComs of the running task's run, and how values are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.serde import decode, encode
from tradewind.types import NOTSET, XCOM_RETURN_KEY

if TYPE_CHECKING:
    from typing import Any

    from tradewind.runner.instance import TaskInstance


def _ti() -> TaskInstance:
    from tradewind.context import get_current_context

    return get_current_context()["ti"]


class BaseXCom:
    """
    XComs by key. A subclass as a backend of its own is not supported: values are stored by the
    engine.
    """

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

    get_value = get_one

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


XCom = BaseXCom
