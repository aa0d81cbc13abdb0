"""A full disk: nothing new starts, it is said, and it goes on by itself when there is room again."""
import os
import time
import subprocess

import pytest
from test_run import bash


@pytest.fixture
def small(tw):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    where = tw.path("small")
    os.mkdir(where)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", where], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("cannot mount: " + done.stderr.strip())
    tw.home = os.path.join(where, "home")
    tw.env["TRADEWIND_HOME"] = tw.home
    yield where
    tw.stop()
    subprocess.run(["umount", "-l", where], check=True)


def fill(where):
    with open(os.path.join(where, "filler"), "wb", buffering=0) as f:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError:
                pass


def test_full_disk(tw, small, until):
    tw.dag({"a": bash("touch started; until [ -e go ]; do sleep 0.02; done", cwd=tw.folder),
            "b": bash("touch b-ran", cwd=tw.folder, upstream=["a"]), "c": bash("true", upstream=["b"])})
    out = open(tw.path("out"), "w+")
    p = tw.start("run", "dag.yaml", "--plain", stdout=out)
    until(lambda: os.path.exists(tw.path("started")))
    fill(small)
    tw.write("go", "")
    until(lambda: "nothing new starts" in open(tw.path("out")).read())
    assert p.poll() is None
    assert not os.path.exists(tw.path("b-ran"))
    os.remove(os.path.join(small, "filler"))
    assert p.wait(60) == 0
    assert "can be written again" in open(tw.path("out")).read()
    assert set(tw.states().values()) == {"success"}
    out.close()


def test_nothing_claimed_ahead_starts_on_a_full_disk(tw, small, until):
    """With one slot, nine are claimed and wait for it: the end of the first frees it while the disk is full."""
    tasks = {f"w{i}": bash("touch ran", cwd=tw.folder, priority_weight=1) for i in range(9)}
    hold = "touch started; until [ -e go ]; do sleep 0.02; done"
    tw.dag({"a": bash(hold, cwd=tw.folder, priority_weight=9), "b": bash(hold.replace("go", "go2").replace("started", "second"),
            cwd=tw.folder, priority_weight=8), **tasks})
    out = open(tw.path("out"), "w+")
    p = tw.start("run", "dag.yaml", "--plain", "-j1", stdout=out)
    until(lambda: os.path.exists(tw.path("started")))
    fill(small)
    tw.write("go", "")  # b was claimed too: it may start before the store is found full
    until(lambda: "nothing new starts" in open(tw.path("out")).read())
    tw.write("go2", "")
    time.sleep(1)
    assert not os.path.exists(tw.path("ran"))
    os.remove(os.path.join(small, "filler"))
    assert p.wait(60) == 0
    assert set(tw.states().values()) == {"success"}
    out.close()


def test_a_log_that_does_not_fit_harms_no_task(tw, small, until):
    tw.dag({"a": bash("touch started; until [ -e go ]; do sleep 0.02; done; head -c 200000 /dev/zero | tr '\\0' x; touch wrote; "
                      "until [ -e free ]; do sleep 0.02; done; sleep 0.5; echo after", cwd=tw.folder)})
    p = tw.start("run", "dag.yaml", "--plain", stdout=open(tw.path("out"), "w"))
    until(lambda: os.path.exists(tw.path("started")))
    fill(small)
    tw.write("go", "")
    until(lambda: os.path.exists(tw.path("wrote")))
    os.remove(os.path.join(small, "filler"))
    tw.write("free", "")
    assert p.wait(60) == 0
    assert "bytes left out (No space left on device)" in tw.log("a") and tw.log("a").endswith("after\n")
