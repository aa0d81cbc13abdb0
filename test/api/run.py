#!/usr/bin/env python3
"""
Airflow's own programs against the API server: each operation of its Python client (client.py), each command of airflowctl (airflowctl.py).

    run.py --build BUILD [--venv DIR]

The virtual environment is made and filled where DIR has none: it needs a package index. Exit code 1 if one of them does not do what it should.
"""
import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ("apache-airflow-client==3.2.1", "apache-airflow-ctl==0.1.5")  # of the Airflow whose interface the server has


def python_of(venv):
    python = os.path.join(venv, "bin", "python3")
    if not os.path.exists(os.path.join(venv, "bin", "airflowctl")):
        subprocess.run(["/usr/bin/python3", "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)
    return python


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
    p.add_argument("--venv", default=os.path.expanduser("~/.cache/tradewind-clients"))
    args = p.parse_args()
    python = python_of(args.venv)
    codes = [subprocess.run([python, os.path.join(HERE, name), args.build]).returncode for name in ("client.py", "airflowctl.py")]
    sys.exit(1 if any(codes) else 0)


if __name__ == "__main__":
    main()
