"""`doctor`: each thing that can be wrong with an installation, made wrong."""
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
from conftest import wait_until
from test_standalone import Service, dag, state


def doctor(tw, env=None, **more):
    done = subprocess.run([tw.program, "doctor", "--json"], cwd=tw.folder, env={**tw.env, **(env or {})}, capture_output=True, text=True,
                          timeout=60, **more)
    lines = json.loads(done.stdout)
    assert done.returncode == int(any(line["level"] == "fail" for line in lines)), done.stdout
    return lines


def found(lines, check, level):
    return [line["text"] for line in lines if line["check"] == check and line["level"] == level]


@pytest.fixture
def home(tw):
    """A home in which something has run."""
    dag(tw)
    tw.env["TRADEWIND_DAGS"] = tw.path("dags")
    tw("run", "d")
    return tw


def configure(tw, text):
    os.makedirs(tw.home, exist_ok=True)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        f.write(text)


def test_a_home_that_is_well(home):
    s = Service(home).ready()
    lines = doctor(home)
    assert not [line for line in lines if line["level"] == "fail"]
    assert found(lines, "engine", "ok") and found(lines, "store", "ok") and found(lines, "python", "ok")
    assert found(lines, "dags", "ok") == ["1 DAGs in %s" % home.path("dags")]
    assert found(lines, "runs", "ok") == ["0 unfinished, none stands still"]
    assert all(line["remedy"] for line in lines if line["level"] == "warn")
    text = home("doctor").stdout
    assert "ok    store      whole" in text and " 0 failures" in text.splitlines()[-1]
    assert "store" not in home("doctor", "--quiet").stdout
    s.stop()


def test_nothing_is_there_yet(tw):
    lines = doctor(tw)
    assert "No such file" in found(lines, "home", "warn")[0]
    assert found(lines, "store", "ok") == ["there is none yet"]
    assert not os.path.exists(tw.home)


def test_the_home_of_others(home):
    os.chmod(home.home, 0o755)
    assert "others may read in" in found(doctor(home), "home", "warn")[0]
    os.chmod(home.home, 0o777)
    assert "they can run tasks as this user" in found(doctor(home), "home", "fail")[0]
    os.chmod(home.home, 0o700)
    if os.geteuid() == 0:
        os.chown(os.path.join(home.home, "tradewind.db"), 12345, -1)
        assert "belongs to user 12345" in found(doctor(home), "home", "fail")[0]


def test_nobody_and_somebody_works_there(home):
    assert found(doctor(home), "engine", "warn") == ["no scheduler works here: nothing runs when it is due"]
    s = Service(home).ready()
    os.kill(s.pids()[0], signal.SIGSTOP)
    assert found(doctor(home), "engine", "fail") == ["process %d holds the lock of the home and does not answer" % s.pids()[0]]
    os.kill(s.pids()[0], signal.SIGCONT)
    s.stop()


def test_the_store(home):
    path = os.path.join(home.home, "tradewind.db")
    shutil.copy(path, home.path("whole"))
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9999")
    db.commit()
    db.close()
    assert "9999" in found(doctor(home), "store", "fail")[0]
    shutil.copy(home.path("whole"), path)
    with open(path, "r+b") as f:
        f.seek(4096)
        f.write(b"\xff" * 12000)
    assert found(doctor(home), "store", "fail")
    shutil.copy(home.path("whole"), path)
    with open(path + "-wal", "wb") as f:
        f.truncate(300 << 20)
    assert "the write-ahead log is 300 MiB: it is not moved into the file" in found(doctor(home), "store", "warn")


def test_the_key(home):
    home("variables", "set", "a", "b")
    key = os.path.join(home.home, "secret.key")
    assert found(doctor(home), "secrets", "ok")
    os.chmod(key, 0o644)
    assert "others may read" in found(doctor(home), "secrets", "fail")[0]
    os.remove(key)
    assert found(doctor(home), "secrets", "fail") == ["1 sealed values cannot be opened: secret.key is not there"]


