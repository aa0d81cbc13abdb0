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
