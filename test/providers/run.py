"""
Genuine providers over Tradewind: a hook and an operator of each, in pipelines that `tradewind run` runs, against servers of this
machine that the script starts itself.

    run.py --build BUILD [--venv DIR] [--keep] [NAME...]        NAME: http sqlite postgres ssh slack amazon google; default all

The virtual environment is made and filled (pip install --no-deps of the providers, then what they need) where DIR has none. Needs
a package index. A provider whose server is not to be had is skipped, and says so. The last line counts; exit code 1 if one failed.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from servers import SERVERS, Missing  # noqa: E402

PROVIDERS = ("common-compat", "common-sql", "http", "sqlite", "postgres", "ssh", "slack", "amazon", "google")
CLIENTS = """
pendulum python-dateutil jinja2 jsonschema packaging pyyaml attrs asgiref deprecated more-itertools methodtools sqlparse
requests requests-toolbelt aiohttp pydantic tenacity python-slugify pytz psycopg2-binary psycopg[binary] sqlalchemy
paramiko sshtunnel asyncssh slack-sdk boto3 jmespath jsonpath_ng inflection watchtower moto[s3,server]
google-cloud-storage google-auth google-auth-httplib2 google-api-python-client google-cloud-secret-manager gcloud-aio-auth
gcloud-aio-storage gcsfs gcp-storage-emulator
""".split()


def python_of(venv):
    """The interpreter of the virtual environment, which is made if it is not there."""
    python = os.path.join(venv, "bin", "python3")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", *(f"apache-airflow-providers-{name}" for name in PROVIDERS)], check=True)
        subprocess.run(pip + CLIENTS, check=True)
    return python


def run(name, build, python, folder):
    """None, or what went wrong."""
    home = os.path.join(folder, name)
    os.makedirs(home)
    with SERVERS[name](home, python) as environment:
        file = os.path.join(home, f"{name}_provider.py")
        shutil.copy(os.path.join(HERE, "dags", f"{name}_provider.py"), file)
        done = subprocess.run(
            [os.path.join(build, "src", "tradewind"), "run", file, "--python", python, "--plain"],
            env={**os.environ, "TRADEWIND_HOME": os.path.join(home, "home"), "AIRFLOW_VAR_FOLDER": home, **environment},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )
        if done.returncode != 0:
            return done.stdout + logs(os.path.join(home, "home"))
        with open(os.path.join(home, "answers.json")) as file:
            answers = json.load(file)
        return None if answers and all(answers.values()) else f"answers: {answers}"


def logs(home):
    """All logs of a home, for a run that failed."""
    out = []
    for folder, _, files in os.walk(os.path.join(home, "logs")):
        for one in sorted(files):
            with open(os.path.join(folder, one), errors="replace") as file:
                out.append(f"--- {os.path.join(folder, one)}\n{file.read()[-4000:]}")
    return "\n".join(out)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", default=os.path.join(ROOT, "build"))
    options.add_argument("--venv", default=os.path.join(ROOT, "build", "providers-venv"))
    options.add_argument("--keep", action="store_true")
    options.add_argument("names", nargs="*")
    chosen = options.parse_args()
    python = python_of(os.path.abspath(chosen.venv))
    folder = tempfile.mkdtemp(prefix="tradewind-providers-")
    passed = failed = skipped = 0
    try:
        for name in chosen.names or SERVERS:
            try:
                wrong = run(name, os.path.abspath(chosen.build), python, folder)
            except Missing as reason:
                print(f"{name:<10} skipped: {reason}")
                skipped += 1
                continue
            print(f"{name:<10} {'ok' if wrong is None else 'FAILED'}", flush=True)
            if wrong is None:
                passed += 1
            else:
                failed += 1
                print(wrong)
    finally:
        if chosen.keep:
            print(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
