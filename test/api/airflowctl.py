#!/usr/bin/env python3
"""airflowctl.py [BUILD]: which commands of Airflow's own command line over REST work against the API server.

Needs the packages apache-airflow-ctl and apache-airflow-client, in a virtual environment whose Python runs this (run.py makes it). Gives every
command that the program has, looks at its effect in the store by the command line of Tradewind, prints a line for each call and the number of
commands:

    ok       it ended with 0, and the effect was seen
    own      it fails by a fault of its own, whichever server it asks; with what it says
    wrong    it fails otherwise, or has no effect
    none     a command that is not given here
"""
import json
import os
import re
import subprocess
import sys

import client
from client import Home, wait_for


GROUPS = ("assets", "auth", "backfill", "config", "connections", "dagrun", "dags", "jobs", "plugins", "pools", "providers", "variables", "xcom")


class Ctl:
    def __init__(self, home):
        self.home, self.lines = home, []
        self.folder = home.folder + "/airflow"
        os.makedirs(self.folder)
        with open(self.folder + "/production.json", "w") as f:
            json.dump({"api_url": home.url}, f)
        self.program = os.path.join(os.path.dirname(sys.executable), "airflowctl")
        self.env = {"PATH": os.environ["PATH"], "HOME": home.folder, "AIRFLOW_HOME": self.folder, "AIRFLOW_CLI_TOKEN": home.token, "COLUMNS": "500"}

    def run(self, *args, output=True):
        more = ["--output", "json"] if output else []
        return subprocess.run([self.program, *args, *more], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def commands(self):
        """All that the program has: "group command", as its help lists them."""
        out = ["version"]
        for group in GROUPS:
            said = self.run(group, "--help", output=False).stdout
            out += ["%s %s" % (group, name) for name in re.findall(r"^    ([a-z][a-z-]*)\b", said[said.index("COMMAND"):], re.M)]
        return out

    def __call__(self, *args, has=None, check=None, output=True, fails=None):
        name = " ".join(args[:1 if args[0] == "version" else 2])
        r = self.run(*args, output=output)
        said = (r.stdout + r.stderr).replace("\n", " ")
        ok = r.returncode == 0 and (has is None or has in r.stdout)
        if fails is not None:  # a fault of the command's own, whoever the server is
            own = fails in said and (check is None or check())
            self.lines.append(("own" if own else "wrong", name))
            print("%-6s %s  %s" % ("own" if own else "wrong", " ".join(args), fails if own else said[-600:]))
            return r.stdout
        if ok and check is not None and not check():
            ok, said = False, "its effect was not seen"
        self.lines.append(("ok" if ok else "wrong", name))
        print("%-6s %s%s" % ("ok" if ok else "wrong", " ".join(args), "" if ok else "  " + said[-600:]))
        return r.stdout


def exercise(c, home):
    cli, write = home.cli, lambda name, what: open(os.path.join(home.folder, name), "w").write(json.dumps(what)) and os.path.join(home.folder, name)
    c("version", output=False)
    password = "correct horse battery"
    subprocess.run([home.program, "users", "create", "anna", "--role", "operator"], env=home.env, input=password + "\n", text=True, check=True, capture_output=True)
    c("auth", "token", "--api-url", home.url, "--username", "anna", "--password", password, output=False, has="tw", check=lambda: "anna" in cli("tokens", "list"))
    c("auth", "login", "--api-url", home.url, "--api-token", home.token, "-e", "other", "--skip-keyring", output=False,
      check=lambda: os.path.exists(c.folder + "/other.json"))
    c("auth", "list-envs", has="other")
    c("dags", "list", has="daily")
    c("dags", "get", "d", has='"d"')
    c("dags", "get-details", "d", has="catchup")
    c("dags", "get-tags", fails="you need to provide `mapper`")  # it cannot print a list of texts
    c("dags", "get-stats", '["d"]', has="success")
    c("dags", "list-version", "d", has="version_number")
    c("dags", "get-version", "d", "1", has="version_number")
    c("dags", "list-warning")
    c("dags", "list-import-errors", has="broken")
    c("dags", "get-import-error", "1", has="broken")
    paused = lambda: {d["dag_id"]: d["is_paused"] for d in json.loads(cli("dags", "list", "--json"))}
    c("dags", "pause", "d", check=lambda: paused()["d"])
    c("dags", "unpause", "d", check=lambda: not paused()["d"])
    c("dags", "update", "d", "--is-paused", check=lambda: paused()["d"])
    c("dags", "update", "d", "--no-is-paused", check=lambda: not paused()["d"])
    c("dags", "next-execution", "daily", has="20")
    runs = lambda d: {r["run_id"]: r for r in json.loads(cli("runs", "list", d, "--json") or "[]")}
    c("dags", "trigger", "d", "--dag-run-id", "r1", check=lambda: "r1" in runs("d"))
    wait_for(lambda: runs("d")["r1"]["state"] == "success")
    c("dagrun", "get", "d", "r1", has="success")
    c("dagrun", "list", "--dag-id", "d", "--state", "success", "--limit", "5", has="r1")
    c("xcom", "add", "d", "r1", "b", "k", '{"x": 1}', check=lambda: "x" in cli("xcom", "get", "d", "r1", "b", "-k", "k"))
    c("xcom", "edit", "d", "r1", "b", "k", "7", check=lambda: "7" in cli("xcom", "get", "d", "r1", "b", "-k", "k"))
    c("xcom", "get", "d", "r1", "b", "k", has="7")
    c("xcom", "list", "d", "r1", "b", has="k")
    c("xcom", "delete", "d", "r1", "b", "k", check=lambda: '"k"' not in cli("xcom", "list", "d", "r1", "--json"))
    c("variables", "create", "--key", "v", "--value", "1", check=lambda: cli("variables", "get", "v").strip() == "1")
    c("variables", "get", "v", has="1")
    c("variables", "update", "--key", "v", "--value", "2", check=lambda: cli("variables", "get", "v").strip() == "2")
    c("variables", "list", has="v")
    c("variables", "import", write("vars.json", {"w": "3"}), output=False, check=lambda: cli("variables", "get", "w").strip() == "3")
    c("variables", "delete", "v", check=lambda: "v" not in cli("variables", "list").split())
    c("connections", "create", "--connection-id", "k", "--conn-type", "http", "--host", "h", check=lambda: "k" in cli("connections", "list"))
    c("connections", "get", "k", has="http")
    c("connections", "update", "--connection-id", "k", "--conn-type", "http", "--host", "i", check=lambda: "i" in cli("connections", "get", "k"))
    c("connections", "list", has="k")
    c("connections", "test", "--connection-id", "k", "--conn-type", "http", "--host", "127.0.0.1", "--port", home.url.rsplit(":", 1)[1], output=False,
      fails="has no attribute 'output'")  # it has the answer, and no way to print it
    c("connections", "create-defaults", output=False, fails="'NoneType' object has no attribute 'values'", check=lambda: "http_default" in cli("connections", "list"))
    c("connections", "import", write("conns.json", {"imported": {"conn_type": "http", "host": "z"}}), output=False, check=lambda: "imported" in cli("connections", "list"))
    c("connections", "delete", "k", check=lambda: "\nk " not in "\n" + cli("connections", "list"))
    c("pools", "create", "--name", "p", "--slots", "3", check=lambda: "p" in cli("pools", "list"))
    c("pools", "get", "p", has="3")
    c("pools", "update", "--pool", "p", "--slots", "4", has="4")
    c("pools", "list", has="default_pool")
    c("pools", "export", home.folder + "/pools.json", check=lambda: "default_pool" in open(home.folder + "/pools.json").read())
    c("pools", "import", write("in.json", [{"name": "q", "slots": 2, "description": "", "include_deferred": False}]), output=False, check=lambda: "q" in cli("pools", "list"))
    c("pools", "delete", "p", check=lambda: "\np " not in "\n" + cli("pools", "list"))
    out = json.loads(c("assets", "list", has="s3://b/n"))
    n = str([a for a in (out["assets"] if isinstance(out, dict) else out) if a["name"] == "n"][0]["id"])
    c("assets", "get", n, has="s3://b/n")
    aliases = json.loads(c("assets", "list-by-alias", has="later"))
    alias = (aliases["asset_aliases"] if isinstance(aliases, dict) else aliases)[0]["id"]
    c("assets", "get-by-alias", str(alias), has="later")
    c("assets", "create-event", "--asset-id", n, "--extra", '{"rows": 3}', fails="invalid dict value")  # no text is a dict to it
    c("assets", "create-event", "--asset-id", n, has="timestamp")
    c("assets", "get-queued-events", n, has="waits")
    c("assets", "get-dag-queued-events", "waits", "2100-01-01T00:00:00Z", has="waits")
    c("assets", "get-dag-queued-event", "waits", n, has="waits")
    c("assets", "delete-queued-event", "waits", n, fails="Not Found")  # it asks for assets/dags/..., which Airflow does not have either
    c("assets", "delete-dag-queued-events", "waits", "2100-01-01T00:00:00Z", fails="Not Found")
    c("assets", "delete-queued-events", n, check=lambda: "queued_events" not in c.run("assets", "get-queued-events", n).stdout)
    c("assets", "materialize", n, output=False, fails="has no attribute 'output'", check=lambda: any(r["run_type"] == "asset_materialization" for r in runs("d").values()))
    cli("dags", "unpause", "daily")
    dates = ["--dag-id", "daily", "--from-date", "2026-02-01T00:00:00Z", "--to-date", "2026-02-02T00:00:00Z", "--max-active-runs", "1", "--reprocess-behavior", "none"]
    c("backfill", "create-dry-run", *dates, fails="Field required")  # it reads the answer as a backfill
    c("backfill", "create", *dates, has="daily")
    told = lambda key: json.loads(cli("backfill", "show", key, "--json"))
    c("backfill", "pause", "1", output=False, fails="Method Not Allowed")  # it sends POST; Airflow has PUT, which the client is tried with
    c("backfill", "unpause", "1", output=False, fails="Method Not Allowed")
    c("backfill", "get", "1", has="daily")
    c("backfill", "list", "daily", has="daily")
    wait_for(lambda: sum(r["state"] == "success" and r["run_type"] == "backfill" for r in runs("daily").values()) == 2)
    wait_for(lambda: '"completed_at": null' not in c.run("backfill", "get", "1").stdout)
    c("backfill", "create", *[x.replace("2026-02-02", "2026-02-03") for x in dates], check=lambda: told("2")["dag_id"] == "daily")
    c("backfill", "cancel", "2", output=False, fails="Method Not Allowed")
    c("config", "list", has="expose_config")
    c("config", "lint", output=False, has="catchup_by_default")
    c("config", "get", "api", "expose_config", has="true")
    c("jobs", "list", has="SchedulerJob")
    c("plugins", "list")
    c("plugins", "list-import-errors")
    c("providers", "list")
    os.unlink(home.folder + "/home/dags/gone.yaml")
    c("dags", "delete", "gone", check=lambda: "gone" not in paused())


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(client.ROOT, "build"))
    home = Home(build)
    try:
        c = Ctl(home)
        wait_for(lambda: all(d in home.cli("dags", "list") for d in ("asks", "waits", "daily", "gone", "maps")))
        all_ = c.commands()
        exercise(c, home)
    finally:
        home.close()
    words = {}
    for word, name in c.lines:  # a command that works in one way works
        words[name] = word if words.get(name) in (None, "own") or word == "wrong" else words[name]
    for name in all_:
        if name not in words:
            print("none   %s  not given" % name)
    count = lambda word: sum(w == word for w in words.values())
    odd = set(words) - set(all_)
    assert not odd, odd
    print("%d of the %d commands of airflowctl work, %d fail by a fault of their own, %d otherwise, %d were not given"
          % (count("ok"), len(all_), count("own"), count("wrong"), len(set(all_) - set(words))))
    return 1 if count("wrong") or set(all_) - set(words) else 0


if __name__ == "__main__":
    sys.exit(main())
