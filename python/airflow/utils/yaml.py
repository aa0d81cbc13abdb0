"""YAML, with the C parser where PyYAML has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def safe_load(stream: Any) -> Any:
    """The value of a YAML text."""
    import yaml

    return yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def dump(data: Any, **kwargs: Any) -> Any:
    """The value as YAML."""
    import yaml

    return yaml.dump(data, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), **kwargs)


def __getattr__(name: str) -> Any:
    import yaml

    return getattr(yaml, name)
