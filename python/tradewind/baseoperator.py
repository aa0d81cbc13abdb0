"""BaseOperator: a task of a DAG, with all parameters that Airflow's has."""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import inspect
import re
from typing import TYPE_CHECKING

from tradewind import defaults, legacy, scope
from tradewind.edges import DependencyMixin, as_list, check_linkable
from tradewind.exceptions import (
    AirflowException,
    AirflowRescheduleException,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
)
from tradewind.param import ParamsDict
from tradewind.types import DEFAULT_POOL, TriggerRule, WeightRule
from tradewind.xcom_arg import XComArg

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from logging import Logger
    from typing import Any, NoReturn

    from jinja2 import Environment
    from typing_extensions import Self

    from tradewind.context import Context
    from tradewind.dags import DAG
    from tradewind.edges import EdgeModifier
    from tradewind.hints import Callbacks, Duration, Linkable
    from tradewind.links import BaseOperatorLink
    from tradewind.mapped import OperatorPartial
    from tradewind.taskgroup import TaskGroup
    from tradewind.triggers.base import BaseTrigger
    from tradewind.weights import PriorityWeightStrategy

_ID = re.compile(r"[A-Za-z0-9_.-]+")
ID_LENGTH_MAX = 250


def check_id(what: str, text: Any) -> str:
    """The id itself. TypeError or ValueError that says what an id may be."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a string, not {type(text).__name__}")
    if len(text) > ID_LENGTH_MAX:
        raise ValueError(f"{what} {text[:40]!r}... is longer than {ID_LENGTH_MAX} characters")
    if not _ID.fullmatch(text):
        raise ValueError(f"{what} {text!r} may hold only letters, digits, '-', '_' and '.'")
    return text


def to_timedelta(value: Any, what: str, task_id: str) -> dt.timedelta | None:
    """A timedelta from one or from a number of seconds; None stays None."""
    if value is None or isinstance(value, dt.timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return dt.timedelta(seconds=value)
    raise TypeError(
        f"{what} of task {task_id!r} must be a timedelta or a number of seconds, not"
        f" {type(value).__name__}"
    )


def _weight_rule(rule: Any) -> Any:
    """A word, a PriorityWeightStrategy, or where there is one: `module.Name`."""
    if isinstance(rule, str) and "." in rule:
        import importlib

        module, _, name = rule.rpartition(".")
        rule = getattr(importlib.import_module(module), name)
    if isinstance(rule, type) and hasattr(rule, "get_weight"):
        rule = rule()
    return rule if hasattr(rule, "get_weight") else WeightRule.check(rule)


def _apply_defaults(init: Callable[..., None]) -> Callable[..., None]:
    """
    Wraps an operator's __init__: fills what was not given from default_args; after the outermost
    links XComArgs.
    """
    parameters = [
        p
        for p in list(inspect.signature(init).parameters.values())[1:]
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    names = [p.name for p in parameters]
    required = {p.name for p in parameters if p.default is p.empty} - {"default_args"}

    @functools.wraps(init)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        if args:
            raise TypeError(f"{type(self).__name__}: operators take keyword arguments only")
        outermost = not self.__dict__.get("_in_init", False)
        if outermost:
            # Assigning XComArgs links tasks only once the task is part of its DAG.
            object.__setattr__(self, "_in_init", True)
            object.__setattr__(self, "_defaults", _merged_default_args(kwargs))
        for name in names:
            if name not in kwargs and name in self._defaults and name != "default_args":
                kwargs[name] = self._defaults[name]
        missing = sorted(required - kwargs.keys())
        if missing:
            plural = "s" if len(missing) > 1 else ""
            raise TypeError(
                f"{type(self).__name__}: missing keyword argument{plural} "
                + ", ".join(repr(name) for name in missing)
            )
        if init is BaseOperator.__init__.__wrapped__:  # type: ignore[attr-defined]
            legacy.task_arguments(self, kwargs)
            _refuse_unknown(self, kwargs, names)
            _fill_defaults(self, kwargs)
        if outermost:
            # With what default_args add: what `dags convert` writes of an operator of any class.
            object.__setattr__(self, "_given", kwargs)
        init(self, **kwargs)
        if outermost:
            object.__setattr__(self, "_in_init", False)
            self._after_init()

    return wrapper


def _fill_defaults(operator: BaseOperator, kwargs: dict[str, Any]) -> None:
    """What neither its class, nor who made it, nor default_args say."""
    dag = kwargs.get("dag") or scope.current_dag()
    changed = dag.task_defaults if dag is not None else defaults.of_tasks()
    object.__setattr__(operator, "changed_defaults", changed)
    object.__setattr__(operator, "filled_defaults", defaults.fill(changed, kwargs))


def _merged_default_args(kwargs: dict[str, Any]) -> dict[str, Any]:
    dag = kwargs.get("dag") or scope.current_dag()
    group = kwargs.get("task_group") or scope.current_group(dag)
    if dag is None and group is not None:
        dag = group.dag
    merged: dict[str, Any] = {}
    if dag is not None:
        merged.update(dag.default_args)
    chain = []
    while group is not None:
        chain.append(group)
        group = group.parent_group
    for one in reversed(chain):
        merged.update(one.default_args)
    merged.update(kwargs.get("default_args") or {})
    return merged


def _refuse_unknown(operator: BaseOperator, kwargs: dict[str, Any], names: list[str]) -> None:
    unknown = sorted(set(kwargs) - set(names) - {"default_args"})
    if not unknown:
        return
    known = sorted(set(names) | set(inspect.signature(type(operator).__init__).parameters))
    hints = []
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1)
        hints.append(repr(name) + (f" (did you mean {near[0]!r}?)" if near else ""))
    raise TypeError(
        f"invalid arguments for {type(operator).__name__} (task_id: {kwargs.get('task_id')}): "
        + ", ".join(hints)
    )


class BaseOperatorMeta(type):
    """
    Wraps the __init__ of every operator class, so that default_args reach its own parameters too.
    """

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        cls = super().__new__(mcs, name, bases, namespace)
        if "__init__" in namespace:
            cls.__init__ = _apply_defaults(namespace["__init__"])  # type: ignore[misc]
        return cls


class BaseOperator(DependencyMixin, metaclass=BaseOperatorMeta):
    """
    A task. A subclass defines `execute(self, context)`, whose return value is pushed as XCom
    `return_value`, and names in `template_fields` the attributes that are rendered before it.
    Durations are timedeltas or seconds.

    All operators take: task_id, unique within the DAG; trigger_rule; retries, retry_delay,
    max_retry_delay, retry_exponential_backoff (the factor from one delay to the next);
    execution_timeout of a try; pool, pool_slots, priority_weight, weight_rule; depends_on_past and
    wait_for_downstream: on the run before; max_active_tis_per_dag, max_active_tis_per_dagrun;
    on_execute_callback, on_success_callback and the like: functions of the context, notifiers, or
    several; pre_execute(context), post_execute(context, result); do_xcom_push; multiple_outputs:
    the keys of a dict are XComs of their own; inlets, outlets: assets; doc_md. What is not given is
    taken from default_args: those of the task, of its groups, of the DAG.

    TypeError names an argument that is missing, not known, or not of its type; ValueError a wrong
    value; DuplicateTaskIdFound an id that is taken.
    """

    template_fields: Collection[str] = ()
    template_ext: Collection[str] = ()
    template_fields_renderers: Mapping[str, str] = {}
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    operator_extra_links: Collection[BaseOperatorLink] = ()
    shallow_copy_attrs: Collection[str] = ()
    inherits_from_empty_operator = False
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]
    task_group: TaskGroup | None
    _dag: DAG | None
    _defaults: dict[str, Any]

    def __init__(
        self,
        *,
        task_id: str,
        owner: str = "airflow",
        email: str | Sequence[str] | None = None,
        email_on_retry: bool = True,
        email_on_failure: bool = True,
        retries: int | None = 0,
        retry_delay: Duration = 300,
        retry_exponential_backoff: float = 0,
        max_retry_delay: Duration | None = None,
        start_date: dt.datetime | None = None,
        end_date: dt.datetime | None = None,
        depends_on_past: bool = False,
        ignore_first_depends_on_past: bool = False,
        wait_for_past_depends_before_skipping: bool = False,
        wait_for_downstream: bool = False,
        dag: DAG | None = None,
        params: ParamsDict | Mapping[str, Any] | None = None,
        default_args: dict[str, Any] | None = None,
        priority_weight: int = 1,
        weight_rule: str | PriorityWeightStrategy | type[PriorityWeightStrategy] = WeightRule.DOWNSTREAM,
        queue: str = "default",
        pool: str | None = None,
        pool_slots: int = 1,
        sla: dt.timedelta | None = None,
        execution_timeout: Duration | None = None,
        on_execute_callback: Callbacks | None = None,
        on_failure_callback: Callbacks | None = None,
        on_success_callback: Callbacks | None = None,
        on_retry_callback: Callbacks | None = None,
        on_skipped_callback: Callbacks | None = None,
        pre_execute: Callable[[Any], Any] | None = None,
        post_execute: Callable[[Any, Any], Any] | None = None,
        trigger_rule: str = TriggerRule.ALL_SUCCESS,
        resources: dict[str, Any] | None = None,
        run_as_user: str | None = None,
        map_index_template: str | None = None,
        max_active_tis_per_dag: int | None = None,
        max_active_tis_per_dagrun: int | None = None,
        executor: str | None = None,
        executor_config: dict[str, Any] | None = None,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        inlets: Any = None,
        outlets: Any = None,
        task_group: TaskGroup | None = None,
        doc: str | None = None,
        doc_md: str | None = None,
        doc_json: str | None = None,
        doc_yaml: str | None = None,
        doc_rst: str | None = None,
        task_display_name: str | None = None,
        logger_name: str | None = None,
        allow_nested_operators: bool = True,
        render_template_as_native_obj: bool | None = None,
    ) -> None:
        dag = dag or (task_group.dag if task_group is not None else None) or scope.current_dag()
        group = task_group or scope.current_group(dag)
        check_id("task_id", task_id)
        self.label = task_id
        self.task_id = check_id("task_id", group.child_id(task_id) if group else task_id)
        self.owner, self.email = owner, email
        self.email_on_retry, self.email_on_failure = email_on_retry, email_on_failure
        self.retries = self._whole_number("retries", 0 if retries is None else retries, 0)
        self.retry_delay = to_timedelta(retry_delay, "retry_delay", task_id)
        self.retry_exponential_backoff = retry_exponential_backoff
        self.max_retry_delay = to_timedelta(max_retry_delay, "max_retry_delay", task_id)
        self.start_date, self.end_date = start_date, end_date
        self.depends_on_past = depends_on_past or wait_for_downstream
        self.ignore_first_depends_on_past = ignore_first_depends_on_past
        self.wait_for_past_depends_before_skipping = wait_for_past_depends_before_skipping
        self.wait_for_downstream = wait_for_downstream
        self.params = params if isinstance(params, ParamsDict) else ParamsDict(params)
        self.default_args = default_args or {}
        self.priority_weight = self._whole_number("priority_weight", priority_weight)
        self.weight_rule = _weight_rule(weight_rule)
        self.queue = queue
        self.pool = DEFAULT_POOL if pool is None else pool
        self.pool_slots = self._whole_number("pool_slots", pool_slots, 1)
        self.sla, self.resources = sla, resources
        self.execution_timeout = to_timedelta(execution_timeout, "execution_timeout", task_id)
        self.on_execute_callback, self.on_failure_callback = (
            on_execute_callback,
            on_failure_callback,
        )
        self.on_success_callback, self.on_retry_callback = on_success_callback, on_retry_callback
        self.on_skipped_callback = on_skipped_callback
        self._pre_execute_hook, self._post_execute_hook = pre_execute, post_execute
        self.trigger_rule = TriggerRule.check(trigger_rule)
        self.run_as_user, self.map_index_template = run_as_user, map_index_template
        self.max_active_tis_per_dag = max_active_tis_per_dag
        self.max_active_tis_per_dagrun = max_active_tis_per_dagrun
        self.executor, self.executor_config = executor, executor_config or {}
        if not isinstance(self.executor_config, dict):
            raise TypeError(
                f"executor_config must be a dict, not {type(executor_config).__name__}"
            )
        self.do_xcom_push, self.multiple_outputs = do_xcom_push, multiple_outputs
        self.inlets, self.outlets = as_list(inlets or []), as_list(outlets or [])
        self.doc, self.doc_md, self.doc_json = doc, doc_md, doc_json
        self.doc_yaml, self.doc_rst = doc_yaml, doc_rst
        self.task_display_name = task_display_name or self.task_id
        self.logger_name, self.allow_nested_operators = logger_name, allow_nested_operators
        self.render_template_as_native_obj = render_template_as_native_obj
        self.is_setup = self.is_teardown = self.on_failure_fail_dagrun = False
        self.upstream_task_ids, self.downstream_task_ids = set(), set()
        self._dag = None
        self.task_group = None
        if dag is not None:
            dag.add_task(self)
        if group is not None:
            group.add(self)
        for context in scope.setup_teardown[-1:]:
            context.add(self)

    def _whole_number(self, what: str, value: Any, least: int | None = None) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise TypeError(f"{what} must be a whole number, not {value!r}") from None
        if least is not None and number < least:
            raise ValueError(f"{what} must be at least {least}, not {number}")
        return number

    def _after_init(self) -> None:
        if scope.unmapping:
            return
        for name in self.template_fields:
            XComArg.apply_upstream_relationship(self, self.__dict__.get(name))

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if not self.__dict__.get("_in_init", True) and name in self.template_fields:
            XComArg.apply_upstream_relationship(self, value)

    # The DAG and its graph.

    @property
    def dag(self) -> DAG:
        """Its DAG. AirflowException if it has none."""
        if self._dag is None:
            raise AirflowException(f"task {self.task_id!r} has no DAG yet")
        return self._dag

    @dag.setter
    def dag(self, dag: DAG) -> None:
        if self._dag is not None and self._dag is not dag:
            raise AirflowException(f"task {self.task_id!r} already belongs to DAG {self.dag_id!r}")
        if self.task_id not in dag.task_dict:
            dag.add_task(self)
        object.__setattr__(self, "_dag", dag)

    def has_dag(self) -> bool:
        """True if it is part of a DAG."""
        return self._dag is not None

    def get_dag(self) -> DAG | None:
        """Its DAG, or None."""
        return self._dag

    @property
    def dag_id(self) -> str:
        """Its DAG's id; "adhoc_<owner>" without a DAG."""
        return self._dag.dag_id if self._dag is not None else f"adhoc_{self.owner}"

    @property
    def output(self) -> XComArg:
        """Its return value as an argument for other tasks."""
        return XComArg(self)

    @property
    def task_type(self) -> str:
        """The name of its class."""
        return type(self).__name__

    is_mapped = False

    @property
    def mapped_group(self) -> TaskGroup | None:
        """The mapped task group that it is in, or None."""
        group = self.task_group
        while group is not None and not group.is_mapped:
            group = group.parent_group
        return group

    get_closest_mapped_task_group = mapped_group.fget  # type: ignore[attr-defined]

    operator_name = task_type
    operator_class = property(type)

    @property
    def node_id(self) -> str:
        """Its id in the graph."""
        return self.task_id

    @property
    def upstream_list(self) -> list[BaseOperator]:
        """Its direct upstream tasks."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> list[BaseOperator]:
        """Its direct downstream tasks."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.downstream_task_ids)]

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        """Ids of its direct relatives."""
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_direct_relatives(self, upstream: bool = False) -> list[BaseOperator]:
        """Its direct relatives."""
        return self.upstream_list if upstream else self.downstream_list

    def get_flat_relative_ids(self, *, upstream: bool = False) -> set[str]:
        """Ids of all its direct and indirect relatives, as a set."""
        found, todo = set(), list(self.get_direct_relative_ids(upstream))
        while todo:
            task_id = todo.pop()
            if task_id not in found:
                found.add(task_id)
                todo.extend(self.dag.get_task(task_id).get_direct_relative_ids(upstream))
        return found

    def get_flat_relatives(self, upstream: bool = False) -> list[BaseOperator]:
        """All its direct and indirect relatives."""
        return [self.dag.get_task(i) for i in sorted(self.get_flat_relative_ids(upstream=upstream))]

    def _set_relatives(
        self, other: Linkable, upstream: bool, edge_modifier: EdgeModifier | None = None
    ) -> None:
        nodes = as_list(other)
        tasks = []
        for node in nodes:
            check_linkable(node)
            node.update_relative(self, not upstream, edge_modifier=edge_modifier)
            tasks.extend(node.leaves if upstream else node.roots)
        for task in tasks:
            if isinstance(task, BaseOperator):
                if upstream:
                    _link(task, self, edge_modifier)
                else:
                    _link(self, task, edge_modifier)
            elif isinstance(task, DependencyMixin):
                # A label or an XComArg within a list.
                if upstream:
                    task.set_downstream(self, edge_modifier=edge_modifier)
                else:
                    task.set_upstream(self, edge_modifier=edge_modifier)

    # Setup and teardown.

    def as_setup(self) -> Self:
        """Marks the task as a setup. The task itself."""
        self.is_setup = True
        return self

    def as_teardown(
        self, *, setups: Linkable | None = None, on_failure_fail_dagrun: bool | None = None
    ) -> Self:
        """
        Marks the task as a teardown: it runs once its setups (given here, or its direct upstreams
        that are setups) succeeded and what is between them is done. Its own failure fails the run
        only with on_failure_fail_dagrun. The task itself.
        """
        self.is_teardown = True
        self.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS.value
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        for setup in as_list(setups) if setups is not None else ():
            operator = setup.operator if isinstance(setup, XComArg) else setup
            operator.is_setup = True
            operator.set_downstream(self)
        return self

    def __enter__(self) -> Self:
        if not self.is_setup and not self.is_teardown:
            raise AirflowException("only a setup or a teardown task can be used in a `with` block")
        from tradewind.setup_teardown import SetupTeardownContext

        SetupTeardownContext.push(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        from tradewind.setup_teardown import SetupTeardownContext

        SetupTeardownContext.pop(link=exc_info[0] is None)

    def add_task(self, task: BaseOperator | XComArg) -> None:
        """Within `with self:`, names a task that was made outside of the block."""
        if scope.setup_teardown:
            scope.setup_teardown[-1].add(task.operator if isinstance(task, XComArg) else task)

    # What runs in the task's process.

    def execute(self, context: Context) -> Any:
        """Does the work; the return value is pushed as XCom. To be defined by subclasses."""
        raise NotImplementedError(f"{type(self).__name__} does not define execute()")

    def pre_execute(self, context: Context) -> None:
        """Called before execute."""
        if self._pre_execute_hook is not None:
            self._pre_execute_hook(context)

    def post_execute(self, context: Context, result: Any = None) -> None:
        """Called after execute succeeded."""
        if self._post_execute_hook is not None:
            self._post_execute_hook(context, result)

    def on_kill(self) -> None:
        """Called when the task is told to end, before it ends."""

    def defer(
        self,
        *,
        trigger: BaseTrigger,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: Duration | None = None,
    ) -> NoReturn:
        """
        Ends the task's process; the same try goes on in the method `method_name`, called with the
        context, `kwargs` and `event`, once the trigger has fired.
        """
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """Goes on after a deferral. TaskDeferralError, TaskDeferralTimeout: the trigger failed."""
        if next_method == "__fail__":
            text = (next_kwargs or {}).get("error") or "Trigger failure"
            if text == "Trigger timeout":
                raise TaskDeferralTimeout(text)
            raise TaskDeferralError(text)
        return getattr(self, next_method)(context, **(next_kwargs or {}))

    def reschedule(self, at: dt.datetime) -> NoReturn:
        """Ends the attempt; the same try goes on at `at`."""
        raise AirflowRescheduleException(at)

    @property
    def log(self) -> Logger:
        """The task's logger; its lines go to the attempt's log."""
        import logging

        return logging.getLogger(
            self.logger_name or f"{type(self).__module__}.{type(self).__name__}"
        )

    def get_template_env(self, dag: DAG | None = None) -> Environment:
        """The Jinja environment that renders its fields."""
        from tradewind.templates import environment

        return environment(dag or self._dag, self)

    def render_template_fields(
        self, context: Context, jinja_env: Environment | None = None
    ) -> None:
        """Renders the attributes in template_fields, in place."""
        from tradewind.templates import Renderer

        renderer = Renderer(context, dag=self._dag, task=self, env=jinja_env)
        for name in self.template_fields:
            if not hasattr(self, name):
                raise AttributeError(
                    f"{name!r} is a template field of {self.task_type} but not an attribute"
                )
            object.__setattr__(self, name, renderer.render(getattr(self, name), self.template_ext))

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """The content rendered."""
        from tradewind.templates import Renderer

        return Renderer(context, dag=self._dag, task=self, env=jinja_env).render(content)

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """
        The arguments that all instances of a mapped task have in common; `.expand(...)` or
        `.expand_kwargs(...)` of what it returns makes the task.
        """
        from tradewind.mapped import OperatorPartial

        return OperatorPartial(cls, kwargs)

    def unmap(self, resolve: Any = None) -> BaseOperator:
        """The operator that runs: itself."""
        return self

    def __repr__(self) -> str:
        return f"<Task({type(self).__name__}): {self.task_id}>"


def _link(
    before: BaseOperator, after: BaseOperator, edge_modifier: EdgeModifier | None = None
) -> None:
    """Makes the edge before → after, putting a task without a DAG into the other's."""
    if before._dag is None and after._dag is None:
        raise AirflowException(
            f"tasks {before.task_id!r} and {after.task_id!r} are linked but neither belongs to a"
            " DAG yet"
        )
    for one, other in ((before, after), (after, before)):
        if one._dag is None:
            other.dag.add_task(one)
            other.dag.task_group.add(one)
    if before._dag is not after._dag:
        raise AirflowException(
            f"tasks {before.task_id!r} (DAG {before.dag_id!r}) and {after.task_id!r} (DAG"
            f" {after.dag_id!r}) cannot be linked: they belong to different DAGs"
        )
    before.downstream_task_ids.add(after.task_id)
    after.upstream_task_ids.add(before.task_id)
    if edge_modifier is not None and edge_modifier.label is not None:
        edge_modifier.add_edge_info(before.dag, before.task_id, after.task_id)
