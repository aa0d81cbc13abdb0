"""The supervisor: what it starts lives, ends with it, and stops in order."""
import json
import os
import re
import signal
import subprocess
import time
import urllib.request

from conftest import kill, wait_until


class Service:
    """`tradewind standalone` with its output in a file."""

    def __init__(self, tw, *args, env=None):
        self.tw = tw
        self.path = tw.path("service.log")
        with open(self.path, "a") as out:
            self.process = tw.start("standalone", "-S", tw.path("dags"), *args, env=env, stdout=out, stderr=out)

    def log(self):
        with open(self.path) as f:
            return f.read()

    def pids(self, name="scheduler"):
        """Of all that were started so far."""
        return [int(n) for n in re.findall(r"supervisor: %s is process (\d+)" % name, self.log())]

    def ready(self, times=1, name="scheduler"):
        wait_until(lambda: self.log().count("supervisor: %s is ready" % name) >= times)
        return self

    def stop(self, code=0):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == code, self.log()


def dag(tw, dag_id="d", command="true", **more):
    os.makedirs(tw.path("dags"), exist_ok=True)
    with open(tw.path("dags/.part"), "w") as f:
        json.dump({"dag_id": dag_id, "tasks": {"t": {"operator": "bash", "bash_command": command}}, **more}, f)
    os.rename(tw.path("dags/.part"), tw.path("dags/%s.yaml" % dag_id))


