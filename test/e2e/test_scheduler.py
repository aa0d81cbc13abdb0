"""The scheduler as a service: runs when they are due, the folder as it changes, stops and kills."""
import datetime as dt
import json
import os
import signal
import socket
import struct

from conftest import wait_until

UTC = dt.timezone.utc


def day(back):
    """Midnight in UTC, so many days ago."""
    return (dt.datetime.now(UTC) - dt.timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)


def scheduled(tw, dag):
    """Run id → state of its scheduled runs."""
    if not os.path.exists(os.path.join(tw.home, "tradewind.db")):
        return {}
    done = tw("runs", "list", dag, "-n", "1000", "--json", code=None)
    runs = json.loads(done.stdout) if done.returncode == 0 else []
    return {r["run_id"]: r["state"] for r in runs if r["run_id"].startswith("scheduled__")}


def put(tw, name, **document):
    os.makedirs(tw.path("dags"), exist_ok=True)
    part = tw.path("dags/." + name)
    with open(part, "w") as f:
        json.dump(document, f)
    os.rename(part, tw.path("dags/" + name))


def daily(tw, dag, back, command="true", **more):
    """A DAG with a run for each of the last days: the ticks of `back` days ago up to today's."""
    more = {"catchup": True, **more}
    put(tw, dag + ".yaml", dag_id=dag, schedule="0 0 * * *", start_date=day(back).isoformat(),
        tasks={"t": {"operator": "bash", "bash_command": command}}, **more)


def start(tw, **more):
    return tw.start("scheduler", "-S", tw.path("dags"), **more)


def stop(process):
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0, out
    return out


def test_missed_runs_are_made_once_over_stops_and_kills(tw):
    daily(tw, "d", 5)
    expected = {"scheduled__" + day(n).isoformat() for n in range(6)}
    p = start(tw)
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"] * 6)
    p.kill()
    p.wait()
    p = start(tw)
    put(tw, "e.yaml", dag_id="e", schedule="@once", start_date="2020-01-01", tasks={"t": {"operator": "bash", "bash_command": "true"}})
    wait_until(lambda: list(scheduled(tw, "e").values()) == ["success"])
    assert set(scheduled(tw, "d")) == expected
    stop(p)
    p = start(tw)
    daily(tw, "f", 1)
    wait_until(lambda: len(scheduled(tw, "f")) == 2)
    assert set(scheduled(tw, "d")) == expected and len(scheduled(tw, "e")) == 1
    stop(p)


def test_without_catchup_only_the_newest(tw):
    daily(tw, "d", 30, catchup=False)
    p = start(tw)
    wait_until(lambda: scheduled(tw, "d") == {"scheduled__" + day(0).isoformat(): "success"})
    stop(p)


def test_max_active_runs_one_after_another(tw):
    daily(tw, "d", 3, command="echo {{ ds }} >> %s; sleep 0.1" % tw.path("order"), max_active_runs=1)
    p = start(tw)
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"] * 4)
    with open(tw.path("order")) as f:
        assert f.read().split() == [day(n).date().isoformat() for n in (3, 2, 1, 0)]
    stop(p)


def test_context_of_a_scheduled_run(tw):
    put(tw, "d.yaml", dag_id="d", schedule={"type": "cron_data_interval", "cron": "0 0 * * *", "timezone": "UTC"},
        start_date=day(1).isoformat(), catchup=True,
        tasks={"t": {"operator": "bash", "bash_command": "echo {{ run_id }} {{ ds }} {{ data_interval_end | ds }} {{ dag_run.run_type }}"}})
    p = start(tw)
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"])
    assert tw.log("t") == "scheduled__%s %s %s scheduled\n" % (day(0).isoformat(), day(1).date(), day(0).date())
    stop(p)


def test_files_come_change_break_and_go(tw):
    daily(tw, "d", 0)
    p = start(tw)
    wait_until(lambda: scheduled(tw, "d"))
    daily(tw, "e", 0)  # a new file
    wait_until(lambda: scheduled(tw, "e"))
    with open(tw.path("dags/broken.py"), "w") as f:
        f.write("from airflow.sdk import DAG\nraise ValueError('not today')\n")
    daily(tw, "d", 2)  # d has more to do than before
    wait_until(lambda: len(scheduled(tw, "d")) == 1)
    os.unlink(tw.path("dags/e.yaml"))
    daily(tw, "g", 0)
    wait_until(lambda: scheduled(tw, "g"))
    out = stop(p)
    assert "broken.py:2: ValueError: not today" in out
    assert "DAG 'e' is gone" in out


