"""What of a Python file makes another version of a DAG, and what does not."""

from __future__ import annotations

import pytest

from tradewind import meaning

BASE = '''"""Doc."""
from airflow.sdk import DAG, task
with DAG("d", default_args={"a": 1, "b": [2, {"x": 1, "y": 2}]}, tags=["t"]):
    @task
    def f(n=1):
        return {"k": n, "l": 2}
    f()
'''

SAME = {
    "a comment": BASE.replace("    f()\n", "    # here\n    f()  # and there\n"),
    "blank lines": BASE.replace("\n", "\n\n"),
    "quotes": BASE.replace('"d"', "'d'").replace('"t"', "'t'"),
    "line breaks": BASE.replace("tags=", "\n    tags="),
    "parentheses": BASE.replace('return {"k": n, "l": 2}', 'return ({"k": (n), "l": 2})'),
    "spaces": BASE.replace("n=1", "n = 1"),
    "the order of a given dict": BASE.replace(
        '{"a": 1, "b": [2, {"x": 1, "y": 2}]}', '{"b": [2, {"y": 2, "x": 1}], "a": 1}'
    ),
    "an escape": BASE.replace('"d"', '"\\x64"'),
}
OTHER = {
    "a constant": BASE.replace("n=1", "n=2"),
    "its type": BASE.replace("n=1", "n=1.0"),
    "bytes": BASE.replace('"k"', 'b"k"'),
    "a value of a given dict": BASE.replace('"a": 1', '"a": 2'),
    "the order of a dict in a function": BASE.replace('{"k": n, "l": 2}', '{"l": 2, "k": n}'),
    "the order of a list": BASE.replace('[2, {"x": 1, "y": 2}]', '[{"x": 1, "y": 2}, 2]'),
    "documentation": BASE.replace("Doc.", "Docs."),
    "a name": BASE.replace("f(", "g("),
    "a statement more": BASE + "x = 1\n",
    "the order of statements": "x = 1\n" + BASE,
    "nesting": BASE.replace("    f()\n", "f()\n"),
    "a decorator": BASE.replace("@task\n", "@task()\n"),
    "not readable": BASE + "(",
}


@pytest.mark.parametrize("name", SAME)
def test_the_same(name: str) -> None:
    assert SAME[name] != BASE
    assert meaning.of_source("a.py", SAME[name].encode()) == meaning.of_source("a.py", BASE.encode())


def test_others_are_all_different() -> None:
    found = {meaning.of_source("a.py", text.encode()) for text in [BASE, *OTHER.values()]}
    assert len(found) == len(OTHER) + 1


def test_the_function_of_a_dag_builds() -> None:
    one = "@dag(x=1)\ndef d():\n    A(default_args={'a': 1, 'b': 2})\n"
    two = one.replace("'a': 1, 'b': 2", "'b': 2, 'a': 1")
    assert meaning.of_source("a.py", one.encode()) == meaning.of_source("a.py", two.encode())
    one, two = one.replace("@dag(x=1)", "@task"), two.replace("@dag(x=1)", "@task")
    assert meaning.of_source("a.py", one.encode()) != meaning.of_source("a.py", two.encode())


def test_what_is_no_python_is_its_bytes(tmp_path) -> None:
    assert meaning.of_source("a.txt", b"# x") != meaning.of_source("a.txt", b"#  x")
    assert meaning.of_source("a.py", b"\xff\x00(") == meaning.of_source("a.txt", b"\xff\x00(")
    (tmp_path / "a.py").write_bytes(b"x = 1")
    assert meaning.of_file(str(tmp_path / "a.py")) == meaning.of_source("a.py", b"x=1  # one")
    assert meaning.of_file(str(tmp_path / "b.py")) is None


def test_deep_and_long_sources_end() -> None:
    deep = b"x = " + b"(" * 5000 + b")" * 5000
    assert meaning.of_source("a.py", deep) == meaning.of_source("a.txt", deep)
    long = b"x = " + b" + ".join([b"1"] * 3000)
    assert meaning.of_source("a.py", long)
