#!/usr/bin/env python3
"""client.py [BUILD]: which operations of Airflow's official client work against the API server.

Needs the package apache-airflow-client, in a virtual environment whose Python runs this. Starts a home of its own with a scheduler and a server, calls
each operation that the client has, looks at its effect where it has one, and prints a line for each and their number:

    ok       answered, parsed by the client's own models, and the effect seen
    wrong    answered otherwise than the client or this script expects
    none     not there (404 or 405 of the router), or not called; with the reason

run.py makes that environment, and runs this and airflowctl.py.
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
# Beside it: one that waits for two assets, one with a schedule for backfills, one in Python that asks a person, one that is deleted.
MORE = {
    "waits.yaml": {"dag_id": "waits", "schedule": {"type": "assets", "condition": {"type": "all", "of": [
                       {"type": "asset", "name": "n", "uri": "s3://b/n"}, {"type": "asset", "name": "m", "uri": "s3://b/m"}]}},
                   "tasks": {"a": {"operator": "empty", "inlets": [{"type": "asset", "name": "n", "uri": "s3://b/n"}]}}},
    "daily.yaml": {"dag_id": "daily", "schedule": "@daily", "start_date": "2026-01-01", "is_paused_upon_creation": True,
                   "tasks": {"a": {"operator": "bash", "bash_command": "true"}}},
    "gone.yaml": {"dag_id": "gone", "tasks": {"a": {"operator": "empty"}}},
    "maps.yaml": {"dag_id": "maps", "tasks": {"m": {"operator": "bash", "expand": {"bash_command": ["true", "true", "true"]}}}},
}
ASKS = """
from tradewind.sdk import DAG, Param, AssetAlias, task
from tradewind.operators.hitl import HITLOperator
with DAG("asks"):
    HITLOperator(task_id="ask", subject="Which?", body="Choose.", options=["a", "b"], params={"n": Param(3, type="integer")})
    @task(outlets=[AssetAlias("later")])
    def aliased(): pass
    aliased()
