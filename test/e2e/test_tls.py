"""The API server over TLS: a real handshake, old protocols, cookies, wrong files, who only connects."""
import http.client
import json
import os
import socket
import ssl
import subprocess
import time

import pytest
from conftest import wait_until
from receivers import certificate


def configure(tw, cert, key):
    os.makedirs(tw.home, exist_ok=True)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        json.dump({"api": {"ssl_cert": cert, "ssl_key": key}}, f)


@pytest.fixture
def files(tw):
    found = certificate(tw.folder)
    if found is None:
        pytest.skip("openssl is not there")
    os.chmod(found[1], 0o600)
    return found


class Secure:
    def __init__(self, tw, files):
        configure(tw, *files)
        self.log = open(tw.path("api.log"), "w+")
        self.process = tw.start("api-server", "-p", "0", stderr=self.log)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("https://127.0.0.1:"), open(tw.path("api.log")).read()
        self.port = int(self.url.rsplit(":", 1)[1])
        self.trust = ssl.create_default_context(cafile=files[0])
        self.token = open(os.path.join(tw.home, "api.token")).read().strip()

    def ask(self, method, path, body=None, headers=None):
        c = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.trust)
        c.request(method, path, body, {"Authorization": "Bearer " + self.token, **(headers or {})})
        r = c.getresponse()
        r.text = r.read()
        c.close()
        return r


@pytest.fixture
def secure(tw, files):
    return Secure(tw, files)


def test_requests_go_over_tls_and_plain_ones_do_not(secure):
    for _ in range(5):
        r = secure.ask("GET", "/api/v2/version")
        assert r.status == 200 and json.loads(r.text)["version"]
    large = json.dumps({"key": "k", "value": "x" * 200000}).encode()
    assert secure.ask("POST", "/api/v2/variables", large, {"Content-Type": "application/json"}).status in (201, 503)
    with socket.create_connection(("127.0.0.1", secure.port), timeout=20) as s:
        s.sendall(b"GET /api/v2/version HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"version" not in s.recv(1000)
    assert secure.ask("GET", "/api/v2/version").status == 200


def test_the_cookie_is_for_tls_alone(tw, secure):
    tw.start("scheduler", "-S", tw.folder, stdout=subprocess.DEVNULL)
    done = subprocess.run([tw.program, "users", "create", "ann", "--role", "viewer"], cwd=tw.folder, env=tw.env, text=True,
                          input="correct horse battery\n", capture_output=True)
    assert done.returncode == 0, done.stderr
    r = secure.ask("POST", "/ui/login", json.dumps({"username": "ann", "password": "correct horse battery"}).encode())
    assert r.status == 200, r.text
    cookie = r.headers["Set-Cookie"]
    assert "; Secure" in cookie and "; HttpOnly" in cookie


def test_old_protocols_are_refused(secure):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", secure.port), timeout=20) as s, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(s)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", secure.port), timeout=20) as s, context.wrap_socket(s) as t:
            assert t.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]


def test_a_stream_of_a_log_over_tls(tw, secure):
    tw.dag({"a": {"operator": "bash", "bash_command": "seq 1 50000"}})
    tw("run", tw.path("dag.yaml"))
    runs = json.loads(secure.ask("GET", "/api/v2/dags/d/dagRuns").text)["dag_runs"]
    r = secure.ask("GET", "/api/v2/dags/d/dagRuns/%s/taskInstances/a/logs/1" % runs[0]["dag_run_id"].replace("+", "%2B"), headers={"Accept": "application/x-ndjson"})
    assert r.status == 200 and r.text.count(b"\n") >= 50000


def test_who_only_connects_is_closed(tw, files):
    configure(tw, *files)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        json.dump({"api": {"ssl_cert": files[0], "ssl_key": files[1], "idle_timeout": "1s"}}, f)
    p = tw.start("api-server", "-p", "0", stderr=subprocess.DEVNULL)
    port = int(p.stdout.readline().strip().rsplit(":", 1)[1])
    silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(20)]
    for s in silent:
        s.sendall(b"\x16\x03\x01")  # the beginning of a handshake, and no more
    until = time.monotonic() + 20
    for s in silent:
        s.settimeout(max(0.1, until - time.monotonic()))
        while s.recv(100):  # an alert may come before the end
            pass
        s.close()


@pytest.mark.parametrize("what, words", [
    ("key missing", "api.ssl_key is missing"),
    ("no file", "No such file"),
    ("no pem", "no PEM with `-----BEGIN CERTIFICATE-----`"),
    ("open key", "everybody may read it"),
    ("another key", "belong together"),
])
def test_wrong_files_are_said_at_the_start(tw, files, what, words):
    cert, key = files
    if what == "key missing":
        key = ""
    elif what == "no file":
        cert = tw.path("absent.pem")
    elif what == "no pem":
        cert = tw.write("cert.txt", "hello\n")
    elif what == "open key":
        os.chmod(key, 0o644)
    else:
        os.mkdir(tw.path("other"))
        key = certificate(tw.path("other"))[1]
        os.chmod(key, 0o600)
    configure(tw, cert, key)
    done = tw("api-server", "-p", "0", code=None, timeout=30)
    assert done.returncode != 0 and words in done.stderr, done.stderr


def test_a_new_certificate_by_a_restart(tw, files):
    first = Secure(tw, files)
    first.process.terminate()
    assert first.process.wait(20) == 0
    os.mkdir(tw.path("new"))
    new = certificate(tw.path("new"))
    os.chmod(new[1], 0o600)
    second = Secure(tw, new)
    wait_until(lambda: second.ask("GET", "/api/v2/version").status == 200)
