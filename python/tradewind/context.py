"""The context of a task: what `get_current_context` returns and templates see (Airflow's names)."""

from __future__ import annotations

_current = []


class Context(dict):
    """Name to value. Values that cost something to make are made when they are first asked for."""

    def __init__(self, values=None, lazy=None):
        super().__init__(values or {})
        self._lazy = dict(lazy or {})

    def __missing__(self, name):
        if name not in self._lazy:
            from tradewind.templates import name_hint

            raise KeyError(name + name_hint(name) if isinstance(name, str) else name)
        make = self._lazy.pop(name)
        value = make()
        self[name] = value
        return value

    def resolve(self):
        """All lazy values made; the context itself."""
        for name in list(self._lazy):
            self[name]
        return self

    def names(self):
        """All names, made or not, in no particular order."""
        return set(super().keys()) | set(self._lazy)

    def get(self, name, default=None):
        return self[name] if name in self else default

    def __contains__(self, name):
        return super().__contains__(name) or name in self._lazy

    def keys(self):
        return super(Context, self.resolve()).keys()

    def values(self):
        return super(Context, self.resolve()).values()

    def items(self):
        return super(Context, self.resolve()).items()

    def __iter__(self):
        return super(Context, self.resolve()).__iter__()

    def __len__(self):
        return len(self.names())

    def copy(self):
        return Context(self, self._lazy)


def get_current_context():
    """The context of the running task. RuntimeError outside of a running task."""
    if not _current:
        raise RuntimeError(
            "there is no current context: get_current_context works only while a task runs"
        )
    return _current[-1]


def set_current_context(context):
    """For the runner: makes `context` the current one of this process."""
    _current.append(context)


def get_parsing_context():
    """
    Which DAG and task are wanted from a file: none in particular; files are always imported whole.
    """
    return ParsingContext()


class ParsingContext:
    """The answer of get_parsing_context."""

    dag_id = None
    task_id = None
