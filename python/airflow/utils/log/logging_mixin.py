"""`self.log` for classes that are not operators."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger
    from typing import Any

ANSI_ESCAPE = re.compile(r"\x1B[@-_][0-?]*[ -/]*[@-~]")


def logger(name: str) -> Logger:
    """The logger of a name; its lines are the attempt's log."""
    return logging.getLogger(name)


def remove_escape_codes(text: str) -> str:
    """The text without terminal codes."""
    return ANSI_ESCAPE.sub("", text)


def relative_path_from_logger(_: Any) -> None:
    """None: a task's log is a file of Tradewind's, not of a logger."""
    return None


class LoggingMixin:
    """Gives `log`, the logger of the class."""

    _log = None
    _log_config_logger_name = None
    _logger_name = None

    def __init__(self, context: Any = None) -> None:
        pass

    @classmethod
    def logger(cls) -> Logger:
        """The logger of the class."""
        return logging.getLogger(cls._name())

    @classmethod
    def _name(cls) -> str:
        name = cls._logger_name or f"{cls.__module__}.{cls.__qualname__}"
        return f"{cls._log_config_logger_name}.{name}" if cls._log_config_logger_name else name

    @property
    def log(self) -> Logger:
        """The logger."""
        return logging.getLogger(self._name())


class StreamLogWriter:
    """A stream whose lines are log records."""

    encoding = None
    closed = False

    def __init__(self, logger: Logger, level: int) -> None:
        self.logger, self.level = logger, level
        self._buffer = ""

    def write(self, message: str) -> None:
        """Logs every whole line."""
        *lines, self._buffer = (self._buffer + message).split("\n")
        for line in lines:
            self.logger.log(self.level, remove_escape_codes(line))

    def flush(self) -> None:
        """Logs what is left of a line."""
        if self._buffer:
            self.logger.log(self.level, remove_escape_codes(self._buffer))
            self._buffer = ""

    def isatty(self) -> bool:
        """False."""
        return False