def test_two_files_with_one_dag(tw):
    daily(tw, "d", 0)
    os.rename(tw.path("dags/d.yaml"), tw.path("dags/a.yaml"))
    daily(tw, "d", 0, command="false")
    p = start(tw)
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"])
    out = stop(p)
    assert "d.yaml: DAG 'd' is in a.yaml already" in out


def test_pause_holds_runs_and_unpause_makes_them(tw):
    daily(tw, "d", 2, is_paused_upon_creation=True)
    daily(tw, "other", 0)
    p = start(tw)
    wait_until(lambda: scheduled(tw, "other"))
    assert scheduled(tw, "d") == {}
    assert "is paused" in tw("dags", "next-execution", "d").stderr
    tw("dags", "unpause", "d")
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"] * 3)
    tw("dags", "pause", "d")
    stop(p)
    assert tw("dags", "pause", "nope", code=66).stderr.startswith("tradewind: there is no DAG nope")
    tw("dags", "unpause", "d")  # also where no scheduler works
    assert "is paused" not in tw("dags", "next-execution", "d").stderr


def test_a_task_that_runs_goes_on_over_a_stop(tw):
    daily(tw, "d", 0, command="touch %s; while [ ! -e %s ]; do sleep 0.05; done; echo done" % (tw.path("began"), tw.path("go")))
    p = start(tw)
    wait_until(lambda: os.path.exists(tw.path("began")))
    stop(p)
    open(tw.path("go"), "w").close()
    p = start(tw)
    wait_until(lambda: list(scheduled(tw, "d").values()) == ["success"])
    assert tw.log("t") == "done\n"
    assert tw.json("runs", "show", "d")["tasks"][0]["try_number"] == 1
    stop(p)


def test_next_execution_in_its_zone(tw):
    put(tw, "d.yaml", dag_id="d", schedule="30 2 * * *", timezone="America/New_York", start_date="2025-03-08", end_date="2025-03-12",
        catchup=True, is_paused_upon_creation=True, tasks={"t": {"operator": "empty"}})
    p = start(tw)
    wait_until(lambda: tw("dags", "next-execution", "d", code=None).returncode == 0)
    stop(p)
    times = tw("dags", "next-execution", "d", "-n", "10").stdout.split()
    # 02:30 is not shown on the 9th, when clocks go forward.
    assert times[0] == "2025-03-08T07:30:00+00:00" and times[2] == "2025-03-10T06:30:00+00:00" and len(times) == 4
    assert json.loads(tw("dags", "next-execution", "d", "--json").stdout)[0]["run_after"] == times[0]


