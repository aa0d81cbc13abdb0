"""Traces by OTLP/HTTP: what a collector gets of real runs, also when it is not there, refuses, or the sender is killed."""
import json
import os
import signal

import pytest
from receivers import Web, closed_port
from test_alerts import dag, serve, stop
from test_run import bash


@pytest.fixture
def collector():
    made = []

    def make(*answers):
        made.append(Web(answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def told(tw, until):
    tw.until = until
    return tw


def settings(tw, **traces):
    os.makedirs(tw.home, exist_ok=True)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        json.dump({"traces": {"interval": "1s", **traces}}, f)


def spans(web):
    """Of all requests so far, by id: what is sent twice counts once."""
    found = {}
    for request in web.json:
        for resource in request["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    found[span["spanId"]] = span
    return list(found.values())


def attribute(span, name):
    return next((v for a in span["attributes"] if a["key"] == "tradewind." + name for v in a["value"].values()), None)


def named(web, name):
    return [s for s in spans(web) if s["name"] == name]


def test_a_run_with_a_retry(told, collector):
    web = collector()
    settings(told, endpoint=web.url + "/", service_name="shop")
    dag(told, "sales.yaml", {"extract": bash("test -e again || { touch again; exit 3; }", retries=1, retry_delay="0s", cwd=told.folder),
                        "load": bash("true", upstream=["extract"])}, dag_id="sales")
    p = serve(told)
    told("dags", "trigger", "sales", "--run-id", "r1")
    told.until(lambda: named(web, "sales"))
    path, headers, _ = web.requests[0]
    assert path == "/v1/traces" and headers["Content-Type"] == "application/json"
    root, = named(web, "sales")
    assert attribute(root, "run_id") == "r1" and root["status"] == {"code": 1}
    first, second = sorted(named(web, "extract"), key=lambda s: int(attribute(s, "try_number")))
    assert first["status"]["code"] == 2 and attribute(first, "exit_code") == "3" and second["status"]["code"] == 1
    load, = named(web, "load")
    for span in (first, second, load):
        assert span["traceId"] == root["traceId"] and span["parentSpanId"] == root["spanId"]
        assert int(root["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) <= int(root["endTimeUnixNano"])
    assert int(second["endTimeUnixNano"]) <= int(load["startTimeUnixNano"])
    # Cleared, it ends again: the same trace with another span of the run.
    told("runs", "rerun", "sales", "r1", "-y")
    told.until(lambda: len(named(web, "sales")) == 2)
    assert len({s["traceId"] for s in named(web, "sales")}) == 1
    stop(p)


def test_a_collector_that_is_away_loses_nothing(told, collector):
    web = collector(503, 429)
    settings(told, endpoint=web.url)
    dag(told, "d.yaml", {"a": bash("true")})
    p = serve(told)
    for i in range(3):
        told("dags", "trigger", "d", "--run-id", "r%d" % i)
    told.until(lambda: len(named(web, "d")) == 3)
    assert "503" in open(told.path("scheduler.log")).read()
    stop(p)


def test_killed_at_any_time_each_run_is_told(told, collector):
    web = collector()
    settings(told, endpoint=web.url)
    dag(told, "d.yaml", {"a": bash("true")})
    names = set()
    p = serve(told)
    for i in range(6):
        name = "r%d" % i
        names.add(name)
        told("dags", "trigger", "d", "--run-id", name)
        if i % 2 == 0:
            told.until(lambda: attribute_of_any(web, name))
        os.kill(p.pid, signal.SIGKILL)
        p.wait()
        p = serve(told)
    told.until(lambda: {attribute(s, "run_id") for s in named(web, "d")} == names)
    stop(p)


def attribute_of_any(web, run_id):
    return [s for s in named(web, "d") if attribute(s, "run_id") == run_id]


def test_what_is_refused_is_passed_over(told, collector):
    web = collector(400)
    settings(told, endpoint=web.url)
    dag(told, "d.yaml", {"a": bash("true")})
    p = serve(told)
    told("dags", "trigger", "d", "--run-id", "r1")
    told.until(lambda: "for good: 400" in open(told.path("scheduler.log")).read())
    told("dags", "trigger", "d", "--run-id", "r2")
    told.until(lambda: len([s for s in named(web, "d") if attribute(s, "run_id") == "r2"]) == 1)
    stop(p)


def test_headers_stay_secret(told, collector):
    web = collector()
    os.makedirs(told.home, exist_ok=True)
    with open(os.path.join(told.home, "otlp.headers"), "w") as f:
        f.write("Authorization: Bearer very-secret\n\nX-Tenant: 7\n")
    os.chmod(os.path.join(told.home, "otlp.headers"), 0o644)
    settings(told, endpoint=web.url, headers_file="otlp.headers")
    dag(told, "d.yaml", {"a": bash("true")})
    p = serve(told)
    told("dags", "trigger", "d")
    told.until(lambda: "otlp.headers: everybody may read it" in open(told.path("scheduler.log")).read())
    assert not web.requests
    os.chmod(os.path.join(told.home, "otlp.headers"), 0o600)
    told.until(lambda: web.requests)
    _, headers, _ = web.requests[0]
    assert headers["Authorization"] == "Bearer very-secret" and headers["X-Tenant"] == "7"
    stop(p)
    assert "very-secret" not in open(told.path("scheduler.log")).read() + told("config", "list").stdout


def test_a_past_is_not_sent_and_nothing_is_without_an_address(told, collector):
    dag(told, "d.yaml", {"a": bash("true")})
    told("run", told.path("dags/d.yaml"))
    web = collector()
    p = serve(told, env={"OTEL_EXPORTER_OTLP_ENDPOINT": web.url, "OTEL_SERVICE_NAME": "by-env"})
    told("dags", "trigger", "d", "--run-id", "new")
    told.until(lambda: named(web, "d"))
    assert {attribute(s, "run_id") for s in named(web, "d")} == {"new"}
    assert web.json[0]["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"] == "by-env"
    stop(p)


def test_an_address_that_is_none(told):
    settings(told, endpoint="collector:4318")
    os.makedirs(told.path("dags"), exist_ok=True)
    done = told("scheduler", "-S", told.path("dags"), code=None)
    assert done.returncode != 0 and "traces.endpoint" in done.stderr and "http://HOST:4318" in done.stderr


def test_no_collector_at_all_harms_no_run(told):
    settings(told, endpoint="http://127.0.0.1:%d" % closed_port())
    dag(told, "d.yaml", {"a": bash("true")})
    p = serve(told)
    for _ in range(3):
        told("dags", "trigger", "d")
    told.until(lambda: [r["state"] for r in told.json("runs", "list", "d")] == ["success"] * 3)
    told.until(lambda: "not sent, tried again" in open(told.path("scheduler.log")).read())
    stop(p)