def test_the_configuration(home):
    configure(home, "core:\n  paralelism: 1\nlogging: {level: loud}\n")
    lines = found(doctor(home), "config", "fail")
    assert len(lines) == 2 and lines[0].endswith("tradewind.yaml:2:3: there is no setting 'core.paralelism'; did you mean core.parallelism?")
    configure(home, "")
    assert "celery.broker_url has no effect" in found(doctor(home, {"AIRFLOW__CELERY__BROKER_URL": "x"}), "config", "warn")[0]


def test_sections_that_have_a_form_of_their_own(home):
    """What only their readers know is told by lint and doctor too, all of it, with its place."""
    path = os.path.join(home.home, "tradewind.yaml")
    with open(path, "w") as f:
        f.write("webhooks:\n  - {name: drop, dag_id: d, secret: text}\nalerts:\n  rules: [{on: fire, channels: x}]\n"
                "bundles:\n  - {name: a b, path: /x}\noidc: {issuer: here}\n")
    done = home("config", "lint", code=65)
    said = [line for line in done.stdout.splitlines() if line.startswith(path + ":") and ": error: " in line]
    assert [line[len(path):].split(": ")[0] for line in said] == [":4:16", ":6:12", ":2:37", ":7:7"], done.stdout
    assert "4 errors" in done.stdout and "webhooks: secret is one of" in said[2]
    assert [x["line"] for x in home.json("config", "lint", code=65)] == [4, 6, 2, 7]
    assert len([x for x in json.loads(home("doctor", "--json", code=1).stdout) if x["check"] == "config" and x["level"] == "fail"]) == 4
    assert path + ":4:16: " in home("api-server", "--port", "0", code=65).stderr
    with open(path, "w") as f:
        f.write("webhooks: [{name: drop, dag_id: d, secret: {variable: x}}]\n")
    assert "0 errors" in home("config", "lint").stdout


def test_python_and_its_modules(home):
    with open(home.path("python"), "w") as f:
        f.write("#!/bin/sh\necho boom >&2; exit 3\n")
    os.chmod(home.path("python"), 0o755)
    configure(home, "worker: {python: %s}\n" % home.path("python"))
    assert found(doctor(home), "python", "fail")[0].endswith("): boom")
    with open(home.path("python"), "w") as f:
        f.write("#!/bin/sh\necho 3.11 pendulum\n")
    assert found(doctor(home), "python", "warn")[0].endswith("is Python 3.11, without: pendulum")
    with open(home.path("python"), "w") as f:
        f.write("#!/bin/sh\necho 3.7\n")
    assert "3.9 is needed" in found(doctor(home), "python", "fail")[0]


def test_our_own_parts(home):
    bare = home.path("bare")
    os.makedirs(bare)
    shutil.copy(home.program, bare)
    home.program = os.path.join(bare, "tradewind")
    lines = doctor(home)
    assert "tradewind-holder is not beside" in found(lines, "holder", "fail")[0]
    with open(os.path.join(bare, "tradewind-holder"), "w") as f:
        f.write("x")
    assert "cannot be executed" in found(doctor(home), "holder", "fail")[0]


def test_modules_that_do_not_load(home):
    bare = home.path("bare")
    os.makedirs(bare)
    with open(os.path.join(bare, "tradewind-http.so"), "w") as f:
        f.write("no library")
    shutil.copy(home.program, bare)
    home.program = os.path.join(bare, "tradewind")
    warned = found(doctor(home, {"TRADEWIND_MODULE_DIR": bare}), "modules", "warn")
    assert warned == [] or "libcurl" in warned[0]  # one that is installed on this machine is found


def test_the_module_of_the_api_server_is_looked_at(home):
    assert any("libmicrohttpd" in text for state in ("ok", "warn") for text in found(doctor(home), "modules", state))


