"""db backup and db restore: of one moment, with what it names; checked before it replaces anything."""
import json
import os
import sqlite3

from conftest import wait_until
from test_run import bash

BIG = "head -c 40000 /dev/zero | tr '\\0' 'x'"


def runs(tw, task):
    """Whether the task of the newest run runs by now."""
    done = tw("runs", "show", "d", "--json", code=None)
    return done.returncode == 0 and {"task_id": task, "state": "running"}.items() <= {
        k: v for t in json.loads(done.stdout)["tasks"] if t["task_id"] == task for k, v in t.items()}.items()


def test_a_backup_of_a_working_home_goes_on_elsewhere(tw):
    tw.dag({"big": bash(BIG), "wait": bash("while ! test -e %s/go; do sleep 0.05; done" % tw.folder, upstream=["big"], retries=1, retry_delay=0),
            "after": bash("test $(echo -n '{{ ti.xcom_pull('big') }}' | wc -c) = 40000", upstream=["wait"])})
    going = tw.start("run", "dag.yaml", "--run-id", "r")
    wait_until(lambda: runs(tw, "wait"))
    out = tw("db", "backup", "copy").stdout
    assert "master key is not in it" in out
    tw.write("go", "")
    assert going.wait(timeout=30) == 0
    elsewhere = tw.path("elsewhere")
    assert "not finished" in tw("db", "restore", "copy", "--home", elsewhere).stdout
    assert tw.json("runs", "list", "--home", elsewhere)[0]["state"] == "running"
    # Its attempt has no holder here: nobody saw its exit, its retry does the work.
    tw("runs", "resume", "d", "r", "--home", elsewhere)
    states = {t["task_id"]: (t["state"], t["try_number"]) for t in tw.json("runs", "show", "d", "r", "--home", elsewhere)["tasks"]}
    assert {s for s, _ in states.values()} == {"success"}
    assert states["wait"][1] >= 1 and states["big"][1] == 1


def test_secrets_need_the_key(tw):
    tw("variables", "set", "region", "eu")
    tw("db", "backup", "without")
    tw("db", "backup", "with", "--with-key")
    assert not os.path.exists(tw.path("without/secret.key"))
    assert os.stat(tw.path("with/secret.key")).st_mode & 0o777 == 0o600
    assert os.stat(tw.path("with")).st_mode & 0o777 == 0o700
    tw("db", "restore", "without", "--home", tw.path("a"))
    assert "secret.key is not there" in tw("variables", "get", "region", "--home", tw.path("a"), code=None).stderr
    tw("db", "restore", "with", "--home", tw.path("b"))
    assert tw("variables", "get", "region", "--home", tw.path("b")).stdout == "eu\n"


def test_nothing_is_lost(tw):
    tw.dag({"a": bash("true")})
    tw("run", "dag.yaml", "--run-id", "before")
    tw("db", "backup", "copy")
    assert "never overwrites" in tw("db", "backup", "copy", code=73).stderr
    tw("run", "dag.yaml", "--run-id", "later")
    assert "--yes" in tw("db", "restore", "copy", code=73).stderr
    assert len(tw.json("runs", "list")) == 2
    tw("db", "restore", "copy", "--yes")
    assert [r["run_id"] for r in tw.json("runs", "list")] == ["before"]
    aside = sqlite3.connect(os.path.join(tw.home, "tradewind.db.before-restore"))
    assert aside.execute("SELECT COUNT(*) FROM run").fetchone() == (2,)
    aside.close()
    tw("run", "dag.yaml", "--run-id", "again")
    tw("db", "check")


def test_what_is_no_backup_changes_nothing(tw):
    tw.dag({"a": bash("true")})
    tw("run", "dag.yaml", "--run-id", "r")
    assert "`tradewind db backup` made" in tw("db", "restore", "nowhere", "--yes", code=66).stderr
    tw("db", "backup", "copy")
    with open(tw.path("copy/tradewind.db"), "r+b") as f:
        f.seek(4096 * 3)
        f.write(b"\xff" * 4096 * 4)
    assert tw("db", "restore", "copy", "--yes", code=None).returncode in (74, 65)
    tw("db", "backup", "newer")
    db = sqlite3.connect(tw.path("newer/tradewind.db"))
    db.execute("PRAGMA user_version = 999")
    db.close()
    assert "newer Tradewind" in tw("db", "restore", "newer", "--yes", code=None).stderr
    assert [r["run_id"] for r in tw.json("runs", "list")] == ["r"]
    assert not os.path.exists(os.path.join(tw.home, "tradewind.db.restoring"))


def test_nobody_may_work_in_the_home(tw):
    tw.dag({"a": bash("while ! test -e %s/go; do sleep 0.05; done" % tw.folder)})
    tw("db", "migrate")
    tw("db", "backup", "copy")
    going = tw.start("run", "dag.yaml")
    wait_until(lambda: runs(tw, "a"))
    assert "works in this home" in tw("db", "restore", "copy", "--yes", code=75).stderr
    tw.write("go", "")
    assert going.wait(timeout=30) == 0
