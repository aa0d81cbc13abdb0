"""Log handlers of Airflow's servers: a task's log here is written by its holder."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class FileTaskHandler(logging.Handler):
    """The base of providers' remote log handlers, which Tradewind does not use."""

    def __init__(self, base_log_folder: str = "", **_: Any) -> None:
        super().__init__()
        self.local_base = base_log_folder