def zones(tw, release):
    """A folder of time zones of some release."""
    os.makedirs(tw.path("zones"), exist_ok=True)
    shutil.copy("/usr/share/zoneinfo/UTC", tw.path("zones/UTC"))
    with open(tw.path("zones/.zi"), "w") as f:
        f.write("# version %s\n" % release)
    os.rename(tw.path("zones/.zi"), tw.path("zones/tzdata.zi"))
    return {"TZDIR": tw.path("zones")}


def test_the_release_of_the_time_zones_is_recorded_and_a_change_is_taken_over(home):
    env = zones(home, "2025a")
    assert found(doctor(home, env), "zones", "ok") == ["tz database 2025a"]
    dag(home, schedule="0 0 * * *", start_date="2020-01-01")
    s = Service(home, env=env).ready()
    wait_until(lambda: found(doctor(home, env), "zones", "ok") == ["tz database 2025a"] and s.log())
    zones(home, "2025b")
    s.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the time zone data are 2025b now, they were 2025a" in s.log())
    wait_until(lambda: found(doctor(home, env), "zones", "ok") == ["tz database 2025b"])
    s.stop()
    zones(home, "2026a")
    assert "the time zone data are 2026a, the schedules were made with 2025b" in found(doctor(home, env), "zones", "warn")[0]
    s = Service(home, env=env)
    wait_until(lambda: "the time zone data are 2026a now, they were 2025b" in s.log())
    wait_until(lambda: s.log().count("scheduler is ready") == 2)
    s.stop()
    os.remove(home.path("zones/tzdata.zi"))
    assert found(doctor(home, env), "zones", "warn")
    assert found(doctor(home, {"TZDIR": "/nowhere"}), "zones", "fail")


def test_the_clock(home):
    os.utime(os.path.join(home.home, "tradewind.db"), (time.time() + 3600,) * 2)
    assert "s behind the last change of the store" in found(doctor(home), "clock", "fail")[0]


def test_limits(home):
    lines = doctor(home, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
    assert "200 open files are allowed; 32 tasks at once need 384" in found(lines, "limits", "fail")
    assert found(doctor(home), "limits", "fail") == []


def test_errors_of_dag_files(home):
    with open(home.path("dags/bad.py"), "w") as f:
        f.write("from airflow import DAG\nraise RuntimeError('no')\n")
    lines = found(doctor(home), "dags", "fail")
    assert len(lines) == 1 and "bad.py" in lines[0] and "no" in lines[0]
    shutil.rmtree(home.path("dags"))
    assert found(doctor(home), "dags", "warn") == ["there is no folder %s" % home.path("dags")]


def test_a_pool_without_slots(home):
    home("pools", "set", "none", "0")
    assert found(doctor(home), "pools", "warn") == ["pool none has no slots: none of its tasks starts"]


def test_runs_that_do_not_move(home):
    path = os.path.join(home.home, "tradewind.db")
    db = sqlite3.connect(path)
    db.execute("UPDATE run SET state = 1, end_us = NULL")
    db.execute("UPDATE run SET start_us = start_us - 100000000000, queued_us = queued_us - 100000000000")
    db.execute("UPDATE ti SET scheduled_us = scheduled_us - 100000000000, queued_us = queued_us - 100000000000,"
               " start_us = start_us - 100000000000, end_us = end_us - 100000000000")
    db.commit()
    db.close()
    assert "nothing has changed for 1d" in found(doctor(home), "runs", "warn")[0]
    home("dags", "pause", "d")
    assert "waits: the DAG is paused" in found(doctor(home), "runs", "warn")[0]


def test_state_is_not_changed(home):
    made_by_readers = {"cache", "tradewind.db-shm", "tradewind.db-wal"}
    before = set(os.listdir(home.home))
    doctor(home)
    assert set(os.listdir(home.home)) - made_by_readers == before - made_by_readers
    assert state(home) == "success"
