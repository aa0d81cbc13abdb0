"""DagBag: the DAGs of a folder or file, for tests of DAG files."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from airflow.configuration import conf
from tradewind import scope
from tradewind.importer import Target, run_import

if TYPE_CHECKING:
    from typing import Any

    from tradewind.dags import DAG


class DagBag:
    """
    Imports a file, or each file of a folder, once and into this process, so that the DAGs can be
    looked at. `dags`: id → DAG, `import_errors`: file → text.
    """

    def __init__(self, dag_folder: Any = None, include_examples: bool = False, **_: Any) -> None:
        self.dag_folder = os.fspath(dag_folder or conf.get("core", "dags_folder"))
        self.dags: dict[str, DAG] = {}
        self.import_errors: dict[str, str] = {}
        for path in self._files():
            self.process_file(path)

    def _files(self) -> list[str]:
        if os.path.isfile(self.dag_folder):
            return [self.dag_folder]
        found = []
        for folder, names, files in os.walk(self.dag_folder):
            names[:] = sorted(n for n in names if n != "__pycache__" and not n.startswith("."))
            for name in sorted(files):
                path = os.path.join(folder, name)
                if name.endswith(".py") and _may_hold_dag(path):
                    found.append(path)
        return found

    def process_file(
        self, filepath: str, only_if_updated: bool = True, safe_mode: bool = True
    ) -> list[DAG]:
        """Imports a file; its DAGs, none of a file with an error."""
        paths = list(sys.path)
        try:
            result = run_import(Target.of(filepath), tasks=False)
        finally:
            sys.path[:] = paths
            scope.forget()
        if result.errors:
            self.import_errors[filepath] = "\n".join(
                f"{e['file']}:{e['line']}: {e['text']}" for e in result.errors
            )
            return []
        self.dags.update((dag.dag_id, dag) for dag in result.dags)
        return result.dags

    @property
    def dag_ids(self) -> list[str]:
        """Their ids."""
        return list(self.dags)

    def get_dag(self, dag_id: str, session: Any = None) -> DAG | None:
        """The DAG, or None."""
        return self.dags.get(dag_id)

    def size(self) -> int:
        """How many DAGs."""
        return len(self.dags)


def _may_hold_dag(path: str) -> bool:
    with open(path, "rb") as file:
        text = file.read().lower()
    return b"dag" in text and (b"airflow" in text or b"tradewind" in text)
