"""The web page as a browser meets it: what is sent for which address, and what a browser may do with it."""
import gzip
import json
import os
import re
import socket
import subprocess

import pytest
from test_api_server import Server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Encoding": "gzip"}


@pytest.fixture
def server(tw):
    return Server(tw)


@pytest.fixture
def page(server):
    """The built page's server; where this build has none, its remedy is checked instead (test_not_built)."""
    if server.ask("GET", "/", token=False).status == 503:
        pytest.skip("this build has no web page: ui/node_modules was not there")
    return server


def text(r):
    return gzip.decompress(r.text).decode() if r.headers["Content-Encoding"] == "gzip" else r.text.decode()


def pieces(server):
    """Scripts and styles that the page names."""
    found = re.findall(r'(?:src|href)="(/[^"]+)"', text(server.ask("GET", "/", token=False, headers=HTML)))
    assert any(p.endswith(".js") for p in found) and any(p.endswith(".css") for p in found)
    return found


def test_the_page_needs_no_sign_in_and_allows_only_itself(page):
    r = page.ask("GET", "/", token=False, headers=HTML)
    assert r.status == 200 and r.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<div id=\"root\">" in text(r)
    policy = dict(part.split(" ", 1) for part in r.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'" and policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in r.headers["Content-Security-Policy"] and "http" not in r.headers["Content-Security-Policy"]
    assert r.headers["X-Content-Type-Options"] == "nosniff"
    # No script stands in the page itself, and nothing comes from elsewhere.
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|<style|style=", text(r))
    assert "//" not in re.sub(r"<!--.*?-->", "", text(r), flags=re.S)


def test_addresses_of_views_are_the_page_but_apis_keep_their_404(page):
    index = text(page.ask("GET", "/", token=False, headers=HTML))
    for path in ("/dags", "/dags/some%2Fdag/grid?run=1", "/assets", "/no/such/view"):
        r = page.ask("GET", path, token=False, headers=HTML)
        assert r.status == 200 and text(r) == index, path
    for path in ("/api/v2/nothing", "/ui/nothing", "/metrics/nothing"):
        r = page.ask("GET", path, headers=HTML)
        assert r.status == 404 and r.headers["Content-Type"] == "application/json", path
    assert page.ask("GET", "/dags", token=False).status == 404  # asks for no HTML
    assert page.ask("POST", "/dags", {}, headers=HTML).status == 404
    assert page.ask("GET", "/static/old-12345678.js", token=False, headers=HTML).status == 404


def test_pieces_are_kept_for_ever_and_the_page_is_asked_for(page):
    r = page.ask("GET", "/", token=False, headers=HTML)
    assert r.headers["Cache-Control"] == "no-cache"
    types = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    for path in pieces(page):
        r = page.ask("GET", path, token=False, headers={"Accept-Encoding": "gzip"})
        assert r.status == 200 and r.headers["Content-Type"] == types[path[path.rindex("."):]], path
        assert r.headers["X-Content-Type-Options"] == "nosniff"
        assert r.headers["Cache-Control"] == ("public, max-age=31536000, immutable" if path.startswith("/static/") else "no-cache")


def test_packed_and_plain_are_the_same_under_tags_of_their_own(page):
    path = next(p for p in pieces(page) if p.startswith("/static/") and p.endswith(".js"))
    packed = page.ask("GET", path, token=False, headers={"Accept-Encoding": "br, gzip"})
    plain = page.ask("GET", path, token=False)
    refused = page.ask("GET", path, token=False, headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip" and plain.headers["Content-Encoding"] is None
    assert gzip.decompress(packed.text) == plain.text == refused.text and len(packed.text) < len(plain.text)
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    tags = packed.headers["ETag"], plain.headers["ETag"]
    assert tags[0] != tags[1] and not any(t.startswith("W/") for t in tags)
    for tag, headers in ((tags[0], {"Accept-Encoding": "gzip"}), (tags[1], {})):
        same = page.ask("GET", path, token=False, headers={"If-None-Match": tag, **headers})
        assert same.status == 304 and same.text == b"" and same.headers["ETag"] == tag
    assert page.ask("GET", path, token=False, headers={"If-None-Match": tags[0]}).status == 200


def test_head_tells_the_length_and_sends_nothing(page):
    for path in ["/", "/dags"] + pieces(page):
        get, head = (page.ask(m, path, token=False, headers=HTML) for m in ("GET", "HEAD"))
        assert head.status == 200 and head.text == b""
        for name in ("Content-Length", "Content-Type", "ETag", "Content-Encoding", "Cache-Control"):
            assert head.headers[name] == get.headers[name], (path, name)
        assert int(head.headers["Content-Length"]) == len(get.text)


def test_no_path_leads_out(page):
    for path in ("/../../etc/passwd", "/static/../../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd",
                 "//etc/passwd", "/api.token", "/static/%00", "/%zz"):
        with socket.create_connection((page.host, int(page.port)), timeout=20) as s:
            s.sendall(("GET %s HTTP/1.0\r\n\r\n" % path).encode())
            got = b""
            while piece := s.recv(65536):
                got += piece
        assert got.split(b" ")[1] == b"404" and b"root:" not in got and page.token.encode() not in got, path


def written():
    with open(os.path.join(ROOT, "api/openapi.yaml"), "rb") as f:
        return f.read()


def test_the_description_is_answered_as_it_is(server):
    """Without sign-in, and also where the page was not built."""
    plain = server.ask("GET", "/openapi.yaml", token=False)
    assert plain.status == 200 and plain.headers["Content-Type"] == "application/yaml" and plain.text == written()
    packed = server.ask("GET", "/openapi.yaml", token=False, headers=HTML)
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.text) == plain.text
    assert server.ask("POST", "/openapi.yaml", {}).status == 404


def test_the_description_as_json_says_the_same(server):
    r = server.ask("GET", "/openapi.json", token=False)
    assert r.status == 200 and r.headers["Content-Type"] == "application/json"
    doc = json.loads(r.text)
    # Each operation with its id and role, by the text of the file: paths at two spaces, methods at four, members at six.
    said, path, method = {}, None, None
    for line in written().decode().split("\ncomponents:")[0].splitlines():
        if m := re.match(r"  (/\S+):$", line):
            path = m[1]
        elif m := re.match(r"    (get|put|post|patch|delete):$", line):
            method = m[1]
        elif m := re.match(r"      (operationId|x-role): (\S+)$", line):
            said.setdefault((path, method), {})[m[1]] = m[2]
    told = {(p, m): {k: op[k] for k in ("operationId", "x-role")} for p, ops in doc["paths"].items() for m, op in ops.items()}
    assert told == said and len(told) > 100
    with open(os.path.join(ROOT, "src/server/routes.c")) as f:
        routes = re.findall(r'\{"([A-Z]+)",\s*((?:API|"[^"]*"|\s)+),', f.read())
    paths = {(m.lower(), "".join("/api/v2" if x == "API" else x.strip('"') for x in re.findall(r'API|"[^"]*"', p))) for m, p in routes}
    assert paths == {(m, p) for p, m in told}
    try:
        import yaml
    except ImportError:
        return
    assert doc == yaml.safe_load(written())


def test_the_description_is_sent_once(server):
    for path in ("/openapi.yaml", "/openapi.json"):
        for headers in ({}, {"Accept-Encoding": "gzip"}):
            first = server.ask("GET", path, token=False, headers=headers)
            assert first.headers["Cache-Control"] == "no-cache" and first.headers["Vary"] == "Accept-Encoding"
            tag = first.headers["ETag"]
            same = server.ask("GET", path, token=False, headers={"If-None-Match": tag, **headers})
            assert same.status == 304 and same.text == b"" and same.headers["ETag"] == tag
            assert server.ask("GET", path, token=False, headers={"If-None-Match": '"other"', **headers}).text == first.text


def test_the_description_is_packed_without_a_page(tmp_path):
    (tmp_path / "ui").mkdir()
    (tmp_path / "openapi.yaml").write_bytes(written())
    names = [str(tmp_path / n) for n in ("page.c", "page.bin", "page.d", "openapi.yaml")]
    done = subprocess.run([os.path.join(ROOT, "tools/ui-pack"), str(tmp_path / "ui"), str(tmp_path / "scratch"), *names], capture_output=True, text=True, check=True)
    assert "is not built" in done.stdout
    assert re.findall(r'^    \{"([^"]+)", "([^"]+)"', (tmp_path / "page.c").read_text(), re.M) == [("/openapi.yaml", "application/yaml")]
    assert gzip.decompress((tmp_path / "page.bin").read_bytes()) == written()


def test_not_built(server):
    r = server.ask("GET", "/", token=False, headers=HTML)
    if r.status == 200:
        pytest.skip("this build has the web page")
    assert r.status == 503 and r.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "./bootstrap setup" in text(r) and "make build" in text(r)
    assert server.ask("GET", "/dags", token=False).status == 404
    assert server.ask("GET", "/docs", token=False, headers=HTML).status == 503
    assert server.ask("GET", "/openapi.yaml", token=False, headers=HTML).status == 200
