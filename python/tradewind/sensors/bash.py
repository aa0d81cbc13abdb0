"""BashSensor."""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowFailException
from tradewind.sensors.base import BaseSensorOperator

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from tradewind.context import Context


class BashSensor(BaseSensorOperator):
    """
    Waits until a command ends with the exit code 0. retry_exit_code: only that one means "not yet",
    any other fails the task.
    """

    template_fields: Collection[str] = ("bash_command", "env")
    template_ext: Collection[str] = (".sh", ".bash")

    def __init__(
        self,
        *,
        bash_command: str,
        env: Mapping[str, str] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command, self.env = bash_command, env
        self.output_encoding, self.retry_exit_code = output_encoding, retry_exit_code
        self._process: subprocess.Popen[bytes] | None = None

    def poke(self, context: Context) -> bool:
        with tempfile.TemporaryDirectory(prefix="tradewind-") as folder:
            self._process = process = subprocess.Popen(
                ["bash", "-c", self.bash_command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=None if self.env is None else {"PATH": os.environ.get("PATH", ""), **self.env},
            )
            for line in process.stdout or ():
                print(line.decode(self.output_encoding, "backslashreplace").rstrip("\r\n"))
            code = process.wait()
        if code == 0:
            return True
        if self.retry_exit_code is not None and code != self.retry_exit_code:
            raise AirflowFailException(f"the command returned exit code {code}")
        self.log.info("the command returned exit code %d: not yet", code)
        return False

    def on_kill(self) -> None:
        """Passes the end on to the command."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
