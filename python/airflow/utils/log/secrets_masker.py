"""What must not be seen in logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.log import is_sensitive, mask_secret, masked

if TYPE_CHECKING:
    from typing import Any

DEFAULT_SENSITIVE_FIELDS = frozenset(
    ("access_token", "api_key", "apikey", "authorization", "passphrase", "passwd", "password",
     "private_key", "secret", "token", "keyfile_dict", "service_account")
)  # fmt: skip


def should_hide_value_for_key(name: Any) -> bool:
    """True if the name tells that its value is a secret."""
    return isinstance(name, str) and is_sensitive(name)


def redact(
    value: Any, name: str | None = None, max_depth: int | None = None, replacement: str = "***"
) -> Any:
    """The value with `***` for secrets: what was masked, and what a sensitive name holds."""
    if name is not None and should_hide_value_for_key(name) and value:
        return _all_hidden(value, replacement)
    if isinstance(value, dict):
        return {key: redact(item, key) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(redact(item) for item in value)
    return masked(value)


def _all_hidden(value: Any, replacement: str) -> Any:
    if isinstance(value, dict):
        return {key: _all_hidden(item, replacement) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_all_hidden(item, replacement) for item in value)
    return replacement


__all__ = ["DEFAULT_SENSITIVE_FIELDS", "mask_secret", "redact", "should_hide_value_for_key"]
