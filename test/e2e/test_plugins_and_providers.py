"""What the REST API tells of plugins and providers: those of the Python that imports DAG files."""
import os
import threading

from conftest import wait_until
from test_api_server import Server

PLUGIN = """
import os
print("printed while it is loaded")
with open(os.path.join(os.environ["TRADEWIND_HOME"], "asked"), "a") as f:
    f.write("x")
from airflow.plugins_manager import AirflowPlugin
def shout(text): return text.upper()
class Mine(AirflowPlugin):
    name = "mine"
    macros = [shout]
"""


def make_provider(folder, name, points):
    info = os.path.join(folder, name.replace("-", "_") + "-1.2.dist-info")
    os.makedirs(info)
    with open(os.path.join(info, "METADATA"), "w") as f:
        f.write("Metadata-Version: 2.1\nName: %s\nVersion: 1.2\nSummary: Of a test\nProject-URL: Documentation, https://docs.example/\n" % name)
    with open(os.path.join(info, "entry_points.txt"), "w") as f:
        f.write("[%s]\nprovider_info=nowhere:get\n" % points)


def test_plugins_and_providers(tw):
    os.makedirs(tw.home + "/plugins")
    tw.write("home/plugins/mine.py", PLUGIN)
    tw.write("home/plugins/broken.py", "from airflow.plugins_manager import AirflowPlugin\nraise ValueError('not this one')\n")
    make_provider(tw.path("site"), "apache-airflow-providers-test", "apache_airflow_provider")
    make_provider(tw.path("site"), "something-else", "console_scripts")
    s = Server(tw, env={"PYTHONPATH": tw.path("site")})
    got, paths = {}, ("plugins", "plugins/importErrors", "providers")

    def ask(n):
        got[n] = s.get("/api/v2/" + paths[n % 3])
    threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(got) == 12 and open(tw.home + "/asked").read() == "x", "all wait for one answer"
    (plugin,) = got[0]["plugins"]
    assert (plugin["name"], plugin["source"], plugin["macros"]) == ("mine", "$PLUGINS_FOLDER/mine.py", ["mine.shout"])
    assert plugin["flask_blueprints"] == plugin["react_apps"] == [] and got[0]["total_entries"] == 1
    (error,) = got[1]["import_errors"]
    assert error["source"].endswith("plugins/broken.py") and error["error"] == "ValueError: not this one"
    (provider,) = [p for p in got[2]["providers"] if p["package_name"].endswith("-test")]
    assert provider == {"package_name": "apache-airflow-providers-test", "description": "Of a test", "version": "1.2", "documentation_url": "https://docs.example/"}
    assert "something-else" not in str(got[2])
    assert s.get("/api/v2/plugins?limit=0")["plugins"] == [] and s.get("/api/v2/plugins?offset=1")["plugins"] == []
    assert s.get("/api/v2/providers?limit=x", code=422)


def test_a_python_that_tells_nothing(tw):
    """Its absence is told, and not an empty list; the next one who asks may have better luck."""
    tw.write("python3", "#!/bin/sh\ntest -e %s && exec /usr/bin/python3 \"$@\"\nexit 3\n" % tw.path("works"))
    os.chmod(tw.path("python3"), 0o755)
    s = Server(tw, "worker:\n  python: %s\n" % tw.path("python3"))
    assert "Python cannot tell" in s.get("/api/v2/providers", code=503)["detail"]
    tw.write("works", "")
    wait_until(lambda: s.ask("GET", "/api/v2/providers").status == 200)
