"""Text."""

from __future__ import annotations

import secrets
import string

TRUE_LIKE_VALUES = {"on", "t", "true", "y", "yes", "1"}


def get_random_string(length: int = 8, choices: str = string.ascii_letters + string.digits) -> str:
    """Random characters."""
    return "".join(secrets.choice(choices) for _ in range(length))


def to_boolean(astring: str | None) -> bool:
    """True for words that mean yes."""
    return False if astring is None else astring.lower() in TRUE_LIKE_VALUES