def lives(pid):
    """Not one that has ended, whose parent by now (whoever adopts orphans here) has not asked for its status."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def state(tw, dag_id="d"):
    done = tw("runs", "list", dag_id, "--json", code=None)
    runs = json.loads(done.stdout) if done.returncode == 0 else []
    return runs[0]["state"] if runs else None


def test_it_runs_what_is_due_and_stops_when_it_is_told(tw):
    dag(tw, schedule="@once", start_date="2020-01-01")
    s = Service(tw).ready()
    wait_until(lambda: state(tw) == "success")
    pid = s.pids()[0]
    s.stop()
    assert not lives(pid)
    assert "  scheduler   runs the DAGs of %s" % tw.path("dags") in s.log()
    assert "supervisor: has stopped" in s.log() and "it is killed" not in s.log()


def test_a_killed_scheduler_is_started_again_and_its_tasks_go_on(tw):
    dag(tw, command="echo once >> %s; sleep 3" % tw.path("ran"), schedule="@once", start_date="2020-01-01")
    s = Service(tw).ready()
    wait_until(lambda: os.path.exists(tw.path("ran")))
    kill(s.pids()[0])
    s.ready(times=2)
    wait_until(lambda: state(tw) == "success")
    with open(tw.path("ran")) as f:
        assert f.read() == "once\n"
    assert "was ended by signal 9; it is started again in 0.5 s" in s.log()
    s.stop()


def test_after_a_kill_of_the_supervisor_the_next_start_works_and_no_task_is_lost(tw):
    dag(tw, command="echo once >> %s; sleep 3" % tw.path("ran"), schedule="@once", start_date="2020-01-01")
    first = Service(tw).ready()
    wait_until(lambda: os.path.exists(tw.path("ran")))
    scheduler = first.pids()[0]
    first.process.kill()
    first.process.wait()
    second = Service(tw)
    wait_until(lambda: not lives(scheduler))
    wait_until(lambda: second.log().count("scheduler is ready") >= 2)
    wait_until(lambda: state(tw) == "success")
    with open(tw.path("ran")) as f:
        assert f.read() == "once\n"
    second.stop()


def test_a_holder_that_is_killed_costs_its_attempt_only(tw):
    dag(tw, command="test -e {0} || {{ touch {0}; sleep 60; }}".format(tw.path("ran")), schedule="@once", start_date="2020-01-01",
        default_args={"retries": 1, "retry_delay": 0})
    s = Service(tw).ready()
    wait_until(lambda: os.path.exists(tw.path("ran")))
    scheduler = s.pids()
    for pid in tw.holders():
        kill(pid)
    wait_until(lambda: state(tw) == "success")
    assert s.pids() == scheduler
    s.stop()


def test_a_second_one_is_refused(tw):
    dag(tw)
    s = Service(tw).ready()
    done = tw("standalone", "-S", tw.path("dags"), code=75)
    assert "`tradewind standalone` works in %s already (process %d)" % (tw.home, s.process.pid) in done.stderr
    s.stop()


def test_beside_another_scheduler_it_gives_up_and_says_who_works_there(tw):
    dag(tw)
    other = tw.start("scheduler", "-S", tw.path("dags"))
    wait_until(lambda: tw("info", "--engine", code=None).returncode == 0)
    s = Service(tw, env={"TRADEWIND__SUPERVISOR__RESTARTS_MAX": "2"})
    assert s.process.wait(timeout=30) == 75
    assert "process %d works in %s already" % (other.pid, tw.home) in s.log()
    assert "it is not started again" in s.log()
    assert other.poll() is None


def test_a_configuration_that_is_wrong_ends_it_at_once(tw):
    os.makedirs(tw.home)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        f.write("core:\n  paralelism: 4\n")
    done = tw("standalone", code=65)
    assert "tradewind.yaml:2:3: there is no setting 'core.paralelism'; did you mean core.parallelism?" in done.stderr


def test_a_scheduler_that_hangs_is_killed_by_the_watchdog(tw):
    dag(tw)
    s = Service(tw, env={"TRADEWIND__SUPERVISOR__WATCHDOG": "2"}).ready()
    os.kill(s.pids()[0], signal.SIGSTOP)
    s.ready(times=2)
    assert "scheduler has not answered its watchdog: it is killed" in s.log()
    s.stop()


def test_a_reload_ends_nothing(tw):
    """SIGHUP goes to all of them, and each takes over what it can."""
    os.makedirs(tw.home)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        f.write("logging: {level: info}\n")
    dag(tw)
    s = Service(tw, env={"TRADEWIND__API__PORT": "0"}).ready().ready(name="api-server")
    (url,) = re.findall(r"listens on (http://127.0.0.1:\d+)", s.log())
    assert "http://127.0.0.1, at a port that is free" in s.log()

    def get(path):
        with urllib.request.urlopen(url + path) as answer:
            return answer.status

    def is_told():
        """Whether a request is a line of the log."""
        before = s.log().count('path="/health"')
        assert get("/health") == 200
        time.sleep(0.1)
        return s.log().count('path="/health"') > before

    wait_until(is_told)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        f.write("logging: {level: warning}\n")
    s.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not is_told())
    assert len(s.pids("scheduler")) == len(s.pids("api-server")) == 1 and "was ended by" not in s.log()
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        f.write("logging: {level: loud}\n")
    s.process.send_signal(signal.SIGHUP)
    wait_until(lambda: s.log().count("not reloaded, all stays as it was") == 2)
    assert get("/health") == 200 and len(s.pids("api-server")) == 1
    s.stop()


def test_a_second_sigterm_does_not_wait(tw):
    dag(tw)
    s = Service(tw).ready()
    os.kill(s.pids()[0], signal.SIGSTOP)  # it cannot stop by itself
    s.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "supervisor: stops scheduler" in s.log())
    time.sleep(0.6)  # an earlier one is the same wish
    s.process.send_signal(signal.SIGTERM)
    assert s.process.wait(timeout=20) == 0
    assert "stops at once" in s.log() and "scheduler does not stop: it is killed" in s.log()


def test_the_log_of_all_is_json_when_it_is_asked_for(tw):
    dag(tw)
    s = Service(tw, "--json")
    wait_until(lambda: '"event":"works in' in s.log())
    s.stop()
    lines = [json.loads(line) for line in s.log().splitlines()]
    assert {"timestamp", "level", "component", "event"} <= set(lines[0])
    assert any(line.get("process") == "scheduler" and line["component"] == "dags" for line in lines)


def test_a_log_file_is_rotated_by_its_size(tw):
    dag(tw)
    os.makedirs(tw.home)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        f.write("logging: {file: service.log, file_size_mb: 1, file_count: 3}\n")
    path = os.path.join(tw.home, "service.log")
    with open(path, "w") as f:
        f.write("x" * (1 << 20))
    s = Service(tw)
    wait_until(lambda: os.path.exists(path) and "supervisor: ready" in open(path).read())
    s.stop()
    assert os.path.getsize(path + ".1") == 1 << 20
    assert "scheduler  | " in open(path).read() and "supervisor: has stopped" in open(path).read()
    assert not os.path.exists(path + ".2")


def test_airflow_standalone_is_it(tw):
    dag(tw)
    done = subprocess.run([tw.program, "airflow", "standalone", "--help"], env=tw.env, capture_output=True, text=True)
    assert done.returncode == 0
    p = tw.start("airflow", "standalone", env={"AIRFLOW__CORE__DAGS_FOLDER": tw.path("dags")}, stdout=subprocess.PIPE)
    line = p.stdout.readline()
    assert line.startswith("Tradewind ")
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=20)
