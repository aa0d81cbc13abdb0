"""YAML, with the C parser where PyYAML has it."""

from __future__ import annotations


def safe_load(stream):
    """The value of a YAML text."""
    import yaml

    return yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def dump(data, **kwargs):
    """The value as YAML."""
    import yaml

    return yaml.dump(data, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), **kwargs)


def __getattr__(name):
    import yaml

    return getattr(yaml, name)
