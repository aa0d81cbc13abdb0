#!/usr/bin/python3
"""check_guide.py PROGRAM SOURCE [--update]: the table of docs/guide/configuration.md is that of src/config/config.def, and what `conf` knows in Python is in it."""
import json
import os
import re
import subprocess
import sys
import tempfile

program, source = sys.argv[1:3]
BEGIN, END = "<!-- made by test/config/check_guide.py --update -->\n", "<!-- end -->\n"
with tempfile.TemporaryDirectory() as home:
    env = {"PATH": os.environ["PATH"], "HOME": home}
    rows = json.loads(subprocess.run([program, "--home", home, "config", "list", "--all", "--json"], check=True, capture_output=True, env=env).stdout)
    rows = [r for r in rows if "airflow" in r]
ours = [r for r in rows if r["meaning"] != "for DAG files and tasks"]
lines = ["| setting | default | meaning | Airflow's name | reload |\n", "|---|---|---|---|---|\n"]
for r in ours:
    names = ", ".join("`%s`" % n for n in r["airflow"].split())
    lines.append("| `%s` | %s | %s | %s | %s |\n" % (r["key"], "`%s`" % r["default"] if r["default"] else "", r["meaning"], names, "yes" if r["reload"] else ""))
table = "".join(lines)
path = os.path.join(source, "docs/guide/configuration.md")
with open(path) as f:
    text = f.read()
before, rest = text.split(BEGIN)
current, after = rest.split(END)
if "--update" in sys.argv:
    with open(path, "w") as f:
        f.write(before + BEGIN + table + END + after)
elif current != table:
    sys.exit("docs/guide/configuration.md is not what config.def says: test/config/check_guide.py build/src/tradewind . --update")
with open(os.path.join(source, "python/tradewind/configuration.py")) as f:
    python = {".".join(m) for m in re.findall(r'^    \("(\w+)", "(\w+)"\):', f.read(), re.M)}
known = {r["key"] for r in rows} | {n for r in rows for n in r["airflow"].split()}
if python - known:
    sys.exit("in python/tradewind/configuration.py, but not in src/config/config.def: %s" % ", ".join(sorted(python - known)))
