"""What names a task instance."""

from __future__ import annotations

from typing import NamedTuple


class TaskInstanceKey(NamedTuple):
    """DAG, task, run, try, map index."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int = 1
    map_index: int = -1

    @property
    def primary(self) -> tuple[str, str, str, int]:
        """Without the try."""
        return self.dag_id, self.task_id, self.run_id, self.map_index

    @property
    def key(self) -> TaskInstanceKey:
        """Itself."""
        return self

    def with_try_number(self, try_number: int) -> TaskInstanceKey:
        """Of another try."""
        return self._replace(try_number=try_number)

    @property
    def reduced(self) -> TaskInstanceKey:
        """Of the try before."""
        return self._replace(try_number=max(1, self.try_number - 1))
