"""
Imports one DAG file into this process: its DAGs as documents, its errors, what it used, whether
tasks may be forked from here.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from typing import TYPE_CHECKING

from tradewind import link, lookup, plugins, policies, scope, sources
from tradewind.exceptions import DagImportTimeout
from tradewind.uses import Recorder, is_own, left_open, socket_fds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

    from tradewind.dags import DAG

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_AIRFLOW = os.path.join(os.path.dirname(_PACKAGE[:-1]), "airflow") + os.sep
IMPORT_TIMEOUT_S = 30.0


def import_timeout_s() -> float:
    """
    How long an import may take; 0: for ever. TRADEWIND_IMPORT_TIMEOUT, else [core]
    dagbag_import_timeout. ValueError if that is no number.
    """
    from tradewind.configuration import AirflowConfigException, conf

    own = os.environ.get("TRADEWIND_IMPORT_TIMEOUT")
    try:
        found = float(own) if own else conf.getfloat("core", "dagbag_import_timeout")
    except (ValueError, AirflowConfigException):
        name = "TRADEWIND_IMPORT_TIMEOUT" if own else "core.dagbag_import_timeout"
        raise ValueError(f"{name} is a number of seconds, such as 30") from None
    return max(0.0, float(found))



class Target:
    """
    What a process imports: a DAG file, or the file or module of a plain function (`python_callable`
    of a YAML DAG).
    """

    def __init__(self, path: str | None, module: str | None, folder: str, root: Any = None) -> None:
        self.path: Any = path
        self.module = module
        self.folder = folder
        self.root = root or sources.bundle_of(folder)
        self.original: Any = path  # the path that the user knows: of a view (in_tree) it is another
        self.tree: str | None = None  # of a view
        self.key = (path, module, folder)
        self.name = path or module

    def in_tree(self, tree: Any) -> Any:
        """The same file in the view of a tree (sources.Tree). OSError or ValueError without one."""
        name = os.path.relpath(os.path.realpath(self.path), tree.root)
        if name not in tree.sources:
            raise ValueError("the DAG file itself was not kept")
        view = tree.view()
        path = os.path.join(view, name)
        found = Target(path, None, os.path.dirname(path), view)
        found.original, found.tree = self.path, tree.tree
        return found

    @classmethod
    def of(
        cls, file: str, spec: Mapping[str, Any] | None = None, kind: str | None = None
    ) -> Target:
        """
        From an attempt's file, task and kind. ValueError if a task of a file that is not Python
        names a function or class wrongly.
        """
        file = os.path.abspath(file)
        folder = os.path.dirname(file)
        if file.endswith(".py"):
            return cls(file, None, folder)
        spec = spec or {}
        named = spec.get("operator_class") or spec.get("python_callable")
        native = spec.get("operator", "python") not in ("python", "branch", "short_circuit")
        if kind in ("render", "bash", "callback") or native:
            # What is named is found when it is used: any module that is there already.
            return cls(None, "tradewind.macros", folder)
        where, mark, function = str(named).rpartition(":")
        if not mark or not where or not function:
            raise ValueError(
                "python_callable must be 'file.py:function' or 'module:function', operator_class"
                " a class by such a name"
            )
        if where.endswith(".py"):
            path = os.path.join(folder, where)
            return cls(path, None, os.path.dirname(path))
        return cls(None, where, folder)


class Imported:
    """The result of an import."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.module: Any = None
        self.dags: list[DAG] = []
        self.documents: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.traceback = ""
        self.uses: Any = None
        self.cold: str | None = None  # why tasks cannot be forked from here, or None
        self.recorder: Any = None


def run_import(
    target: Target, timeout_s: float = IMPORT_TIMEOUT_S, emit: bool = True, tasks: bool = True
) -> Imported:
    """
    Imports the target. To be called once in a process (batch.py: when it may be called again); errors
    of the file are in the result, never raised. tasks: this process is to run tasks, too; only then
    is `cold` known.
    """
    result = Imported(target)
    scope.forget()
    sockets = socket_fds() if tasks else set()
    recorder = result.recorder = Recorder()
    folders = plugins.folders()
    sys.path.insert(0, target.folder)
    if target.root != os.path.realpath(target.folder) or target.root == _dags_folder():
        sys.path.append(target.root)
        recorder.roots.append(target.root)
    importlib.invalidate_caches()
    recorder.start()
    if target.path:
        recorder.add(target.path)
    reader = lookup.Reader() if lookup.available() else None
    link.set_reader(reader)
    alarm = _Alarm(timeout_s)
    try:
        with alarm:
            plugins.prepare(folders)
            result.module = _load(target)
            result.dags = [dag for dag in find_dags(result.module, target) if policies.apply(dag)]
            if "airflow" in sys.modules:
                plugins.load()
            if emit:
                _emit(result)
    except BaseException as error:
        result.errors.append(describe(error, target))
        result.traceback = user_traceback(error)
    result.uses = recorder.stop()
    link.set_reader(None)
    if reader is not None:
        result.uses.settings = reader.used
        reader.close()
    if target.path and result.documents:
        kept = sources.describe(target, result.uses)
        own = {dag.dag_id for dag in result.dags if dag.disable_bundle_versioning}
        for document in result.documents:
            if document["dag_id"] not in own:
                document["python"].update(kept)
    if not tasks:
        return result
    result.recorder = None
    result.cold = left_open()
    if result.cold is None and (recorder.connected or socket_fds() - sockets):
        result.cold = "opens sockets"
    return result


