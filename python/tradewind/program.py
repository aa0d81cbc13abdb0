"""`dag.test()`: runs a DAG's file by the program `tradewind`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowException

if TYPE_CHECKING:
    from typing import Any

    from tradewind.dags import DAG


def program() -> str:
    """The path of `tradewind`: $TRADEWIND, else of PATH. AirflowException if it is not there."""
    found = os.environ.get("TRADEWIND") or shutil.which("tradewind")
    if not found or not os.access(found, os.X_OK):
        raise AirflowException(
            "dag.test() runs the DAG by the program `tradewind`, which was not found: put it into"
            " PATH, or its path into $TRADEWIND"
        )
    return found


def run_dag(dag: DAG, logical_date: Any = None, run_conf: Any = None) -> None:
    """Runs it to its end, its output on the terminal. AirflowException if the run fails."""
    command = [program(), "run", dag.fileloc, "--dag", dag.dag_id]
    if logical_date is not None:
        command += ["--logical-date", getattr(logical_date, "isoformat", lambda: logical_date)()]
    if run_conf is not None:
        command += ["--conf", json.dumps(run_conf)]
    code = subprocess.run(command, check=False).returncode
    if code != 0:
        raise AirflowException(f"the run of DAG {dag.dag_id!r} failed (exit code {code})")
