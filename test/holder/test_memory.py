"""A holder whose Nth allocation fails: an attempt that began is told to have ended, whatever N."""
import os
import sys
import uuid

sys.path.insert(0, os.path.dirname(__file__))
from wire import Closed, Holder  # noqa: E402


def attempt_through(holder, attempt):
    """Starts it, again on a new connection where one is closed, as the engine does; its end."""
    for _ in range(10):
        wire = None
        try:
            wire = holder.connect()
            for end in holder.hello["ends"]:
                if end["attempt"] == attempt:
                    return end
            if attempt not in [a["attempt"] for a in holder.hello["attempts"]]:
                holder.start(wire, ["bash", "-c", "echo x >> $TRADEWIND_ATTEMPT; echo s3cret; echo last"], attempt=attempt, cwd=holder.dir, secrets=["s3cret"])
            end = wire.expect("ended", attempt)
            wire.send("ack", attempt=attempt)
            return end
        except Closed:
            continue
        finally:
            if wire is not None:
                wire.close()
    raise AssertionError("no end")


def check(holder, attempt, end):
    count = os.path.join(holder.dir, attempt)
    if os.path.exists(count):
        assert open(count).read() == "x\n" and end["exit_code"] == 0 and end["last_line"] == "last", end
        assert b"s3cret" not in holder.log(attempt)
    else:
        assert "memory" in end["error"], end


def nth(n, monkeypatch):
    """One holder with that failure. False: it did not even come up (which its exit code says)."""
    monkeypatch.setenv("TW_FAIL_ALLOC", str(n))
    holder = Holder()
    monkeypatch.delenv("TW_FAIL_ALLOC")
    attempt = str(uuid.uuid4())
    try:
        try:
            end = attempt_through(holder, attempt)
        except AssertionError:
            assert holder.proc.wait(5) == 71  # out of memory at its start
            return False
        check(holder, attempt, end)
        attempt = str(uuid.uuid4())
        check(holder, attempt, attempt_through(holder, attempt))
        return True
    finally:
        holder.stop()


def test_each_allocation(monkeypatch):
    came_up = [nth(n, monkeypatch) for n in range(1, 70)]
    assert all(came_up[10:])
