"""DAG: a named graph of tasks, and the decorator @dag."""

from __future__ import annotations

import copy
import datetime as dt
import functools
import inspect
import os
import sys
import warnings
from typing import TYPE_CHECKING, overload

from tradewind import legacy, scope, timezone
from tradewind.baseoperator import BaseOperator, check_id, to_timedelta
from tradewind.edges import as_list
from tradewind.exceptions import (
    AirflowException,
    DuplicateTaskIdFound,
    ParamValidationError,
    TaskNotFound,
)
from tradewind.param import ParamsDict
from tradewind.taskgroup import TaskGroup
from tradewind.types import NOTSET, DagRunType

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from types import FrameType
    from typing import Any, NoReturn

    from jinja2 import Environment, Undefined
    from typing_extensions import Self

    from tradewind.context import Context
    from tradewind.deadline import DeadlineAlert
    from tradewind.hints import Callbacks, Duration, P, Schedule, StrPath


class DAG:
    """
    A DAG, with all parameters of Airflow's. Used in `with`, its tasks find it by themselves, and it
    registers itself; otherwise it is found as a global of its file. What the engine does not know
    is kept as an attribute. dagrun_timeout: timedelta or seconds.

    schedule: a cron expression, `@daily` and the like, a timedelta, a timetable, or assets.
    default_args: arguments of all of its tasks. params: what a run is given, with defaults (Param).
    max_active_tasks, max_active_runs: limits. fail_fast: the first failure ends the run.
    template_searchpath, user_defined_macros, user_defined_filters, render_template_as_native_obj:
    of its tasks' templates. on_success_callback, on_failure_callback: functions of the context.

    TypeError and ValueError name the argument that is wrong.
    """

    # Arguments whose default the installation's settings change; those of them that nobody said;
    # the same of its tasks' (tradewind.defaults).
    changed_defaults: dict[str, Any]
    filled_defaults: dict[str, Any]
    task_defaults: dict[str, Any]

    @legacy.dag_arguments
    def __init__(
        self,
        dag_id: str,
        description: str | None = None,
        default_args: dict[str, Any] | None = None,
        start_date: dt.datetime | None = None,
        end_date: dt.datetime | None = None,
        schedule: Schedule | None = None,
        template_searchpath: StrPath | Iterable[StrPath] | None = None,
        template_undefined: type[Undefined] | None = None,
        user_defined_macros: dict[str, Any] | None = None,
        user_defined_filters: dict[str, Any] | None = None,
        max_active_tasks: int = 16,
        max_active_runs: int = 16,
        max_consecutive_failed_dag_runs: int = 0,
        dagrun_timeout: Duration | None = None,
        deadline: DeadlineAlert | list[DeadlineAlert] | None = None,
        sla_miss_callback: Any = None,
        catchup: bool = False,
        on_success_callback: Callbacks | None = None,
        on_failure_callback: Callbacks | None = None,
        doc_md: str | None = None,
        params: ParamsDict | Mapping[str, Any] | None = None,
        access_control: dict[str, Any] | None = None,
        is_paused_upon_creation: bool | None = None,
        jinja_environment_kwargs: dict[str, Any] | None = None,
        render_template_as_native_obj: bool = False,
        tags: Collection[str] | None = None,
        owner_links: dict[str, str] | None = None,
        auto_register: bool = True,
        fail_fast: bool = False,
        allowed_run_types: str | Sequence[str] | None = None,
        dag_display_name: str | None = None,
        disable_bundle_versioning: bool | None = None,
        env: Mapping[str, str] | None = None,
        **older: Any,
    ) -> None:
        if older:
            schedule, max_active_tasks = _older(older, schedule, max_active_tasks)
        self.dag_id = check_id("dag_id", dag_id)
        self.description = description
        self.default_args = copy.copy(default_args or {})
        params = ParamsDict(params)
        defaults = ParamsDict(self.default_args.pop("params", None))
        defaults.update(params)
        self.params = defaults
        self.start_date = start_date or self.default_args.pop("start_date", None)
        self.end_date = end_date or self.default_args.pop("end_date", None)
        self.schedule = _schedule(schedule)
        if isinstance(template_searchpath, (str, os.PathLike)):
            template_searchpath = [template_searchpath]
        self.template_searchpath = [os.fspath(path) for path in template_searchpath or ()]
        self.template_undefined = template_undefined
        self.user_defined_macros = user_defined_macros
        self.user_defined_filters = user_defined_filters
        self.max_active_tasks, self.max_active_runs = max_active_tasks, max_active_runs
        self.max_consecutive_failed_dag_runs = max_consecutive_failed_dag_runs
        self.dagrun_timeout = to_timedelta(dagrun_timeout, "dagrun_timeout", dag_id)
        self.deadline, self.sla_miss_callback = as_list(deadline or []), sla_miss_callback
        self.catchup = catchup
        self.on_success_callback, self.on_failure_callback = (
            on_success_callback,
            on_failure_callback,
        )
        self.doc_md = doc_md
        self.access_control, self.is_paused_upon_creation = access_control, is_paused_upon_creation
        self.jinja_environment_kwargs = jinja_environment_kwargs
        self.render_template_as_native_obj = render_template_as_native_obj
        self.tags = sorted(set(tags or ()))
        self.owner_links = owner_links or {}
        self.auto_register, self.fail_fast = auto_register, fail_fast
        self.allowed_run_types = [
            DagRunType.check(one) for one in as_list(allowed_run_types or [])
        ]
        self.dag_display_name = dag_display_name or dag_id
        self.disable_bundle_versioning = disable_bundle_versioning
        self.env = dict(env or {})
        self.fileloc, self.lineno = _caller()
        self.import_folder: str | None = None
        self.edge_info: dict[str, dict[str, dict[str, Any]]] = {}
        self.task_dict: dict[str, BaseOperator] = {}
        self.task_group_dict: dict[str, TaskGroup] = {}
        self.task_group = TaskGroup(dag=self)

    @property
    def timetable(self) -> Any:
        """Its schedule as a timetable, where it is one; else what was given."""
        return self.schedule

    @property
    def timezone(self) -> Any:
        """The time zone that its schedule is read in: that of start_date or end_date, else UTC."""
        for moment in (self.start_date, self.end_date):
            if getattr(moment, "tzinfo", None) is not None:
                return moment.tzinfo
        return timezone.utc

    # Tasks.

    @property
    def tasks(self) -> list[BaseOperator]:
        """Its tasks, in the order they were made."""
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        """Their ids."""
        return list(self.task_dict)

    @property
    def roots(self) -> list[BaseOperator]:
        """Its tasks without upstream."""
        return [task for task in self.tasks if not task.upstream_task_ids]

    @property
    def leaves(self) -> list[BaseOperator]:
        """Its tasks without downstream."""
        return [task for task in self.tasks if not task.downstream_task_ids]

    @property
    def folder(self) -> str:
        """The folder that its file was imported from (of an earlier version: not where it is now)."""
        return self.import_folder or os.path.dirname(self.fileloc)

    @property
    def owner(self) -> str:
        """The owners of its tasks, separated by commas."""
        return ", ".join(sorted({task.owner for task in self.tasks if task.owner}))

    def used_ids(self) -> set[str]:
        """Ids of all tasks and groups."""
        return self.task_dict.keys() | self.task_group_dict.keys()

    def add_task(self, task: BaseOperator) -> None:
        """Adds a task. DuplicateTaskIdFound if the id is taken by another."""
        if (
            self.task_dict.get(task.task_id, task) is not task
            or task.task_id in self.task_group_dict
        ):
            raise DuplicateTaskIdFound(
                f"the id {task.task_id!r} is used more than once in DAG {self.dag_id!r}"
            )
        self.task_dict[task.task_id] = task
        object.__setattr__(task, "_dag", self)
        if task.task_group is None and not scope.groups:
            self.task_group.add(task)

    def add_tasks(self, tasks: Iterable[BaseOperator]) -> None:
        """Adds tasks."""
        for task in tasks:
            self.add_task(task)

    def has_task(self, task_id: str) -> bool:
        """True if there is a task of that id."""
        return task_id in self.task_dict

    def get_task(self, task_id: str) -> BaseOperator:
        """The task of that id; TaskNotFound."""
        try:
            return self.task_dict[task_id]
        except KeyError:
            raise TaskNotFound(f"DAG {self.dag_id!r} has no task {task_id!r}") from None

    def has_task_group(self, group_id: str) -> bool:
        """True if there is a group of that id."""
        return group_id in self.task_group_dict

    def set_edge_info(self, upstream_id: str, downstream_id: str, info: dict[str, Any]) -> None:
        """Keeps what is known of an edge: {"label": text}."""
        self.edge_info.setdefault(upstream_id, {})[downstream_id] = info

    def get_edge_info(self, upstream_id: str, downstream_id: str) -> dict[str, Any]:
        """What is known of an edge."""
        return self.edge_info.get(upstream_id, {}).get(downstream_id, {})

    def get_template_env(self, *, force_sandboxed: bool = False) -> Environment:
        """The Jinja environment of its templates."""
        from tradewind.templates import environment

        return environment(self, None, native=False if force_sandboxed else None)

    def validate(self) -> None:
        """
        Checks what can be checked only when all tasks are there. ParamValidationError, TypeError,
        AirflowException.
        """
        for name, param in self.params.params():
            if param.has_value:
                try:
                    param.resolve()
                except ParamValidationError as error:
                    raise ParamValidationError(
                        f"param {name!r} of DAG {self.dag_id!r}: {error}"
                    ) from None
        for alert in self.deadline:
            if not hasattr(alert, "as_data"):
                raise TypeError(
                    f"a deadline of DAG {self.dag_id!r} is a {type(alert).__name__}, not a"
                    " DeadlineAlert"
                )
        if hasattr(self.schedule, "validate"):
            self.schedule.validate()

    def cli(self) -> NoReturn:
        """Airflow's `dag.cli()`: use `tradewind run FILE` instead."""
        raise AirflowException("dag.cli() is not supported: use `tradewind run FILE`")

    def test(
        self,
        logical_date: dt.datetime | None = None,
        run_conf: dict[str, Any] | None = None,
        **_: Any,
    ) -> Any:
        """
        Runs the DAG's file by the program `tradewind` (of $TRADEWIND, else of PATH), with its
        output on the terminal. AirflowException if the program is not there or the run fails.
        """
        from tradewind.program import run_dag

        return run_dag(self, logical_date, run_conf)

    def __enter__(self) -> Self:
        scope.dags.append(self)
        scope.groups.append(self.task_group)
        if self.auto_register and self not in scope.registered:
            scope.registered.append(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        scope.dags.pop()
        scope.groups.pop()

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"


def _schedule(value: Any) -> Any:
    if value is None or isinstance(value, (str, dt.timedelta)):
        return value
    # What needs more than this is loaded only then.
    from tradewind.timetables import schedule_of

    return schedule_of(value)


def _older(given: dict[str, Any], schedule: Any, max_active_tasks: int) -> tuple[Any, int]:
    """
    (schedule, max_active_tasks) from arguments that Airflow 3 no longer has; those that only chose a
    view are dropped. TypeError names one that was never there.
    """
    for name in ("schedule_interval", "timetable"):
        if given.get(name) is not None:
            if schedule is not None:
                raise TypeError(f"DAG: `schedule` and `{name}` are the same: give one of them")
            schedule = given[name]
    if given.get("concurrency") is not None:
        max_active_tasks = given["concurrency"]
    known = ("schedule_interval", "timetable", "concurrency", "default_view", "orientation")
    for name in given:
        if name not in known:
            raise TypeError(f"DAG() got an unexpected keyword argument {name!r}")
    warnings.warn(
        f"DAG: {', '.join(sorted(given))} of Airflow 2: use the names of Airflow 3",
        DeprecationWarning,
        stacklevel=3,
    )
    return schedule, max_active_tasks


def _caller() -> tuple[str, int]:
    """File and line that make a DAG: the innermost frame outside of this package."""
    folder = os.path.dirname(os.path.abspath(__file__))
    here = (folder + os.sep, os.path.join(os.path.dirname(folder), "airflow") + os.sep)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(here) and not name.startswith("<"):
            return os.path.abspath(name), frame.f_lineno
        frame = frame.f_back
    return "", 0


@overload
def dag(dag_id_or_function: Callable[P, Any], **dag_args: Any) -> Callable[P, DAG]: ...
@overload
def dag(
    dag_id_or_function: str | None = None, **dag_args: Any
) -> Callable[[Callable[P, Any]], Callable[P, DAG]]: ...


def dag(dag_id_or_function: Any = None, **dag_args: Any) -> Any:
    """
    Makes a DAG of the tasks that the decorated function creates when it is called; the function's
    arguments become params. Used bare or with DAG's arguments.
    """
    if callable(dag_id_or_function) and not isinstance(dag_id_or_function, str):
        return _dag_factory(dag_id_or_function, dag_args)
    if dag_id_or_function is not None:
        dag_args["dag_id"] = dag_id_or_function
    return functools.partial(_dag_factory, dag_args=dag_args)


def _dag_factory(function: Callable[..., Any], dag_args: dict[str, Any]) -> Callable[..., DAG]:
    @functools.wraps(function)
    def factory(*args: Any, **kwargs: Any) -> DAG:
        signature = inspect.signature(function)
        bound = signature.bind_partial(*args, **kwargs)
        bound.apply_defaults()
        options: dict[str, Any] = {"dag_id": function.__name__, **dag_args}
        if function.__doc__ and not options.get("doc_md"):
            options["doc_md"] = inspect.cleandoc(function.__doc__)
        with DAG(**options) as made:
            made.fileloc = os.path.abspath(function.__code__.co_filename)
            made.lineno = function.__code__.co_firstlineno
            arguments = {}
            for name in signature.parameters:
                value = bound.arguments.get(name, NOTSET)
                if value is not NOTSET:
                    made.params[name] = value
                arguments[name] = DagParam(name)
            function(**arguments)
        return made

    return factory


class DagParam:
    """An argument of a @dag function: the run's param of that name, resolved when a task runs."""

    template_fields = ()

    def __init__(self, name: str) -> None:
        self.name = name

    def resolve(self, context: Context) -> Any:
        """The param's value in this run."""
        return context["params"][self.name]

    def __str__(self) -> str:
        return f"{{{{ params.{self.name} }}}}"


# For code that asks whether something is a task.
Operator = BaseOperator
