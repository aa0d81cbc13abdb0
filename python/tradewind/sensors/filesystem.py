"""FileSensor: the engine's `wait_file`."""

from __future__ import annotations

import datetime as dt
import glob
import os
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowException
from tradewind.sensors.base import BaseSensorOperator

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from tradewind.context import Context


class FileSensor(BaseSensorOperator):
    """
    Waits until a file exists (a pattern: any match). The engine waits itself, without a process.
    """

    template_fields: Collection[str] = ("filepath",)

    def __init__(
        self,
        *,
        filepath: str,
        fs_conn_id: str = "fs_default",
        recursive: bool = False,
        deferrable: bool = False,
        start_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.start_from_trigger, self.trigger_kwargs = start_from_trigger, trigger_kwargs
        self.filepath = filepath
        self.fs_conn_id, self.recursive, self.deferrable = fs_conn_id, recursive, deferrable

    def poke(self, context: Context) -> bool:
        for path in glob.glob(self.filepath, recursive=self.recursive):
            if os.path.isfile(path) or any(files for _, _, files in os.walk(path)):
                return True
        return False

    def execute(self, context: Context) -> Any:
        """In Python only where the engine cannot wait itself (callbacks, a subclass)."""
        if not self.deferrable:
            return super().execute(context)
        if not self.poke(context):
            from tradewind.triggers.file import FileTrigger

            self.defer(
                trigger=FileTrigger(self.filepath, self.recursive, self.poke_interval),
                method_name="execute_complete",
                timeout=dt.timedelta(seconds=self.timeout),
            )
        return None

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """After the trigger."""
        if not event:
            raise AirflowException(f"the wait for {self.filepath} ended without it")
