"""Sign-in by an OpenID provider, one of our own that signs with real keys; and each way in which a forged or stale answer must not sign in.
Where a comment says `guard:`, the guard named there was taken out by hand, and the test failed."""
import base64
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from conftest import wait_until
from test_api_server import Server, put

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not there")


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    def __init__(self, folder, kid, bits=2048):
        self.kid, self.path = kid, os.path.join(folder, kid + ".pem")
        subprocess.run(["openssl", "genrsa", "-out", self.path, str(bits)], check=True, capture_output=True)
        text = subprocess.run(["openssl", "rsa", "-in", self.path, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
        self.n = bytes.fromhex(text.strip().split("=")[1])

    def jwk(self):
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": b64(self.n), "e": "AQAB"}

    def sign(self, claims, header=None):
        text = b64(json.dumps({"alg": "RS256", "kid": self.kid, **(header or {})}).encode()) + "." + b64(json.dumps(claims).encode())
        mac = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path], input=text.encode(), check=True, capture_output=True).stdout
        return text + "." + b64(mac)


class Provider:
    """authorize is played by the test: it makes a code for what it wants to be said."""

    def __init__(self, folder):
        self.key = Key(folder, "k1")
        self.keys = [self.key]
        self.codes, self.requests, self.wrong_issuer = {}, [], None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, code, value):
                text = json.dumps(value).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):
                outer.requests.append(self.path)
                if self.path == "/.well-known/openid-configuration":
                    self.answer(200, {"issuer": outer.wrong_issuer or outer.url, "authorization_endpoint": outer.url + "/authorize",
                                      "token_endpoint": outer.url + "/token", "jwks_uri": outer.url + "/keys"})
                elif self.path == "/keys":
                    self.answer(200, {"keys": [k.jwk() for k in outer.keys]})
                else:
                    self.answer(404, {})

            def do_POST(self):
                form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
                outer.requests.append(form)
                code = outer.codes.pop(form.get("code"), None)
                if code is None or b64(hashlib.sha256(form["code_verifier"].encode()).digest()) != code["challenge"] \
                        or form["redirect_uri"] != code["redirect_uri"]:
                    self.answer(400, {"error": "invalid_grant"})
                else:
                    self.answer(200, {"access_token": "x", "token_type": "Bearer", "id_token": code["token"]})

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def claims(self, asked, **more):
        now = int(time.time())
        c = {"iss": self.url, "aud": "tradewind", "sub": "s-1", "exp": now + 300, "iat": now, "nonce": asked["nonce"],
             "preferred_username": "ann", "email": "ann@example.org", "groups": ["data"], **more}
        return {k: v for k, v in c.items() if v is not None}

    def code(self, asked, token):
        code = b64(os.urandom(12))
        self.codes[code] = {"challenge": asked["code_challenge"], "redirect_uri": asked["redirect_uri"], "token": token}
        return code

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class World:
    def __init__(self, tw, provider, **more):
        self.tw, self.provider = tw, provider
        put(tw)
        os.makedirs(tw.home, exist_ok=True)
        with open(os.path.join(tw.home, "oidc.secret"), "w") as f:
            f.write("client-secret-of-ours\n")
        os.chmod(os.path.join(tw.home, "oidc.secret"), 0o600)
        oidc = {"issuer": provider.url, "client_id": "tradewind", "client_secret_file": "oidc.secret", "name": "Our company",
                "roles": {"data": "operator", "chiefs": "admin"}, "default_role": "none", **more}
        tw.scheduler = tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
        self.s = Server(tw, config=json.dumps({"oidc": oidc}))
        wait_until(lambda: self.s.ask("GET", "/api/v2/dags/d").status == 200)

    def begin(self, path=""):
        """(the cookie, what the provider is asked)"""
        r = self.s.ask("GET", "/ui/oidc/start" + path, token=False)
        assert r.status == 302, r.text
        to = urlsplit(r.headers["Location"])
        assert r.headers["Location"].startswith(self.provider.url + "/authorize?"), r.headers["Location"]
        cookie = r.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/ui/oidc" in cookie
        return cookie.split(";")[0], {k: v[0] for k, v in parse_qs(to.query).items()}

    def back(self, cookie, **query):
        return self.s.ask("GET", "/ui/oidc/callback?" + urlencode(query), token=False, headers={"Cookie": cookie} if cookie else {})

    def sign_in(self, path="", key=None, header=None, **claims):
        cookie, asked = self.begin(path)
        token = (key or self.provider.key).sign(self.provider.claims(asked, **claims), header)
        return self.back(cookie, state=asked["state"], code=self.provider.code(asked, token))

    def users(self):
        return {u["name"]: u for u in self.tw.json("users", "list")["users"]} if isinstance(self.tw.json("users", "list"), dict) else {
            u["name"]: u for u in self.tw.json("users", "list")}


