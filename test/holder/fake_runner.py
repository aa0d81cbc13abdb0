"""A Python runner that does what a test tells it, by the attempt's `python` object: {"do": ...} (docs/internals/wire.md)."""
import array
import json
import os
import signal
import socket
import struct
import sys

holder = socket.socket(fileno=3)


def frame(message):
    body = json.dumps(dict(v=1, **message)).encode()
    return struct.pack("<I", len(body)) + body


def say(control, **message):
    control.sendall(frame(message))


def task(python, control, out):
    """The task process: tells its pid, then does what is asked."""
    os.setsid()
    os.dup2(out, 1)
    os.dup2(out, 2)
    say(control, type="pid", pid=os.getpid())
    do = python["do"]
    if do == "exit":
        print("hello from", python.get("name", "task"), flush=True)
        os._exit(python.get("code", 0))
    if do == "secret":
        say(control, type="secret", value=python["value"])
        for b in python["value"].encode():
            os.write(1, bytes([b]))
        os._exit(0)
    if do == "sleep":
        import time
        open(python["ready"], "w").write("%d\n" % os.getpid())
        while not os.path.exists(python.get("go", "/nonexistent")):
            time.sleep(0.01)
        os._exit(python.get("code", 0))
    if do == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(99)


def keeper(python, control, out):
    import ctypes
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    pid = os.fork()
    if pid == 0:
        holder.close()
        task(python, control, out)
    os.close(out)
    holder.close()
    if python.get("keeper_file"):
        open(python["keeper_file"], "w").write("%d\n" % os.getpid())
    # Like the real keeper it leaves the task unreaped until it is reported: SIGKILL may find it inside a wait that has just taken the
    # task's status away.
    gone = python.get("keeper") == "dies_after"
    found = os.waitid(os.P_PID, pid, os.WEXITED | (0 if gone else os.WNOWAIT))
    if gone:
        os._exit(0)
    status = found.si_status << 8 if found.si_code == os.CLD_EXITED else found.si_status
    say(control, type="exit", status=status)
    os._exit(0)


def start(message, out, control_fd):
    python = message["python"]
    control = socket.socket(fileno=control_fd)
    if python["do"] == "fail":
        say(control, type="failed", error="cannot import")
    elif python["do"] == "runner_dies":
        with open(python["count"], "a") as f:
            f.write("x")
        print("boom: the runner's last words", file=sys.stderr, flush=True)
        os._exit(1)
    elif python["do"] == "runner_dies_once" and not os.path.exists(python["count"]):
        open(python["count"], "w").write("x")
        os._exit(1)
    elif python["do"] == "nothing":
        kept.append((control, out))
        return
    elif python["do"] == "garbage":
        control.sendall(b"\xff\xff\xff\xff garbage")
    else:
        if python["do"] == "runner_dies_once":
            python["do"] = "exit"
        pid = os.fork()
        if pid == 0:
            if "env" in python:
                assert message["env"].count(python["env"]) == 1, message["env"]
            keeper(python, control, out)
    control.close()
    os.close(out)


kept = []
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
data, fds = b"", []
while True:
    got, ancillary, _, _ = holder.recvmsg(1 << 16, socket.CMSG_SPACE(64 * 4))
    if not got:
        break
    for level, kind, payload in ancillary:
        more = array.array("i")
        more.frombytes(payload)
        fds.extend(more)
    data += got
    while len(data) >= 4 and len(data) >= 4 + struct.unpack("<I", data[:4])[0]:
        n = struct.unpack("<I", data[:4])[0]
        message = json.loads(data[4:4 + n])
        data = data[4 + n:]
        if message["type"] == "parse":
            if message["request"].get("do") == "die":
                print("cannot go on", file=sys.stderr, flush=True)
                os._exit(1)
            holder.sendall(frame(dict(type="parsed", id=message["id"], response=dict(echo=message["request"], pid=os.getpid()))))
        else:
            out, control_fd = fds[:2]
            del fds[:2]
            start(message, out, control_fd)
