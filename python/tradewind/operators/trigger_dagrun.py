"""TriggerDagRunOperator: makes a run of another DAG."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from tradewind import timezone
from tradewind.baseoperator import BaseOperator
from tradewind.exceptions import (
    AirflowException,
    AirflowSkipException,
    DagNotFound,
    DagRunAlreadyExists,
)
from tradewind.runner.world import text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from tradewind.context import Context
    from tradewind.hints import Duration

XCOM_LOGICAL_DATE_ISO = "trigger_logical_date_iso"
XCOM_RUN_ID = "trigger_run_id"
NOTSET = object()


def make_run(
    ti: Any,
    dag_id: str,
    run_id: str | None = None,
    conf: Any = None,
    logical_date: Any = None,
    reset_dag_run: bool = False,
    skip_when_already_exists: bool = False,
    note: str | None = None,
) -> str:
    """
    Has the engine make a run; its id. DagRunAlreadyExists, or AirflowSkipException. The same try
    asks for the same run: asked again after a crash it finds its own.
    """
    try:
        json.dumps(conf)
    except TypeError:
        raise ValueError("conf parameter should be JSON Serializable") from None
    moment = timezone.coerce_datetime(logical_date) if logical_date else ti.start_date
    if isinstance(moment, str):
        moment = timezone.from_text(moment)
    run_id = str(run_id) if run_id else f"manual__{dt.datetime.isoformat(moment)}"
    if note:
        print(f"tradewind: note of run {run_id}: {note}")
    made = ti.ask(
        "dag_run_trigger",
        dag_id=dag_id,
        run_id=run_id,
        conf=conf or {},
        logical_date=text_of(moment),
        reset=bool(reset_dag_run),
    )
    if not made["created"]:
        if skip_when_already_exists:
            raise AirflowSkipException(
                "Skipping due to skip_when_already_exists is set to True and DagRun already exists"
            )
        raise DagRunAlreadyExists(f"A Dag Run already exists for Dag {dag_id} with run id {run_id}")
    print(f"tradewind: run {run_id} of {dag_id} was made")
    ti.xcom_push(XCOM_RUN_ID, run_id)
    ti.xcom_push(XCOM_LOGICAL_DATE_ISO, text_of(moment))
    return run_id


class TriggerDagRunOperator(BaseOperator):
    """
    Makes a run of the DAG trigger_dag_id, which this home must know. With wait_for_completion the
    task waits for its end, deferred: without a process and a slot, whatever `deferrable` says.
    `note` is written to the log.
    """

    template_fields: Collection[str] = (
        "trigger_dag_id",
        "trigger_run_id",
        "logical_date",
        "conf",
        "wait_for_completion",
        "skip_when_already_exists",
    )
    template_fields_renderers = {"conf": "py"}
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: Any = None,
        logical_date: Any = NOTSET,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: Duration = 60,
        allowed_states: Sequence[str] | None = None,
        failed_states: Sequence[str] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        note: str | None = None,
        deferrable: bool = False,
        openlineage_inject_parent_info: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.trigger_dag_id, self.trigger_run_id, self.conf = trigger_dag_id, trigger_run_id, conf
        self.reset_dag_run, self.wait_for_completion = reset_dag_run, wait_for_completion
        if isinstance(poke_interval, dt.timedelta):
            poke_interval = poke_interval.total_seconds()
        self.poke_interval = poke_interval
        self.allowed_states = ["success"] if allowed_states is None else list(allowed_states)
        self.failed_states = ["failed"] if failed_states is None else list(failed_states)
        self.skip_when_already_exists = skip_when_already_exists
        self.fail_when_dag_is_paused = fail_when_dag_is_paused
        self.note, self.deferrable = note, deferrable
        if logical_date is not NOTSET and isinstance(logical_date, dt.datetime):
            logical_date = timezone.coerce_datetime(logical_date).isoformat()
        elif logical_date is not NOTSET and logical_date is not None:
            if not isinstance(logical_date, str) and not hasattr(logical_date, "resolve"):
                raise TypeError(
                    "Expected str, datetime.datetime, or None for parameter 'logical_date'. Got"
                    f" {type(logical_date).__name__}"
                )
        self.logical_date = None if logical_date is NOTSET else logical_date

    def execute(self, context: Context) -> Any:
        """Makes the run; waits for it if that was asked."""
        self._check_dag(context["ti"])
        run_id = make_run(
            context["ti"],
            self.trigger_dag_id,
            self.trigger_run_id,
            conf=json.loads(self.conf) if isinstance(self.conf, str) else self.conf,
            logical_date=self.logical_date,
            reset_dag_run=self.reset_dag_run,
            skip_when_already_exists=_true(self.skip_when_already_exists),
            note=self.note,
        )
        if _true(self.wait_for_completion):
            self._wait(run_id)

    def _check_dag(self, ti: Any) -> None:
        found = ti.ask("dag_get", dag_id=self.trigger_dag_id)
        if not found["found"]:
            raise DagNotFound(
                f"there is no DAG {self.trigger_dag_id!r} in this home; a DAG is known once its"
                " file was run"
            )
        if self.fail_when_dag_is_paused and found["paused"]:
            raise AirflowException(f"Dag {self.trigger_dag_id} is paused")

    def _wait(self, run_id: str) -> None:
        from tradewind.triggers.external_task import DagStateTrigger

        self.defer(
            trigger=DagStateTrigger(
                dag_id=self.trigger_dag_id,
                run_ids=[run_id],
                states=self.allowed_states + self.failed_states,
                poll_interval=self.poke_interval,
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """After the run's end: AirflowException if its state is one of failed_states."""
        for run_id, state in ((event or {}).get("runs") or {}).items():
            if state in [getattr(s, "value", s) for s in self.failed_states]:
                raise AirflowException(
                    f"{self.trigger_dag_id} failed: run {run_id} is in state {state!r}"
                )
            self.log.info("%s: run %s is in state %r", self.trigger_dag_id, run_id, state)


def _true(value: Any) -> bool:
    return value.strip().lower() in ("true", "1", "yes") if isinstance(value, str) else bool(value)
