"""
Fixtures: the package on the path, temporary folders that go away, a holder that drives the real
runner.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import fakes  # noqa: E402


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="tradewind-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def write(folder):
    def make(name, text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return make


@pytest.fixture
def holder(folder):
    made = fakes.Holder(folder)
    yield made
    made.close()


@pytest.fixture
def engine(folder):
    made = fakes.Engine(folder / "engine.sock")
    yield made
    if (folder / "engine.sock").exists():
        made.close()


@pytest.fixture(autouse=True)
def clean_scope():
    from tradewind import scope

    scope.forget()
    yield
    scope.forget()
