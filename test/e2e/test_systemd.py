"""Under systemd: the units are right, readiness and the watchdog are told."""
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
from conftest import ROOT, wait_until
from test_standalone import dag

UNITS = os.path.join(ROOT, "deploy", "systemd")


class Notified:
    """The socket that systemd would have made."""

    def __init__(self, tw):
        self.path = tw.path("notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.lines = []

    def saw(self, line):
        while True:
            try:
                self.lines += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return line in self.lines

    def count(self, line):
        self.saw(line)
        return self.lines.count(line)


@pytest.mark.parametrize("command", ["scheduler", "standalone"])
def test_ready_watchdog_reload_and_stop_are_told(tw, command):
    dag(tw)
    told = Notified(tw)
    with open(tw.path("log"), "w") as out:
        p = tw.start(command, "-S", tw.path("dags"), env={"NOTIFY_SOCKET": told.path, "WATCHDOG_USEC": "300000"}, stdout=out, stderr=out)
    wait_until(lambda: told.saw("READY=1"))
    wait_until(lambda: told.count("WATCHDOG=1") >= 3)
    if command == "scheduler":
        p.send_signal(signal.SIGHUP)
        wait_until(lambda: told.saw("RELOADING=1") and told.count("READY=1") == 2)
        reloading = told.lines.index("RELOADING=1")
        assert re.match(r"MONOTONIC_USEC=\d+$", told.lines[reloading + 1])
    p.send_signal(signal.SIGTERM)
    wait_until(lambda: told.saw("STOPPING=1"))
    assert p.wait(timeout=20) == 0


def test_the_watchdog_of_another_process_is_not_answered(tw):
    dag(tw)
    told = Notified(tw)
    with open(tw.path("log"), "w") as out:
        p = tw.start("scheduler", "-S", tw.path("dags"), stdout=out, stderr=out,
                     env={"NOTIFY_SOCKET": told.path, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    wait_until(lambda: told.saw("READY=1"))
    p.send_signal(signal.SIGTERM)
    assert p.wait(timeout=20) == 0
    assert told.count("WATCHDOG=1") == 0


def settings(path):
    with open(path) as f:
        return dict(line.strip().split("=", 1) for line in f if "=" in line and not line.startswith("#"))


@pytest.mark.parametrize("unit", ["tradewind.service", "tradewind-scheduler.service"])
def test_what_tasks_rest_on_is_in_the_units(unit):
    s = settings(os.path.join(UNITS, unit))
    assert s["Type"] == "notify" and s["KillMode"] == "process" and s["Delegate"] == "yes" and s["OOMPolicy"] == "continue"
    assert float(s["WatchdogSec"]) >= 30 and s["ExecStart"].startswith("@BINDIR@/tradewind ")
    # These would take something from tasks, or end them with the service.
    for name in ("PrivateTmp", "NoNewPrivileges", "ProtectKernelTunables", "RestrictSUIDSGID", "MemoryDenyWriteExecute", "PrivateUsers"):
        assert name not in s
    assert "PrivateTmp" not in settings(os.path.join(UNITS, "hardening.conf"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("unit", ["tradewind.service", "tradewind-scheduler.service"])
def test_systemd_finds_nothing_wrong_with_the_units(tw, build, unit, hard):
    with open(os.path.join(UNITS, unit)) as f:
        text = f.read().replace("@BINDIR@", os.path.join(build, "src"))
    text = re.sub(r"^(User|Group)=.*$", r"\1=root", text, flags=re.M)
    with open(tw.path(unit), "w") as f:
        f.write(text)
    if hard:
        os.makedirs(tw.path(unit + ".d"))
        shutil.copy(os.path.join(UNITS, "hardening.conf"), tw.path(unit + ".d"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tw.path(unit)], capture_output=True, text=True,
                          env={**os.environ, "SYSTEMD_UNIT_PATH": tw.folder + ":"})
    mine = [line for line in (done.stdout + done.stderr).splitlines() if unit in line or "hardening" in line]
    assert mine == []
    assert done.returncode == 0, done.stderr
