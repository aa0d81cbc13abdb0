"""The C interface as an installed one: `make install` into a folder, then the examples compiled by what pkg-config says, and run."""
import os
import shlex
import socket
import subprocess
import threading
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(ROOT, "examples")


@pytest.fixture(scope="module")
def installed(build, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("installed"))
    done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def pkg_config(installed, *args):
    found = [d for d, _, files in os.walk(installed) if "tradewind.pc" in files]
    assert len(found) == 1
    env = {**os.environ, "PKG_CONFIG_PATH": found[0], "PKG_CONFIG_SYSROOT_DIR": installed}
    done = subprocess.run(["pkg-config", *args, "tradewind"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return shlex.split(done.stdout), os.path.dirname(found[0])


def compile_c(source, to, *flags):
    done = subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", source, "-o", to, *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return to


def test_a_pipeline_in_a_program(tw, installed):
    flags, libdir = pkg_config(installed, "--cflags", "--libs")
    program = compile_c(os.path.join(EXAMPLES, "c_pipeline", "pipeline.c"), tw.path("pipeline"), *flags)
    env = {**tw.env, "LD_LIBRARY_PATH": libdir}
    for args in ([], [tw.home]):
        done = subprocess.run([program, *args], env=env, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        assert 'success: "Sum: 5050"' in done.stdout and "sum: queued -> running" in done.stdout
    # The home is one like any other: the installed program reads it.
    assert tw.states("c_pipeline") == {"numbers": "success", "sum": "success", "report": "success"}
    assert "the sum is 5050" in tw.log("sum", "c_pipeline")


def test_one_instance_for_each(tw, installed):
    flags, libdir = pkg_config(installed, "--cflags", "--libs")
    program = compile_c(os.path.join(EXAMPLES, "c_mapped", "mapped.c"), tw.path("mapped"), *flags)
    env = {**tw.env, "LD_LIBRARY_PATH": libdir}
    os.mkdir(tw.path("files"))
    run = lambda: subprocess.run([program, tw.path("files")], env=env, capture_output=True, text=True, timeout=30)
    done = run()
    assert done.returncode == 0 and "size[-1] skipped" in done.stdout and "success: 0 bytes" in done.stdout
    for i in range(3):
        tw.write("files/%d" % i, "x" * 10 ** i)
    done = run()
    assert "size[2] success" in done.stdout and "size[-1]" not in done.stdout and "success: 111 bytes" in done.stdout, done.stdout


def test_linked_statically(tw, installed):
    flags, libdir = pkg_config(installed, "--cflags", "--libs", "--static")
    flags = [os.path.join(libdir, "libtradewind.a") if f == "-ltradewind" else f for f in flags]
    program = compile_c(os.path.join(EXAMPLES, "c_pipeline", "pipeline.c"), tw.path("pipeline"), *flags)
    found = [os.path.join(d, "tradewind-holder") for d, _, files in os.walk(installed) if "tradewind-holder" in files]
    done = subprocess.run([program], env={**tw.env, "TRADEWIND_HOLDER": found[0]}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and 'success: "Sum: 5050"' in done.stdout, done.stdout + done.stderr


def test_an_operator_as_a_plugin(tw, installed):
    flags, _ = pkg_config(installed, "--cflags")
    os.makedirs(os.path.join(tw.home, "operators"))
    compile_c(os.path.join(EXAMPLES, "c_operator", "wait_port.c"), os.path.join(tw.home, "operators", "wait_port.so"), "-shared", "-fPIC", *flags)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))  # nobody listens yet: connections are refused
    port = listener.getsockname()[1]
    threading.Thread(target=lambda: (time.sleep(0.5), listener.listen())).start()
    tw.dag({"wait": {"operator": "wait_port", "host": "127.0.0.1", "port": port, "poke_interval": 0.05},
            "never": {"operator": "wait_port", "host": "127.0.0.1", "port": 1, "poke_interval": 0.05, "execution_timeout": 0.5}})
    tw.program = [os.path.join(d, "tradewind") for d, _, files in os.walk(installed) if "tradewind" in files and d.endswith("bin")][0]
    tw("run", "dag.yaml", "--quiet", code=1)
    listener.close()
    assert tw.states() == {"wait": "success", "never": "failed"}
    assert "127.0.0.1:%d takes connections" % port in tw.log("wait")
    assert tw.xcom("wait") > 1
    tw.dag({"a": {"operator": "wait_port", "host": "127.0.0.1", "port": "many"}}, name="wrong.yaml")
    assert "'port' must be an integer" in tw("dags", "validate", "wrong.yaml", code=65).stdout
