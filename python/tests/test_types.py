"""
What type checkers and editors read: hints everywhere, a stub for every module of Airflow's import paths,
docstrings of the public API; and mypy itself, where it is installed (python3-mypy, or pip install mypy).
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[1]
STUBS = PYTHON.parent / "tools" / "python-stubs"
TYPED = Path(__file__).resolve().parent / "typed"
OURS = ("tradewind", "airflow")
SOURCES = sorted(path for package in OURS for path in (PYTHON / package).rglob("*.py"))


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    """The folder that holds the package airflow as checkers read it."""
    folder = tmp_path_factory.mktemp("stubs")
    done = subprocess.run(
        [sys.executable, STUBS, folder / "airflow", folder / "airflow.d"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return folder


def test_every_module_of_the_table_has_a_stub_with_its_names(stubs):
    from airflow import _finder

    for name, entry in _finder.ENTRIES.items():
        folder = stubs.joinpath(*name.split("."))
        if entry.refused:
            assert not (folder / "__init__.pyi").exists(), name
            continue
        if not entry.listed and (folder / "__init__.py").exists():
            continue
        tree = ast.parse((folder / "__init__.pyi").read_text())
        given = {a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names}
        given |= {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets}
        covered = "*" in given
        assert covered or set(entry.names) <= given, f"{name}: {set(entry.names) - given}"
    assert (stubs / "airflow" / "py.typed").exists() and (PYTHON / "tradewind" / "py.typed").exists()


def test_what_has_a_file_of_its_own_is_beside_the_stubs(stubs):
    for path in (PYTHON / "airflow").rglob("*.py"):
        place = stubs / path.relative_to(PYTHON)
        assert place.read_text() == path.read_text()
    depends = (stubs / "airflow.d").read_text()
    assert str(PYTHON / "airflow" / "_table.py") in depends
    assert str(PYTHON / "tradewind" / "sdk.py") in depends


def test_a_name_of_the_table_that_is_not_there_is_an_error(tmp_path):
    shutil.copytree(PYTHON, tmp_path / "python", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    (tmp_path / "tools").mkdir()
    tool = shutil.copy(STUBS, tmp_path / "tools")
    table = tmp_path / "python" / "airflow" / "_table.py"
    table.write_text(table.read_text().replace("    sdk: DAG Asset", "    sdk: Nonsense DAG Asset", 1))
    done = subprocess.run(
        [sys.executable, tool, tmp_path / "out"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr == "python-stubs: airflow.Nonsense: tradewind.sdk has no Nonsense\n"


def hidden_from_checkers(node):
    """True for `if not TYPE_CHECKING:`; of `if TYPE_CHECKING: ... else: ...` the second half is."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "not TYPE_CHECKING"


def functions(body):
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        if hidden_from_checkers(node):
            continue
        for name, inner in ast.iter_fields(node):
            checked = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            if isinstance(inner, list) and not (checked and name == "orelse"):
                yield from functions([one for one in inner if isinstance(one, ast.AST)])


def test_every_function_has_hints():
    missing = []
    for path in SOURCES:
        for node in functions(ast.parse(path.read_text()).body):
            a = node.args
            taken = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
            bare = [p.arg for p in taken if p.annotation is None and p.arg not in ("self", "cls", "mcs")]
            if bare or node.returns is None:
                missing.append(f"{path.relative_to(PYTHON)}:{node.lineno}: {node.name} {bare or 'return'}")
    assert missing == []


def test_what_the_sdk_loads_on_demand_is_what_checkers_see():
    from tradewind import sdk

    seen = {"lineage": "lineage"}
    for node in ast.parse(Path(sdk.__file__).read_text()).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for one in node.body:
                seen.update((a.name, one.module) for a in one.names if one.module != "tradewind")
    assert seen == {
        "lineage": "lineage",
        **{name: f"tradewind.{module}" for name, module in sdk._MODULE_OF.items()},
    }
    assert {name for name in sdk.__all__ if not hasattr(sdk, name)} == set()


def test_a_running_program_imports_nothing_for_checkers():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, tradewind\n"
            "print('typing' in sys.modules)\n"
            "from tradewind import sdk, emit, document\n"
            "from tradewind.runner import root, task, instance, plain\n"
            "[getattr(sdk, name) for name in sdk.__all__]\n"
            "print('tradewind.hints' in sys.modules, 'typing_extensions' in sys.modules)",
        ],
        env={**os.environ, "PYTHONPATH": str(PYTHON)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["False", "False", "False"], done.stdout + done.stderr


def own(value):
    return str(getattr(value, "__module__", "")).startswith(OURS)


def undocumented(cls):
    """Its public methods and properties without a docstring; those that override one inherit it."""
    for name, value in vars(cls).items():
        if name.startswith("_"):
            continue
        if inspect.isclass(value) and own(value):
            yield from undocumented(value)
        plain = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        if isinstance(plain, property) or inspect.isfunction(plain) and own(plain):
            over = [vars(base).get(name) for base in cls.__mro__]
            if not any(inspect.getdoc(one) for one in over if one is not None):
                yield f"{cls.__module__}.{cls.__qualname__}.{name}"


def test_the_public_api_has_docstrings():
    from airflow import _finder
    from tradewind import sdk

    missing, seen = set(), set()
    modules = {"tradewind.sdk": sdk.__all__}
    for name, entry in _finder.ENTRIES.items():
        if not entry.refused:
            modules[name] = list(entry.names)
    for module, names in modules.items():
        for name in names:
            try:
                value = getattr(importlib.import_module(module), name)
            except ImportError:
                continue  # Of a provider.
            if id(value) in seen or not own(value):
                continue
            seen.add(id(value))
            if inspect.isclass(value) or inspect.isfunction(value):
                if not vars(value).get("__doc__", value.__doc__ if inspect.isfunction(value) else None):
                    missing.add(f"{value.__module__}.{value.__qualname__}")
            if inspect.isclass(value):
                missing.update(undocumented(value))
    assert len(seen) > 200
    assert missing == set()


# ---- mypy itself ----


def mypy():
    if importlib.util.find_spec("mypy") is not None:
        return [sys.executable, "-m", "mypy"]
    found = shutil.which("mypy")
    return [found] if found else None


with_mypy = pytest.mark.skipif(
    mypy() is None, reason="mypy is not installed (Debian package mypy, or pip install mypy)"
)


@pytest.fixture(scope="module")
def said(stubs):
    """What mypy says of the package and of the files in typed/: (file, line, text)."""
    done = subprocess.run(
        [
            *mypy(),
            *("--config-file", PYTHON / "pyproject.toml", "--cache-dir", stubs / "cache"),
            *("--no-error-summary", "--hide-error-context", "--no-color-output"),
            *(PYTHON / "tradewind", stubs / "airflow", *sorted(TYPED.glob("*.py"))),
        ],
        env={**os.environ, "MYPYPATH": f"{stubs}{os.pathsep}{PYTHON}"},
        cwd=stubs,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = []
    for line in done.stdout.splitlines():
        match = re.match(r"(.+?):(\d+): (error): (.*)", line)
        if match:
            found.append((os.path.basename(match[1]), int(match[2]), line))
    return found


@with_mypy
def test_mypy_finds_nothing_in_the_package_and_in_dag_files_that_are_right(said):
    assert [line for file, _, line in said if file != "wrong.py"] == []


@with_mypy
def test_mypy_finds_each_mistake_of_a_dag_file(said):
    lines = (TYPED / "wrong.py").read_text().splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert {number for file, number, _ in said if file == "wrong.py"} == marked
