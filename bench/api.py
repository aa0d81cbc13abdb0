#!/usr/bin/env python3
"""
api.py BUILD [--runs 100000] [--seconds 4] [--rounds 5] [--folder FOLDER] [--only peers,load]: the API server under wrk, in one run.

peers   the list of 100 runs of a DAG, and one run, of a store with so many runs: beside nginx, which serves the same bytes from files, and
        Go's net/http over the same SQLite file (bench/api). They take turns; medians. Needs wrk, nginx, go.
load    a scheduler with ten DAGs that are due each second, and its API server: from due to started and to ended while wrk asks for that
        list as fast as it can, and while it does not, in turns of --seconds.

Every server has one machine with the scheduler and wrk: what wrk uses is missing to them all. Prints tables in Markdown.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
DAG = "dag_id: d{n:03}\nschedule: null\ntasks:\n"
TASK = "  t{n}: {{operator: bash, bash_command: 'true'{more}}}\n"
DUE = "dag_id: due{n}\nschedule: {{type: cron_trigger, cron: '* * * * * *', timezone: UTC}}\nmax_active_runs: 16\ntasks:\n"
NGINX = """daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
worker_processes {workers};
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/json;
  sendfile on;
  keepalive_requests 1000000000;
  open_file_cache max=16;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, p):
    end = time.monotonic() + 20
    while time.monotonic() < end and p.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("a server did not start")


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def wrk(url, seconds, header=None):
    """(requests a second, median ms, p99 ms); every answer is 200."""
    words = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency"] + (["-H", header] if header else []) + [url]
    out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    percent = dict(re.findall(r"^\s+(\d+)%\s+(\S+)", out, re.M))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), milliseconds(percent["50"]), milliseconds(percent["99"])


class Service:
    """A scheduler and an API server of a home."""

    def __init__(self, build, home, dags, scheduler=True):
        self.program = str(pathlib.Path(build, "src/tradewind").resolve())
        self.env = {**os.environ, "TRADEWIND_HOME": str(home)}
        self.home, self.parts = home, []
        if scheduler:
            p = subprocess.Popen([self.program, "scheduler", "-S", str(dags)], env=self.env, stderr=subprocess.PIPE, text=True)
            for line in p.stderr:
                if "works in" in line:
                    break
            # What it says further is read by nobody: the pipe is made large enough by an end that is never full.
            subprocess.Popen(["cat"], stdin=p.stderr, stdout=subprocess.DEVNULL)
            self.parts.append(p)

    def serve(self):
        p = subprocess.Popen([self.program, "api-server", "-p", "0"], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.parts.append(p)
        self.url = p.stdout.readline().strip()
        self.header = "Authorization: Bearer " + (self.home / "api.token").read_text(encoding="ascii").strip()
        return self.url + "/api/v2"

    def get(self, url):
        return urllib.request.urlopen(urllib.request.Request(url, headers=dict([self.header.split(": ", 1)]))).read()

    def close(self):
        for p in reversed(self.parts):
            p.send_signal(signal.SIGTERM)
            p.wait()


def make_store(build, folder, runs):
    home, dags = folder / "home", folder / "dags"
    if not home.exists():
        dags.mkdir(parents=True)
        for d in range(100):
            (dags / f"d{d:03}.yaml").write_text(DAG.format(n=d) + "".join(
                TASK.format(n=t, more=f", upstream: [t{t - 1}]" if t else "") for t in range(4)))
        home.mkdir()
        Service(build, home, dags).close()
        subprocess.run([str(pathlib.Path(build, "bench/bench-history")), str(home), str(runs)], check=True)
    return home, dags


def peers(args, folder):
    home, dags = make_store(args.build, folder, args.runs)
    server = folder / "server"
    subprocess.run(["go", "build", "-o", str(server), "."], cwd=HERE / "api", check=True)
    service = Service(args.build, home, dags, scheduler=False)
    base = service.serve()
    path_list = f"{base}/dags/d005/dagRuns?limit=100&order_by=-run_after"
    run = json.loads(service.get(path_list))["dag_runs"][50]["dag_run_id"]
    path_one = f"{base}/dags/d005/dagRuns/{run}"
    (folder / "www").mkdir(exist_ok=True)
    (folder / "www/list").write_bytes(service.get(path_list))
    (folder / "www/detail").write_bytes(service.get(path_one))
    nginx_port, go_port = free_port(), free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=nginx_port, workers=1))
    others = [subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL),
              subprocess.Popen([str(server), str(home / "tradewind.db"), f"127.0.0.1:{go_port}"])]
    try:
        for port, p in ((nginx_port, others[0]), (go_port, others[1])):
            wait_port(port, p)
        ask_go = f"http://127.0.0.1:{go_port}"
        quoted = run.replace("+", "%2B")
        ways = {
            "list": {"tradewind": (path_list, service.header), "nginx, a file": (f"http://127.0.0.1:{nginx_port}/list", None),
                     "Go, the same store": (f"{ask_go}/list?dag_id=d005&limit=100", None)},
            "detail": {"tradewind": (path_one, service.header), "nginx, a file": (f"http://127.0.0.1:{nginx_port}/detail", None),
                       "Go, the same store": (f"{ask_go}/detail?dag_id=d005&run_id={quoted}", None)},
        }
        print(f"{args.runs:,} runs; list: {len((folder / 'www/list').read_bytes()):,} bytes, one: {len((folder / 'www/detail').read_bytes()):,}\n")
        print("| | requests a second | median | p99 | beside tradewind |\n|---|---|---|---|---|")
        for what, of in ways.items():
            seen = {name: [] for name in of}
            for _ in range(args.rounds):
                for name, (url, header) in of.items():
                    seen[name].append(wrk(url, args.seconds, header))
            rates = {name: statistics.median(v[0] for v in values) for name, values in seen.items()}
            for name, values in seen.items():
                print(f"| {what}: {name} | {rates[name]:,.0f} | {statistics.median(v[1] for v in values):.1f} ms |"
                      f" {statistics.median(v[2] for v in values):.1f} ms | {rates[name] / rates['tradewind']:.2f} |", flush=True)
    finally:
        for p in others:
            p.terminate()
            p.wait()
        service.close()


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


