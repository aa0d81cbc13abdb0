"""
`python3 -m tradewind.convert`: DAG files from one language into another, for `tradewind dags convert`.

    FILE.py [--dag ID] [-o OUT] [--partial]        to YAML
    --document FILE.json --name NAME [-o OUT] [--partial]      a document to Python: {"document", "lines"}
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from tradewind import to_python, to_yaml, yaml_text
from tradewind.importer import Target, run_import

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def main(arguments: list[str]) -> int:
    """Exit code 0, 1 where something cannot be said, 65 for a file with errors, 64 for wrong use."""
    parser = argparse.ArgumentParser(prog="tradewind.convert")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--document")
    parser.add_argument("--name")
    parser.add_argument("--dag")
    parser.add_argument("-o", "--output")
    parser.add_argument("--partial", action="store_true")
    options = parser.parse_args(arguments)
    if options.document:
        return _to_python(options)
    return _to_yaml(options)


def _write(options: argparse.Namespace, text: str) -> None:
    if not options.output:
        sys.stdout.write(text)
        return
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)


def _tell(file: str, problems: Iterable[tuple[int, str | None, str]]) -> None:
    for line, task, reason in problems:
        where = f"{file}:{line}" if line else file
        print(f"{where}: {f'task {task!r}' if task else 'the DAG'}: not convertible: {reason}", file=sys.stderr)


def _to_yaml(options: argparse.Namespace) -> int:
    answer, sys.stdout = sys.stdout, sys.stderr
    result = run_import(Target.of(options.file))
    sys.stdout = answer
    for error in result.errors:
        print(f"{error['file']}:{error['line']}: {error['text']}", file=sys.stderr)
    if result.errors:
        return 65
    dags = [dag for dag in result.dags if options.dag in (None, dag.dag_id)]
    if len(dags) != 1:
        names = ", ".join(dag.dag_id for dag in result.dags)
        what = f"there is no DAG {options.dag!r}" if options.dag else "choose a DAG with --dag"
        print(f"{options.file}: {what}; it has: {names or 'none'}", file=sys.stderr)
        return 64 if not options.dag else 66
    folder = os.path.dirname(os.path.abspath(options.output or options.file))
    converted = to_yaml.convert(dags[0], result.module, folder)
    _tell(options.file, converted.problems)
    if converted.problems and not options.partial:
        return 1
    document = converted.document
    for task_id, spec in document["tasks"].items():
        if "__reason__" in spec:
            marked = yaml_text.Commented(spec)
            marked.comment = "not converted: " + marked.pop("__reason__")
            document["tasks"][task_id] = marked
    _write(options, yaml_text.dump(document))
    return 0


def _to_python(options: argparse.Namespace) -> int:
    with open(options.document, encoding="utf-8") as file:
        given = json.load(file)
    lines = given["lines"]
    text, problems = to_python.convert(given["document"])
    told = [(lines.get(task, 0), task, reason) for task, reason in problems]
    _tell(options.name or options.document, told)
    if problems and not options.partial:
        return 1
    _write(options, text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
