"""
`python3 -m tradewind.document FILE`: prints the DAG documents of a Python file, its errors, and
what its import used, as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tradewind.importer import Target, run_import

if TYPE_CHECKING:
    from typing import Any

    from tradewind.importer import Imported


def response(result: Imported) -> dict[str, Any]:
    """
    The answer to a request to parse: documents, errors, uses, version, and why tasks start cold (or
    null).
    """
    return {
        "documents": result.documents,
        "errors": result.errors,
        "uses": result.uses.listing(),
        "version": result.uses.version(),
        "cold": result.cold,
    }


def main(arguments: list[str]) -> int:
    """Exit code 0 if the file has no error, 1 if it has, 64 for wrong use."""
    if len(arguments) != 1 or not arguments[0].endswith(".py"):
        print("usage: python3 -m tradewind.document FILE.py", file=sys.stderr)
        return 64
    # What the file prints must not mix with the answer.
    answer, sys.stdout = sys.stdout, sys.stderr
    result = run_import(Target.of(arguments[0]))
    sys.stdout = answer
    json.dump(response(result), sys.stdout, ensure_ascii=False)
    print()
    return 1 if result.errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
