"""`self.log` for classes that are not operators."""

from __future__ import annotations

import logging
import re

ANSI_ESCAPE = re.compile(r"\x1B[@-_][0-?]*[ -/]*[@-~]")


def logger(name):
    """The logger of a name; its lines are the attempt's log."""
    return logging.getLogger(name)


def remove_escape_codes(text):
    """The text without terminal codes."""
    return ANSI_ESCAPE.sub("", text)


def relative_path_from_logger(_):
    """None: a task's log is a file of Tradewind's, not of a logger."""
    return None


class LoggingMixin:
    """Gives `log`, the logger of the class."""

    _log = None
    _log_config_logger_name = None
    _logger_name = None

    def __init__(self, context=None):
        pass

    @classmethod
    def logger(cls):
        """The logger of the class."""
        return logging.getLogger(cls._name())

    @classmethod
    def _name(cls):
        name = cls._logger_name or f"{cls.__module__}.{cls.__qualname__}"
        return f"{cls._log_config_logger_name}.{name}" if cls._log_config_logger_name else name

    @property
    def log(self):
        """The logger."""
        return logging.getLogger(self._name())


class StreamLogWriter:
    """A stream whose lines are log records."""

    encoding = None
    closed = False

    def __init__(self, logger, level):
        self.logger, self.level = logger, level
        self._buffer = ""

    def write(self, message):
        """Logs every whole line."""
        *lines, self._buffer = (self._buffer + message).split("\n")
        for line in lines:
            self.logger.log(self.level, remove_escape_codes(line))

    def flush(self):
        """Logs what is left of a line."""
        if self._buffer:
            self.logger.log(self.level, remove_escape_codes(self._buffer))
            self._buffer = ""

    def isatty(self):
        """False."""
        return False
