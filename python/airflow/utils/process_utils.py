"""Child processes and the environment."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from airflow.utils.log.logging_mixin import logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

DEFAULT_TIME_TO_WAIT_AFTER_SIGTERM = 60


@contextlib.contextmanager
def patch_environ(new_env_variables: Mapping[str, str | None]) -> Iterator[None]:
    """Within the block the environment has these variables; None: not."""
    before = {name: os.environ.get(name) for name in new_env_variables}
    try:
        for name, value in new_env_variables.items():
            _put(name, value)
        yield
    finally:
        for name, value in before.items():
            _put(name, value)


def _put(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def execute_in_subprocess(
    cmd: list[str], cwd: str | None = None, env: dict[str, str] | None = None
) -> None:
    """Runs a command, its output to the log. CalledProcessError."""
    execute_in_subprocess_with_kwargs(cmd, cwd=cwd, env=env)


def execute_in_subprocess_with_kwargs(cmd: list[str], **kwargs: Any) -> None:
    """The same, with arguments of Popen."""
    log = logger(__name__)
    log.info("Executing cmd: %s", " ".join(shlex.quote(c) for c in cmd))
    with subprocess.Popen(
        cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0, close_fds=True, **kwargs
    ) as process:
        for line in process.stdout or ():
            log.info("%s", line.decode(errors="backslashreplace").rstrip())
        code = process.wait()
    if code != 0:
        raise subprocess.CalledProcessError(code, cmd)
