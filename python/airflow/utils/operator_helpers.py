"""How functions are called with the context, and what of it child processes see."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING

from tradewind.operators.python import arguments_from_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from logging import Logger
    from typing import Any

DEFAULT_FORMAT_PREFIX = "airflow.ctx."
ENV_VAR_FORMAT_PREFIX = "AIRFLOW_CTX_"
AIRFLOW_VAR_NAME_FORMAT_MAPPING = {
    f"AIRFLOW_CONTEXT_{name.upper()}": {
        "default": f"{DEFAULT_FORMAT_PREFIX}{name}",
        "env_var_format": f"{ENV_VAR_FORMAT_PREFIX}{name.upper()}",
    }
    for name in (
        "dag_id",
        "task_id",
        "logical_date",
        "execution_date",
        "dag_run_id",
        "try_number",
        "dag_owner",
        "dag_email",
    )
}


def context_to_airflow_vars(context: Any, in_env_var_format: bool = False) -> dict[str, str]:
    """What names the run, as text: for the environment or for settings of other systems."""
    run, ti, task = context.get("dag_run"), context.get("ti"), context.get("task")
    values = {
        "DAG_OWNER": getattr(task, "owner", None),
        "DAG_EMAIL": getattr(task, "email", None),
        "DAG_ID": getattr(ti, "dag_id", None),
        "TASK_ID": getattr(ti, "task_id", None),
        "LOGICAL_DATE": context.get("logical_date"),
        "TRY_NUMBER": getattr(ti, "try_number", None),
        "DAG_RUN_ID": getattr(run, "run_id", None),
    }
    form = "env_var_format" if in_env_var_format else "default"
    out = {}
    for name, value in values.items():
        if value in (None, ""):
            continue
        if isinstance(value, (list, tuple, set)):
            value = ",".join(map(str, value))
        elif hasattr(value, "isoformat"):
            value = value.isoformat()
        out[AIRFLOW_VAR_NAME_FORMAT_MAPPING[f"AIRFLOW_CONTEXT_{name}"][form]] = str(value)
    from tradewind.policies import get_airflow_context_vars

    out.update(get_airflow_context_vars(context) or {})
    return out


class KeywordParameters:
    """The arguments of a call, by Airflow's rule."""

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        self.kwargs = kwargs

    @classmethod
    def determine(
        cls, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> KeywordParameters:
        """What `func` takes of kwargs."""
        from tradewind.context import LazyContext

        whole = kwargs if isinstance(kwargs, LazyContext) else LazyContext(kwargs)
        return cls(arguments_from_context(func, args, {}, whole))

    def unpacking(self) -> Mapping[str, Any]:
        """As a dict."""
        return self.kwargs


def determine_kwargs(
    func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What `func` takes of kwargs when it is called with args."""
    return KeywordParameters.determine(func, args, kwargs).unpacking()


def make_kwargs_callable(func: Callable[..., Any]) -> Callable[..., Any]:
    """The function that takes any keyword and passes on what `func` takes."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **determine_kwargs(func, args, kwargs))

    return wrapper


class ExecutionCallableRunner:
    """Calls a function for an operator."""

    def __init__(
        self, func: Callable[..., Any], outlet_events: Any = None, *, logger: Logger | None = None
    ) -> None:
        self.func = func

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Its return value; a generator is run to its end."""
        result = self.func(*args, **kwargs)
        if inspect.isgenerator(result):
            while True:
                try:
                    next(result)
                except StopIteration as end:
                    return end.value
        return result


class AsyncExecutionCallableRunner(ExecutionCallableRunner):
    """The same for coroutines."""

    async def run(self, *args: Any, **kwargs: Any) -> Any:
        """Its return value."""
        return await self.func(*args, **kwargs)


def create_executable_runner(
    func: Callable[..., Any], outlet_events: Any = None, *, logger: Logger | None = None
) -> ExecutionCallableRunner:
    """A runner of the function."""
    return ExecutionCallableRunner(func, outlet_events, logger=logger)


def create_async_executable_runner(
    func: Callable[..., Any], outlet_events: Any = None, *, logger: Logger | None = None
) -> AsyncExecutionCallableRunner:
    """A runner of the coroutine function."""
    return AsyncExecutionCallableRunner(func, outlet_events, logger=logger)
