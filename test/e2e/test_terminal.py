"""What a person sees: the live picture, completion scripts, manual pages."""
import os
import pty
import re
import select
import shutil
import subprocess

import pytest
from test_run import bash


def in_terminal(tw, *args, keys=()):
    """Runs it on a pseudo terminal; what it wrote, and its exit code."""
    leader, follower = pty.openpty()
    p = subprocess.Popen([tw.program, *args], cwd=tw.folder, env={**tw.env, "TERM": "xterm-256color"}, stdin=follower, stdout=follower,
                         stderr=follower, start_new_session=True)
    before = subprocess.run(["stty", "-g"], stdin=follower, capture_output=True).stdout
    out = b""
    while True:
        ready, _, _ = select.select([leader], [], [], 0.2)
        if ready:
            out += os.read(leader, 65536)
        elif p.poll() is not None:
            break
    after = subprocess.run(["stty", "-g"], stdin=follower, capture_output=True).stdout
    os.close(leader)
    os.close(follower)
    assert before == after, "the terminal's modes were changed"
    return out.decode(), p.returncode


def test_the_live_picture(tw):
    tw.dag({"first": bash("sleep 0.4"), "second": bash("sleep 0.4", upstream=["first"]), "third": bash("echo words; exit 3", upstream=["second"])})
    out, code = in_terminal(tw, "run", "dag.yaml")
    assert code == 1
    assert "\x1b[" in out and "first" in out and "second" in out
    # What was hidden is shown again, and the last thing is the result, in the default colour.
    assert out.count("\x1b[?25l") == out.count("\x1b[?25h")
    assert out.count("\x1b[?1049h") == out.count("\x1b[?1049l")
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out)
    assert "failed" in plain.strip().splitlines()[-1] or "failed" in plain[-400:]
    colours = re.findall(r"\x1b\[([0-9;]*)m", out)
    assert not colours or colours[-1] in ("", "0", "39")


def test_no_color(tw):
    tw.dag({"a": bash("true")})
    out, code = in_terminal(tw, "run", "dag.yaml", "--no-color")
    assert code == 0
    assert [c for c in re.findall(r"\x1b\[([0-9;]*)m", out) if c not in ("", "0")] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_source(tw, shell):
    text = tw("completion", shell).stdout
    assert "tradewind" in text and len(text) > 200
    if shutil.which(shell) is None:
        pytest.skip("%s is not installed" % shell)
    done = subprocess.run([shell, "-c", ("autoload -U compinit; compinit -u -D; " if shell == "zsh" else "") + "source /dev/stdin"],
                          input=text, capture_output=True, text=True, env={**tw.env, "PATH": os.environ["PATH"]})
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes(tw):
    script = tw.write("c.sh", tw("completion", "bash").stdout + """
COMP_WORDS=(tradewind ta); COMP_CWORD=1; COMP_LINE='tradewind ta'; COMP_POINT=12
f=$(complete -p tradewind | sed 's/.*-F \\([^ ]*\\).*/\\1/'); $f tradewind ta tradewind
echo "${COMPREPLY[@]}"
""")
    done = subprocess.run(["bash", script], capture_output=True, text=True, env=tw.env)
    assert done.stdout.split() == ["tasks"], done.stderr


def test_manual_pages(tw):
    tw("man", tw.path("man1"))
    pages = sorted(os.listdir(tw.path("man1")))
    assert "tradewind.1" in pages and "tradewind-run.1" in pages
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    for page in pages:
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", tw.path("man1/" + page)], capture_output=True, text=True,
                              env={**tw.env, "MANWIDTH": "80"})
        assert (done.returncode, done.stderr) == (0, ""), page
