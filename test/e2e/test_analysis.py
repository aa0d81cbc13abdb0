"""Event logs and process mining: analyze, runs export, and the same over HTTP."""
import csv
import io
import re
import xml.etree.ElementTree as xml
from urllib.parse import quote

import pytest
from test_api_server import Server

NAMESPACE = "{http://www.xes-standard.org/}"
DIAMOND = {
    "a": {"operator": "bash", "bash_command": "true"},
    "b": {"operator": "bash", "bash_command": "true", "upstream": ["a"]},
    "c": {"operator": "bash", "bash_command": "sleep 0.05", "upstream": ["a"]},
    "d": {"operator": "bash", "bash_command": "true", "upstream": ["b", "c"]},
    # the first try fails
    "e": {"operator": "bash", "bash_command": "test {{ ti.try_number }} = 2", "retries": 1, "retry_delay": 0, "upstream": ["d"]},
    "m": {"operator": "bash", "expand": {"bash_command": ["true", "true", "true"]}, "upstream": ["e"]},
}
LOG = """case,activity,start,timestamp
1,receive,2026-01-01T00:00:00Z,2026-01-01T00:10:00Z
1,check,2026-01-01T01:00:00Z,2026-01-01T01:30:00Z
1,pay,2026-01-01T02:00:00Z,2026-01-01T02:05:00Z
2,receive,2026-01-02T00:00:00Z,2026-01-02T00:10:00Z
2,check,2026-01-02T04:00:00Z,2026-01-02T04:30:00Z
2,reject,2026-01-02T05:00:00Z,2026-01-02T05:05:00Z
"""


@pytest.fixture
def history(tw):
    """Three runs of a DAG, and one of its next version."""
    file = tw.dag(DIAMOND)
    for i in range(3):
        tw("run", file, "--run-id", "r%d" % i)
    tw.dag({**DIAMOND, "f": {"operator": "bash", "bash_command": "true", "upstream": ["m"]}})
    tw("run", file, "--run-id", "r3")
    return tw


def test_runs_become_a_process(history):
    found = history.json("analyze", "d")
    assert found["dag_id"] == "d"  # as over HTTP
    assert found["traces"] == 4 and found["fitness"] == 1 and 0 < found["precision"] <= 1
    assert re.match(r"->\( 'a', \+\( '[bc]', '[bc]' \), 'd', \*\( 'e', tau \), 'm', X\( 'f', tau \) \)$", found["model"]["tree"]) or \
        "->( 'a', 'b', 'c', 'd'" in found["model"]["tree"], found["model"]["tree"]  # where c always ended last
    count = {a["activity"]: a["frequency"] for a in found["activities"]}
    assert count == {"a": 4, "b": 4, "c": 4, "d": 4, "e": 8, "m": 4, "f": 1}  # each try; a mapped task once
    follows = {(f["from"], f["to"]): f for f in found["follows"]}
    assert follows["d", "e"]["in_dag"] and not follows["e", "e"]["in_dag"] and follows["e", "e"]["frequency"] == 4
    assert {n["kind"] for n in found["model"]["nodes"]} >= {"start", "end", "activity"}
    assert found["drift"][0]["version"] == "2" and found["drift"][0]["added"] == ["f"] and not found["drift"][0]["tested"]
    assert sum(v["n"] for v in found["variants"]) == 4
    # c sleeps: its work is on the critical path
    assert {b["activity"] for b in found["bottlenecks"]} >= {"a", "c", "d"}
    assert found["median_s"] > 0.05
    text = history("analyze", "d").stdout
    assert "4 traces" in text and "e -> e" in text and "(again)" in text and "version 2 (1 cases) beside 1 (3)" in text


def test_other_forms_and_algorithms(history):
    assert "<pnml>" in history("analyze", "d", "-a", "heuristic", "-f", "pnml").stdout
    assert history("analyze", "d", "-f", "tree").stdout.startswith("->( 'a'")
    dfg = history.json("analyze", "d", "-a", "dfg")
    assert dfg["fitness"] is None and dfg["model"]["tree"] is None and len(dfg["model"]["nodes"]) == 9
    assert history.json("analyze", "d", "--runs", "1")["traces"] == 1
    for words, said in ((["d", "-a", "alpha"], "inductive, heuristic or dfg"), (["d", "--noise", "2"], "0 to 1"), ([], "--log"),
                        (["d", "-a", "dfg", "-f", "pnml"], "pnml"), (["d", "--log", "x"], "--log"), (["d", "-f", "svg"], "pnml"),
                        (["--log", "x", "--from", "2026-01-01"], "--from is of a DAG's runs"), (["--log", "x", "--to", "2026-01-01"], "--to is of"),
                        (["d", "--case", "x"], "--case is of --log")):
        assert said in history("analyze", *words, code=64).stderr
    assert "no DAG 'nothing'" in history("analyze", "nothing", code=66).stderr
    assert "no run of 'd' has ended" in history("analyze", "d", "--to", "2001-01-01", code=66).stderr