def load(args, folder):
    home, dags = folder / "due", folder / "due-dags"
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(dags, ignore_errors=True)
    dags.mkdir()
    home.mkdir()
    for n in range(10):
        (dags / f"due{n}.yaml").write_text(DUE.format(n=n) + TASK.format(n=0, more=""))
    service = Service(args.build, home, dags)
    base = service.serve()
    url = f"{base}/dags/due0/dagRuns?limit=100&order_by=-run_after"
    windows = {"at rest": [], "under wrk": []}
    rates = []
    try:
        time.sleep(5)
        for _ in range(args.rounds):
            for name in windows:
                begin = time.time()
                if name == "at rest":
                    time.sleep(args.load_seconds)
                else:
                    rates.append(wrk(url, args.load_seconds, service.header)[0])
                windows[name].append((begin * 1e6, time.time() * 1e6))
        time.sleep(2)
    finally:
        service.close()
    db = sqlite3.connect(f"file:{home}/tradewind.db?mode=ro", uri=True)
    print(f"\nthe API under wrk: {statistics.median(rates):,.0f} lists a second (median of {len(rates)} turns of {args.load_seconds} s)\n")
    print("| ten tasks due each second | tasks | due to started, median / p99 | due to ended, median / p99 |\n|---|---|---|---|")
    for name, parts in windows.items():
        rows = [row for begin, end in parts for row in db.execute(
            "SELECT t.start_us - r.run_after_us, t.end_us - r.run_after_us FROM run r JOIN ti t USING (run_key)"
            " WHERE r.run_after_us BETWEEN ? AND ? AND r.state = 2", (begin, end))]
        started, ended = [r[0] / 1e3 for r in rows], [r[1] / 1e3 for r in rows]
        print(f"| {name} | {len(rows):,} | {percentile(started, 0.5):.1f} / {percentile(started, 0.99):.1f} ms |"
              f" {percentile(ended, 0.5):.1f} / {percentile(ended, 0.99):.1f} ms |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--load-seconds", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder")
    parser.add_argument("--only", default="peers,load")
    args = parser.parse_args()
    subprocess.run(["ninja", "-C", args.build, "bench/bench-history"], check=True, stdout=subprocess.DEVNULL)
    folder = pathlib.Path(args.folder or tempfile.mkdtemp(prefix="tw-api-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    for part, does in (("peers", peers), ("load", load)):
        if part in args.only.split(","):
            does(args, folder)
    if args.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
