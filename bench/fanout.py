#!/usr/bin/env python3
"""What waiting costs: N HTTP requests at once to a server that answers after 100 ms.

    bench/fanout.py BUILD_DIR [N ...]          (default: 200 1000)

The same server and the same requests for Tradewind's client (coroutines on one thread), Python's asyncio with aiohttp, and a pool of
Python processes with requests (32 of them: Airflow's default parallelism). Peers are installed into a venv, removed at the end.
Each figure is the median of ROUNDS runs: user, system and elapsed time, share of one CPU, and the peak of memory (PSS of the whole process
tree, sampled; and for a single process not less than what the kernel counted).
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

DELAY_MS = 100
ROUNDS = 3
PROCESSES = 32

ASYNCIO = """
import asyncio, sys, aiohttp
async def get(session, url):
    async with session.get(url) as r:
        return await r.text()
async def main(url, n):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as s:
        got = await asyncio.gather(*(get(s, url) for _ in range(n)))
    assert got == ["ok"] * n
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""

POOL = """
import multiprocessing, sys, requests
def get(url):
    return requests.get(url).text
if __name__ == "__main__":
    url, n = sys.argv[1], int(sys.argv[2])
    with multiprocessing.Pool(min(n, %d)) as p:
        got = p.map(get, [url] * n, chunksize=1)
        p.close()
        p.join()
    assert got == ["ok"] * n
""" % PROCESSES


def tree(pid):
    """The process and all its descendants."""
    found = [pid]
    for p in found:
        try:
            for t in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{t}/children") as f:
                    found += [int(x) for x in f.read().split()]
        except OSError:
            pass
    return found


def pss_kib(pid):
    total = 0
    for p in tree(pid):
        try:
            with open(f"/proc/{p}/smaps_rollup") as f:
                total += sum(int(x.split()[1]) for x in f if x.startswith("Pss:"))
        except (OSError, ValueError):
            pass
    return total


def measure(argv):
    peak = 0
    start = time.monotonic()
    child = subprocess.Popen(argv, env={**os.environ, "no_proxy": "*"})
    over = threading.Event()

    def sample():
        nonlocal peak
        while not over.wait(0.05):
            peak = max(peak, pss_kib(child.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    _, status, usage = os.wait4(child.pid, 0)
    elapsed = time.monotonic() - start
    over.set()
    sampler.join()
    child.returncode = status
    if status != 0:
        raise SystemExit(f"{argv[0]} failed: {status}")
    return usage.ru_utime, usage.ru_stime, elapsed, max(peak, usage.ru_maxrss)


def report(name, argv, n):
    u, s, e, m = (statistics.median(x) for x in zip(*(measure(argv) for _ in range(ROUNDS))))
    print(f"{n:6} {name:34} {u:8.3f} {s:8.3f} {e:8.3f} {100 * (u + s) / e:6.0f} % {m / 1024:8.1f} MiB", flush=True)
    return u + s


def main():
    build = sys.argv[1]
    program = os.path.join(build, "bench", "bench-fanout")
    os.environ["TRADEWIND_MODULE_DIR"] = os.path.join(build, "src", "runtime")
    work = tempfile.mkdtemp(prefix="tw-fanout-")
    server = subprocess.Popen([program, "serve", str(DELAY_MS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        subprocess.run([sys.executable, "-m", "venv", f"{work}/venv"], check=True)
        subprocess.run([f"{work}/venv/bin/pip", "install", "-q", "--disable-pip-version-check", "aiohttp", "requests"], check=True)
        python = f"{work}/venv/bin/python"
        for name, text in (("aio.py", ASYNCIO), ("pool.py", POOL)):
            with open(f"{work}/{name}", "w") as f:
                f.write(text)
        port = server.stdout.readline().decode().strip()
        url = f"http://127.0.0.1:{port}/"
        print(f"     N client                                 user s    sys s  total s    CPU      memory")
        for n in [int(x) for x in sys.argv[2:]] or [200, 1000]:
            report("python, nothing but its start", [python, "-c", "import aiohttp"], 0)
            ours = report("tradewind", [program, "get", port, str(n)], n)
            aio = report("asyncio, aiohttp", [python, f"{work}/aio.py", url, str(n)], n)
            pool = report(f"multiprocessing ({PROCESSES}), requests", [python, f"{work}/pool.py", url, str(n)], n)
            print(f"       CPU time: aiohttp {aio / ours:.1f} x, processes {pool / ours:.1f} x of tradewind's")
    finally:
        server.stdin.close()
        server.wait()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
