"""
Functions that run in another Python: PythonVirtualenvOperator in an environment made for them,
ExternalPythonOperator in one that is there. Arguments and result are pickled.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import hashlib
import inspect
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import textwrap
import types
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowException, AirflowSkipException
from tradewind.operators.python import (
    BaseBranchOperator,
    PythonOperator,
    arguments_from_context,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from tradewind.context import Context
    from tradewind.hints import StrPath

SERIALIZERS = ("pickle", "cloudpickle", "dill")


class _Serializers(dict):
    """The modules of SERIALIZERS, imported when they are asked for: what operators of providers use."""

    def __getitem__(self, name: str) -> Any:
        import importlib

        return importlib.import_module(super().__getitem__(name))


_SERIALIZERS = _Serializers({name: name for name in SERIALIZERS})
# The file that says that an environment is whole.
_WHOLE = "tradewind-whole"

# What of the context goes to another Python.
_PLAIN_NAMES = frozenset("""
    ds ds_nodash expanded_ti_count inlets outlets params prev_data_interval_end_success
    prev_data_interval_start_success prev_end_date_success prev_start_date_success run_id
    task_instance_key_str templates_dict test_mode ts ts_nodash ts_nodash_with_tz
    data_interval_end data_interval_start logical_date
    """.split())

_SCRIPT = """\
from __future__ import annotations
import sys
import {serializer} as _serializer

with open(sys.argv[1], "rb") as _file:
    _given = _serializer.load(_file)
virtualenv_string_args = _given["string_args"]

{source}

if __name__ == "__main__":
    _result = {name}(*_given["args"], **_given["kwargs"])
    with open(sys.argv[2], "wb") as _file:
        _serializer.dump(_result, _file)
"""


def source_of(function: Callable[..., Any]) -> str:
    """The text of a function without its decorators. AirflowException if there is none."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(text).body[0]
    except (OSError, SyntaxError, IndexError, TypeError):
        raise AirflowException(
            f"the source of {getattr(function, '__name__', function)!r} cannot be found: it must be"
            " a function of a file"
        ) from None
    if not isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        raise AirflowException("only functions made by `def` can run in another Python")
    return "\n".join(text.splitlines()[tree.lineno - 1 :])


