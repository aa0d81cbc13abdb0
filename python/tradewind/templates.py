"""
Rendering of template fields with Jinja2, as Airflow does: StrictUndefined, sandboxed unless native
objects are wanted.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowException, AirflowNotFoundException
from tradewind.xcom_arg import XComArg

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any


class LiteralValue:
    """A value that is not rendered: `literal("{{ this }}")`."""

    def __init__(self, value: Any) -> None:
        self.value = value


def literal(value: Any) -> LiteralValue:
    """Keeps a value from being rendered."""
    return LiteralValue(value)


def is_template(text: str) -> bool:
    """True if the text has anything that Jinja would render."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


# As base/limits.h: a template may do in C what it may do here.
OUTPUT_MAX = 1 << 20
STEPS_MAX = 1000000
POWER_BITS_MAX = 1 << 20
_STEP = "_tradewind_step"

_REMOVED = {
    "conf": "dag_run.conf for the run's conf",
    "execution_date": "logical_date",
    "next_ds": "data_interval_end | ds",
    "next_ds_nodash": "data_interval_end | ds_nodash",
    "next_execution_date": "data_interval_end",
    "prev_ds": "prev_data_interval_start_success | ds",
    "prev_ds_nodash": "prev_data_interval_start_success | ds_nodash",
    "prev_execution_date": "prev_data_interval_start_success",
    "prev_execution_date_success": "prev_data_interval_start_success",
    "tomorrow_ds": "macros.ds_add(ds, 1)",
    "tomorrow_ds_nodash": "macros.ds_add(ds, 1) | replace('-', '')",
    "triggering_dataset_events": "triggering_asset_events",
    "yesterday_ds": "macros.ds_add(ds, -1)",
    "yesterday_ds_nodash": "macros.ds_add(ds, -1) | replace('-', '')",
}
_OF_DATE = (
    "data_interval_end",
    "data_interval_start",
    "ds",
    "ds_nodash",
    "logical_date",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
)


def name_hint(name: str) -> str:
    """What to say of a name that the context lacks, beginning with ": "; "" for most names."""
    if name in _REMOVED:
        return f": removed in Airflow 3: use {_REMOVED[name]}"
    return ": the run has no logical date" if name in _OF_DATE else ""


def _hint_of(error: BaseException) -> str:
    """The hint for the name that an UndefinedError is about."""
    named = str(error).split("'")
    return name_hint(named[-2]) if len(named) >= 3 else ""


