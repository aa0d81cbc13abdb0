"""
The scratch installation of genuine Airflow, outside of the project: made once, used by recording and
comparison.
"""

import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
AIRFLOW = "3.2.2"
# What the examples import beside Airflow itself.
EXTRAS = ["apache-airflow-providers-standard", "pandas", "virtualenv", "httpx"]
# Its release in time: everything is resolved as of this day, as its own constraints would have it.
AS_OF = "2026-06-05"
# What the examples and Airflow's import paths use, as in any environment of a user.
LIBRARIES = ["pendulum", "jinja2", "python-dateutil", "pandas", "httpx", "requests", "virtualenv", "dill", "cloudpickle"]
PLUGIN = """\
from airflow.example_dags.plugins.decreasing_priority_weight_strategy import (
    DecreasingPriorityWeightStrategyPlugin,
)
from airflow.example_dags.plugins.workday import WorkdayTimetablePlugin
"""


def root():
    """TRADEWIND_GOLDEN, else a folder of the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("TRADEWIND_GOLDEN") or os.path.join(cache, "tradewind-golden"))


def venv(name, *packages, no_deps=False, python=None):
    """The interpreter of a virtual environment below root(), made with these packages."""
    folder = root() / name
    interpreter = folder / "bin" / "python"
    if (folder / "complete").exists():
        return interpreter
    root().mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    uv = root() / "uv" / "bin" / "uv"
    if not uv.exists():
        subprocess.run([python or "python3", "-m", "venv", root() / "uv"], check=True)
        subprocess.run([root() / "uv" / "bin" / "pip", "install", "-q", "uv"], check=True)
    subprocess.run([uv, "venv", "-q", "--python", python or "python3", folder], check=True)
    if packages:
        options = ["--exclude-newer", AS_OF, *(["--no-deps"] if no_deps else [])]
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", interpreter, *options, *packages], check=True
        )
    (folder / "complete").touch()
    return interpreter


def airflow():
    """(interpreter, site-packages) of genuine Airflow."""
    interpreter = venv("airflow", f"apache-airflow=={AIRFLOW}", *EXTRAS)
    return interpreter, next((interpreter.parent.parent / "lib").glob("python3*/site-packages"))


def sources():
    """The files of Airflow and of its standard provider alone, to be read and not to be run: made once."""
    folder = root() / "sources"
    if not (folder / "complete").exists():
        venv("uv-only")
        shutil.rmtree(folder, ignore_errors=True)
        packages = [f"apache-airflow-core=={AIRFLOW}", "apache-airflow-providers-standard"]
        subprocess.run(
            [root() / "uv" / "bin" / "uv", "pip", "install", "-q", "--no-deps", "--target", folder,
             "--exclude-newer", AS_OF, *packages],
            check=True,
        )
        (folder / "complete").touch()
    return folder


def example_modules(site):
    """A folder with the modules that the examples import beside them, and nothing else of Airflow."""
    folder = root() / "modules"
    for part in ("libs", "plugins"):
        to = folder / "airflow" / "example_dags" / part
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(site / "airflow/example_dags" / part, to)
    return folder


def copy_examples(site, to):
    """
    Copies the example files of the core and of the standard provider, with what they read beside
    them. Returns their paths in order, relative to `to`.
    """
    shutil.rmtree(to, ignore_errors=True)
    core, standard = site / "airflow/example_dags", site / "airflow/providers/standard/example_dags"
    ignore = shutil.ignore_patterns("__pycache__", "__init__.py", "standard", "libs", "plugins")
    shutil.copytree(core, to / "core", ignore=ignore)
    shutil.copytree(standard, to / "standard", ignore=ignore)
    return sorted(str(p.relative_to(to)) for p in to.glob("*/*.py"))


def environment(home, dags):
    """The environment of a genuine Airflow with its own home."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "PYTHON"))}
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "NO_COLOR": "1",
        "PYTHONPATH": str(HERE),
    }


def isolated(command):
    """The command in a network of its own that has only the loopback, where this user may do that."""
    guard = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "golden"]
    try:
        probe = subprocess.run([*guard, "true"], capture_output=True)
        return [*guard, *command] if probe.returncode == 0 else command
    except FileNotFoundError:
        return command