class _BasePythonVirtualenvOperator(PythonOperator):
    """Runs the function's source in another Python. skip_on_exit_code: codes that mean skipped."""

    template_fields: Collection[str] = (*PythonOperator.template_fields, "env_vars")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        op_args: Iterable[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        string_args: Iterable[str] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Collection[int] | None = None,
        env_vars: Mapping[str, str] | None = None,
        inherit_env: bool = True,
        **kwargs: Any,
    ) -> None:
        if not isinstance(python_callable, types.FunctionType):
            raise ValueError(f"{type(self).__name__} takes only functions as python_callable")
        if python_callable.__name__ == "<lambda>":
            raise ValueError(f"{type(self).__name__} takes no lambda as python_callable")
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            templates_dict=templates_dict,
            templates_exts=templates_exts,
            **kwargs,
        )
        self.serializer = serializer or "pickle"
        if self.serializer not in SERIALIZERS:
            raise AirflowException(
                f"unsupported serializer {serializer!r}: one of {', '.join(SERIALIZERS)}"
            )
        self.string_args = [str(one) for one in string_args or ()]
        self.expect_airflow = expect_airflow
        codes = [] if skip_on_exit_code is None else skip_on_exit_code
        self.skip_on_exit_code = [codes] if isinstance(codes, int) else list(codes)
        self.env_vars, self.inherit_env = env_vars, inherit_env
        self._process: subprocess.Popen[bytes] | None = None

    def python_path(self) -> str:
        """The interpreter that runs the function."""
        raise NotImplementedError

    def get_python_source(self) -> str:
        """The function's text without its decorators."""
        return source_of(self.python_callable)

    def execute(self, context: Context) -> Any:
        """The function's return value."""
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        return self.run_in(self.python_path(), self._arguments(context))

    def _arguments(self, context: Context) -> dict[str, Any]:
        """The keyword arguments: what the function takes of the context, as far as it can go."""
        wanted = arguments_from_context(
            self.python_callable, self.op_args, self.op_kwargs, context
        )
        given = {
            name: value
            for name, value in wanted.items()
            if name in self.op_kwargs or name in _PLAIN_NAMES
        }
        return {name: _plain_time(value) for name, value in given.items()}

    def run_in(self, python: str, kwargs: dict[str, Any]) -> Any:
        """
        Runs the function by an interpreter, its output line by line to the log. AirflowException
        with the exit code, AirflowSkipException for one of skip_on_exit_code.
        """
        serializer = self._serializer()
        with tempfile.TemporaryDirectory(prefix="tradewind-") as folder:
            script, given, result = (os.path.join(folder, n) for n in ("task.py", "in", "out"))
            with open(script, "w", encoding="utf-8") as file:
                file.write(
                    _SCRIPT.format(
                        serializer=self.serializer,
                        source=self.get_python_source(),
                        name=self.python_callable.__name__,
                    )
                )
            with open(given, "wb") as file:
                serializer.dump(
                    {"args": self.op_args, "kwargs": kwargs, "string_args": self.string_args}, file
                )
            self._run([python, script, given, result])
            if not os.path.exists(result):
                return None
            with open(result, "rb") as file:
                try:
                    return serializer.load(file)
                except Exception as error:
                    raise AirflowException(
                        f"what the function returned cannot be read here: {error}"
                    ) from None

    def _serializer(self) -> Any:
        if self.serializer == "pickle":
            return pickle
        import importlib

        try:
            return importlib.import_module(self.serializer)
        except ImportError:
            raise AirflowException(
                f"the serializer {self.serializer!r} needs the Python package of that name"
            ) from None

    def _environment(self) -> dict[str, str]:
        env = dict(os.environ) if self.inherit_env else {"PATH": os.environ.get("PATH", "")}
        # The other Python has packages of its own.
        env.pop("PYTHONHOME", None)
        # But the modules beside the DAG's file are importable there too.
        env["PYTHONPATH"] = self.dag.folder
        env["PYTHONUNBUFFERED"] = "1"
        env.update({str(k): str(v) for k, v in (self.env_vars or {}).items()})
        return env

    def _run(self, command: list[str]) -> None:
        self._process = process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
        )
        for line in process.stdout or ():
            print(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
        code = process.wait()
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"the function ended with exit code {code}: skipped")
        if code < 0:
            raise AirflowException(f"the function's process was ended by signal {-code}")
        if code != 0:
            raise AirflowException(f"the function's process ended with exit code {code}")

    def on_kill(self) -> None:
        """Passes the end on."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


def _plain_time(value: Any) -> Any:
    """A pendulum time as the standard library's: the other Python may lack pendulum."""
    import datetime as dt

    if isinstance(value, dt.datetime) and type(value) is not dt.datetime:
        return dt.datetime.fromisoformat(dt.datetime.isoformat(value))
    return value


