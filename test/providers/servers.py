"""Servers of this machine for the providers' pipelines: context managers that give the environment with the connections."""
import contextlib
import getpass
import glob
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse


class Missing(Exception):
    """What a server needs is not installed."""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(port, process=None, patience=60.0):
    """Until something listens there."""
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline or (process is not None and process.poll() is not None):
                raise Missing(f"nothing listens on port {port}") from None
            time.sleep(0.05)


class Handler(http.server.BaseHTTPRequestHandler):
    """GET /hello, and as much of Slack's API as its client asks for."""

    def answer(self, value):
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        allowed = self.headers.get("Authorization", "").startswith("Basic ")
        self.answer({"hello": "world", "path": self.path, "signed": allowed})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        method = self.path.rsplit("/", 1)[-1]
        if "Bearer xoxb-test" not in self.headers.get("Authorization", "") and "token=xoxb-test" not in body:
            self.answer({"ok": False, "error": "invalid_auth"})
        elif method == "auth.test":
            self.answer({"ok": True, "user": "tester", "team": "T"})
        elif method == "chat.postMessage":
            given = json.loads(body) if body.startswith("{") else dict(urllib.parse.parse_qsl(body))
            self.answer({"ok": True, "channel": given["channel"], "ts": "1.2", "message": {"text": given["text"]}})
        else:
            self.answer({"ok": False, "error": "unknown_method"})

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def program(command, port, **options):
    """A process that listens, ended at the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def http_server(home, python):
    with web() as port:
        yield {"AIRFLOW_CONN_WEB": f"http://user:pass-of-web@127.0.0.1:{port}"}


@contextlib.contextmanager
def sqlite_file(home, python):
    yield {"TRADEWIND_CONN_DB": json.dumps({"conn_type": "sqlite", "host": os.path.join(home, "data.db")})}


@contextlib.contextmanager
def postgres_server(home, python):
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        raise Missing("PostgreSQL's server is not installed (apt-get install postgresql)")
    data, port = os.path.join(home, "pg"), free_port()
    # The server does not run as root.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    os.makedirs(data)
    if user:
        os.chmod(os.path.dirname(home), 0o755)
        os.chmod(home, 0o755)
        shutil.chown(data, "postgres")
    subprocess.run([*user, os.path.join(found[-1], "initdb"), "-D", data, "-U", "tester", "-A", "trust"],
                   check=True, stdout=subprocess.DEVNULL)
    command = [os.path.join(found[-1], "postgres"), "-D", data, "-p", str(port), "-k", data, "-h", "127.0.0.1"]
    with program([*user, *command], port):
        yield {"AIRFLOW_CONN_PG": f"postgres://tester:pw-of-postgres@127.0.0.1:{port}/postgres"}


SSH_SERVER = """
import asyncio, asyncssh, subprocess, sys
key = asyncssh.generate_private_key("ssh-ed25519")
class Server(asyncssh.SSHServer):
    def password_auth_supported(self): return True
    def validate_password(self, username, password): return password == "pw-of-ssh"
async def handle(process):
    done = subprocess.run(process.command, shell=True, capture_output=True, text=True)
    process.stdout.write(done.stdout); process.stderr.write(done.stderr); process.exit(done.returncode)
async def main():
    await asyncssh.create_server(Server, "127.0.0.1", int(sys.argv[1]), server_host_keys=[key], process_factory=handle)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@contextlib.contextmanager
def ssh_server(home, python):
    port = free_port()
    with program([python, "-c", SSH_SERVER, str(port)], port):
        extra = json.dumps({"no_host_key_check": True, "allow_host_key_change": True, "look_for_keys": False})
        yield {"AIRFLOW_CONN_BOX": json.dumps({"conn_type": "ssh", "host": "127.0.0.1", "port": port,
                                               "login": getpass.getuser(), "password": "pw-of-ssh", "extra": extra})}


@contextlib.contextmanager
def slack_server(home, python):
    with web() as port:
        extra = {"base_url": f"http://127.0.0.1:{port}/api/"}
        yield {"AIRFLOW_CONN_CHAT": json.dumps({"conn_type": "slack", "password": "xoxb-test", "extra": extra})}


@contextlib.contextmanager
def amazon_server(home, python):
    port = free_port()
    command = [os.path.join(os.path.dirname(python), "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with program(command, port):
        extra = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "eu-central-1"}
        yield {"AIRFLOW_CONN_CLOUD": json.dumps({"conn_type": "aws", "login": "AKIATEST", "password": "secret-of-aws",
                                                 "extra": extra})}


@contextlib.contextmanager
def google_server(home, python):
    port = free_port()
    command = [os.path.join(os.path.dirname(python), "gcp-storage-emulator"), "start", "--host", "127.0.0.1",
               "--port", str(port), "--in-memory"]
    with program(command, port):
        yield {"AIRFLOW_CONN_STORE": json.dumps({"conn_type": "google_cloud_platform",
                                                 "extra": {"is_anonymous": True, "project": "test"}}),
               "AIRFLOW_VAR_EMULATOR": f"http://127.0.0.1:{port}"}


SERVERS = {
    "http": http_server,
    "sqlite": sqlite_file,
    "postgres": postgres_server,
    "ssh": ssh_server,
    "slack": slack_server,
    "amazon": amazon_server,
    "google": google_server,
}
