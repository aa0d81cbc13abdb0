#!/usr/bin/python3
"""check_wire.py ROOT: the requests that the engine's socket knows are those that docs/internals/wire.md describes."""

import re
import sys
from pathlib import Path

root = Path(sys.argv[1])
known, refused = {}, set()
for name, table in (("src/engine/world.c", "operations"), ("src/engine/socket.c", "operations")):
    text = (root / name).read_text()
    found = re.search(r"\} " + table + r"\[\] = \{\n(.*?)\n\};", text, re.S)
    if not found:
        sys.exit(f"{name} has no table of requests any more: this check is to be told where it went")
    rows = re.findall(r'\{"([a-z_]+)", ASKED_BY_([A-Z]+),', found[1])
    known.update({kind: by != "ANYBODY" for kind, by in rows})
    refused.update(kind for kind, by in rows if by == "ATTEMPT")
page = (root / "docs/internals/wire.md").read_text()
section = page[page.index("## Engine socket"):]
head, _, others = section.partition("\nOf other processes")
if not known or not others:
    sys.exit("no request was found")
described = {True: set(re.findall(r"^\| `([a-z_]+)`", head, re.M)),
             False: set(re.findall(r"^\| `([a-z_]+)`", others, re.M))}
bad = [f"`{kind}` is not in the table of {'tasks' if of_task else 'other processes'}"
       for kind, of_task in sorted(known.items()) if kind not in described[of_task]]
bad += [f"`{kind}` is described, but no request" for of_task in (True, False)
        for kind in sorted(described[of_task]) if known.get(kind) is not of_task]
said = re.search(r"^Callbacks and listeners .* has ended: (.*)\.$", head, re.M)
if set(re.findall(r"`([a-z_]+)`", said[1] if said else "")) != refused:
    bad.append("refused to callbacks are " + ", ".join(sorted(refused)))
if bad:
    sys.exit("docs/internals/wire.md: " + "; ".join(bad))
