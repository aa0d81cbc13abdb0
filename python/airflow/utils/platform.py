"""The machine and its user."""

from __future__ import annotations

import getpass as _getpass
import os
import sys

IS_WINDOWS = sys.platform == "win32"


def is_tty() -> bool:
    """True if standard output is a terminal."""
    return os.isatty(1)


def getuser() -> str:
    """The user's name."""
    return _getpass.getuser()
