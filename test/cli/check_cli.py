#!/usr/bin/python3
"""check_cli.py CLI-PAGES SOURCE: help fits 80 columns, man pages are clean, completion scripts complete, the pages of docs/reference are current."""
import os
import shutil
import subprocess
import sys
import tempfile

program, source = sys.argv[1], sys.argv[2]
problems = []


def pages(*args):
    run = subprocess.run([program, *args], stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        problems.append(f"{args}: exit code {run.returncode}")
    return run.stdout


commands = [line.split(" *")[0] for line in pages("commands").splitlines()]
groups = [line[:-2] for line in pages("commands").splitlines() if line.endswith(" *")]
if len(commands) < 25:
    problems.append(f"only {len(commands)} commands")

for name in [None, *commands]:
    text = pages("help", *([name] if name else []))
    for line in text.splitlines():
        if len(line) > 80:
            problems.append(f"help {name}: {len(line)} columns: {line}")
        if line != line.rstrip():
            problems.append(f"help {name}: white space at the end: {line!r}")

with tempfile.TemporaryDirectory() as folder:
    if shutil.which("man"):
        for name in [None, *commands]:
            path = os.path.join(folder, "page.1")
            with open(path, "w") as f:
                f.write(pages("man", *([name] if name else [])))
            run = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="80"))
            if run.stderr.strip():
                problems.append(f"man {name}: {run.stderr.strip()[:300]}")
    for shell in ("bash", "zsh", "fish"):
        path = os.path.join(folder, shell)
        with open(path, "w") as f:
            f.write(pages("completion", shell))
        if shutil.which(shell):
            run = subprocess.run([shell, "-n", path], stderr=subprocess.PIPE, text=True)
            if run.returncode != 0 or run.stderr:
                problems.append(f"{shell}: {run.stderr[:300]}")

    def complete(*words):
        script = (f"source {folder}/bash; COMP_WORDS=(tradewind {' '.join(repr(w) for w in words)}); COMP_CWORD={len(words)}; "
                  "_tradewind 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\"")
        return subprocess.run(["bash", "--norc", "-c", script], stdout=subprocess.PIPE, text=True, cwd=source).stdout.split()

    for words, wanted in [((("ru",)), {"run", "runs"}), (("dags", "s"), {"show"}), (("tasks", ""), {"list", "logs", "respond", "why", "clear", "mark", "test", "render", "note"}),
                          (("run", "--para"), {"--param"}), (("run", "meson.b"), {"meson.build"}), (("completion", ""), {"bash", "zsh", "fish"}),
                          (("tasks", "logs", "--fo"), {"--follow"}), (("--ho",), {"--home"}), (("run", "--run-id", ""), set()),
                          (("--home", "meson.b"), {"meson.build"}), (("-q", "dags", "list-"), {"list-import-errors"}), (("db", "clean", "--ke"), {"--keep"})]:
        got = set(complete(*words))
        if got != wanted:
            problems.append(f"bash completion of {words}: {got}, not {wanted}")

for page, kind in (("cli.md", "reference"), ("airflow-command.md", "airflow-command")):
    try:
        with open(os.path.join(source, "docs/reference", page)) as f:
            current = f.read()
    except FileNotFoundError:
        current = None
    if current != pages(kind):
        problems.append(f"docs/reference/{page} is not what the program says: tradewind man --markdown docs/reference")

print("\n".join(problems) or f"{len(commands)} commands, {len(groups)} groups: all right")
sys.exit(1 if problems else 0)