@pytest.fixture
def provider(tmp_path):
    p = Provider(str(tmp_path))
    yield p
    p.close()


@pytest.fixture
def world(tw, provider):
    return World(tw, provider)


def session_of(r):
    cookies = [v.split(";")[0] for k, v in r.headers.items() if k.lower() == "set-cookie"]
    return next((c for c in cookies if c.startswith("tradewind_session=tws_")), None)


def refused(r, kind):
    assert r.status == 302 and r.headers["Location"] == "/login?oidc=" + kind, (r.status, r.headers["Location"])
    assert session_of(r) is None


def test_somebody_signs_in(world):
    assert world.s.ask("GET", "/ui/session", token=False).status == 401
    assert json.loads(world.s.ask("GET", "/ui/session", token=False).text)["auth"]["oidc"] == {"name": "Our company"}
    cookie, asked = world.begin("?next=/dags/d")
    assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
    r = world.back(cookie, state=asked["state"], code=world.provider.code(asked, world.provider.key.sign(world.provider.claims(asked))))
    assert r.status == 302 and r.headers["Location"] == "/dags/d", r.headers["Location"]
    form = next(q for q in world.provider.requests if isinstance(q, dict))
    assert form["client_secret"] == "client-secret-of-ours" and form["grant_type"] == "authorization_code"
    me = json.loads(world.s.ask("GET", "/ui/session", token=False, headers={"Cookie": session_of(r)}).text)
    assert me["user"] == {"name": "ann", "role": "operator", "first_password": False}
    # The same person under another name and in another group is the same user, with the role of today.
    r = world.sign_in(preferred_username="anna", groups=["data", "chiefs"])
    me = json.loads(world.s.ask("GET", "/ui/session", token=False, headers={"Cookie": session_of(r)}).text)
    assert me["user"]["name"] == "ann" and me["user"]["role"] == "admin"
    # Nobody signs in with a password as somebody who has none.
    assert world.s.ask("POST", "/ui/login", {"username": "ann", "password": ""}, token=False).status in (401, 422)
    assert "client-secret-of-ours" not in world.s.log() and session_of(r).split("=")[1] not in world.s.log()


def test_roles_decide_who_may_in(world):
    refused(world.sign_in(groups=["visitors"]), "denied")
    refused(world.sign_in(groups=None), "denied")
    assert session_of(world.sign_in(groups="data"))
    refused(world.sign_in(groups=["visitors"]), "denied")  # he had a role, and has none any more


def test_a_name_that_is_taken_is_not_taken_over(world):
    done = subprocess.run([world.tw.program, "users", "create", "ann", "--role", "admin"], cwd=world.tw.folder, env=world.tw.env, text=True,
                          input="correct horse battery\n", capture_output=True)
    assert done.returncode == 0, done.stderr
    refused(world.sign_in(), "taken")


@pytest.mark.parametrize("claims", [
    {"iss": "http://127.0.0.1:1"}, {"iss": None}, {"aud": "another"}, {"aud": ["another"]}, {"aud": ["tradewind", "another"]},
    {"aud": None}, {"azp": "another"}, {"exp": 1}, {"exp": None}, {"exp": "soon"}, {"iat": None}, {"iat": 99999999999},
    {"nbf": 99999999999}, {"nonce": "another"}, {"nonce": None}, {"sub": None}, {"sub": ""}, {"sub": 7},
], ids=str)
def test_claims_that_are_not_ours(world, claims):
    refused(world.sign_in(**claims), "failed")  # guard: jwt_check_claims


def test_signatures_that_are_not_the_providers(world, tmp_path):
    provider = world.provider
    other = Key(str(tmp_path), "other")
    refused(world.sign_in(key=other), "failed")  # a key that it does not have
    forged = Key(str(tmp_path), "forged")
    refused(world.sign_in(key=forged, header={"kid": "k1"}), "failed")  # guard: rsa.verify
    for header in ({"alg": "none"}, {"alg": "HS256"}, {"alg": "RS512"}, {"crit": ["b64"]}):
        refused(world.sign_in(header=header), "failed")  # guard: jwt_check_algorithm
    cookie, asked = world.begin()
    token = provider.key.sign(provider.claims(asked))
    head, body, mac = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = head + "." + b64(json.dumps({**claims, "groups": ["chiefs"]}).encode()) + "." + mac
    refused(world.back(cookie, state=asked["state"], code=provider.code(asked, changed)), "failed")
    for broken in ("", "a.b", head + "." + body + ".", token + ".x", "....", b64(b"{}") + "." + body + "." + mac, "x" * 70000):
        cookie, asked = world.begin()
        refused(world.back(cookie, state=asked["state"], code=provider.code(asked, broken)), "failed")
    small = Key(str(tmp_path), "small", bits=1024)
    provider.keys.append(small)
    refused(world.sign_in(key=small), "failed")
    assert world.users().keys() <= {"admin"}


