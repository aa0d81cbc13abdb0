"""
The sources of a version of a DAG: the files of its bundle (the DAGs folder, else the folder of its
file) that its import used, by their hashes. The engine keeps their contents in the folder `sources`
of the home, each under its hash, and TREE.json, which names them. A view is such a tree as a folder
again, for an import when a file has changed since: what the tree lacks is a link to what the bundle
has there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import hashlib
import json
import os
import shutil

from tradewind import meaning, uses

if TYPE_CHECKING:
    from typing import Any

# As LIMIT_SOURCE_* of the engine. What is beyond them is left out, code last.
FILE_BYTES_MAX = 4 << 20
TREE_BYTES_MAX = 64 << 20
TREE_FILES_MAX = 2000


def bundle_of(folder: Any) -> Any:
    """The bundle that a DAG file of this folder belongs to."""
    folder = os.path.realpath(folder)
    for pattern in filter(None, os.environ.get("TRADEWIND_BUNDLES", "").split(":")):
        root = _root_of(folder, pattern)
        if root is not None:
            return root
    dags = os.environ.get("TRADEWIND_DAGS")
    if dags:
        dags = os.path.realpath(dags)
        if os.path.join(folder, "").startswith(os.path.join(dags, "")):
            return dags
    return folder


def _root_of(folder: str, pattern: str) -> str | None:
    """The start of the path that a pattern means: a path in which one part may be "*", a commit."""
    if "*" not in pattern:
        root = os.path.realpath(pattern)
        return root if os.path.join(folder, "").startswith(os.path.join(root, "")) else None
    before, _, after = pattern.partition("*")
    start = os.path.join(os.path.realpath(before), "")
    if not folder.startswith(start):
        return None
    commit = folder[len(start) :].partition("/")[0]
    root = os.path.realpath(start + commit + after)
    return root if os.path.join(folder, "").startswith(os.path.join(root, "")) else None


def describe(target: Any, used: Any) -> Any:
    """
    {"root", "tree", "sources": {path within root: hash}, "meaning"} of what an import used; {} of none.
    """
    root = os.path.join(target.root, "")
    found = []
    for path, (known, digest) in used.paths.items():
        real = os.path.realpath(path)
        if digest is not None and known is not None and real.startswith(root):
            if known[1] <= FILE_BYTES_MAX and not os.path.isdir(path):
                found.append((not path.endswith(".py"), real[len(root) :], digest, known[1]))
    sources, size = {}, 0
    for _, name, digest, length in sorted(found)[:TREE_FILES_MAX]:
        size += length
        if size <= TREE_BYTES_MAX:
            sources[name] = digest
    if not sources:
        return {}
    sources = dict(sorted(sources.items()))
    means = {name: meaning.of_file(root + name) or digest for name, digest in sources.items()}
    return {"root": target.root, "tree": _hash(sources), "sources": sources, "meaning": _hash(means)}


def _hash(sources: Any) -> Any:
    text = "".join(f"{name}\0{digest}\n" for name, digest in sorted(sources.items()))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Tree:
    """The sources of a version, as kept. `folder`: of the home; `root`: of the bundle."""

    def __init__(self, folder: Any, tree: Any, root: Any) -> None:
        """OSError or ValueError if it is not there, or not whole."""
        self.folder, self.tree, self.root = folder, tree, root
        with open(os.path.join(folder, f"{tree}.json"), encoding="utf-8") as file:
            self.sources = json.load(file)
        if not isinstance(self.sources, dict) or _hash(self.sources) != tree:
            raise ValueError(f"the sources {tree} are damaged")

    def unchanged(self) -> Any:
        """True if the bundle's files are these, or say the same."""
        return all(self._is_same(name, digest) for name, digest in self.sources.items())

    def _is_same(self, name: str, digest: str) -> bool:
        path = os.path.join(self.root, name)
        if uses.content(path) == digest:
            return True
        kept = self._content(digest) if name.endswith(".py") else None
        return kept is not None and meaning.of_file(path) == meaning.of_source(name, kept)

    def view(self) -> Any:
        """The path of the view; makes it if it is not there. OSError, ValueError."""
        key = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:6]
        whole = os.path.join(self.folder, f"{self.tree}-{key}")
        path = os.path.join(whole, os.path.basename(self.root) or "root")
        if os.path.isdir(path):
            return path
        partial = f"{whole}.{os.getpid()}.tmp"
        shutil.rmtree(partial, ignore_errors=True)
        self._fill(os.path.join(partial, os.path.basename(path)))
        try:
            os.rename(partial, whole)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            if not os.path.isdir(path):
                raise
        return path

    def _fill(self, here: Any) -> None:
        folders = {""}
        for name, digest in self.sources.items():
            path = os.path.join(here, name)
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            content = self._content(digest)
            if content is not None:
                with open(path, "wb", opener=lambda p, flags: os.open(p, flags, 0o400)) as file:
                    file.write(content)
            while name:
                name = os.path.dirname(name)
                folders.add(name)
        for name in folders:
            self._link_the_rest(os.path.join(here, name), os.path.join(self.root, name))

    def _content(self, digest: Any) -> Any:
        """None if it is not there: it changed before it could be kept."""
        try:
            with open(os.path.join(self.folder, digest), "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return None
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(f"the source {digest} is damaged")
        return content

    @staticmethod
    def _link_the_rest(here: Any, there: Any) -> None:
        try:
            names = os.listdir(there)
        except OSError:
            return
        for name in set(names) - set(os.listdir(here)) - {"__pycache__"}:
            os.symlink(os.path.join(there, name), os.path.join(here, name))
