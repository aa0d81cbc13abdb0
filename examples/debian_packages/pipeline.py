"""What is in this machine's Debian package index?

A whole pipeline on real data: extract the index, transform it in Python, let a quality gate decide, load a SQLite
warehouse, and draw a report. Run it with `tradewind run examples/debian_packages/pipeline.py --param out=DIR`.
"""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import datetime, timedelta, timezone
from typing import Any

from tradewind.sdk import DAG, BashOperator, EmptyOperator, Param, task

FIELDS = ("Package", "Version", "Architecture", "Maintainer", "Installed-Size", "Size", "Section", "Priority", "Depends", "Description")

with DAG(
    dag_id="debian_packages",
    description="The machine's Debian package index: extract, transform, check, load, report.",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=5)},
    params={
        "out": Param("demo", type="string", description="folder for everything that the pipeline writes"),
        "min_packages": Param(1000, type="integer", minimum=1, description="fewer records than this are not loaded"),
    },
    tags=["example"],
    doc_md=__doc__,
) as dag:
    extract = BashOperator(
        task_id="extract",
        bash_command='mkdir -p "{{ params.out }}" && apt-cache dumpavail > "{{ params.out }}/available.txt"'
        ' && wc -c < "{{ params.out }}/available.txt"',
    )

    def records(path):
        """Yields one dict per record of a Debian control file; continuation lines are left out."""
        record: dict[str, str] = {}
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line == "\n":
                    if record:
                        yield record
                    record = {}
                elif not line[0].isspace():
                    name, _, value = line.partition(":")
                    if name in FIELDS:
                        record[name] = value.strip()
        if record:
            yield record

    def names(depends):
        """The packages that a Depends field names, without versions; the first of alternatives."""
        for part in depends.split(","):
            name = part.split("|")[0].split("(")[0].split(":")[0].strip()
            if name:
                yield name

    @task
    def transform(params: Any = None):
        """One JSON record per package, with numbers as numbers; returns what the gate looks at."""
        out = params["out"]
        seen, duplicates, broken, total = set(), 0, 0, 0
        with open(os.path.join(out, "packages.jsonl"), "w", encoding="utf-8") as packages:
            for r in records(os.path.join(out, "available.txt")):
                total += 1
                if not r.get("Package") or not r.get("Version"):
                    broken += 1
                    continue
                key = (r["Package"], r.get("Architecture", ""))
                if key in seen:
                    duplicates += 1
                    continue
                seen.add(key)
                row = {
                    "package": r["Package"],
                    "version": r["Version"],
                    "architecture": r.get("Architecture", ""),
                    "maintainer": r.get("Maintainer", "").split("<")[0].strip(),
                    "installed_kib": int(r.get("Installed-Size", 0) or 0),
                    "download_bytes": int(r.get("Size", 0) or 0),
                    "section": r.get("Section", "unknown").split("/")[-1],
                    "priority": r.get("Priority", "optional"),
                    "summary": r.get("Description", ""),
                    "depends": sorted(set(names(r.get("Depends", "")))),
                }
                packages.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(f"{total} records, {len(seen)} packages, {duplicates} older versions, {broken} broken")
        return {"total": total, "packages": len(seen), "duplicates": duplicates, "broken": broken}

    @task.branch
    def quality_gate(stats, params: Any = None):
        """Loads only what looks whole: enough packages, and less than one record in a hundred broken."""
        whole = stats["packages"] >= params["min_packages"] and stats["broken"] * 100 < stats["total"]
        print("quality:", "pass" if whole else "fail", stats)
        return "load" if whole else "quarantine"

    @task
    def load(params: Any = None):
        """Fills the warehouse in one transaction: the tables are replaced, or stay as they were."""
        out = params["out"]
        db = sqlite3.connect(os.path.join(out, "warehouse.db"))
        with db:
            db.executescript(
                """
                begin;
                drop table if exists package;
                drop table if exists dependency;
                create table package (package text, version text, architecture text, maintainer text,
                  installed_kib integer, download_bytes integer, section text, priority text, summary text);
                create table dependency (package text, needs text);
                """
            )
            with open(os.path.join(out, "packages.jsonl"), encoding="utf-8") as lines:
                for line in lines:
                    r = json.loads(line)
                    db.execute(
                        "insert into package values (?,?,?,?,?,?,?,?,?)",
                        [r[k] for k in ("package", "version", "architecture", "maintainer", "installed_kib",
                                        "download_bytes", "section", "priority", "summary")],
                    )
                    db.executemany("insert into dependency values (?,?)", [(r["package"], n) for n in r["depends"]])
            db.execute("create index dependency_needs on dependency (needs)")
        rows = db.execute("select count(*) from package").fetchone()[0]
        print(f"{rows} rows in {os.path.join(out, 'warehouse.db')}")
        return rows

    quarantine = EmptyOperator(task_id="quarantine")

    QUERIES = {
        "sections": "select section, count(*) from package group by 1 order by 2 desc, 1 limit 15",
        "largest": "select package, max(installed_kib) / 1024 from package where package not like '%-dbg%' group by 1 order by 2 desc, 1 limit 15",
        "needed": "select needs, count(distinct package) from dependency group by 1 order by 2 desc, 1 limit 15",
        "maintainers": "select maintainer, count(*) from package group by 1 order by 2 desc, 1 limit 15",
    }

    @task
    def summarise(name, params: Any = None):
        """One question to the warehouse; the answer is small enough to be an XCom."""
        db = sqlite3.connect(os.path.join(params["out"], "warehouse.db"))
        return db.execute(QUERIES[name]).fetchall()

    @task
    def report(rows, sections, largest, needed, maintainers, params: Any = None, ds: Any = None, run_id: Any = None):
        """One self-contained HTML page."""
        from html import escape

        def chart(title, unit, data):
            top = max((n for _, n in data), default=1) or 1
            bars = "".join(
                f'<tr><th scope="row" title="{escape(str(label))}">{escape(str(label))}</th><td><div class="bar" style="width:{n / top * 100:.1f}%"></div></td>'
                f'<td class="n">{n:,}</td></tr>'
                for label, n in data
            )
            return f'<section><h2>{escape(title)}</h2><p class="unit">{escape(unit)}</p><table>{bars}</table></section>'

        page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Debian packages, {escape(ds)}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c2733; --soft: #5b6b7b; --paper: #fbfcfd; --card: #fff; --line: #dde4ea; --bar: #2f7fb5 }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e4ebf1; --soft: #93a4b4; --paper: #12181e; --card: #1a222a; --line: #2b3743; --bar: #4ea3d9 }} }}