def _dags_folder() -> Any:
    dags = os.environ.get("TRADEWIND_DAGS")
    return os.path.realpath(dags) if dags else None


class _Alarm:
    """
    Raises DagImportTimeout in the main thread after a time, within the user's code: the error names
    its line. In another thread (a DagBag of a test) there is no limit.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._is_set = False

    def __enter__(self) -> None:
        import signal
        import threading

        if self.timeout_s <= 0 or threading.current_thread() is not threading.main_thread():
            return

        def ring(signum: int, frame: object) -> None:
            raise DagImportTimeout(f"the import took longer than {self.timeout_s:g} s")

        self._is_set = True
        self._previous = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, self.timeout_s)

    def __exit__(self, *exc_info: object) -> None:
        import signal

        if self._is_set:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._previous)


def module_name(path: str) -> str:
    """The name of a DAG file's module while it is imported."""
    return "tradewind_dag_" + os.path.splitext(os.path.basename(path))[0]


def _load(target: Target) -> ModuleType:
    if target.module:
        return importlib.import_module(target.module)
    with open(target.path, "rb") as file:
        source = file.read()
    code = compile(source, target.path, "exec", dont_inherit=True)
    name = module_name(target.path)
    module = types.ModuleType(name)
    module.__file__ = target.path
    sys.modules[name] = module
    exec(code, module.__dict__)
    return module


def find_dags(module: ModuleType, target: Any = None) -> list[DAG]:
    """
    The DAGs of a module: those made in `with` or by @dag, then other globals; in that order.
    ValueError if two have one id.
    """
    from tradewind.dags import DAG

    found = list(scope.registered)
    for value in list(vars(module).values()):
        if isinstance(value, DAG) and value not in found:
            found.append(value)
    seen = {}
    for dag in found:
        if dag.dag_id in seen:
            raise ValueError(f"the file has two DAGs with the id {dag.dag_id!r}")
        seen[dag.dag_id] = dag
        # Found where it was imported, whoever made it.
        dag.fileloc = target.original if target else module.__file__ or ""
        dag.import_folder = os.path.dirname(module.__file__ or "")
    # For `file.py:DAG/TASK` (tradewind.reference).
    module.__tradewind_dags__ = found  # type: ignore[attr-defined]
    return found


def _emit(result: Imported) -> None:
    from tradewind.emit import dag_document

    for dag in result.dags:
        try:
            result.documents.append(dag_document(dag))
        except Exception as error:
            # One DAG that cannot be written does not stop the file's others.
            found = describe(error, result.target)
            found.update(file=result.target.path, line=dag.lineno)
            result.errors.append(found)


def frames_of(error: BaseException) -> list[tuple[str, int]]:
    """(file, line) of an exception's traceback, outermost first."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        found.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return found


def describe(error: BaseException, target: Target) -> dict[str, Any]:
    """
    {file, line, text}: the innermost frame of the user's own code, and the reason in one line.
    """
    file, line = target.path or target.module, 0
    own = [
        (f, n)
        for f, n in frames_of(error)
        if not f.startswith("<") and not is_own(os.path.abspath(f))
    ]
    if (
        isinstance(error, SyntaxError)
        and error.filename
        and not is_own(os.path.abspath(error.filename))
    ):
        file, line = error.filename, error.lineno or 0
    elif own:
        file, line = own[-1]
    return {"file": file, "line": line, "text": one_line(error)}


def one_line(error: BaseException) -> str:
    """Type and message of an exception, in one line of at most 1,000 characters."""
    if isinstance(error, SyntaxError):
        text = f"{type(error).__name__}: {error.msg}"
        if error.text:
            text += f": {error.text.strip()}"
    else:
        try:
            message = str(error)
        except Exception:
            message = "(its message cannot be shown)"
        text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    text = " ".join(text.split())
    return text if len(text) <= 1000 else text[:997] + "..."


def user_traceback(error: BaseException) -> str:
    """The traceback as text, from the user's first frame on; all of it if none is the user's."""
    import traceback

    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    if trace is None and not isinstance(error, SyntaxError):
        trace = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, trace))


def _is_ours(file: str) -> bool:
    return file.startswith((_PACKAGE, _AIRFLOW, "<frozen", "<airflow"))
