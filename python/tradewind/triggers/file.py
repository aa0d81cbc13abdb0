"""Triggers of files."""

from __future__ import annotations

import asyncio
import datetime as dt
import glob
import os
from typing import TYPE_CHECKING

from tradewind.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any


class FileTrigger(BaseTrigger):
    """Fires with True once a file (a pattern: any match) or a folder that holds files is there."""

    def __init__(
        self, filepath: str, recursive: bool = False, poke_interval: float = 5.0, **kwargs: Any
    ) -> None:
        super().__init__()
        self.filepath, self.recursive, self.poke_interval = filepath, recursive, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "tradewind.triggers.file.FileTrigger",
            {
                "filepath": self.filepath,
                "recursive": self.recursive,
                "poke_interval": self.poke_interval,
            },
        )

    def _found(self) -> bool:
        for path in glob.glob(str(self.filepath), recursive=self.recursive):
            if os.path.isfile(path):
                stamp = dt.datetime.fromtimestamp(os.path.getmtime(path), dt.timezone.utc)
                self.log.info("found %s, last modified %s", path, stamp.isoformat())
                return True
            if any(files for _, _, files in os.walk(path)):
                return True
        return False

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while not await asyncio.to_thread(self._found):
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent(True)


class FileDeleteTrigger(BaseEventTrigger):
    """Waits until a file is there, deletes it, and fires with its path."""

    def __init__(self, filepath: str, poke_interval: float = 5.0, **kwargs: Any) -> None:
        super().__init__()
        self.filepath, self.poke_interval = filepath, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "tradewind.triggers.file.FileDeleteTrigger",
            {"filepath": self.filepath, "poke_interval": self.poke_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            if os.path.isfile(self.filepath):
                self.log.info("deleting %s", self.filepath)
                os.unlink(self.filepath)
                yield TriggerEvent({"filepath": str(self.filepath)})
                return
            await asyncio.sleep(self.poke_interval)