body {{ margin: 0 auto; padding: 2rem 1rem; max-width: 72rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }}
h1 {{ font-size: 1.6rem; margin: 0 }} h2 {{ font-size: 1.05rem; margin: 0 }} .unit, .lead {{ color: var(--soft); margin: 0 0 .75rem }}
main {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)) }}
section {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.25rem }}
table {{ width: 100%; border-collapse: collapse; table-layout: fixed }} th {{ width: 42%; text-align: left; font-weight: 400; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; padding-right: .75rem }}
.bar {{ height: .8rem; min-width: 2px; background: var(--bar); border-radius: 3px }} .n {{ width: 5.5rem; text-align: right; font-variant-numeric: tabular-nums }}
</style>
<h1>Debian packages</h1>
<p class="lead">{rows:,} packages in this machine's index on {escape(ds)}. Run <code>{escape(run_id)}</code>.</p>
<main>{chart("Sections", "packages in each", sections)}{chart("Largest", "MiB installed, debugging symbols left out", largest)}
{chart("Most needed", "packages that depend on it", needed)}{chart("Maintainers", "packages of each", maintainers)}</main></html>
"""
        path = os.path.join(params["out"], "report.html")
        with open(path, "w", encoding="utf-8") as f:
            f.write(page)
        print(path)
        return path

    stats = transform()
    gate = quality_gate(stats)
    rows = load()
    answers = {name: summarise.override(task_id=f"summarise_{name}")(name) for name in QUERIES}
    extract >> stats
    gate >> [rows, quarantine]
    rows >> list(answers.values())
    report(rows, **answers)
