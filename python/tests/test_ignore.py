"""
`.airflowignore` against git, which has the same globs: random patterns in random folders leave out the
same files. And whatever stands in such a file, a look at the folder ends.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from typing import Any

import pytest

from tradewind import dagfolder, ignore

NAMES = ("a", "b", "ab", "abc", "b.py", "a.py", "ab.py", "c.py")
WORDS = ("a", "b", "c", "*", "?", "**", "[ab]", "[!a]", "[^b]", "[a-c]", "a*", "*b", "*.py", "a?.py", "a.py", "\\a", "\\*")


def left_by_us(root: Any) -> set[str]:
    """The files of a folder that are not left out."""
    todo, found = [(str(root), ignore.Rules(str(root), "glob"))], set()
    while todo:
        here, above = todo.pop()
        rules = above.within(here)
        for entry in os.scandir(here):
            if entry.name == ".git" or rules.ignored(entry.path, entry.is_dir()):
                continue
            if entry.is_dir():
                todo.append((entry.path, rules))
            elif entry.name != ignore.NAME:
                found.add(os.path.relpath(entry.path, root))
    return found


def left_by_git(root: Any) -> set[str]:
    """The same by git."""
    out = subprocess.run(
        ["git", "ls-files", "-z", "--others", f"--exclude-per-directory={ignore.NAME}"],
        cwd=root,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return {name for name in out.split("\0") if name and os.path.basename(name) != ignore.NAME}


def pattern(r: random.Random) -> str:
    """A line of an ignore file."""
    parts = [r.choice(WORDS) for _ in range(r.choice((1, 1, 1, 2, 2, 3)))]
    text = "/".join(parts)
    text = ("/" if r.random() < 0.2 else "") + text
    # Of a folder that is taken in again Airflow takes in all below it, git the folder itself: files alone.
    if r.random() < 0.3:
        return "!" + os.path.join(os.path.dirname(text), r.choice(("b.py", "*.py", "a?.py", "[!a].py")))
    return text + ("/" if r.random() < 0.2 else "")


def grow(r: random.Random, here: Any, depth: int) -> None:
    """Files, folders and ignore files."""
    for name in r.sample(NAMES, r.randint(2, 5)):
        if name.endswith(".py") or depth == 0:
            (here / name).write_text("")
        else:
            (here / name).mkdir()
            grow(r, here / name, depth - 1)
    if depth == 3 or r.random() < 0.3:
        lines = [pattern(r) for _ in range(r.randint(1, 4))]
        (here / ignore.NAME).write_text("\n".join(lines) + "\n")


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_the_same_as_git(tmp_path) -> None:
    seed = int(os.environ.get("TRADEWIND_SEED", "1"))
    for n in range(int(os.environ.get("TRADEWIND_CASES", "60"))):
        root = tmp_path / str(n)
        root.mkdir()
        r = random.Random(seed * 1_000_003 + n)
        grow(r, root, 3)
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        ours, theirs = left_by_us(root), left_by_git(root)
        rules = {str(p.relative_to(root)): p.read_text() for p in root.rglob(ignore.NAME)}
        assert ours == theirs, f"case {n}: only we: {ours - theirs}, only git: {theirs - ours}, {rules}"
        shutil.rmtree(root)


LINES = "!#\\/*?[]^-{}()|+.$ \tab\u00e4\U0001f600\x00\x1b\u2028"


@pytest.mark.parametrize("kind", ["glob", "regexp"])
def test_any_text_is_survived(tmp_path, monkeypatch, capsys, kind) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX", kind)
    monkeypatch.delenv("TRADEWIND__CORE__DAG_IGNORE_FILE_SYNTAX", raising=False)
    r = random.Random(7)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "dag.yaml").write_text("dag_id: a\ntasks: {}\n")
    for _ in range(400):
        text = "\n".join("".join(r.choices(LINES, k=r.randint(0, 12))) for _ in range(4))
        (tmp_path / ignore.NAME).write_bytes(text.encode("utf-8", "surrogatepass") + r.randbytes(r.randint(0, 3)))
        assert len(dagfolder.find_files(str(tmp_path))) <= 1
    assert not re.search("Traceback", capsys.readouterr().err)


def test_a_bad_regexp_is_told_and_the_others_count(tmp_path, capsys) -> None:
    (tmp_path / ignore.NAME).write_text("(\nskip\n")
    rules = ignore.Rules(str(tmp_path), "regexp").within(str(tmp_path))
    assert rules.ignored(str(tmp_path / "skip.py"), False)
    assert not rules.ignored(str(tmp_path / "keep.py"), False)
    assert "is not a pattern" in capsys.readouterr().err


def test_links_that_lead_round_end(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "self").symlink_to("self")
    (tmp_path / "a" / "dag.yaml").write_text("dag_id: a\ntasks: {}\n")
    assert [os.path.basename(p) for p, _ in dagfolder.find_files(str(tmp_path))] == ["dag.yaml"]
