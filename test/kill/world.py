"""A home of its own, and the processes that work in it."""
import os
import signal
import subprocess
import tempfile
import time

PYTHON = "/usr/bin/python3"


def processes():
    """pid -> (ppid, cmdline as a list) of all that can be read."""
    out = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/cmdline" % entry, "rb") as f:
                    cmd = f.read().split(b"\0")[:-1]
                with open("/proc/%s/stat" % entry) as f:
                    ppid = int(f.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            out[int(entry)] = (ppid, [os.fsdecode(c) for c in cmd])
    return out


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class World:
    def __init__(self, build, base):
        self.program = os.path.join(build, "src", "tradewind")
        self.folder = tempfile.mkdtemp(prefix="tw-kill-", dir=base)
        self.home = os.path.join(self.folder, "home")
        self.journals = os.path.join(self.folder, "journals")
        os.mkdir(self.journals)
        self.store = os.path.join(self.home, "tradewind.db")
        self.output = open(os.path.join(self.folder, "output"), "ab")

    def start(self, *args):
        self.output.write(("$ %s\n" % " ".join(args)).encode())
        self.output.flush()
        return subprocess.Popen([self.program, "--home", self.home] + list(args), stdin=subprocess.DEVNULL,
                                stdout=self.output, stderr=self.output, start_new_session=True)

    def holders(self):
        mine = os.path.join(self.home, "holders")
        return [pid for pid, (_, cmd) in processes().items()
                if len(cmd) >= 3 and os.path.basename(cmd[0]) == "tradewind-holder" and cmd[1] == mine]

    def runners(self):
        """Python processes below the holders that are not tasks: tasks have written their pid into a journal."""
        all_, holders, tasks = processes(), set(self.holders()), self.task_pids()
        out = []
        for pid, (ppid, cmd) in all_.items():
            if "tradewind.runner" not in cmd or pid in tasks:
                continue
            while ppid in all_ and ppid not in holders:
                ppid = all_[ppid][0]
            if ppid in holders:
                out.append(pid)
        return out

    def task_pids(self):
        pids = set()
        for name in os.listdir(self.journals):
            with open(os.path.join(self.journals, name)) as f:
                pids.update(int(line.split()[3]) for line in f if line.startswith("start ") and line.endswith("\n"))
        return pids

    def left(self):
        """Processes of attempts that live, by what stands in their environment."""
        mark = os.fsencode("JOURNALS=" + self.journals)
        out = []
        for pid, (_, cmd) in processes().items():
            try:
                with open("/proc/%d/environ" % pid, "rb") as f:
                    env = f.read().split(b"\0")
            except OSError:
                continue
            if mark in env:
                out.append("%d %s" % (pid, " ".join(cmd)))
        return out

    def stop(self):
        """Ends holders and all that is below them."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            all_, pids = processes(), set(self.holders())
            if not pids:
                break
            found = set(pids)
            while found:
                found = {pid for pid, (ppid, _) in all_.items() if ppid in found} - pids
                pids |= found
            for pid in pids:
                kill(pid)
            time.sleep(0.01)
        for line in self.left():
            kill(int(line.split()[0]))
        self.output.close()

    def remove(self):
        subprocess.run(["rm", "-rf", self.folder], check=True)
