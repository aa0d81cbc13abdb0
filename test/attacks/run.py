#!/usr/bin/env python3
"""
Schemathesis over api/openapi.yaml, against a scheduler and an API server that the script starts itself: requests made from the description, and
answers compared with it. Checks: no 5xx, and status, content type and body as described.

    run.py --build BUILD [--venv DIR] [--examples N] [--seed N] [SCHEMATHESIS-OPTION...]

The virtual environment is made and filled where DIR has none: it needs a package index. The same seed makes the same requests. Exit code 1 if a
check failed; the failures come with the curl command of each.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VERSION = "4.32.5"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
ENDLESS = ("/ui/events", "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait")  # streams; test/e2e has them


def tool(venv):
    """The program of the virtual environment, which is made if it is not there."""
    found = os.path.join(venv, "bin", "schemathesis")
    if not os.path.exists(found):
        subprocess.run(["/usr/bin/python3", "-m", "venv", venv], check=True)
        subprocess.run([os.path.join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "schemathesis==" + VERSION], check=True)
    return found


class Installation:
    """A home with a DAG and a finished run."""

    def __init__(self, build, folder):
        self.program = os.path.join(build, "src", "tradewind")
        self.folder = folder
        self.home = os.path.join(folder, "home")
        self.env = {**os.environ, "TRADEWIND_HOME": self.home}
        self.started = []

    def start(self, *args, out):
        log = open(os.path.join(self.folder, out), "w")
        self.started.append(subprocess.Popen([self.program, *args], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, text=True,
                                             stdout=subprocess.PIPE if out == "api.log" else log, stderr=log))
        return self.started[-1]

    def __enter__(self):
        dags = os.path.join(self.folder, "dags")
        os.makedirs(dags)
        with open(os.path.join(dags, "d.yaml"), "w") as f:
            json.dump({"dag_id": "d", "tags": ["t"], "schedule": "@once", "start_date": "2026-01-01", "tasks": {
                "a": {"operator": "bash", "bash_command": "echo one"}, "b": {"operator": "bash", "bash_command": "exit 1", "upstream": ["a"]}}}, f)
        self.start("scheduler", "-S", dags, out="scheduler.log")
        self.url = self.start("api-server", "-p", "0", out="api.log").stdout.readline().strip()
        with open(os.path.join(self.home, "api.token")) as f:
            self.token = f.read().strip()
        for _ in range(300):
            done = subprocess.run([self.program, "runs", "show", "d", "--json"], cwd=self.folder, env=self.env, capture_output=True, text=True)
            if done.returncode == 0 and '"failed"' in done.stdout:
                return self
            time.sleep(0.2)
        sys.exit("the DAG's first run did not end; " + done.stderr)

    def __exit__(self, *_):
        for p in reversed(self.started):
            p.terminate()
        for p in self.started:
            try:
                p.wait(30)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--venv", default=os.path.expanduser("~/.cache/tradewind-attacks"))
    p.add_argument("--examples", type=int, default=20, help="requests that each operation is sent in the fuzzing phase")
    p.add_argument("--seed", type=int, default=1)
    args, more = p.parse_known_args()
    program = tool(args.venv)
    folder = tempfile.mkdtemp(prefix="tradewind-attacks-")
    try:
        with Installation(os.path.abspath(args.build), folder) as i:
            command = [program, "run", os.path.join(ROOT, "api/openapi.yaml"), "--url", i.url, "-H", "Authorization: Bearer " + i.token, "--checks", CHECKS,
                       "--phases", "examples,coverage,fuzzing", "--max-examples", str(args.examples), "--seed", str(args.seed), "--no-shrink",
                       "--generation-database", "none", "--request-timeout", "20", "--continue-on-failure", "--warnings", "off"]
            for path in ENDLESS:
                command += ["--exclude-path", path]
            code = subprocess.run([*command, *more], cwd=folder).returncode
            for process in i.started:
                if process.poll() is not None:
                    print("ended by itself, with code %d: %s" % (process.returncode, process.args), file=sys.stderr)
                    code = 1
        sys.exit(code)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
