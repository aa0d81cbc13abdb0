"""The package reads as Python 3.9, keeps to the house's line length, and its runner is small."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).resolve().parents[1] / "tradewind").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_grammar_of_3_9_and_house_rules(path):
    text = path.read_text()
    tree = ast.parse(text, feature_version=(3, 9))
    assert ast.get_docstring(tree), "a module says what it is for"
    assert not any(isinstance(node, getattr(ast, "Match", ())) for node in ast.walk(tree))
    assert "from __future__ import annotations" in text or path.name == "__init__.py"
    assert len(text.splitlines()) <= 700
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("zip", "dataclass"):
            # Arguments that came after 3.9.
            assert not any(k.arg in ("strict", "slots", "kw_only") for k in node.keywords)
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            overload = any(getattr(one, "id", "") == "overload" for one in node.decorator_list)
            assert overload or ast.get_docstring(node), f"{node.name} has no docstring"
