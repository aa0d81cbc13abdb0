"""FileSensor: the engine's `wait_file`."""

from __future__ import annotations

import glob
import os

from tradewind.sensors.base import BaseSensorOperator


class FileSensor(BaseSensorOperator):
    """
    Waits until a file exists (a pattern: any match). The engine waits itself, without a process.
    """

    template_fields = ("filepath",)

    def __init__(
        self,
        *,
        filepath,
        fs_conn_id="fs_default",
        recursive=False,
        deferrable=False,
        start_from_trigger=False,
        trigger_kwargs=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.start_from_trigger, self.trigger_kwargs = start_from_trigger, trigger_kwargs
        self.filepath = filepath
        self.fs_conn_id, self.recursive, self.deferrable = fs_conn_id, recursive, deferrable

    def poke(self, context):
        for path in glob.glob(self.filepath, recursive=self.recursive):
            if os.path.isfile(path) or any(files for _, _, files in os.walk(path)):
                return True
        return False