class PythonVirtualenvOperator(_BasePythonVirtualenvOperator):
    """
    Runs the function in a virtual environment with `requirements` (a list, or the text of a
    requirements file). An environment is made once for the same requirements and options, and kept
    under venv_cache_path, else under the home's `venvs`.
    """

    template_fields: Collection[str] = (
        *_BasePythonVirtualenvOperator.template_fields,
        "requirements",
        "index_urls",
        "venv_cache_path",
    )
    template_ext: Collection[str] = (".txt",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        requirements: str | Iterable[str] | None = None,
        python_version: str | None = None,
        system_site_packages: bool = True,
        pip_install_options: Iterable[str] | None = None,
        index_urls: str | Collection[str] | None = None,
        index_urls_from_connection_ids: str | Collection[str] | None = None,
        venv_cache_path: StrPath | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        if requirements is not None and not isinstance(requirements, str):
            requirements = list(requirements)
        if isinstance(index_urls_from_connection_ids, str):
            index_urls_from_connection_ids = [index_urls_from_connection_ids]
        self.requirements, self.python_version = requirements, python_version
        self.system_site_packages = system_site_packages
        self.pip_install_options = list(pip_install_options or ())
        self.index_urls = [index_urls] if isinstance(index_urls, str) else index_urls
        self.index_urls_from_connection_ids = list(index_urls_from_connection_ids or ())
        self.venv_cache_path = venv_cache_path

    def _lines(self) -> list[str]:
        wanted = self.requirements or []
        lines = wanted.splitlines() if isinstance(wanted, str) else [str(one) for one in wanted]
        if self.serializer != "pickle" and not any(self.serializer in one for one in lines):
            lines.append(self.serializer)
        return lines

    def _base_python(self) -> str:
        if not self.python_version:
            return sys.executable
        found = shutil.which(f"python{self.python_version}")
        if found is None and not shutil.which("uv"):
            raise AirflowException(f"python{self.python_version} was not found in PATH")
        return found or str(self.python_version)

    def _index(self) -> dict[str, str]:
        """The package indexes as environment of pip and uv: addresses may hold passwords."""
        urls = list(self.index_urls or ())
        for conn_id in self.index_urls_from_connection_ids:
            urls.append(_index_of(conn_id))
        if not urls:
            # An empty list, unlike none, means no index at all.
            return {"PIP_NO_INDEX": "1"} if self.index_urls is not None else {}
        env = {"PIP_INDEX_URL": urls[0], "UV_DEFAULT_INDEX": urls[0]}
        if len(urls) > 1:
            env["PIP_EXTRA_INDEX_URL"] = env["UV_INDEX"] = " ".join(urls[1:])
        return env

    def python_path(self) -> str:
        """
        The interpreter of the environment, which is made if it is not there whole. Its name is a hash
        of all that it was made from, local files' contents too.
        """
        base, lines, index = self._base_python(), self._lines(), self._index()
        key = [
            sorted(lines),
            [_content(line) for line in sorted(lines)],
            _interpreter(base),
            bool(self.system_site_packages),
            self.pip_install_options,
            sorted(index.items()),
        ]
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()
        home = os.path.expanduser(os.environ.get("TRADEWIND_HOME") or "~/.tradewind")
        root = os.path.abspath(self.venv_cache_path or os.path.join(home, "venvs"))
        os.makedirs(root, exist_ok=True)
        path = os.path.join(root, f"venv-{name}")
        with _lock(path + ".lock"):
            if not os.path.exists(os.path.join(path, _WHOLE)):
                self._make(path, base, lines, index)
        return os.path.join(path, "bin", "python")

    def _make(self, path: str, base: str, lines: list[str], index: dict[str, str]) -> None:
        """
        Makes the environment at its place, for its scripts name it; the mark that it is whole comes
        last: what a kill left without it is made anew.
        """
        shutil.rmtree(path, ignore_errors=True)
        own = {**os.environ, "UV_NO_PROGRESS": "1", **index}
        own.pop("PYTHONPATH", None)
        uv = shutil.which("uv")
        site = ["--system-site-packages"] if self.system_site_packages else []
        python = os.path.join(path, "bin", "python")
        if uv:
            _call([uv, "venv", "--quiet", "--python", base, *site, path], own)
            install = [uv, "pip", "install", "--python", python]
            if "PIP_NO_INDEX" in index:
                install.append("--no-index")
        else:
            _call([base, "-m", "venv", *site, path], own)
            install = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        if lines:
            file = os.path.join(path, "requirements.txt")
            with open(file, "w", encoding="utf-8") as out:
                out.write("\n".join(lines) + "\n")
            _call([*install, "-r", file, *self.pip_install_options], own)
        with open(os.path.join(path, _WHOLE), "w", encoding="ascii") as out:
            os.fsync(out.fileno())


def _index_of(conn_id: str) -> str:
    """The address of the package index that a connection describes."""
    from urllib.parse import quote, urlsplit, urlunsplit

    from tradewind.hooks import BaseHook

    conn = BaseHook.get_connection(conn_id)
    if not conn.host:
        raise AirflowException(f"the connection {conn_id!r} has no host: the address of an index")
    parts = urlsplit(conn.host if "://" in conn.host else f"https://{conn.host}")
    place = parts.netloc
    if conn.login and "@" not in place:
        word = quote(conn.login, safe="")
        if conn.password:
            word += ":" + quote(conn.password, safe="")
        place = f"{word}@{place}"
    return urlunsplit(parts._replace(netloc=place))


def _interpreter(base: str) -> list[Any]:
    """An interpreter as it is now: where it is, and which file."""
    real = os.path.realpath(base)
    try:
        found = os.stat(real)
    except OSError:
        return [base]
    return [base, real, found.st_mtime_ns, found.st_size]


def _content(line: str) -> str | None:
    """A hash of the file or folder that a requirement names; None if it names a package."""
    place = line.partition(" @ ")[2] or line
    place = place.strip().removeprefix("-e ").strip().removeprefix("file://").partition("[")[0]
    if not os.path.exists(place):
        return None
    digest = hashlib.sha256()
    files = [place]
    if os.path.isdir(place):
        files = sorted(os.path.join(at, name) for at, _, names in os.walk(place) for name in names)
    for file in files:
        digest.update(os.path.relpath(file, place).encode() + b"\0")
        with open(file, "rb") as source:
            digest.update(hashlib.sha256(source.read()).digest())
    return digest.hexdigest()


@contextlib.contextmanager
def _lock(path: str) -> Iterator[None]:
    """One process at a time."""
    with open(path, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _call(command: list[str], env: Mapping[str, str]) -> None:
    """Runs a command. AirflowException with the end of its output."""
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        words = done.stdout.decode("utf-8", "backslashreplace").strip()
        raise AirflowException(
            f"the virtual environment cannot be made: {os.path.basename(command[0])} ended with"
            f" exit code {done.returncode}: {words[-2000:]}"
        )


class ExternalPythonOperator(_BasePythonVirtualenvOperator):
    """Runs the function by the interpreter `python`, an absolute path."""

    template_fields: Collection[str] = (*_BasePythonVirtualenvOperator.template_fields, "python")

    def __init__(
        self,
        *,
        python: StrPath,
        python_callable: Callable[..., Any],
        expect_pendulum: bool = False,
        **kwargs: Any,
    ) -> None:
        if not python:
            raise ValueError("python must be the path of an interpreter")
        super().__init__(python_callable=python_callable, **kwargs)
        self.python, self.expect_pendulum = os.fspath(python), expect_pendulum

    def python_path(self) -> str:
        """The interpreter. AirflowException if it cannot be executed."""
        if not os.access(self.python, os.X_OK) or os.path.isdir(self.python):
            raise AirflowException(f"{self.python!r} is no interpreter that can be executed")
        return self.python


class BranchPythonVirtualenvOperator(BaseBranchOperator, PythonVirtualenvOperator):
    """A branch whose function runs in a virtual environment."""

    def choose_branch(self, context: Context) -> str | Iterable[str] | None:
        return PythonVirtualenvOperator.execute(self, context)


class BranchExternalPythonOperator(BaseBranchOperator, ExternalPythonOperator):
    """A branch whose function runs by another interpreter."""

    def choose_branch(self, context: Context) -> str | Iterable[str] | None:
        return ExternalPythonOperator.execute(self, context)
