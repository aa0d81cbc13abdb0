"""db rotate-key: killed at any moment, failing, and beside an engine that lives: every value can be read, and keys do not pile up."""
import os
import random
import sqlite3
import subprocess

from conftest import wait_until
from test_run import bash

def keys(tw):
    with open(os.path.join(tw.home, "secret.key")) as f:
        return f.read().split()


def fill(tw):
    """Some variables and a connection."""
    for i in range(3):
        tw("variables", "set", "v%d" % i, "value %d" % i)
    tw("connections", "add", "c", "--uri", "http://u:secret@h/", code=None)


def check(tw):
    for i in range(3):
        assert tw("variables", "get", "v%d" % i).stdout == "value %d\n" % i
    assert len(keys(tw)) <= 3


def test_killed_while_it_rotates(tw):
    """kill -9 as soon as the new key is in the file, and at random moments."""
    fill(tw)
    r = random.Random(20260131)
    seen = 0
    for i in range(25):
        before = keys(tw)
        p = subprocess.Popen([tw.program, "db", "rotate-key"], cwd=tw.folder, env=tw.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        looks, most = 0, r.randrange(2000)
        while p.poll() is None:
            now = keys(tw)
            looks += 1
            if i % 2 == 0 and now[0] != before[0] or i % 2 == 1 and looks > most:
                seen += now != before
                p.kill()
                break
        p.wait()
        check(tw)
    assert seen, "no kill came between the new key and the end"
    tw("db", "rotate-key")
    assert len(keys(tw)) == 1
    check(tw)


def damage(tw, how):
    """The last sealed row, as a damaged disk would leave it; how: from its value to another."""
    db = sqlite3.connect(os.path.join(tw.home, "tradewind.db"))
    name, value = db.execute("SELECT name, value FROM setting WHERE kind = 'variable' ORDER BY name DESC LIMIT 1").fetchone()
    db.execute("UPDATE setting SET value = ? WHERE kind = 'variable' AND name = ?", (how(value), name))
    db.commit()
    db.close()
    return value


def test_rotations_that_fail_leave_no_keys_behind(tw):
    """More of them than a file may have keys; what is whole stays readable, and the next good one ends it."""
    fill(tw)
    (first,) = keys(tw)
    whole = damage(tw, lambda value: value[:-1] + bytes([value[-1] ^ 1]))
    left = set()
    for _ in range(20):
        failed = tw("db", "rotate-key", code=None)
        assert failed.returncode != 0 and "v2" in failed.stderr, failed.stderr
        left.add(tuple(keys(tw)))
        assert tw("variables", "get", "v0").stdout == "value 0\n"
    (pair,) = left
    assert len(pair) == 2 and pair[1] == first, "each failed rotation takes the key of the one before"
    damage(tw, lambda value: whole)
    tw("db", "rotate-key")
    assert keys(tw) == [pair[0]]
    check(tw)


def test_keys_that_seal_nothing_go(tw):
    """Of a rotation that was killed after its commit."""
    fill(tw)
    (old,) = keys(tw)
    tw("db", "rotate-key")
    (new,) = keys(tw)
    path = os.path.join(tw.home, "secret.key")
    for extra in range(15):
        with open(path, "a") as f:
            f.write(("%02x" % extra) * 32 + "\n")
    assert len(keys(tw)) == 16
    tw("db", "rotate-key")
    assert len(keys(tw)) == 1 and keys(tw)[0] not in (old, new)
    check(tw)


def test_beside_an_engine_that_lives(tw):
    """The engine rotates for the command; the tasks of its runs read the same values before and after."""
    fill(tw)
    tw.dag({"before": bash("test \"{{ var.value.v1 }}\" = 'value 1' && touch here && while [ ! -e go ]; do sleep 0.02; done", cwd=tw.folder),
            "after": {**bash("test \"{{ var.value.v2 }}\" = 'value 2'", cwd=tw.folder), "upstream": ["before"]}})
    run = tw.start("run", "dag.yaml")
    wait_until(lambda: os.path.exists(tw.path("here")))
    (old,) = keys(tw)
    for _ in range(3):
        tw("db", "rotate-key")
        check(tw)
    tw("variables", "set", "v2", "value 2")
    open(tw.path("go"), "w").close()
    assert run.wait(60) == 0
    assert tw.states() == {"before": "success", "after": "success"} and len(keys(tw)) == 1 and keys(tw)[0] != old
    check(tw)
