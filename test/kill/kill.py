"""
Real pipelines, while everything that belongs to Tradewind is killed with SIGKILL at random instants and started again, until the run ends; then
the journals that the tasks kept are compared with the store, attempt by attempt.

    kill.py --build BUILD [--rounds N] [--seconds S] [--seed N] [--at-least LIVE] [--keep]

Even without holders killed nothing may differ from a run that was left in peace: states, tries, order. Each round prints what it was; a violation
prints the round's seed and keeps its folder. The last line is a summary; exit code 1 on a violation or when too few attempts lived at kills.
"""
import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from judge import Judge  # noqa: E402
from pipelines import Pipeline  # noqa: E402
from world import PYTHON, World, kill  # noqa: E402

# What is killed in a round besides the engine.
VICTIMS = ("", "", "", "holders", "runners", "all")
END_WITHIN_S = 120.0


def boot_time():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Round:
    def __init__(self, build, base, seed):
        self.seed = seed
        self.rng = random.Random(seed)
        self.kind = self.rng.choice(("wide", "layered", "python", "python", "waits"))
        victims = self.rng.choice(VICTIMS)
        self.victims = "holders" if victims == "runners" and self.kind != "python" else victims
        self.pipeline = Pipeline(self.rng, self.kind)
        self.world = World(build, base)
        self.kills = []
        self.others_killed = 0
        self.bad = []

    def run_state(self):
        """Of the run in the store; None when there is none yet."""
        try:
            db = sqlite3.connect("file:%s?mode=ro" % self.world.store, uri=True)
            row = db.execute("SELECT state FROM run").fetchone()
            db.close()
        except sqlite3.Error:
            return None
        return row and ("queued", "running", "success", "failed")[row[0]]

    def command(self, file):
        if self.run_state():
            return ["runs", "resume", "killed", "--plain", "-j", "32", "--python", PYTHON]
        return ["run", file, "--plain", "-j", "32", "--run-id", "r1", "--python", PYTHON]

    def delay(self):
        """Often soon after the start, where it adopts; else anywhere."""
        return self.rng.uniform(0, 0.04) if self.rng.random() < 0.3 else self.rng.uniform(0.02, 0.45)

    def kill_others(self):
        if self.victims in ("runners", "all"):
            pids = self.world.runners()
            for pid in self.rng.sample(pids, min(len(pids), self.rng.randrange(1, 4))):
                kill(pid)
                self.others_killed += 1
        if self.victims in ("holders", "all"):
            pids = self.world.holders()
            few = self.rng.random() < 0.7
            for pid in self.rng.sample(pids, min(len(pids), 3) if few else len(pids)):
                kill(pid)
                self.others_killed += 1

    def one_kill(self, engine):
        """False when the engine had ended by itself."""
        try:
            engine.wait(self.delay())
            return False
        except subprocess.TimeoutExpired:
            pass
        others = self.victims and self.rng.random() < 0.4
        before = self.rng.random() < 0.5
        if others and before:
            self.kill_others()
        self.kills.append(boot_time())
        kill(engine.pid)
        engine.wait()
        if others and not before:
            self.kill_others()
        if self.rng.random() < 0.4:
            time.sleep(self.rng.uniform(0, 0.3))
        return True

    def play(self):
        file = self.pipeline.write(self.world.folder, self.world.journals)
        for _ in range(self.rng.randrange(6, 16)):
            engine = self.world.start(*self.command(file))
            if not self.one_kill(engine):
                break
            if self.run_state() in ("success", "failed"):
                return  # killed when it had only to leave; a resume would begin anew
        else:
            engine = self.world.start(*self.command(file))
        try:
            code = engine.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.bad.append("the run did not end within %g s" % END_WITHIN_S)
            kill(engine.pid)
            engine.wait()
            return
        if code not in (0, 1):
            self.bad.append("exit code %d" % code)

    def judge(self):
        left = self.world.left()
        self.bad += ["left behind: " + line for line in left]
        j = Judge(self.pipeline, self.world.store, self.world.journals, bool(self.victims))
        self.bad += j.judge()
        self.attempts, self.unseen, self.live = len(j.attempts), j.unseen, j.live_at(self.kills)
        if self.unseen and not self.victims:
            self.bad.append("%d exits not seen, and no holder was killed" % self.unseen)
        check = subprocess.run([self.world.program, "--home", self.world.home, "db", "check"], capture_output=True, text=True)
        if check.returncode != 0:
            self.bad.append("db check: " + check.stdout + check.stderr)
        results = os.listdir(os.path.join(self.world.home, "results"))
        if results and not self.victims:
            self.bad.append("results left: %s" % results[:3])

    def run(self):
        self.attempts = self.unseen = self.live = 0
        try:
            self.play()
            if not self.bad:
                self.judge()
        finally:
            self.world.stop()
        print("seed %-6d %-8s %-8s %3d tasks %3d attempts %2d kills (+%d), %3d live at them, %d unseen%s"
              % (self.seed, self.kind, self.victims or "engine", len(self.pipeline.tasks), self.attempts, len(self.kills),
                 self.others_killed, self.live, self.unseen, "" if not self.bad else "  VIOLATED"), flush=True)
        for text in self.bad[:20]:
            print("    " + text)
        if self.bad:
            print("    kept: " + self.world.folder, flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default=os.environ.get("TRADEWIND_BUILD", "build"))
    p.add_argument("--rounds", type=int, default=60)
    p.add_argument("--seconds", type=float, default=0, help="stop after the round in which so much time has gone")
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--at-least", type=int, default=None, help="attempts that must have lived at kills (17 a round)")
    p.add_argument("--keep", action="store_true", help="keep all folders")
    o = p.parse_args()
    seed = o.seed if o.seed is not None else random.SystemRandom().randrange(1, 900000)
    base = tempfile.mkdtemp(prefix="tradewind-kill-")
    began = time.monotonic()
    rounds, bad = [], 0
    for i in range(o.rounds):
        r = Round(os.path.abspath(o.build), base, seed + i)
        r.run()
        rounds.append(r)
        bad += bool(r.bad)
        if not r.bad and not o.keep:
            r.world.remove()
        if o.seconds and time.monotonic() - began >= o.seconds:
            break
    live = sum(r.live for r in rounds)
    wanted = o.at_least if o.at_least is not None else 17 * len(rounds)
    if not bad and not o.keep:
        shutil.rmtree(base)
    print("%d rounds from seed %d: %d attempts, %d kills of the engine, %d of others, %d attempts live at the kills (%d wanted), "
          "%d exits not seen, %d rounds violated, %.0f s"
          % (len(rounds), seed, sum(r.attempts for r in rounds), sum(len(r.kills) for r in rounds),
             sum(r.others_killed for r in rounds), live, wanted, sum(r.unseen for r in rounds), bad, time.monotonic() - began))
    return 1 if bad or live < wanted else 0


if __name__ == "__main__":
    sys.exit(main())