def test_a_key_that_is_new_is_fetched(world, tmp_path):
    assert session_of(world.sign_in())
    new = Key(str(tmp_path), "k2")
    world.provider.keys = [new]
    refused(world.sign_in(key=new), "failed")  # at most once a minute: nobody makes us ask the provider as often as he likes
    assert world.provider.requests.count("/keys") == 1


def test_only_the_browser_that_began_it_and_only_once(world):
    provider = world.provider
    cookie, asked = world.begin()
    other_cookie, other = world.begin()
    code = provider.code(asked, provider.key.sign(provider.claims(asked)))
    refused(world.back(None, state=asked["state"], code=code), "again")  # guard: unseal
    refused(world.back(other_cookie, state=asked["state"], code=code), "again")  # guard: state
    refused(world.back(cookie, state=other["state"], code=code), "again")
    refused(world.back(cookie, code=code), "again")
    refused(world.back(cookie[:-3] + "AAA", state=asked["state"], code=code), "again")
    assert session_of(world.back(cookie, state=asked["state"], code=code))
    again = provider.code(asked, provider.key.sign(provider.claims(asked)))
    refused(world.back(cookie, state=asked["state"], code=again), "again")  # guard: first_time
    # A code of another's sign-in, put into this one: the verifier does not fit.
    code = provider.code(other, provider.key.sign(provider.claims(other)))
    cookie, asked = world.begin()
    refused(world.back(cookie, state=asked["state"], code=code), "failed")


def test_nothing_of_a_sign_in_works_a_second_time(world):
    """The whole address again; its code and its ID token within a sign-in of somebody who has seen them."""
    provider = world.provider
    cookie, asked = world.begin()
    token = provider.key.sign(provider.claims(asked))
    code = provider.code(asked, token)
    assert session_of(world.back(cookie, state=asked["state"], code=code))
    refused(world.back(cookie, state=asked["state"], code=code), "again")
    for replayed in (lambda now: code, lambda now: provider.code(now, token)):  # guard of the second: the nonce in jwt_check_claims
        other_cookie, now = world.begin()
        assert not {asked[k] for k in ("state", "nonce", "code_challenge")} & {now[k] for k in ("state", "nonce", "code_challenge")}
        refused(world.back(other_cookie, state=now["state"], code=replayed(now)), "failed")
    sessions = world.tw.db().execute("SELECT count(*) FROM setting WHERE kind = 'session'").fetchone()[0]
    assert sessions == 1


def test_the_way_back_is_to_this_server(world):
    for path in ("//evil.example", "https://evil.example/", "/\\evil.example", "/\tx", "javascript:alert(1)"):
        cookie, asked = world.begin("?" + urlencode({"next": path}))
        r = world.back(cookie, state=asked["state"], code=world.provider.code(asked, world.provider.key.sign(world.provider.claims(asked))))
        assert r.headers["Location"] == "/", path  # guard: api_is_ours
    cookie, asked = world.begin()
    refused(world.back(cookie, state=asked["state"], error="access_denied\r\nX: y"), "refused")


def test_a_provider_that_calls_itself_another_or_is_away(world):
    world.provider.wrong_issuer = "https://another.example"
    r = world.s.ask("GET", "/ui/oidc/start", token=False)
    refused(r, "provider")
    assert "calls itself" in world.s.log()
    world.provider.close()
    refused(world.s.ask("GET", "/ui/oidc/start", token=False), "provider")


def test_who_is_disabled_stays_out(world):
    assert session_of(world.sign_in())
    changed = world.s.ask("PATCH", "/ui/users/ann", {"disabled": True})
    assert changed.status == 200, changed.text
    refused(world.sign_in(), "denied")


@pytest.mark.parametrize("oidc, words", [
    ({"client_id": "x"}, "issuer and client_id must be given"),
    ({"issuer": "http://idp.example.org", "client_id": "x"}, "issuer is an https:// address"),
    ({"issuer": "https://idp", "client_id": "x", "client_secret": "s"}, "there is no 'client_secret'"),
    ({"issuer": "https://idp", "client_id": "x", "roles": {"a": "king"}}, "a role is viewer"),
    ({"issuer": "https://idp", "client_id": "x", "default_role": "king"}, "default_role is"),
])
def test_a_wrong_configuration_names_the_place(tw, oidc, words):
    os.makedirs(tw.home, exist_ok=True)
    tw.write("home/tradewind.yaml", json.dumps({"oidc": oidc}))
    done = tw("api-server", "-p", "0", code=None)
    assert done.returncode != 0 and words in done.stderr, done.stderr


def test_without_a_provider_there_is_none(tw):
    s = Server(tw)
    assert s.ask("GET", "/ui/oidc/start", token=False).status == 404
    assert json.loads(s.ask("GET", "/ui/session", token=False).text)["auth"]["oidc"] is None
