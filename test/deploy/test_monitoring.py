"""deploy/prometheus and deploy/grafana against a real Prometheus that watches a real Tradewind."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "e2e"))
from conftest import Tradewind, build, tw, until, wait_until  # noqa: E402, F401

DEPLOY = os.path.join(ROOT, "deploy")


def tool(name):
    """Of the machine, or the one that ./bootstrap unpacked for the tests."""
    path = shutil.which(name) or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tradewind/prometheus/usr/bin", name)
    if not os.access(path, os.X_OK):
        pytest.skip("%s is not there; ./bootstrap test gets it" % name)
    return path


def expressions():
    """Everything that the dashboard asks, with its variables filled in: (panel, query)."""
    with open(os.path.join(DEPLOY, "grafana", "tradewind.json"), encoding="utf-8") as f:
        dashboard = json.load(f)
    found = [(a["name"], a["expr"]) for a in dashboard["annotations"]["list"]]
    for panel in dashboard["panels"]:
        found += [(panel["title"], t["expr"]) for t in panel.get("targets", [])]
    return [(name, q.replace("$__rate_interval", "30s").replace("$instance", ".+")) for name, q in found]


def metrics_of(text):
    return set(re.findall(r"\btradewind_[a-z_]+", text))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    def __init__(self, folder, target):
        os.makedirs(folder)
        with open(os.path.join(DEPLOY, "prometheus", "prometheus.yml"), encoding="utf-8") as f:
            config = f.read()
        assert "127.0.0.1:8080" in config and "scrape_interval: 15s" in config
        with open(os.path.join(folder, "prometheus.yml"), "w", encoding="utf-8") as f:
            f.write(config.replace("127.0.0.1:8080", target).replace("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s"))
        shutil.copy(os.path.join(DEPLOY, "prometheus", "tradewind.rules.yml"), folder)
        self.url = "http://127.0.0.1:%d" % free_port()
        self.log = open(os.path.join(folder, "log"), "w")
        self.process = subprocess.Popen([tool("prometheus"), "--config.file=" + folder + "/prometheus.yml", "--storage.tsdb.path=" + folder + "/data",
                                         "--web.listen-address=" + self.url[7:]], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        wait_until(self.ready, 30)

    def ready(self):
        assert self.process.poll() is None, open(self.log.name).read()
        try:
            return urllib.request.urlopen(self.url + "/-/ready").status == 200
        except OSError:
            return False

    def get(self, path, **arguments):
        query = "?" + urllib.parse.urlencode(arguments) if arguments else ""
        with urllib.request.urlopen(self.url + "/api/v1/" + path + query) as answer:
            return json.load(answer)["data"]

    def ask(self, query):
        return self.get("query", query=query)["result"]

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.fixture
def watched(tw):
    """A Tradewind with a scheduler and an API server, and a Prometheus that has scraped it."""
    tool("prometheus")
    os.makedirs(tw.path("dags"))
    tw.write("dags/d.yaml", json.dumps({"dag_id": "d", "schedule": {"type": "cron_trigger", "cron": "* * * * * *", "timezone": "UTC"}, "tasks": {
        "good": {"operator": "bash", "bash_command": "true"}, "bad": {"operator": "bash", "bash_command": "false"}}}))
    tw.write("dags/broken.yaml", "dag_id: broken\ntasks: []\n")
    log = open(tw.path("log"), "w")
    scheduler = tw.start("scheduler", "-S", tw.path("dags"), stdout=log, stderr=log)
    server = tw.start("api-server", "-p", "0", stderr=log)
    target = server.stdout.readline().strip()[len("http://"):]
    p = Prometheus(tw.path("prometheus"), target)
    try:
        wait_until(lambda: p.ask("tradewind_ti_finish_total > 3"), 60)
        yield tw, p, scheduler
    finally:
        p.close()
        log.close()


def test_rules_are_well_formed_and_fire_when_they_should():
    for words in (["check", "rules", "tradewind.rules.yml"], ["check", "config", "prometheus.yml"], ["test", "rules", "tradewind.rules.test.yml"]):
        done = subprocess.run([tool("promtool"), *words], cwd=os.path.join(DEPLOY, "prometheus"), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_exists():
    """Neither the dashboard nor the rules ask for what the reference does not have."""
    with open(os.path.join(ROOT, "docs", "reference", "metrics.md"), encoding="utf-8") as f:
        known = metrics_of(f.read())
    asked = set()
    for name in ("grafana/tradewind.json", "prometheus/tradewind.rules.yml"):
        with open(os.path.join(DEPLOY, name), encoding="utf-8") as f:
            asked |= metrics_of(f.read())
    asked = {re.sub(r"_(bucket|sum|count)$", "", m) for m in asked}
    assert asked and asked <= known, asked - known


def test_dashboard_and_rules_on_a_real_one(watched):
    tw, p, scheduler = watched
    time.sleep(3)  # rates need two scrapes
    empty = []
    for panel, query in expressions():
        if not p.ask(query) and panel not in ("Scheduler started",):
            empty.append((panel, query))
    assert not empty
    groups = p.get("rules")["groups"]
    rules = [r for g in groups for r in g["rules"]]
    assert len(rules) >= 14
    wait_until(lambda: all(r["health"] == "ok" for g in p.get("rules")["groups"] for r in g["rules"]), 30)
    # What is wrong with this one is seen: a file that cannot be read, and then a scheduler that was stopped.
    wait_until(lambda: state_of(p, "TradewindImportErrors") == "pending", 30)
    assert state_of(p, "TradewindSchedulerDown") == "inactive"
    scheduler.terminate()
    scheduler.wait(30)
    wait_until(lambda: state_of(p, "TradewindSchedulerDown") == "pending", 30)


def state_of(p, name):
    return next(r["state"] for g in p.get("rules")["groups"] for r in g["rules"] if r["name"] == name)
