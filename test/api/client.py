#!/usr/bin/env python3
"""client.py [BUILD]: which operations of Airflow's official client work against the API server.

Needs the package apache-airflow-client, in a virtual environment whose Python runs this. Starts a home of its own with a scheduler and a server, calls
each operation that the client has, looks at its effect where it has one, and prints a line for each and their number:

    ok       answered, parsed by the client's own models, and the effect seen
    wrong    answered otherwise than the client or this script expects
    none     not there (404 or 405 of the router)
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import airflow_client.client as ac
from airflow_client.client import api as apis

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DAG = {"dag_id": "d", "tags": ["x"], "params": {"n": {"type": "integer", "default": 1}},
       "tasks": {"a": {"operator": "bash", "bash_command": "echo one", "outlets": [{"type": "asset", "name": "n", "uri": "s3://b/n"}]},
                 "b": {"operator": "bash", "bash_command": "true", "upstream": ["a"]}}}


class Home:
    def __init__(self, build):
        self.folder = tempfile.mkdtemp(prefix="tw-client-")
        self.program = os.path.join(build, "src", "tradewind")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.folder, "TRADEWIND_HOME": self.folder + "/home"}
        os.makedirs(self.folder + "/home/dags")
        with open(self.folder + "/home/dags/d.yaml", "w") as f:
            json.dump(DAG, f)
        with open(self.folder + "/home/dags/broken.yaml", "w") as f:
            f.write("dag_id: broken\ntasks: []\n")
        self.log = open(self.folder + "/log", "w")
        self.parts = [subprocess.Popen([self.program, "scheduler"], env=self.env, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL),
                      subprocess.Popen([self.program, "api-server", "-p", "0"], env=self.env, stdout=subprocess.PIPE, stderr=self.log,
                                       stdin=subprocess.DEVNULL, text=True)]
        self.url = self.parts[1].stdout.readline().strip()
        self.token = open(self.folder + "/home/api.token").read().strip()

    def close(self):
        for p in self.parts:
            p.terminate()
            p.wait(30)
        shutil.rmtree(self.folder)


def wait_for(what, patience=20):
    end = time.monotonic() + patience
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def knows(home):
    """The scheduler has read the folder."""
    rq = urllib.request.Request(home.url + "/api/v2/dags/d", headers={"Authorization": "Bearer " + home.token})
    try:
        with urllib.request.urlopen(rq) as r:
            return r.status == 200
    except urllib.error.HTTPError as e:
        assert e.code in (404, 503), e
        return False


class Tally:
    def __init__(self):
        self.lines = {}

    def call(self, name, fn, check=None):
        """Name is Class.method, as the client has it."""
        try:
            got = fn()
            if check is not None:
                assert check(got), "not what was expected: %s" % str(got)[:200]
            self.lines[name] = ("ok", "")
            return got
        except Exception as e:  # whatever it is, it is reported
            text = "%s: %s" % (type(e).__name__, str(e).replace("\n", " ")[:300])
            status = getattr(e, "status", None)
            none = status == 405 or (status == 404 and '"Not Found"' in str(getattr(e, "body", "")))
            self.lines[name] = ("none" if none else "wrong", "" if none else text)
            return None


def operations():
    """All that the client has."""
    out = []
    for f in sorted(os.listdir(os.path.dirname(apis.__file__))):
        if f.endswith("_api.py"):
            text = open(os.path.join(os.path.dirname(apis.__file__), f)).read()
            cls = re.search(r"^class (\w+)", text, re.M).group(1)
            out += ["%s.%s" % (cls, m) for m in re.findall(r"def _(\w+)_serialize\(", text)]
    return out


def exercise(t, client, home):
    m = ac.models if hasattr(ac, "models") else __import__("airflow_client.client.models", fromlist=["x"])
    dags, run, ti, xcom = ac.DAGApi(client), ac.DagRunApi(client), ac.TaskInstanceApi(client), ac.XComApi(client)
    call = t.call

    def listed():
        return any(d.dag_id == "d" for d in dags.get_dags().dags)
    wait_for(lambda: knows(home))
    call("VersionApi.get_version", ac.VersionApi(client).get_version, lambda r: r.version)
    call("MonitorApi.get_health", ac.MonitorApi(client).get_health, lambda r: r.scheduler.status == "healthy")
    call("DAGApi.get_dags", lambda: dags.get_dags(tags=["x"]), lambda r: r.total_entries == 1 and listed())
    call("DAGApi.get_dag", lambda: dags.get_dag("d"), lambda r: r.tags[0].name == "x")
    call("DAGApi.get_dag_details", lambda: dags.get_dag_details("d"), lambda r: r.params["n"]["value"] == 1)
    call("DAGApi.get_dag_tags", dags.get_dag_tags, lambda r: r.tags == ["x"])
    call("DAGApi.patch_dag", lambda: dags.patch_dag("d", m.DAGPatchBody(is_paused=True)), lambda r: r.is_paused)
    call("DAGApi.patch_dags", lambda: dags.patch_dags(m.DAGPatchBody(is_paused=False), dag_id_pattern="d"),
         lambda r: not dags.get_dag("d").is_paused)
    call("DagStatsApi.get_dag_stats", ac.DagStatsApi(client).get_dag_stats, lambda r: r.total_entries == 1)
    call("DagSourceApi.get_dag_source", lambda: ac.DagSourceApi(client).get_dag_source("d"), lambda r: "bash_command" in r.content)
    call("DagVersionApi.get_dag_versions", lambda: ac.DagVersionApi(client).get_dag_versions("d"), lambda r: r.total_entries == 1)
    call("DagVersionApi.get_dag_version", lambda: ac.DagVersionApi(client).get_dag_version("d", 1), lambda r: r.version_number == 1)
    call("DagWarningApi.list_dag_warnings", ac.DagWarningApi(client).list_dag_warnings)
    call("TaskApi.get_tasks", lambda: ac.TaskApi(client).get_tasks("d"), lambda r: r.total_entries == 2)
    call("TaskApi.get_task", lambda: ac.TaskApi(client).get_task("d", "a"), lambda r: r.downstream_task_ids == ["b"])

    call("DagRunApi.trigger_dag_run", lambda: run.trigger_dag_run("d", m.TriggerDAGRunPostBody(dag_run_id="r1", conf={"n": 2})),
         lambda r: r.dag_run_id == "r1")
    wait_for(lambda: run.get_dag_run("d", "r1").state == "success")
    call("DagRunApi.get_dag_run", lambda: run.get_dag_run("d", "r1"), lambda r: r.conf == {"n": 2})
    call("DagRunApi.get_dag_runs", lambda: run.get_dag_runs("d", state=["success"], limit=5), lambda r: r.total_entries == 1)
    call("TaskInstanceApi.get_task_instances", lambda: ti.get_task_instances("d", "r1"), lambda r: r.total_entries == 2)
    call("TaskInstanceApi.get_task_instance", lambda: ti.get_task_instance("d", "r1", "a"), lambda r: r.state == "success")
    call("TaskInstanceApi.get_mapped_task_instance", lambda: ti.get_mapped_task_instance("d", "r1", "a", -1), lambda r: r.task_id == "a")
    call("TaskInstanceApi.get_task_instance_tries", lambda: ti.get_task_instance_tries("d", "r1", "a"), lambda r: r.total_entries == 1)
    call("TaskInstanceApi.get_mapped_task_instance_tries", lambda: ti.get_mapped_task_instance_tries("d", "r1", "a", -1), lambda r: r.total_entries == 1)
    call("TaskInstanceApi.get_task_instance_try_details", lambda: ti.get_task_instance_try_details("d", "r1", "a", 1), lambda r: r.try_number == 1)
    call("TaskInstanceApi.get_mapped_task_instance_try_details", lambda: ti.get_mapped_task_instance_try_details("d", "r1", "a", 1, -1),
         lambda r: r.try_number == 1)
    call("TaskInstanceApi.get_task_instance_dependencies", lambda: ti.get_task_instance_dependencies("d", "r1", "a"))
    call("TaskInstanceApi.get_task_instance_dependencies_by_map_index", lambda: ti.get_task_instance_dependencies_by_map_index("d", "r1", "a", -1))
    call("TaskInstanceApi.get_log", lambda: ti.get_log("d", "r1", "a", 1, accept="application/json"), lambda r: "one" in str(r))
    call("XComApi.get_xcom_entries", lambda: xcom.get_xcom_entries("d", "r1", "a"), lambda r: r.total_entries == 1)
    call("XComApi.get_xcom_entry", lambda: xcom.get_xcom_entry("d", "a", "r1", "return_value"), lambda r: r.actual_instance.value == "one")
    call("XComApi.delete_xcom_entry", lambda: xcom.delete_xcom_entry("d", "a", "r1", "return_value"),
         lambda r: xcom.get_xcom_entries("d", "r1", "a").total_entries == 0)
    call("TaskInstanceApi.patch_task_instance_dry_run", lambda: ti.patch_task_instance_dry_run("d", "r1", "b", m.PatchTaskInstanceBody(new_state="failed")),
         lambda r: r.total_entries == 1 and ti.get_task_instance("d", "r1", "b").state == "success")
    call("TaskInstanceApi.patch_task_instance_dry_run_by_map_index",
         lambda: ti.patch_task_instance_dry_run_by_map_index("d", "r1", "b", -1, m.PatchTaskInstanceBody(new_state="failed")))
    call("TaskInstanceApi.patch_task_instance", lambda: ti.patch_task_instance("d", "r1", "b", m.PatchTaskInstanceBody(new_state="failed")),
         lambda r: ti.get_task_instance("d", "r1", "b").state == "failed")
    call("TaskInstanceApi.patch_task_instance_by_map_index", lambda: ti.patch_task_instance_by_map_index("d", "r1", "b", -1, m.PatchTaskInstanceBody(new_state="success")),
         lambda r: ti.get_task_instance("d", "r1", "b").state == "success")
    call("TaskInstanceApi.post_clear_task_instances",
         lambda: ti.post_clear_task_instances("d", m.ClearTaskInstancesBody(dry_run=False, only_failed=False, dag_run_id="r1",
                                                                            task_ids=[m.ClearTaskInstancesBodyTaskIdsInner("b")])),
         lambda r: wait_for(lambda: ti.get_task_instance("d", "r1", "b").try_number == 2) is None)
    wait_for(lambda: run.get_dag_run("d", "r1").state == "success")
    call("DagRunApi.clear_dag_run", lambda: run.clear_dag_run("d", "r1", m.DAGRunClearBody(dry_run=False, only_failed=False)),
         lambda r: wait_for(lambda: ti.get_task_instance("d", "r1", "a").try_number == 2) is None)
    wait_for(lambda: run.get_dag_run("d", "r1").state == "success")
    call("DagRunApi.patch_dag_run", lambda: run.patch_dag_run("d", "r1", m.DAGRunPatchBody(state="queued")),
         lambda r: wait_for(lambda: ti.get_task_instance("d", "r1", "a").try_number == 3) is None)
    wait_for(lambda: run.get_dag_run("d", "r1").state == "success")
    # The client cannot parse what Airflow answers here (application/x-ndjson): its raw answer is looked at.
    for cls in (run, ac.ExperimentalApi(client)):
        call(type(cls).__name__ + ".wait_dag_run_until_finished",
             lambda cls=cls: cls.wait_dag_run_until_finished_without_preload_content("d", "r1", 1).data, lambda r: b'"success"' in r)
    settings(t, client, m)


def settings(t, client, m):
    call, v, c, p, a = t.call, ac.VariableApi(client), ac.ConnectionApi(client), ac.PoolApi(client), ac.AssetApi(client)
    call("VariableApi.post_variable", lambda: v.post_variable(m.VariableBody(key="k", value="1", description="d")), lambda r: r.key == "k")
    call("VariableApi.get_variables", v.get_variables, lambda r: r.total_entries == 1)
    call("VariableApi.patch_variable", lambda: v.patch_variable("k", m.VariableBody(key="k", value="2")), lambda r: r.value == "2")
    call("VariableApi.get_variable", lambda: v.get_variable("k"), lambda r: r.value == "2" and r.description == "d")
    call("VariableApi.delete_variable", lambda: v.delete_variable("k"), lambda r: v.get_variables().total_entries == 0)
    call("ConnectionApi.post_connection", lambda: c.post_connection(m.ConnectionBody(connection_id="c", conn_type="http", host="h", password="secret-1")),
         lambda r: r.password != "secret-1")
    call("ConnectionApi.get_connections", c.get_connections, lambda r: r.total_entries == 1)
    call("ConnectionApi.patch_connection", lambda: c.patch_connection("c", m.ConnectionBody(connection_id="c", conn_type="http", host="i")),
         lambda r: r.host == "i")
    call("ConnectionApi.get_connection", lambda: c.get_connection("c"), lambda r: r.host == "i" and r.password == "***")
    call("ConnectionApi.delete_connection", lambda: c.delete_connection("c"), lambda r: c.get_connections().total_entries == 0)
    call("PoolApi.post_pool", lambda: p.post_pool(m.PoolBody(name="p", slots=3)), lambda r: r.slots == 3)
    call("PoolApi.get_pools", p.get_pools, lambda r: r.total_entries == 2)
    call("PoolApi.patch_pool", lambda: p.patch_pool("p", m.PoolPatchBody(pool="p", slots=4)), lambda r: r.slots == 4)
    call("PoolApi.get_pool", lambda: p.get_pool("p"), lambda r: r.slots == 4)
    call("PoolApi.delete_pool", lambda: p.delete_pool("p"), lambda r: p.get_pools().total_entries == 1)
    got = call("AssetApi.get_assets", a.get_assets, lambda r: r.total_entries == 1)
    key = got.assets[0].id if got else 1
    call("AssetApi.get_asset", lambda: a.get_asset(key), lambda r: r.uri == "s3://b/n")
    call("AssetApi.get_asset_aliases", a.get_asset_aliases)
    before = a.get_asset_events().total_entries
    call("AssetApi.create_asset_event", lambda: a.create_asset_event(m.CreateAssetEventsBody(asset_id=key, extra={"x": 1})), lambda r: r.extra == {"x": 1})
    call("AssetApi.get_asset_events", a.get_asset_events, lambda r: r.total_entries == before + 1)
    got = call("ImportErrorApi.get_import_errors", ac.ImportErrorApi(client).get_import_errors, lambda r: r.total_entries == 1)
    if got:
        call("ImportErrorApi.get_import_error", lambda: ac.ImportErrorApi(client).get_import_error(got.import_errors[0].import_error_id),
             lambda r: "broken" in r.filename)
    call("EventLogApi.get_event_logs", ac.EventLogApi(client).get_event_logs, lambda r: r.total_entries > 3)
    call("EventLogApi.get_event_log", lambda: ac.EventLogApi(client).get_event_log(1), lambda r: r.event_log_id == 1)
    call("JobApi.get_jobs", ac.JobApi(client).get_jobs, lambda r: r.total_entries == 1)
    call("ProviderApi.get_providers", ac.ProviderApi(client).get_providers)
    call("PluginApi.get_plugins", ac.PluginApi(client).get_plugins)
    call("PluginApi.import_errors", ac.PluginApi(client).import_errors)


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build"))
    home, t = Home(build), Tally()
    try:
        config = ac.Configuration(host=home.url, access_token=home.token)
        with ac.ApiClient(config) as client:
            exercise(t, client, home)
    finally:
        home.close()
    all_ = operations()
    for name in all_:
        what, why = t.lines.get(name, ("none", "not called"))
        if what != "none":
            print("%-6s %s  %s" % (what, name, why))
    odd = set(t.lines) - set(all_)
    assert not odd, odd
    ok = sum(what == "ok" for what, _ in t.lines.values())
    wrong = [n for n, (what, _) in t.lines.items() if what == "wrong"]
    print("%d of the %d operations of the client work, %d answer otherwise" % (ok, len(all_), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
