"""BashOperator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tradewind.baseoperator import BaseOperator
from tradewind.exceptions import AirflowException, AirflowSkipException
from tradewind.log import shell_words
from tradewind.types import NOTSET, ArgNotSet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from tradewind.context import Context


class BashOperator(BaseOperator):
    """
    Runs a command with bash. The last line of its output is the XCom. An exit code in
    skip_on_exit_code (99) means `skipped`; any other but 0 `failed`. `env` replaces the environment
    unless append_env. Tasks that use nothing of Python (no output_processor, callback, macro of the
    user's) are run by the engine itself, without Python.
    """

    template_fields: Collection[str] = ("bash_command", "env", "cwd")
    template_fields_renderers = {"bash_command": "bash", "env": "json"}
    template_ext: Collection[str] = (".sh", ".bash")
    ui_color = "#f0ede4"
    runs_in_python = False

    def __init__(
        self,
        *,
        bash_command: str | Sequence[str] | ArgNotSet,
        env: dict[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | Collection[int] | None = 99,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(bash_command, ArgNotSet) or bash_command is NOTSET:
            raise TypeError("BashOperator: bash_command is missing")
        self.bash_command = bash_command
        self.env, self.append_env = env, append_env
        self.output_encoding, self.cwd = output_encoding, cwd
        if skip_on_exit_code is None:
            skip_on_exit_code = []
        self.skip_on_exit_code = (
            [skip_on_exit_code] if isinstance(skip_on_exit_code, int) else list(skip_on_exit_code)
        )
        self.output_processor = output_processor
        self._process: Any = None

    def get_env(self, context: Context) -> dict[str, str]:
        """The command's environment."""
        base = dict(os.environ)
        if self.env is None:
            return base
        if self.append_env:
            return {**base, **self.env}
        context_names = {k: v for k, v in base.items() if k.startswith("AIRFLOW_CTX_")}
        return {**context_names, **self.env}

    def execute(self, context: Context) -> Any:
        """
        Runs the command in this process's session, its output line by line to the log; returns the
        last line.
        """
        import subprocess

        if self.cwd is not None and not os.path.isdir(self.cwd):
            raise AirflowException(f"cwd {self.cwd!r} is not a folder")
        script = None
        if isinstance(self.bash_command, (list, tuple)):
            command = [str(word) for word in self.bash_command]
        else:
            command, script = shell_words(str(self.bash_command))
        self._process = process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=self.cwd,
            env=self.get_env(context),
            pass_fds=() if script is None else (script,),
        )
        if script is not None:
            os.close(script)
        line = ""
        for raw in process.stdout or ():
            line = raw.decode(self.output_encoding, errors="backslashreplace").rstrip("\r\n")
            print(line)
        code = process.wait()
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"the command returned exit code {code}: skipped")
        if code < 0:
            raise AirflowException(f"the command was ended by signal {-code}")
        if code != 0:
            raise AirflowException(f"the command returned exit code {code}")
        return self.output_processor(line) if self.output_processor else line

    def on_kill(self) -> None:
        """Passes the end on to the command."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
