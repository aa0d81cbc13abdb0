"""Triggers: what a deferred task waits for, in the trigger process (docs/internals/python.md)."""
