"""The short version of the kill test (test/kill/kill.py)."""
import os
import subprocess
import sys

PATIENCE_S = 400
HERE = os.path.dirname(os.path.abspath(__file__))


def test_nothing_is_lost_or_run_twice(build):
    program = os.path.join(HERE, "..", "kill", "kill.py")
    args = [sys.executable, program, "--build", build, "--rounds", "30", "--seconds", "50", "--at-least", "150"]
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    print(done.stdout)
    assert done.returncode == 0, done.stdout


def test_the_judge_sees_what_it_should(build, tmp_path):
    """A canary: journals and a store that were tampered with are found."""
    import random
    import shutil
    import sqlite3

    sys.path.insert(0, os.path.join(HERE, "..", "kill"))
    from judge import Judge
    from pipelines import Pipeline
    from world import World

    p = Pipeline(random.Random(3), "layered")
    w = World(build, str(tmp_path))
    try:
        engine = w.start("run", p.write(w.folder, w.journals), "--plain", "--run-id", "r1")
        assert engine.wait(100) in (0, 1)

        def verdict(change=None):
            copy = str(tmp_path / "copy")
            shutil.rmtree(copy, ignore_errors=True)
            os.mkdir(copy)
            shutil.copytree(w.journals, copy + "/journals")
            db = sqlite3.connect(w.store)
            db.execute("VACUUM INTO '%s/db'" % copy)
            db.close()
            if change:
                change(copy)
            return Judge(p, copy + "/db", copy + "/journals", False).judge()

        def journal(edit):
            def change(copy):
                name = sorted(n for n, t in p.tasks.items() if t.codes == [0] and os.path.exists(copy + "/journals/" + n))[0]
                with open(copy + "/journals/" + name, "r+") as f:
                    lines = f.read().splitlines(True)
                    f.seek(0)
                    f.truncate()
                    f.write("".join(edit(lines)))
            return change

        def store(sql):
            def change(copy):
                db = sqlite3.connect(copy + "/db")
                assert db.execute(sql).rowcount > 0
                db.commit()
                db.close()
            return change

        assert verdict() == []
        assert verdict(journal(lambda lines: lines + lines))  # an attempt twice
        assert verdict(journal(lambda lines: lines[:1] + ["overlap x\n"] + lines[1:]))
        assert verdict(journal(lambda lines: lines[:1]))  # success without an end
        assert verdict(journal(lambda lines: []))  # a try without a journal
        assert verdict(journal(lambda lines: [line.replace(" 0 ", " 1 ") for line in lines]))
        assert verdict(store("UPDATE ti SET state = 7 WHERE state = 5"))
        assert verdict(store("DELETE FROM try"))  # a journal without its try
        assert verdict(store("UPDATE ti SET state = 4 WHERE task = 0"))
        assert verdict(store("UPDATE attempt SET attempt = zeroblob(16) WHERE task = 0"))
    finally:
        w.stop()
