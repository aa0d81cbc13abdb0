"""
Operators that ask a person: HITLOperator, ApprovalOperator, HITLBranchOperator, HITLEntryOperator.
The answer is given by `tradewind tasks respond`; until then the task holds neither a process nor a
slot.
"""

from __future__ import annotations

import copy
import datetime as dt
from typing import TYPE_CHECKING, TypedDict

from tradewind import timezone
from tradewind.baseoperator import BaseOperator, to_timedelta
from tradewind.exceptions import (
    HITLRejectException,
    HITLTimeoutError,
    HITLTriggerEventError,
    ParamValidationError,
)
from tradewind.operators.python import BranchMixIn, SkipMixin
from tradewind.param import ParamsDict

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from tradewind.context import Context
    from tradewind.hints import Duration
    from tradewind.triggers.base import BaseTrigger


class HITLUser(TypedDict):
    """A person who may answer: an entry of `assigned_users`."""

    id: str
    name: str


class HITLOperator(BaseOperator):
    """
    Asks `subject`, with `options` to choose from (one, with multiple=True several) and `params` to
    fill in. Returns {"chosen_options", "params_input", "responded_at", "responded_by_user"}. After
    response_timeout (older: execution_timeout) `defaults` are the answer; without them it fails.
    """

    template_fields: Collection[str] = ("subject", "body")

    def __init__(
        self,
        *,
        subject: str,
        options: Sequence[str],
        body: str | None = None,
        defaults: str | Sequence[str] | None = None,
        multiple: bool = False,
        params: ParamsDict | Mapping[str, Any] | None = None,
        notifiers: Any = None,
        assigned_users: HITLUser | Sequence[HITLUser] | None = None,
        response_timeout: Duration | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # A person's time is none of the task's own.
        timeout = response_timeout if response_timeout is not None else self.execution_timeout
        self.response_timeout = to_timedelta(timeout, "response_timeout", self.task_id)
        self.execution_timeout = None
        self.subject, self.body, self.options = subject, body, list(options or ())
        self.multiple = bool(multiple)
        given = [defaults] if isinstance(defaults, str) else defaults
        self.defaults = None if given is None else list(given)
        self.asked_params = params if isinstance(params, ParamsDict) else ParamsDict(params or {})
        self.notifiers = _list(notifiers)
        self.assigned_users = _list(assigned_users)
        self._validate()

    def _validate(self) -> None:
        if not self.options:
            raise ValueError('"options" cannot be empty.')
        if not all(isinstance(option, str) for option in self.options):
            raise ValueError('"options" must be strings.')
        if len(set(self.options)) != len(self.options):
            raise ValueError('"options" must differ from each other.')
        if "_options" in self.asked_params:
            raise ValueError('"_options" is not allowed in params')
        if self.defaults is not None:
            if not set(self.defaults) <= set(self.options):
                raise ValueError(
                    f'defaults "{self.defaults}" should be a subset of options "{self.options}"'
                )
            if not self.multiple and len(self.defaults) > 1:
                raise ValueError('More than one defaults given when "multiple" is set to False.')

    def execute(self, context: Context) -> Any:
        """Asks, tells the notifiers, and waits."""
        timeout = None
        if self.response_timeout is not None:
            timeout = dt.datetime.now(dt.timezone.utc) + self.response_timeout
        context["ti"].ask("hitl_request", request=self._request(timeout))
        print(
            f"tradewind: waits for a person: {self.subject}\n"
            f"tradewind: `tradewind tasks respond {self.dag_id} {self.task_id} --option OPTION`"
            f" answers; the options: {', '.join(self.options)}"
        )
        for notifier in self.notifiers:
            (notifier if callable(notifier) else notifier.notify)(context)
        self.defer(
            trigger=self._trigger(timeout),
            method_name="execute_complete",
        )

    def _trigger(self, timeout: dt.datetime | None) -> BaseTrigger:
        from tradewind.triggers.hitl import HITLTrigger

        return HITLTrigger(defaults=self.defaults, timeout_datetime=timeout)

    def _request(self, timeout: dt.datetime | None) -> dict[str, Any]:
        from tradewind.emit import plain

        what = f"the question of task {self.task_id!r}"
        params = {name: param.dump() for name, param in self.asked_params.params()}
        return {
            "subject": str(self.subject),
            "body": None if self.body is None else str(self.body),
            "options": self.options,
            "defaults": self.defaults,
            "multiple": self.multiple,
            "params": plain(params, what),
            "timeout": None if timeout is None else timeout.isoformat(),
            "assigned_users": plain(self.assigned_users, what),
        }

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """After the answer."""
        event = event or {"error": "there is no answer", "error_type": "unknown"}
        if "error" in event:
            kind = HITLTimeoutError if event.get("error_type") == "timeout" else HITLTriggerEventError
            raise kind(event["error"])
        chosen = event["chosen_options"]
        wrong = [option for option in chosen if option not in self.options]
        if wrong:
            raise ValueError(f"{wrong} are not valid options: {self.options}")
        if event.get("timedout"):
            print(f"tradewind: nobody answered in time; the defaults count: {chosen}")
        return {
            "chosen_options": chosen,
            "params_input": self._params_input(event.get("params_input") or {}),
            "responded_at": timezone.coerce_datetime(event["responded_at"]),
            "responded_by_user": event.get("responded_by_user"),
        }

    def _params_input(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All params: what was given, else the default. ParamValidationError."""
        out = {}
        for name, param in self.asked_params.params():
            param = copy.copy(param)
            try:
                out[name] = param.resolve(given[name]) if name in given else param.resolve()
            except ParamValidationError as error:
                raise ParamValidationError(f"Invalid input for param {name}: {error}") from None
        return out


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, set)) else [value]


class ApprovalOperator(HITLOperator, SkipMixin):
    """
    Asks "Approve" or "Reject". Rejected, the tasks directly downstream are skipped, with
    ignore_downstream_trigger_rules=True all that are downstream; with fail_on_reject it fails.
    """

    APPROVE = "Approve"
    REJECT = "Reject"

    def __init__(
        self,
        *,
        ignore_downstream_trigger_rules: bool = False,
        fail_on_reject: bool = False,
        **kwargs: Any,
    ) -> None:
        for arg in ("options", "multiple"):
            if arg in kwargs:
                raise ValueError(f"Passing {arg} to ApprovalOperator is not allowed.")
        super().__init__(options=[self.APPROVE, self.REJECT], multiple=False, **kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        self.fail_on_reject = fail_on_reject

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        answer = super().execute_complete(context, event)
        if answer["chosen_options"] and answer["chosen_options"][0] == self.APPROVE:
            return answer
        if self.fail_on_reject:
            raise HITLRejectException("Receive \"Reject\"")
        if self.ignore_downstream_trigger_rules:
            ids = self.get_flat_relative_ids(upstream=False)
        else:
            ids = self.downstream_task_ids
        self.skip(i for i in sorted(ids) if not self.dag.get_task(i).is_teardown)
        return answer


class HITLBranchOperator(HITLOperator, BranchMixIn):
    """
    Follows the tasks whose ids were chosen. options_mapping: option to task id, where they differ.
    """

    def __init__(self, *, options_mapping: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options_mapping: dict[str, Any] = dict(options_mapping or {})
        unknown = set(self.options_mapping) - set(self.options)
        if unknown:
            raise ValueError(f"options_mapping contains keys that are not in options: {sorted(unknown)}")
        if not all(isinstance(value, str) for value in self.options_mapping.values()):
            raise ValueError("options_mapping values must be strings (task ids)")

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        answer = super().execute_complete(context, event)
        follow = [self.options_mapping.get(o, o) for o in answer["chosen_options"]]
        self.do_branch(context, follow)
        return answer


class HITLEntryOperator(HITLOperator):
    """Asks for params; there is one option, "OK", unless others are given."""

    def __init__(self, **kwargs: Any) -> None:
        if "options" not in kwargs:
            kwargs["options"] = ["OK"]
            kwargs.setdefault("defaults", ["OK"])
        super().__init__(**kwargs)
