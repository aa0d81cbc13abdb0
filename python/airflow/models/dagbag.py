"""DagBag: the DAGs of a folder or file, for tests of DAG files."""

from __future__ import annotations

import os
import sys

from airflow.configuration import conf
from tradewind import scope
from tradewind.importer import Target, run_import


class DagBag:
    """
    Imports a file, or each file of a folder, once and into this process, so that the DAGs can be
    looked at. `dags`: id → DAG, `import_errors`: file → text.
    """

    def __init__(self, dag_folder=None, include_examples=False, **_):
        self.dag_folder = os.fspath(dag_folder or conf.get("core", "dags_folder"))
        self.dags, self.import_errors = {}, {}
        for path in self._files():
            self.process_file(path)

    def _files(self):
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

    def process_file(self, filepath, only_if_updated=True, safe_mode=True):
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
    def dag_ids(self):
        """Their ids."""
        return list(self.dags)

    def get_dag(self, dag_id, session=None):
        """The DAG, or None."""
        return self.dags.get(dag_id)

    def size(self):
        """How many DAGs."""
        return len(self.dags)


def _may_hold_dag(path):
    with open(path, "rb") as file:
        text = file.read().lower()
    return b"dag" in text and (b"airflow" in text or b"tradewind" in text)
