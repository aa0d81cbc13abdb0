"""
Rendering of template fields with Jinja2, as Airflow does: StrictUndefined, sandboxed unless native
objects are wanted.
"""

from __future__ import annotations

import datetime as dt
import os

from tradewind.exceptions import AirflowException
from tradewind.xcom_arg import XComArg


class LiteralValue:
    """A value that is not rendered: `literal("{{ this }}")`."""

    def __init__(self, value):
        self.value = value


def literal(value):
    """Keeps a value from being rendered."""
    return LiteralValue(value)


def is_template(text):
    """True if the text has anything that Jinja would render."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


def _filters():
    def day(value):
        return value.strftime("%Y-%m-%d")

    def day_nodash(value):
        return value.strftime("%Y%m%d")

    return {
        "ds": lambda v: None if v is None else day(v),
        "ds_nodash": lambda v: None if v is None else day_nodash(v),
        "ts": lambda v: None if v is None else v.isoformat(),
        "ts_nodash": lambda v: None if v is None else v.strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": lambda v: (
            None if v is None else v.isoformat().replace("-", "").replace(":", "")
        ),
    }


def environment(dag=None, task=None, native=None):
    """
    The Jinja environment of a DAG. AirflowException if Jinja2 is not installed. The task's choice
    of native objects wins.
    """
    try:
        import jinja2
        import jinja2.nativetypes
        import jinja2.sandbox
    except ImportError:
        raise AirflowException(
            "templates ({{ }}) of Python tasks need the Python package jinja2 (python3-jinja2),"
            " which is not installed"
        ) from None

    class Sandboxed(jinja2.sandbox.SandboxedEnvironment):
        def is_safe_attribute(self, obj, attr, value):
            # As in Airflow: private attributes may be read, internals may not.
            return not jinja2.sandbox.is_internal_attribute(obj, attr)

    if native is None:
        native = getattr(task, "render_template_as_native_obj", None)
        if native is None:
            native = bool(getattr(dag, "render_template_as_native_obj", False))
    paths = [p for p in [getattr(dag, "folder", "")] if p]
    paths += list(getattr(dag, "template_searchpath", ()))
    options = {
        "loader": jinja2.FileSystemLoader(paths),
        "undefined": getattr(dag, "template_undefined", None) or jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
    }
    options.update(getattr(dag, "jinja_environment_kwargs", None) or {})
    env = (jinja2.nativetypes.NativeEnvironment if native else Sandboxed)(**options)
    env.filters.update(_filters())
    env.globals.update(getattr(dag, "user_defined_macros", None) or {})
    env.filters.update(getattr(dag, "user_defined_filters", None) or {})
    return env


# Per process and DAG: the environment, and templates already compiled. The file process fills it;
# its forks find it filled.
_cache = {}
CACHED_TEMPLATES_MAX = 4096


def _native(dag, task):
    native = getattr(task, "render_template_as_native_obj", None)
    return (
        bool(getattr(dag, "render_template_as_native_obj", False))
        if native is None
        else bool(native)
    )


def cached_environment(dag, task):
    """
    (environment, compiled templates by text) of a DAG and a task's choice of native objects. As
    environment().
    """
    key = (id(dag), _native(dag, task))
    if key not in _cache:
        # The DAG is kept: its id must not become another's.
        _cache[key] = (environment(dag, task), {}, dag)
    return _cache[key][:2]


def compiled(env, templates, text):
    """(template, names that it takes from the context). jinja2.TemplateSyntaxError."""
    import jinja2.meta

    found = templates.get(text)
    if found is None:
        tree = env.parse(text)
        names = jinja2.meta.find_undeclared_variables(tree)
        template = env.template_class.from_code(
            env, env.compile(tree), env.make_globals(None), None
        )
        found = (template, names)
        if len(templates) < CACHED_TEMPLATES_MAX:
            templates[text] = found
    return found


def warm(task):
    """
    Compiles the templates of a task ahead. Wrong ones are left to be reported when the task runs.
    """
    todo = [getattr(task, name, None) for name in task.template_fields]
    while todo:
        value = todo.pop()
        if isinstance(value, str) and is_template(value):
            try:
                compiled(*cached_environment(task.get_dag(), task), value)
            except Exception:
                continue
        elif isinstance(value, dict):
            todo.extend(value.values())
        elif isinstance(value, (list, tuple)):
            todo.extend(value)


# Classes of values that are resolved rather than rendered.
_RESOLVED = ("DagParam", "MappedArgument", "XComReference")


class Renderer:
    """
    Renders values for one attempt: strings as templates, XComArgs as what was pushed, containers
    through and through.
    """

    def __init__(self, context, dag=None, task=None, env=None):
        self.context = context
        self.dag = dag
        self.task = task
        self._env = env
        self._templates = {}
        # What a task was mapped over, as it came from other tasks, stays as it is.
        self._kept = {id(value) for value in getattr(task, "_not_rendered", ())}

    def _environment(self):
        if self._env is None:
            self._env, self._templates = cached_environment(self.dag, self.task)
        return self._env

    def render(self, value, extensions=(), depth=0):
        """The value rendered. Errors name the template."""
        if depth > 64:
            raise AirflowException("a template field is nested more than 64 deep, or holds itself")
        if self._kept and id(value) in self._kept:
            return value
        if isinstance(value, str):
            if extensions and value.endswith(tuple(extensions)):
                return self._render_file(value)
            return self._render_text(value) if is_template(value) else value
        if isinstance(value, LiteralValue):
            return value.value
        if isinstance(value, XComArg) or type(value).__name__ in _RESOLVED:
            return value.resolve(self.context)
        if value is None or isinstance(value, (bool, int, float, bytes, dt.date, dt.timedelta)):
            return value
        if type(value) is tuple or isinstance(value, (list, set)) and type(value) in (list, set):
            return type(value)(self.render(item, (), depth + 1) for item in value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*(self.render(item, (), depth + 1) for item in value))
        if type(value) is dict:
            return {key: self.render(item, (), depth + 1) for key, item in value.items()}
        fields = getattr(value, "template_fields", None)
        if isinstance(fields, (list, tuple)) and not isinstance(value, type):
            for name in fields:
                if hasattr(value, name):
                    setattr(value, name, self.render(getattr(value, name), (), depth + 1))
        return value

    def _render_text(self, text):
        env = self._environment()
        import jinja2

        try:
            template, names = compiled(env, self._templates, text)
            return template.render(
                {name: self.context[name] for name in names if name in self.context}
            )
        except jinja2.UndefinedError as error:
            raise AirflowException(f"template {_short(text)}: {error}") from None
        except jinja2.TemplateSyntaxError as error:
            raise AirflowException(
                f"template {_short(text)}, line {error.lineno}: {error}"
            ) from None

    def _render_file(self, name):
        env = self._environment()
        import jinja2

        try:
            source, _, _ = env.loader.get_source(env, name)
        except jinja2.TemplateNotFound:
            raise AirflowException(
                f"template file {name!r} was not found in"
                f" {', '.join(map(os.fspath, env.loader.searchpath))}"
            ) from None
        return self._render_text(source)


def _short(text):
    text = " ".join(text.split())
    return repr(text if len(text) <= 120 else text[:117] + "...")