class _Steps:
    """Counts the rounds of all loops of one render."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count > STEPS_MAX:
            raise AirflowException(f"the template takes more than {STEPS_MAX} steps")


def _limited_power(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and right > 0:
        if left.bit_length() * right > POWER_BITS_MAX:
            raise AirflowException("a number of more than 1048576 bits")


def _limited_product(left: Any, right: Any) -> None:
    for text, times in ((left, right), (right, left)):
        if isinstance(text, (str, bytes, list, tuple)) and isinstance(times, int):
            if len(text) * times > OUTPUT_MAX:
                raise AirflowException(f"a text or list of more than {OUTPUT_MAX} elements")


def _filters() -> dict[str, Callable[[Any], Any]]:
    def day(value: Any) -> str:
        return value.strftime("%Y-%m-%d")

    def day_nodash(value: Any) -> str:
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


def environment(dag: Any = None, task: Any = None, native: bool | None = None) -> Any:
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
        intercepted_binops = frozenset(["*", "**"])

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            # As in Airflow: private attributes may be read, internals may not.
            return not jinja2.sandbox.is_internal_attribute(obj, attr)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            (_limited_power if operator == "**" else _limited_product)(left, right)
            return super().call_binop(context, operator, left, right)

    class Native(Sandboxed, jinja2.nativetypes.NativeEnvironment):
        # As in Airflow, no sandbox; but its limits.
        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            return True

        def is_safe_callable(self, obj: Any) -> bool:
            return True

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
    env = (Native if native else Sandboxed)(**options)
    env.globals[_STEP] = _Steps()
    env.filters.update(_filters())
    env.globals.update(getattr(dag, "user_defined_macros", None) or {})
    env.filters.update(getattr(dag, "user_defined_filters", None) or {})
    return env


# Per process and DAG: the environment, and templates already compiled. The file process fills it;
# its forks find it filled.
_cache: dict[tuple[int, bool], tuple[Any, dict[str, Any], Any]] = {}
CACHED_TEMPLATES_MAX = 4096


def _native(dag: Any, task: Any) -> bool:
    native = getattr(task, "render_template_as_native_obj", None)
    return (
        bool(getattr(dag, "render_template_as_native_obj", False))
        if native is None
        else bool(native)
    )


def cached_environment(dag: Any, task: Any) -> tuple[Any, dict[str, Any]]:
    """
    (environment, compiled templates by text) of a DAG and a task's choice of native objects. As
    environment().
    """
    key = (id(dag), _native(dag, task))
    if key not in _cache:
        # The DAG is kept: its id must not become another's.
        _cache[key] = (environment(dag, task), {}, dag)
    return _cache[key][:2]


def compiled(env: Any, templates: dict[str, Any], text: str) -> tuple[Any, Any]:
    """(template, names that it takes from the context). jinja2.TemplateSyntaxError."""
    import jinja2.meta

    found = templates.get(text)
    if found is None:
        tree = env.parse(text)
        names = jinja2.meta.find_undeclared_variables(tree)
        _count_rounds(tree)
        template = env.template_class.from_code(
            env, env.compile(tree), env.make_globals(None), None
        )
        found = (template, names)
        if len(templates) < CACHED_TEMPLATES_MAX:
            templates[text] = found
    return found


def _count_rounds(tree: Any) -> None:
    """Each round of a loop of the template calls the environment's counter first."""
    from jinja2 import nodes

    for loop in tree.find_all(nodes.For):
        call = nodes.Call(nodes.Name(_STEP, "load"), [], [], None, None)
        loop.body.insert(0, nodes.ExprStmt(call).set_lineno(loop.lineno))


def render_compiled(env: Any, template: Any, variables: dict[str, Any]) -> Any:
    """The template's text (or native value). AirflowException beyond a limit."""
    steps = env.globals.get(_STEP)
    outer, steps.count = steps.count, 0
    try:
        return env.concat(_measured(template.root_render_func(template.new_context(variables))))
    except AirflowException:
        raise
    except Exception:
        return env.handle_exception()
    finally:
        steps.count = outer


def _measured(pieces: Iterable[Any]) -> Iterator[Any]:
    size = 0
    for piece in pieces:
        if isinstance(piece, str):
            size += len(piece) if piece.isascii() else len(piece.encode("utf-8", "replace"))
            if size > OUTPUT_MAX:
                raise AirflowException(f"a text of more than {OUTPUT_MAX} bytes")
        yield piece


def warm(task: Any) -> None:
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

    def __init__(self, context: Any, dag: Any = None, task: Any = None, env: Any = None) -> None:
        self.context = context
        self.dag = dag
        self.task = task
        self._env = env
        self._templates: dict[str, Any] = {}
        # What a task was mapped over, as it came from other tasks, stays as it is.
        self._kept = {id(value) for value in getattr(task, "_not_rendered", ())}

    def _environment(self) -> Any:
        if self._env is None:
            self._env, self._templates = cached_environment(self.dag, self.task)
        return self._env

    def render(self, value: Any, extensions: Collection[str] = (), depth: int = 0) -> Any:
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

    def _render_text(self, text: str) -> Any:
        env = self._environment()
        import jinja2

        try:
            template, names = compiled(env, self._templates, text)
            return render_compiled(
                env,
                template,
                {name: self.context[name] for name in names if name in self.context},
            )
        except jinja2.UndefinedError as error:
            raise AirflowException(
                f"template {_short(text)}: {error}{_hint_of(error)}"
            ) from None
        except (AirflowNotFoundException, jinja2.exceptions.SecurityError) as error:
            raise AirflowException(f"template {_short(text)}: {error}") from None
        except RecursionError:
            raise AirflowException(f"template {_short(text)}: nested too deeply") from None
        except jinja2.TemplateSyntaxError as error:
            raise AirflowException(
                f"template {_short(text)}, line {error.lineno}: {error}"
            ) from None

    def _render_file(self, name: str) -> Any:
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


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 120 else text[:117] + "...")