def zone_file(offset_s):
    """TZif of a place that is always so far east of UTC."""
    sign, left = ("-" if offset_s >= 0 else "+"), abs(offset_s)
    block = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb4s", offset_s, 0, 0, b"XXX\0")
    return block + block + b"\n<XXX>%s%02d:%02d:%02d\n" % (sign.encode(), left // 3600, left // 60 % 60, left % 60)


def test_new_time_zone_data_move_what_has_not_fired_and_nothing_else(tw):
    zones = tw.path("zones")
    os.makedirs(os.path.join(zones, "Far"))

    def install(offset_s, release):
        for name, content in (("Far/Island", zone_file(offset_s)), ("tzdata.zi", b"# version %s\n" % release.encode())):
            with open(tw.path("part"), "wb") as f:
                f.write(content)
            os.rename(tw.path("part"), os.path.join(zones, name))

    install(0, "2030a")
    now = dt.datetime.now(UTC).replace(microsecond=0)
    due = now + dt.timedelta(hours=3)
    put(tw, "d.yaml", dag_id="d", timezone="Far/Island", schedule="%d %d * * * %d" % (due.minute, due.hour, due.second), catchup=True,
        start_date=(due - dt.timedelta(days=3, hours=1)).isoformat(), tasks={"t": {"operator": "empty"}})
    p = start(tw, env={"TZDIR": zones})
    made = {"scheduled__" + (due - dt.timedelta(days=n)).isoformat(): "success" for n in (1, 2, 3)}
    wait_until(lambda: scheduled(tw, "d") == made)
    # The island moves east: what was due in three hours is due in seconds.
    soon = dt.datetime.now(UTC).replace(microsecond=0) + dt.timedelta(seconds=6)
    install(int((due - soon).total_seconds()), "2030b")
    p.send_signal(signal.SIGHUP)
    moved = {**made, "scheduled__" + soon.isoformat(): "success"}
    wait_until(lambda: scheduled(tw, "d") == moved)
    assert "the time zone data are 2030b now, they were 2030a" in stop(p)
    done = tw("dags", "next-execution", "d", env={"TZDIR": zones})
    assert done.stdout.strip() == (soon + dt.timedelta(days=1)).isoformat()


def test_an_unknown_time_zone_is_told(tw):
    put(tw, "d.yaml", dag_id="d", schedule="@daily", timezone="Mars/Olympus", start_date="2025-01-01", tasks={"t": {"operator": "empty"}})
    daily(tw, "other", 0)
    p = start(tw)
    wait_until(lambda: scheduled(tw, "other"))
    assert "DAG 'd': there is no time zone 'Mars/Olympus'" in stop(p)


def test_systemd_is_told(tw):
    address = tw.path("notify")
    daily(tw, "d", 0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(address)
        s.settimeout(20)
        p = start(tw, env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"})
        heard = set()
        while not {"READY=1", "WATCHDOG=1"} <= heard:
            heard.add(s.recv(4096).decode())
        p.send_signal(signal.SIGHUP)
        stop(p)
        while "STOPPING=1" not in heard:
            heard.add(s.recv(4096).decode())
    assert any(text.startswith("STATUS=1 DAGs of 1 files") for text in heard)


def test_only_one_works_in_a_home(tw):
    daily(tw, "d", 0)
    p = start(tw)
    wait_until(lambda: scheduled(tw, "d"))
    assert "works in %s already" % tw.home in tw("scheduler", code=75).stderr
    tw("run", tw.path("dags/d.yaml"))  # by the one that works
    stop(p)


def test_a_dag_that_the_service_keeps_is_triggered_without_its_file(tw):
    put(tw, "far.yaml", dag_id="far", params={"n": {"default": 1, "type": "integer"}},
        tasks={"t": {"operator": "bash", "bash_command": "echo {{ params.n }}"}})
    p = start(tw)
    wait_until(lambda: tw("runs", "list", "far", code=None).returncode == 0)
    assert tw.json("dags", "trigger", "far", "--run-id", "one", "--conf", '{"n": 7}')["run_id"] == "one"  # its folder was told to the service only
    wait_until(lambda: tw.states("far") == {"t": "success"})
    assert tw.log("t", "far") == "7\n"
    assert "already" in tw("dags", "trigger", "far", "--run-id", "one", code=73).stderr
    assert "'n'" in tw("dags", "trigger", "far", "--conf", '{"n": "x"}', code=65).stderr
    assert "not JSON" in tw("dags", "trigger", "far", "--conf", "[1", code=64).stderr
    assert "no such file" in tw("dags", "trigger", "near", code=66).stderr
    stop(p)


def test_a_run_beside_the_service_reads_nothing_else(tw):
    os.makedirs(tw.path("dags"))
    tw.write("dags/other.py", """\
        import os
        from airflow.sdk import DAG
        with open(%r, "a") as f:
            f.write(os.environ.get("WHO", "service") + "\\n")
        with DAG("other"):
            pass
        """ % tw.path("imports"))
    file = tw.dag({"a": {"operator": "bash", "bash_command": "true"}}, name="dags/d.yaml")
    p = start(tw)
    wait_until(lambda: os.path.exists(tw.path("imports")) and "d" in tw("dags", "list", code=None).stdout)
    before = open(tw.path("imports")).read()
    for args in ((file,), ("d",), ("d", "--conf", '{"n": 1}')):
        done = tw("run", *args, "--plain", env={"WHO": "client"})
        assert "a success" in done.stdout and "works in this home; it runs the file" in done.stderr
    # By its id it is what the service keeps, whatever folder the command would look at.
    assert "a success" in tw("run", "d", "--plain", env={"TRADEWIND_DAGS": tw.path("elsewhere")}).stdout
    assert open(tw.path("imports")).read() == before
    stop(p)