"""


class Home:
    def __init__(self, build):
        self.folder = tempfile.mkdtemp(prefix="tw-client-")
        self.program = os.path.join(build, "src", "tradewind")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.folder, "TRADEWIND_HOME": self.folder + "/home"}
        os.makedirs(self.folder + "/home/dags")
        with open(self.folder + "/home/dags/d.yaml", "w") as f:
            json.dump(DAG, f)
        for name, dag in MORE.items():
            with open(self.folder + "/home/dags/" + name, "w") as f:
                json.dump(dag, f)
        with open(self.folder + "/home/dags/asks.py", "w") as f:
            f.write(ASKS)
        with open(self.folder + "/home/tradewind.yaml", "w") as f:
            f.write("api:\n  expose_config: \"true\"\n  test_connection: enabled\n  external_log_url: http://logs.example/{dag_id}/{task_id}/{try_number}\n")
        with open(self.folder + "/home/dags/broken.yaml", "w") as f:
            f.write("dag_id: broken\ntasks: []\n")
        self.log = open(self.folder + "/log", "w")
        self.parts = [subprocess.Popen([self.program, "scheduler"], env=self.env, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL),
                      subprocess.Popen([self.program, "api-server", "-p", "0"], env=self.env, stdout=subprocess.PIPE, stderr=self.log,
                                       stdin=subprocess.DEVNULL, text=True)]
        self.url = self.parts[1].stdout.readline().strip()
        self.token = open(self.folder + "/home/api.token").read().strip()

    def cli(self, *args):
        """Another way to the same store than the API."""
        r = subprocess.run([self.program, *args], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        return r.stdout

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
    rq = urllib.request.Request(home.url + "/api/v2/dags/asks", headers={"Authorization": "Bearer " + home.token})
    try:
        with urllib.request.urlopen(rq) as r:
            return r.status == 200
    except urllib.error.HTTPError as e:
        assert e.code in (404, 503), e
        return False


# Operations of clients of later releases: not of the one whose interface this is.
LATER = {"3.3": ("AssetStateStoreApi.", "TaskStateStoreApi.", "ConnectionApi.enqueue_connection_test", "ConnectionApi.get_connection_test", "DagRunApi.bulk_dag_runs",
                 "DagRunApi.clear_dag_run_partitions", "DagRunApi.clear_dag_runs", "TaskInstanceApi.patch_task_group_instances")}


def reason(name):
    """Why an operation was not called."""
    for release, names in LATER.items():
        if name.startswith(names):
            return "new in Airflow " + release
    return "not called"


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
    wait_for(lambda: dags.get_dags().total_entries == 6)
    wait_for(lambda: knows(home))
    call("VersionApi.get_version", ac.VersionApi(client).get_version, lambda r: r.version)
    call("MonitorApi.get_health", ac.MonitorApi(client).get_health, lambda r: r.scheduler.status == "healthy")
    call("DAGApi.get_dags", lambda: dags.get_dags(tags=["x"]), lambda r: r.total_entries == 1 and listed())
    call("DAGApi.get_dag", lambda: dags.get_dag("d"), lambda r: r.tags[0].name == "x")
    call("DAGApi.get_dag_details", lambda: dags.get_dag_details("d"), lambda r: r.params["n"]["value"] == 1)
    call("DAGApi.get_dag_tags", dags.get_dag_tags, lambda r: r.tags == ["x"])
    call("DAGApi.patch_dag", lambda: dags.patch_dag("d", m.DAGPatchBody(is_paused=True)), lambda r: r.is_paused)
    call("DAGApi.patch_dags", lambda: dags.patch_dags(m.DAGPatchBody(is_paused=False), dag_id_pattern="d", tags=["x"]),
         lambda r: not dags.get_dag("d").is_paused)
    call("DagStatsApi.get_dag_stats", ac.DagStatsApi(client).get_dag_stats, lambda r: r.total_entries == 6)
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
    more_runs(t, client, m, home, dags, run, ti, xcom)
    backfills(t, client, m, home)
    people(t, client, m, home, run, ti)
    bulk(t, client, m, home, run, ti)
    assets(t, client, m, home, run)
    config(t, client)
    browser(t, client)
    deletions(t, client, m, home, dags, run, ti)


def more_runs(t, client, m, home, dags, run, ti, xcom):
    call = t.call
    call("DagRunApi.get_list_dag_runs_batch", lambda: run.get_list_dag_runs_batch("~", m.DAGRunsBatchBody(dag_ids=["d"], states=["success"])),
         lambda r: [x.dag_run_id for x in r.dag_runs] == ["r1"])
    call("TaskInstanceApi.get_task_instances_batch",
         lambda: ti.get_task_instances_batch("~", "~", m.TaskInstancesBatchBody(dag_ids=["d"], task_ids=["b"], order_by="-start_date")),
         lambda r: [x.task_id for x in r.task_instances] == ["b"])
    run.trigger_dag_run("maps", m.TriggerDAGRunPostBody(dag_run_id="m1"))
    wait_for(lambda: run.get_dag_run("maps", "m1").state == "success")
    call("TaskInstanceApi.get_mapped_task_instances", lambda: ti.get_mapped_task_instances("maps", "m1", "m", limit=2, order_by=["-map_index"]),
         lambda r: r.total_entries == 3 and [x.map_index for x in r.task_instances] == [2, 1])
    call("XComApi.create_xcom_entry", lambda: xcom.create_xcom_entry("d", "b", "r1", m.XComCreateBody(key="k", value={"x": 1})), lambda r: r.value == {"x": 1})
    call("XComApi.update_xcom_entry", lambda: xcom.update_xcom_entry("d", "b", "r1", "k", m.XComUpdateBody(value=[1])),
         lambda r: r.value == [1] and json.loads(home.cli("xcom", "get", "d", "r1", "b", "-k", "k")) == [1])
    xcom.create_xcom_entry("d", "b", "r1", m.XComCreateBody(key="_link_Job", value="http://job/1"))
    for cls in (ti, ac.ExtraLinksApi(client)):
        call(type(cls).__name__ + ".get_extra_links", lambda cls=cls: cls.get_extra_links("d", "r1", "b"), lambda r: r.extra_links == {"Job": "http://job/1"})
    call("TaskInstanceApi.get_external_log_url", lambda: ti.get_external_log_url("d", "r1", "b", 1), lambda r: r.url == "http://logs.example/d/b/1")
    call("DAGApi.favorite_dag", lambda: dags.favorite_dag("d"), lambda r: dags.get_dag_details("d").is_favorite and
         [x.dag_id for x in dags.get_dags(is_favorite=True).dags] == ["d"])
    call("DAGApi.unfavorite_dag", lambda: dags.unfavorite_dag("d"), lambda r: not dags.get_dag_details("d").is_favorite)
    dag = dict(DAG, tags=["x", "y"])
    with open(home.folder + "/home/dags/.d", "w") as f:
        json.dump(dag, f)
    os.rename(home.folder + "/home/dags/.d", home.folder + "/home/dags/d.yaml")
    token = dags.get_dag("d").file_token
    call("DAGParsingApi.reparse_dag_file", lambda: ac.DAGParsingApi(client).reparse_dag_file(token),
         lambda r: {x.name for x in dags.get_dag("d").tags} == {"x", "y"} and ac.DagVersionApi(client).get_dag_versions("d").total_entries == 2)


def backfills(t, client, m, home):
    call, b = t.call, ac.BackfillApi(client)
    ac.DAGApi(client).patch_dag("daily", m.DAGPatchBody(is_paused=False))
    body = m.BackfillPostBody(dag_id="daily", from_date="2026-02-01T00:00:00Z", to_date="2026-02-03T00:00:00Z", max_active_runs=1)
    call("BackfillApi.create_backfill_dry_run", lambda: b.create_backfill_dry_run(body),
         lambda r: [str(x.logical_date)[:10] for x in r.backfills] == ["2026-02-01", "2026-02-02", "2026-02-03"])
    made = call("BackfillApi.create_backfill", lambda: b.create_backfill(body), lambda r: r.dag_id == "daily" and r.max_active_runs == 1)
    key = made.id if made else 1
    call("BackfillApi.pause_backfill", lambda: b.pause_backfill(key), lambda r: r.is_paused)
    call("BackfillApi.unpause_backfill", lambda: b.unpause_backfill(key), lambda r: not r.is_paused)
    call("BackfillApi.get_backfill", lambda: b.get_backfill(key), lambda r: r.id == key)
    call("BackfillApi.list_backfills", lambda: b.list_backfills("daily"), lambda r: r.total_entries == 1)
    wait_for(lambda: b.get_backfill(key).completed_at is not None)
    told = home.cli("runs", "list", "daily", "--json")
    assert [r["state"] for r in json.loads(told) if r["run_type"] == "backfill"] == ["success"] * 3, told
    ac.DAGApi(client).patch_dag("daily", m.DAGPatchBody(is_paused=True))
    other = b.create_backfill(m.BackfillPostBody(dag_id="daily", from_date="2026-03-01T00:00:00Z", to_date="2026-03-20T00:00:00Z", max_active_runs=1))
    call("BackfillApi.cancel_backfill", lambda: b.cancel_backfill(other.id), lambda r: wait_for(lambda: b.get_backfill(other.id).completed_at) is None)


def people(t, client, m, home, run, ti):
    call = t.call
    run.trigger_dag_run("asks", m.TriggerDAGRunPostBody(dag_run_id="q1"))
    wait_for(lambda: ti.get_task_instance("asks", "q1", "ask").state == "deferred")
    call("TaskInstanceApi.get_hitl_details", lambda: ti.get_hitl_details("~", "~", response_received=False), lambda r: [x.subject for x in r.hitl_details] == ["Which?"])
    call("TaskInstanceApi.get_hitl_detail", lambda: ti.get_hitl_detail("asks", "q1", "ask", -1), lambda r: r.options == ["a", "b"] and not r.response_received)
    call("TaskInstanceApi.get_hitl_detail_try_detail", lambda: ti.get_hitl_detail_try_detail("asks", "q1", "ask", -1, 1), lambda r: r.subject == "Which?")
    call("TaskInstanceApi.update_hitl_detail", lambda: ti.update_hitl_detail("asks", "q1", "ask", -1, m.UpdateHITLDetailPayload(chosen_options=["b"], params_input={"n": 5})),
         lambda r: r.chosen_options == ["b"])
    wait_for(lambda: run.get_dag_run("asks", "q1").state == "success")
    answer = json.loads(home.cli("xcom", "get", "asks", "q1", "ask"))
    assert answer["chosen_options"] == ["b"] and answer["params_input"] == {"n": 5}, answer


def bulk(t, client, m, home, run, ti):
    call, v, c, p = t.call, ac.VariableApi(client), ac.ConnectionApi(client), ac.PoolApi(client)

    def body(kind, *actions):
        return getattr(m, "BulkBody" + kind).from_dict({"actions": list(actions)})
    call("VariableApi.bulk_variables", lambda: v.bulk_variables(body(
        "VariableBody", {"action": "create", "entities": [{"key": "k1", "value": "1"}, {"key": "k2", "value": "2"}], "action_on_existence": "fail"},
        {"action": "update", "entities": [{"key": "k1", "value": "3"}], "action_on_non_existence": "fail"},
        {"action": "delete", "entities": ["k2", "k9"], "action_on_non_existence": "skip"})),
        lambda r: r.create.success == ["k1", "k2"] and r.update.success == ["k1"] and r.delete.success == ["k2"]
        and home.cli("variables", "get", "k1").strip() == "3")
    call("ConnectionApi.bulk_connections", lambda: c.bulk_connections(body(
        "ConnectionBody", {"action": "create", "entities": [{"connection_id": "c1", "conn_type": "http", "host": "h"}], "action_on_existence": "fail"})),
        lambda r: r.create.success == ["c1"] and "c1" in home.cli("connections", "list"))
    call("PoolApi.bulk_pools", lambda: p.bulk_pools(body(
        "PoolBody", {"action": "create", "entities": [{"name": "p1", "slots": 2}, {"name": "default_pool", "slots": 1}], "action_on_existence": "skip"})),
        lambda r: r.create.success == ["p1"] and "p1" in home.cli("pools", "list"))
    call("TaskInstanceApi.bulk_task_instances", lambda: ti.bulk_task_instances("d", "r1", body(
        "BulkTaskInstanceBody", {"action": "update", "entities": [{"task_id": "b", "new_state": "failed", "note": "looked at"}], "action_on_non_existence": "fail"})),
        lambda r: r.update.success == ["d.r1.b[-1]"] and ti.get_task_instance("d", "r1", "b").note == "looked at"
        and {x["task_id"]: x["state"] for x in json.loads(home.cli("tasks", "list", "d", "r1", "--json"))}["b"] == "failed")
    call("ConnectionApi.test_connection", lambda: c.test_connection(m.ConnectionBody(connection_id="t", conn_type="http", host="127.0.0.1", port=int(home.url.rsplit(":", 1)[1]))),
         lambda r: r.status)
    call("ConnectionApi.create_default_connections", c.create_default_connections, lambda r: "http_default" in home.cli("connections", "list"))


def assets(t, client, m, home, run):
    call, a = t.call, ac.AssetApi(client)
    got = {x.name: x for x in a.get_assets().assets}
    assert [x.task_id for x in got["n"].producing_tasks] == ["a"] and [x.dag_id for x in got["n"].scheduled_dags] == ["waits"], got["n"]
    alias = a.get_asset_aliases().asset_aliases[0]
    call("AssetApi.get_asset_alias", lambda: a.get_asset_alias(alias.id), lambda r: r["name"] == "later")
    n, k = got["n"].id, got["m"].id

    def event(key):
        a.create_asset_event(m.CreateAssetEventsBody(asset_id=key))

    def waits():
        try:
            return {x.asset_id for x in a.get_dag_asset_queued_events("waits").queued_events}
        except ac.exceptions.NotFoundException:
            return set()
    event(n)
    call("AssetApi.get_dag_asset_queued_events", lambda: a.get_dag_asset_queued_events("waits"), lambda r: [x.asset_id for x in r.queued_events] == [n])
    call("AssetApi.get_dag_asset_queued_event", lambda: a.get_dag_asset_queued_event("waits", n), lambda r: r.dag_id == "waits")
    call("AssetApi.get_asset_queued_events", lambda: a.get_asset_queued_events(n), lambda r: r.total_entries == 1)
    call("AssetApi.delete_dag_asset_queued_event", lambda: a.delete_dag_asset_queued_event("waits", n), lambda r: waits() == set())
    event(k)
    assert waits() == {k}
    assert json.loads(home.cli("runs", "list", "waits", "--json") or "[]") == [], "what was dropped does not count"
    call("AssetApi.delete_dag_asset_queued_events", lambda: a.delete_dag_asset_queued_events("waits"), lambda r: waits() == set())
    event(k)
    call("AssetApi.delete_asset_queued_events", lambda: a.delete_asset_queued_events(k), lambda r: waits() == set())
    event(n)
    event(k)
    wait_for(lambda: [r for r in run.get_dag_runs("waits").dag_runs if r.state == "success"])
    made = run.get_dag_runs("waits").dag_runs[0]
    assert made.triggered_by == "asset"
    call("DagRunApi.get_upstream_asset_events", lambda: run.get_upstream_asset_events("waits", made.dag_run_id), lambda r: {x.asset_id for x in r.asset_events} == {n, k})
    call("AssetApi.materialize_asset", lambda: a.materialize_asset(n, m.MaterializeAssetBody(dag_run_id="mat")),
         lambda r: r.dag_id == "d" and r.run_type == "asset_materialization")
    wait_for(lambda: run.get_dag_run("d", "mat").state == "success")


def browser(t, client):
    """Links for a browser: a redirect to the page, where one signs in, and one that has ended the session."""
    login = ac.LoginApi(client)
    for name in ("login", "logout"):
        t.call("LoginApi." + name, lambda name=name: getattr(login, name + "_without_preload_content")(), lambda r: r.geturl() == "/login")


def config(t, client):
    c = ac.ConfigApi(client)
    t.call("ConfigApi.get_config", c.get_config, lambda r: "api" in [s.name for s in r.sections])
    t.call("ConfigApi.get_config_value", lambda: c.get_config_value("api", "expose_config"), lambda r: r.sections[0].options[0].value.actual_instance == "true")


def deletions(t, client, m, home, dags, run, ti):
    call = t.call

    def is_gone(fn):
        try:
            fn()
        except ac.exceptions.NotFoundException:
            return True
        return False
    call("TaskInstanceApi.delete_task_instance", lambda: ti.delete_task_instance("d", "r1", "b"),
         lambda r: {x["task_id"]: x["state"] for x in json.loads(home.cli("tasks", "list", "d", "r1", "--json"))}.get("b") in (None, "none"))
    call("DagRunApi.delete_dag_run", lambda: run.delete_dag_run("d", "r1"),
         lambda r: is_gone(lambda: run.get_dag_run("d", "r1")) and "r1" not in [x["run_id"] for x in json.loads(home.cli("runs", "list", "d", "--json"))])
    run.trigger_dag_run("gone", m.TriggerDAGRunPostBody(dag_run_id="g1"))
    wait_for(lambda: run.get_dag_run("gone", "g1").state == "success")
    os.unlink(home.folder + "/home/dags/gone.yaml")
    call("DAGApi.delete_dag", lambda: dags.delete_dag("gone"), lambda r: is_gone(lambda: dags.get_dag("gone")))


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
    got = call("AssetApi.get_assets", lambda: a.get_assets(name_pattern="n"), lambda r: r.total_entries == 1)
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
    except BaseException:
        for name, (what, why) in t.lines.items():
            if what != "ok":
                print(what, name, why)
        print(open(home.folder + "/log").read()[-2000:])
        raise
    finally:
        home.close()
    all_ = operations()
    for name in all_:
        what, why = t.lines.get(name, ("none", reason(name)))
        print("%-6s %s  %s" % (what, name, why or "answered 404 or 405 by the router") if what != "ok" else "ok     " + name)
    odd = set(t.lines) - set(all_)
    assert not odd, odd
    ok = sum(what == "ok" for what, _ in t.lines.values())
    later = sum(reason(name) != "not called" for name in all_ if name not in t.lines)
    print("%d of the %d operations of the client work, %d do not, %d are of a later release" % (ok, len(all_), len(all_) - ok - later, later))
    return 0 if ok + later == len(all_) else 1


if __name__ == "__main__":
    sys.exit(main())