def test_the_exported_log_is_analysed_alike(history):
    history("runs", "export", "d", "-o", "d.xes")
    history("runs", "export", "d", "-o", "d.csv")
    root = xml.parse(history.path("d.xes")).getroot()
    assert root.tag == NAMESPACE + "log" and root.get("xes.version") == "1849-2016"
    assert {e.get("prefix") for e in root.iter(NAMESPACE + "extension")} == {"concept", "time", "lifecycle", "org"}
    traces = root.findall(NAMESPACE + "trace")
    assert [t[0].get("value") for t in traces] == ["r0", "r1", "r2", "r3"]
    with open(history.path("d.csv"), newline="") as f:
        rows = list(csv.DictReader(f))
    assert len(rows) == sum(len(t.findall(NAMESPACE + "event")) for t in traces)
    of_e = [(r["lifecycle:transition"], r["try_number"], r["state"]) for r in rows if r["concept:name"] == "e" and r["case:concept:name"] == "r0"]
    assert [r for r in of_e if r[0] != "schedule"] == [("start", "1", "running"), ("ate_abort", "1", "failed"), ("start", "2", "running"),
                                                       ("complete", "2", "success")]
    assert sorted(r["map_index"] for r in rows if r["concept:name"] == "m" and r["lifecycle:transition"] == "complete" and
                  r["case:concept:name"] == "r0") == ["0", "1", "2"]
    assert [r["time:timestamp"] for r in rows if r["case:concept:name"] == "r0"] == \
        sorted(r["time:timestamp"] for r in rows if r["case:concept:name"] == "r0")
    ours, of_xes, of_csv = history.json("analyze", "d"), history.json("analyze", "--log", "d.xes"), history.json("analyze", "--log", "d.csv")
    del of_xes["model"], of_csv["model"]
    assert of_xes == of_csv
    # All but the mapped task, whose instances the log has one by one.
    for a in ours["activities"]:
        if a["activity"] != "m":
            assert a["frequency"] == next(b["frequency"] for b in of_xes["activities"] if b["activity"] == a["activity"])
    assert history("runs", "export", "d", "-f", "xes").stdout == open(history.path("d.xes")).read()
    assert "xes or csv" in history("runs", "export", "d", "-f", "parquet", code=64).stderr


def test_logs_from_elsewhere(tw):
    tw.write("log.csv", LOG)
    found = tw.json("analyze", "--log", "log.csv")
    assert found["model"]["tree"] == "->( 'receive', 'check', X( 'pay', 'reject' ) )"
    assert (found["fitness"], found["precision"]) == (1, 1)
    check = next(b for b in found["bottlenecks"] if b["activity"] == "check")
    assert check["wait_s"] == 50 * 60 + 230 * 60 and check["service_s"] == 3600
    assert found["follows"][0]["in_dag"] is None
    tw.write("other.csv", LOG.replace("case,activity", "order;step").replace(",", ";"))
    assert tw.json("analyze", "--log", "other.csv", "--case", "order", "--activity", "step")["traces"] == 2
    assert "name it with --case; there are 'order', 'step'" in tw("analyze", "--log", "other.csv", code=65).stderr
    tw.write("bad.csv", LOG.replace("2026-01-02T05:05:00Z", "5 o'clock"))
    assert "bad.csv:7: '5 o'clock' is no time" in tw("analyze", "--log", "bad.csv", code=65).stderr
    tw.write("bad.xes", "<log>\n<trace>\n</log>")
    assert "bad.xes:3:3: mismatched tag" in tw("analyze", "--log", "bad.xes", code=65).stderr
    tw.write("laughs.xes", '<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>\n<log>&b;</log>')
    assert "document type" in tw("analyze", "--log", "laughs.xes", code=65).stderr
    with open(tw.path("log.xes.gz"), "wb") as f:
        f.write(b"\x1f\x8b\x08\x00")
    assert "gunzip -c log.xes.gz" in tw("analyze", "--log", "log.xes.gz", code=69).stderr


def test_over_http(history):
    s = Server(history)
    found = s.get("/ui/dags/d/process?algorithm=heuristic")
    assert found["dag_id"] == "d" and found["algorithm"] == "heuristic" and found["traces"] == 4
    assert all(0 <= n["x"] <= found["model"]["width"] for n in found["model"]["nodes"])
    s.get("/ui/dags/d/process?algorithm=alpha", 422)
    s.get("/ui/dags/none/process", 404)
    s.get("/ui/dags/d/process", 401, token=False)
    empty = s.get("/ui/dags/d/process?to=" + quote("2001-01-01T00:00:00Z"))
    assert empty["traces"] == 0 and empty["variants"] == []
    r = s.ask("GET", "/ui/dags/d/event-log?format=csv")
    assert r.status == 200 and 'filename="d.csv"' in r.getheader("Content-Disposition")
    assert {row["case:concept:name"] for row in csv.DictReader(io.StringIO(r.text.decode()))} == {"r0", "r1", "r2", "r3"}
    assert xml.fromstring(s.ask("GET", "/ui/dags/d/event-log").text).tag == NAMESPACE + "log"
    s.get("/ui/dags/d/event-log?format=pdf", 422)
