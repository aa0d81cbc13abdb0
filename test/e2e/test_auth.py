"""Sign-in and rights as an attacker meets them: each test is one attack. Where a comment says `guard:`, the guard named there was taken out by
hand, and the test failed."""
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from conftest import ROOT, wait_until
from test_api_server import Server, put, run

PASSWORD = "correct horse battery"
ROLES = ["viewer", "user", "operator", "admin"]


def user(tw, name, role="viewer", *more, password=PASSWORD):
    done = subprocess.run([tw.program, "users", "create", name, "--role", role, *more], cwd=tw.folder, env=tw.env, text=True,
                          input=password + "\n", capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert password not in done.stdout + done.stderr


def token(tw, name, role, *more):
    return tw("tokens", "create", name, "--role", role, "--quiet", *more).stdout.strip()


class Browser:
    """What a browser keeps of one server: a cookie, and what the page has read."""

    def __init__(self, s, name, password=PASSWORD, code=200):
        self.s, self.cookie = s, None
        r = s.ask("POST", "/ui/login", {"username": name, "password": password}, token=False)
        assert r.status == code, r.text
        self.answer = json.loads(r.text)
        self.take(r)
        self.csrf = self.answer.get("csrf")

    def take(self, r):
        if r.getheader("Set-Cookie"):
            self.cookie = r.getheader("Set-Cookie").split(";")[0]

    def ask(self, method, path, body=None, csrf=True, headers=None):
        headers = {"Cookie": self.cookie, **(headers or {})}
        if csrf and method != "GET":
            headers["X-CSRF-Token"] = self.csrf if csrf is True else csrf
        r = self.s.ask(method, path, body, token=False, headers=headers)
        self.take(r)
        return r

    def status(self, *args, **more):
        return self.ask(*args, **more).status


class Everywhere:
    """Connections that stay open, so that each thread of the server is asked again: each keeps what it knows of a credential for a second."""

    def __init__(self, s, code=200, path="/api/v2/dags", **headers):
        self.path, self.headers = path, {k.replace("_", "-"): v for k, v in headers.items()}
        self.all = [http.client.HTTPConnection(s.host, int(s.port), timeout=30) for _ in range(8)]
        assert self.codes() == [code] * 8

    def codes(self):
        codes = []
        for c in self.all:
            c.request("GET", self.path, headers=self.headers)
            r = c.getresponse()
            r.read()
            codes.append(r.status)
        return codes

    def become(self, code):
        wait_until(lambda: self.codes() == [code] * 8, patience=10)
        for c in self.all:
            c.close()


@pytest.fixture
def both(tw):
    """Scheduler and server; a DAG of sales, one of hr, one without tags; a user."""
    put(tw)
    put(tw, "sales1", tags=["sales"])
    put(tw, "hr1", tags=["hr", "daily"])
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw)
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200 and s.get("/api/v2/dags")["total_entries"] == 3)
    wait_until(lambda: os.path.exists(os.path.join(tw.home, "admin.password")))
    user(tw, "anna", "operator")
    return s


def store(tw, sql, *args):
    """As somebody who can write the file: what time alone would bring."""
    db = sqlite3.connect(os.path.join(tw.home, "tradewind.db"), timeout=20)
    with db:
        rows = db.execute(sql, args).fetchall()
    db.close()
    return rows


# ---- credentials that are none

def test_a_forged_token(both):
    good = token(both.tw, "t", "admin")
    assert both.ask("GET", "/api/v2/dags", token=good).status == 200
    forged = ["twt_" + "A" * 43, good[:-1] + ("A" if good[-1] != "A" else "B"), good + "A", good[:-1], "tws_" + good[4:], "twt_", "", "null",
              "twt_%00" + "A" * 39, "twt_" + "\xff" * 43]
    for t in forged:
        r = both.ask("GET", "/api/v2/dags", token=t or "x")
        assert r.status == 401 and json.loads(r.text)["detail"] in ("Invalid token", "Not authenticated"), t
    for t in forged:  # nor as a cookie
        assert both.ask("GET", "/api/v2/dags", token=False, headers={"Cookie": "tradewind_session=" + t}).status == 401, t
    # What the store has of it opens nothing.
    ids = [r[0] for r in store(both.tw, "SELECT name FROM setting WHERE kind = 'token'")]
    assert good not in "".join(ids) and both.ask("GET", "/api/v2/dags", token="twt_" + ids[0][:43]).status == 401


def test_an_expired_token(both):
    t = token(both.tw, "short", "viewer", "--expires", "1s")
    wait_until(lambda: both.ask("GET", "/api/v2/dags", token=t).status == 401)  # guard: t.expires_us in find_token, and in is_known
    assert both.ask("GET", "/api/v2/version", token=t).status == 401


def test_a_revoked_token(both):
    all_ = Everywhere(both, Authorization="Bearer " + token(both.tw, "t", "viewer"))
    both.tw("tokens", "revoke", both.tw.json("tokens", "list")[0]["id"])
    all_.become(401)  # guard: until_us in is_known


def test_a_session_after_logout_is_worth_nothing(both):
    b = Browser(both, "anna")
    stolen = Everywhere(both, Cookie=b.cookie)
    assert b.status("POST", "/ui/logout") == 204
    stolen.become(401)  # guard: close_session


def test_sessions_end_idle_and_in_any_case(both):
    def sessions():
        return store(both.tw, "SELECT name, value FROM setting WHERE kind = 'session'")
    for member in ("seen_us", "expires_us"):  # guard: each of the two conditions of find_session
        store(both.tw, "DELETE FROM setting WHERE kind = 'session'")
        b = Browser(both, "anna")
        all_ = Everywhere(both, Cookie=b.cookie)
        name, value = sessions()[0]
        value = json.loads(value)
        value[member] = int((time.time() - 9 * 3600) * 1e6)
        store(both.tw, "UPDATE setting SET value = ? WHERE kind = 'session' AND name = ?", json.dumps(value).encode(), name)
        all_.become(401)
        assert both.ask("GET", "/ui/session", token=False, headers={"Cookie": b.cookie}).status == 401


def test_a_cookie_that_somebody_else_has_chosen_is_not_taken_over(both):
    chosen = "tradewind_session=tws_" + "A" * 43
    r = both.ask("POST", "/ui/login", {"username": "anna", "password": PASSWORD}, token=False, headers={"Cookie": chosen})
    assert r.status == 200 and chosen not in r.getheader("Set-Cookie")
    assert both.ask("GET", "/api/v2/dags", token=False, headers={"Cookie": chosen}).status == 401


def test_the_cookie_is_for_this_server_and_no_script(tw):
    put(tw)
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    s = Server(tw, config="api: {base_url: 'https://flow.example.org'}\n")
    wait_until(lambda: s.ask("GET", "/api/v2/dags/d").status == 200)
    user(tw, "anna")
    r = s.ask("POST", "/ui/login", {"username": "anna", "password": PASSWORD}, token=False, headers={"Origin": "https://flow.example.org"})
    assert r.status == 200
    words = r.getheader("Set-Cookie").split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Secure"} <= set(words) and words[0].startswith("tradewind_session=tws_")
    assert r.getheader("Cache-Control") == "no-store"


def test_the_cookie_without_tls(both):
    r = both.ask("POST", "/ui/login", {"username": "anna", "password": PASSWORD}, token=False)
    words = r.getheader("Set-Cookie").split("; ")
    assert {"HttpOnly", "SameSite=Lax"} <= set(words) and "Secure" not in words


# ---- other sites

def test_a_write_without_the_sessions_csrf_token(both):
    b, other = Browser(both, "anna"), Browser(both, "anna")
    for csrf in (False, "", "x", other.csrf, b.csrf[:-1], b.cookie.split("=")[1]):  # guard: check_csrf
        r = b.ask("PATCH", "/api/v2/dags/d", {"is_paused": True}, csrf=csrf)
        assert r.status == 403 and "CSRF" in json.loads(r.text)["detail"], csrf
        assert b.status("POST", "/ui/logout", csrf=csrf) == 403
    assert both.get("/api/v2/dags/d")["is_paused"] is False
    assert b.status("PATCH", "/api/v2/dags/d", {"is_paused": True}) == 200
    assert b.status("GET", "/api/v2/dags", csrf=False) == 200  # reading needs none


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1"},
                                     {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_a_write_from_another_site(both, headers):
    b = Browser(both, "anna")
    r = b.ask("PATCH", "/api/v2/dags/d", {"is_paused": True}, headers=headers)  # with the right token: guard: access_same_origin in check_csrf
    assert r.status == 403 and "another site" in json.loads(r.text)["detail"]
    assert both.get("/api/v2/dags/d")["is_paused"] is False
    same = {"Origin": "http://%s:%s" % (both.host, both.port)}
    assert b.status("PATCH", "/api/v2/dags/d", {"is_paused": True}, headers=same) == 200


def test_another_site_signs_nobody_in_or_out(both):
    evil = {"Origin": "https://evil.example"}
    for path in ("/ui/login", "/auth/token", "/auth/token/cli"):  # guard: access_same_origin in api_login and give_token
        r = both.ask("POST", path, {"username": "anna", "password": PASSWORD}, token=False, headers=evil)
        assert r.status == 403 and r.getheader("Set-Cookie") is None, path
    b = Browser(both, "anna")
    assert b.status("GET", "/auth/logout", headers={"Sec-Fetch-Site": "cross-site"}) == 302
    assert b.status("GET", "/api/v2/dags") == 200
    assert b.status("GET", "/auth/logout", headers={"Sec-Fetch-Site": "none"}) == 302
    assert b.status("GET", "/api/v2/dags") == 401


def test_redirects_stay_here(both):
    for to in ("//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "/%0d%0aSet-Cookie:%20a=b", "%09//evil"):
        r = both.ask("GET", "/auth/login?next=" + to, token=False)
        assert r.status == 302 and r.getheader("Location") == "/login" and r.getheader("Set-Cookie") is None, to
    assert both.ask("GET", "/auth/login?next=/dags/d?x=1%26y", token=False).getheader("Location") == "/login?next=/dags/d%3Fx%3D1%26y"


# ---- more than one may

def routes():
    """Of the description, which a test of the server compares with the table of routes: (method, path, least role)."""
    found, path, method = [], None, None
    for line in open(os.path.join(ROOT, "api/openapi.yaml")):
        m = re.match(r"  (/\S+):$", line)
        path = m.group(1) if m else path
        m = re.match(r"    (get|post|put|patch|delete):$", line)
        method = m.group(1).upper() if m else method
        m = re.match(r"      x-role: (\w+)$", line)
        if m:
            found.append((method, path, {"op": "operator"}.get(m.group(1), m.group(1))))
    return found


def fill(path):
    return re.sub(r"\{dag_id\}", "d", re.sub(r"\{(?!dag_id)\w+\}", "1", path))


def asked(s, method, path, credential):
    """As from another machine. A stream that is granted is not read to its end."""
    c = http.client.HTTPConnection(s.host, int(s.port), timeout=30)
    headers = {"X-Forwarded-For": "192.0.2.1"}
    if credential:
        headers["Authorization"] = "Bearer " + credential
    c.request(method, path, None if method in ("GET", "DELETE") else b"{}", headers)
    r = c.getresponse()
    r.text = r.read() if r.status >= 400 else b""
    c.close()
    return r


def test_every_route_with_every_role(both):
    """guard: the comparison of check_role; and any role in routes.c that is lowered differs from the description."""
    found = routes()
    tokens = {}
    for r in ROLES:
        user(both.tw, "of-" + r, r)
        tokens[r] = json.loads(both.ask("POST", "/auth/token", {"username": "of-" + r, "password": PASSWORD}, token=False).text)["access_token"]
    assert len(found) > 80 and {r for _, _, r in found} == {"none", *ROLES}
    for method, path, least in found:
        if path in ("/webhooks/{name}", "/ui/logout", "/auth/logout", "/api/v2/auth/logout"):  # proves itself by its signature; ends what is needed here
            continue
        for role in [None, *ROLES]:
            r = asked(both, method, fill(path), tokens.get(role))
            said = (method, path, role, r.status, r.text[:200])
            if least == "none":
                assert r.status != 403, said
            elif role is None:
                assert r.status == 401, said
            elif ROLES.index(role) < ROLES.index(least):
                assert r.status == 403 and "needs the role" in json.loads(r.text)["detail"], said
            else:
                # 403 may also say that a setting forbids it to everybody.
                assert r.status != 401 and not (r.status == 403 and "needs the role" in r.text.decode()), said


def test_what_each_role_can_really_do(both):
    t = {r: token(both.tw, r, r) for r in ROLES}

    def ask(role, method, path, body=None):
        return both.ask(method, path, body, token=t[role]).status
    assert ask("viewer", "POST", "/api/v2/dags/d/dagRuns", {}) == 403 and ask("user", "POST", "/api/v2/dags/d/dagRuns", {}) == 200
    assert ask("user", "PATCH", "/api/v2/dags/d", {"is_paused": True}) == 403
    assert ask("operator", "PATCH", "/api/v2/dags/d", {"is_paused": True}) == 200
    variable = {"key": "k", "value": "v"}
    assert ask("user", "GET", "/api/v2/variables") == 403 and ask("user", "POST", "/api/v2/variables", variable) == 403
    assert ask("operator", "POST", "/api/v2/variables", variable) == 201
    assert ask("operator", "GET", "/ui/users") == 403 and ask("operator", "GET", "/api/v2/eventLogs") == 403
    assert ask("admin", "GET", "/ui/users") == 200 and ask("admin", "GET", "/api/v2/eventLogs") == 200


def test_nobody_makes_himself_more(both):
    user(both.tw, "vic", "viewer")
    b = Browser(both, "vic")
    assert b.status("PATCH", "/ui/users/vic", {"role": "admin"}) == 403
    assert b.status("POST", "/ui/users", {"name": "x", "role": "admin", "password": PASSWORD}) == 403
    assert b.status("POST", "/ui/tokens", {"name": "t", "role": "operator"}) == 403  # guard: the role in check_token
    assert b.status("POST", "/ui/tokens", {"name": "t", "user": "admin"}) == 403
    made = json.loads(b.ask("POST", "/ui/tokens", {"name": "t"}).text)
    assert made["role"] == "viewer" and made["user"] == "vic" and made["token"].startswith("twt_")
    # A token makes no others, and sees no others.
    for method, path in (("GET", "/ui/tokens"), ("POST", "/ui/tokens"), ("DELETE", "/ui/tokens/" + made["id"])):
        assert both.ask(method, path, {"name": "u"} if method == "POST" else None, token=made["token"]).status == 403  # guard: may_manage
    # Another's token cannot be revoked, nor seen.
    other = json.loads(Browser(both, "anna").ask("POST", "/ui/tokens", {"name": "hers"}).text)
    assert b.status("DELETE", "/ui/tokens/" + other["id"]) == 404  # guard: is_mine
    assert [t["id"] for t in json.loads(b.ask("GET", "/ui/tokens").text)["tokens"]] == [made["id"]]
    assert both.ask("GET", "/api/v2/dags", token=other["token"]).status == 200


def test_a_token_is_never_more_than_its_user(both):
    t = token(both.tw, "t", "admin", "--user", "anna")
    assert both.ask("GET", "/ui/users", token=t).status == 403  # anna is an operator
    all_, reads = Everywhere(both, path="/api/v2/variables", Authorization="Bearer " + t), Everywhere(both, Authorization="Bearer " + t)
    both.tw("users", "set-role", "anna", "viewer")
    all_.become(403)
    both.tw("users", "delete", "anna")
    reads.become(401)
    user(both.tw, "anna", "admin")  # who has the name later does not get what was another's
    assert both.ask("GET", "/api/v2/dags", token=t).status == 401


def test_a_disabled_user(both):
    b, t = Browser(both, "anna"), token(both.tw, "t", "viewer", "--user", "anna")
    all_ = [Everywhere(both, Cookie=b.cookie), Everywhere(both, Authorization="Bearer " + t)]
    both.send("PATCH", "/ui/users/anna", {"disabled": True})
    for x in all_:
        x.become(401)  # guard: u.disabled in check_user
    Browser(both, "anna", code=401)


def test_the_last_admin_stays(both):
    assert both.ask("DELETE", "/ui/users/admin").status == 409
    assert both.ask("PATCH", "/ui/users/admin", {"role": "viewer"}).status == 409
    assert both.ask("PATCH", "/ui/users/admin", {"disabled": True}).status == 409
    both.send("POST", "/ui/users", {"name": "second", "role": "admin", "password": PASSWORD}, code=201)
    assert both.ask("DELETE", "/ui/users/admin").status == 204


# ---- DAGs that are not one's own

@pytest.fixture
def limited(both):
    """May see sales and hr, and change sales."""
    user(both.tw, "lim", "operator", "--read-tag", "sales", "--read-tag", "hr", "--write-tag", "sales")
    user(both.tw, "sal", "operator", "--read-tag", "sales")
    return both


def test_lists_leave_out_what_one_may_not_see(limited):
    """guard: api_get_dags."""
    lim, sal = Browser(limited, "lim"), Browser(limited, "sal")

    def dags(b, path, key):
        return sorted(d[key] if key else d for d in list(json.loads(b.ask("GET", path).text).values())[0])
    assert dags(lim, "/api/v2/dags", "dag_id") == ["hr1", "sales1"] and dags(sal, "/api/v2/dags", "dag_id") == ["sales1"]
    assert json.loads(sal.ask("GET", "/api/v2/dags").text)["total_entries"] == 1
    assert dags(sal, "/api/v2/dagStats", "dag_id") == ["sales1"] and dags(sal, "/api/v2/dagTags", None) == ["sales"]
    assert dags(sal, "/api/v2/dagStats?dag_ids=hr1", "dag_id") == []
    assert dags(sal, "/ui/dags", "dag_id") == ["sales1"] and dags(lim, "/ui/dags", "dag_id") == ["hr1", "sales1"]


def test_the_first_page_leaves_out_what_one_may_not_see(limited):
    """guard: leave_out of ui_home.c"""
    for dag in ("sales1", "hr1"):
        run(limited, dag)
    with open(limited.tw.path("dags/broken.py"), "w") as f:
        f.write("# airflow DAG\nraise ValueError('not today')\n")
    wait_until(lambda: limited.get("/ui/home")["counts"]["import_errors"] == 1)
    sal = json.loads(Browser(limited, "sal").ask("GET", "/ui/home").text)
    both = limited.get("/ui/home")
    assert {r["dag_id"] for r in both["recent"]} == {"hr1", "sales1"} and both["counts"]["success_24h"] == 2
    assert {r["dag_id"] for r in sal["recent"]} == {"sales1"} and sal["counts"]["success_24h"] == 1
    assert sal["counts"]["import_errors"] == 0 and sal["counts"]["active_dags"] == 1
    assert "hr1" not in json.dumps(sal) and "broken" not in json.dumps(sal)


def test_a_dag_that_one_may_not_see_is_not_there(limited):
    """The same answer as for one that does not exist. guard: access_sees in check_dag."""
    b = Browser(limited, "sal")
    for method, path, _ in routes():
        if "{dag_id}" not in path:
            continue
        body = None if method in ("GET", "DELETE") else {}
        hidden, missing = (b.ask(method, re.sub(r"\{dag_id\}", d, re.sub(r"\{(?!dag_id)\w+\}", "1", path)), body) for d in ("hr1", "nope"))
        assert hidden.status == missing.status == 404, (method, path, hidden.status, missing.status)
        assert hidden.text.replace(b"hr1", b"nope") == missing.text, (method, path)
    assert b.status("GET", "/api/v2/dags/sales1") == 200


def test_a_dag_that_one_may_see_and_not_change(limited):
    """guard: access_may_change in check_dag."""
    b = Browser(limited, "lim")
    assert b.status("GET", "/api/v2/dags/hr1") == 200
    assert b.status("PATCH", "/api/v2/dags/hr1", {"is_paused": True}) == 403
    assert b.status("POST", "/api/v2/dags/hr1/dagRuns", {}) == 403
    assert b.status("POST", "/api/v2/dags/sales1/dagRuns", {}) == 200
    # All at once: only those that one may.
    assert b.status("PATCH", "/api/v2/dags?dag_id_pattern=~", {"is_paused": True}) == 200
    assert {d["dag_id"]: d["is_paused"] for d in limited.get("/api/v2/dags")["dags"]} == {"d": False, "hr1": False, "sales1": True}


def test_what_is_about_all_dags_is_closed_to_who_is_limited(limited):
    """A route that does not say that it knows of limits. guard: the end of check_tags. Those that do: test_api_limits.py."""
    b, t = Browser(limited, "lim"), token(limited.tw, "t", "admin", "--read-tag", "sales")
    closed = [(method, path) for method, path, least in routes() if path.startswith("/api/v2/") and least != "none" and "{dag_id}" not in path and not re.search(
        r"^GET /api/v2/(pools|assets|importErrors|eventLogs)|/(dags|dagTags|dagStats|jobs|providers|plugins|plugins/importErrors|dagWarnings|config)$|/backfills|/config/|/commands/|"
        r"GET /api/v2/backfills", method + " " + path)]
    assert len(closed) > 15
    for method, path in closed:
        assert limited.ask(method, fill(path), None if method in ("GET", "DELETE") else {}, token=t).status == 403, (method, path)
    for method, path in (("GET", "/api/v2/variables"), ("GET", "/api/v2/connections"), ("PATCH", "/api/v2/dags/~/dagRuns/~/taskInstances"), ("POST", "/api/v2/assets/events")):
        assert b.status(method, path, None if method == "GET" else {}) == 403, path
    assert limited.ask("GET", "/ui/users", token=t).status == 403  # an admin with limits does not lift them
    assert limited.ask("POST", "/ui/tokens", {"name": "x"}, token=t).status == 403


def test_the_limits_of_a_token_and_of_its_user_hold_both(limited):
    t = token(limited.tw, "t", "operator", "--user", "lim", "--read-tag", "hr", "--read-tag", "daily")
    assert limited.ask("GET", "/api/v2/dags/hr1", token=t).status == 200
    assert limited.ask("GET", "/api/v2/dags/sales1", token=t).status == 404  # the token's
    t = token(limited.tw, "u", "operator", "--user", "sal")
    assert limited.ask("GET", "/api/v2/dags/hr1", token=t).status == 404     # the user's
    assert limited.ask("PATCH", "/api/v2/dags/sales1", {"is_paused": False}, token=t).status == 200


# ---- passwords

def test_guessing_is_slowed_down(both):
    """guard: attempt() in signin_check."""
    def guess(name, password):
        return both.ask("POST", "/ui/login", {"username": name, "password": password}, token=False)
    answers = [guess("anna", "wrong password %d" % i) for i in range(12)]
    codes = [r.status for r in answers]
    assert codes[:5] == [401] * 5 and 429 in codes[5:], codes
    last = next(r for r in answers if r.status == 429)
    assert int(last.getheader("Retry-After")) >= 1
    # The right one is not looked at meanwhile, whether there is such a user or not.
    while guess("anna", "wrong").status != 429:
        pass
    assert guess("anna", PASSWORD).status == 429
    for i in range(12):
        last = guess("nobody", "wrong password %d" % i)
    assert last.status == 429
    # Others of the same address still can, and the token of the home.
    user(both.tw, "bob")
    assert guess("bob", PASSWORD).status == 200
    assert both.ask("GET", "/api/v2/dags").status == 200


def test_the_pause_is_over_after_a_while(both):
    for i in range(6):
        both.ask("POST", "/ui/login", {"username": "anna", "password": "wrong"}, token=False)
    wait_until(lambda: both.ask("POST", "/ui/login", {"username": "anna", "password": PASSWORD}, token=False).status == 200)


def test_many_guesses_at_once_are_no_more_than_one_after_another(both):
    codes = []

    def guess(i):
        codes.append(both.ask("POST", "/ui/login", {"username": "anna", "password": "wrong %d" % i}, token=False).status)
    threads = [threading.Thread(target=guess, args=(i,)) for i in range(30)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert codes.count(401) <= 7 and set(codes) <= {401, 429, 503}, codes  # guard: counting before the password is looked at


def test_who_exists_is_not_told(both):
    """Same status, body and headers; the work is the same by test/access/test_password.c (nobody's hash costs the same)."""
    user(both.tw, "gone", "viewer")
    both.send("PATCH", "/ui/users/gone", {"disabled": True})

    def answer(path, name, password):
        r = both.ask("POST", path, {"username": name, "password": password}, token=False)
        return r.status, r.text, sorted(k for k, _ in r.getheaders())
    for path in ("/ui/login", "/auth/token"):
        answers = [answer(path, *a) for a in (("anna", "wrong password"), ("nobody", "wrong password"), ("gone", "wrong password"), ("gone", PASSWORD))]
        assert answers[0][0] == 401 and json.loads(answers[0][1]) == {"detail": "Invalid credentials"}
        assert all(a == answers[0] for a in answers), answers


def test_what_is_stored_and_logged(both):
    b = Browser(both, "anna")
    t = token(both.tw, "t", "admin")
    both.ask("GET", "/api/v2/dags", token=t)
    both.send("POST", "/ui/users", {"name": "eve", "role": "viewer", "password": "another password"}, code=201)
    hashes = [json.loads(v)["hash"] for (v,) in store(both.tw, "SELECT value FROM setting WHERE kind = 'user'")]
    assert len(hashes) == 3 and all(re.match(r"\$argon2id\$v=19\$m=32768,t=3,p=1\$", h) for h in hashes)
    secrets = [PASSWORD, "another password", t, b.cookie.split("=")[1], b.csrf, both.token]
    for name in os.listdir(both.tw.home):
        path = os.path.join(both.tw.home, name)
        if os.path.isfile(path) and name != "api.token":
            data = open(path, "rb").read()
            assert not any(x.encode() in data for x in secrets), name
    for log in ("api.log", "sched.log"):
        text = open(both.tw.path(log)).read()
        assert not any(x in text for x in [*secrets, *hashes]), log
    for path in ("/ui/users", "/ui/users/anna", "/ui/tokens", "/api/v2/eventLogs"):
        text = both.ask("GET", path).text.decode()
        assert "argon2" not in text and not any(x in text for x in secrets), path


def test_a_password_that_is_too_short_or_ones_own_name(both):
    b = Browser(both, "anna")
    for new in ("short", "a" * 20, "", "x" * 2000, PASSWORD):
        assert b.status("POST", "/ui/password", {"old": PASSWORD, "new": new}) == 422, new
    assert b.status("POST", "/ui/password", {"old": "wrong", "new": "a new long password"}) == 403
    assert b.status("GET", "/ui/session") == 200


def test_a_new_password_ends_all_other_sessions(both):
    b, other, hers = Browser(both, "anna"), Browser(both, "anna"), token(both.tw, "t", "viewer", "--user", "anna")
    signed = json.loads(both.ask("POST", "/auth/token", {"username": "anna", "password": PASSWORD}, token=False).text)["access_token"]
    all_ = [Everywhere(both, Cookie=other.cookie), Everywhere(both, Authorization="Bearer " + signed)]
    old = b.cookie
    assert b.status("POST", "/ui/password", {"old": PASSWORD, "new": "a new long password"}) == 204
    assert b.cookie != old
    for x in all_:
        x.become(401)  # guard: epoch in check_user
    assert both.ask("GET", "/api/v2/dags", token=False, headers={"Cookie": old}).status == 401
    assert b.status("GET", "/api/v2/dags") == 200  # who changed it goes on
    assert both.ask("GET", "/api/v2/dags", token=hers).status == 200  # a token that was made by hand does too
    Browser(both, "anna", code=401)
    Browser(both, "anna", "a new long password")


def test_the_first_password(both):
    path = os.path.join(both.tw.home, "admin.password")
    assert os.stat(path).st_mode & 0o777 == 0o600
    password = open(path).read().strip()
    assert len(password) == 27 and path in both.log() and password not in both.log() + open(both.tw.path("sched.log")).read()
    for wrong in ("admin", "airflow", "password", "tradewind"):
        Browser(both, "admin", wrong, code=401)
    b = Browser(both, "admin", password)
    assert b.answer["user"] == {"name": "admin", "role": "admin", "first_password": True}
    for method, path_ in (("GET", "/api/v2/dags"), ("GET", "/ui/users"), ("POST", "/api/v2/dags/d/dagRuns"), ("POST", "/ui/tokens")):
        r = b.ask(method, path_, {} if method == "POST" else None)
        assert r.status == 403 and "first password" in json.loads(r.text)["detail"], path_  # guard: first_password in check_role
    assert both.ask("POST", "/auth/token", {"username": "admin", "password": password}, token=False).status == 403
    assert b.status("POST", "/ui/password", {"old": password, "new": "now my own password"}) == 204
    assert b.status("GET", "/ui/users") == 200 and not os.path.exists(path)
    assert json.loads(b.ask("GET", "/ui/session").text)["user"]["first_password"] is False
    both.process.send_signal(signal.SIGTERM)
    assert both.process.wait(20) == 0
    assert Server(both.tw) and not os.path.exists(path)  # once


def test_the_first_password_on_a_terminal(tw):
    """It is shown there, and stands in no file."""
    import pty
    put(tw)
    tw.start("scheduler", "-S", tw.path("dags"), stdout=open(tw.path("sched.log"), "w"))
    wait_until(lambda: os.path.exists(os.path.join(tw.home, "tradewind.db")))
    leader, follower = pty.openpty()
    tw.start("api-server", "-p", "0", stderr=follower)
    os.close(follower)
    seen = b""
    while b"changed at the first" not in seen:
        seen += os.read(leader, 4096)
    password = re.search(rb"\n\s+([a-z2-9]{6}(?:-[a-z2-9]{6}){3})\s", seen).group(1).decode()
    wait_until(lambda: [n for n in os.listdir(tw.home) if n.startswith("admin.password")] == [])
    for name in os.listdir(tw.home):
        path = os.path.join(tw.home, name)
        assert not os.path.isfile(path) or password.encode() not in open(path, "rb").read(), name
    os.close(leader)


# ---- what should work

def test_airflows_clients_sign_in(both):
    for path in ("/auth/token", "/auth/token/cli"):
        r = both.ask("POST", path, {"username": "anna", "password": PASSWORD}, token=False)
        assert r.status == 201 and list(json.loads(r.text)) == ["access_token"] and r.getheader("Cache-Control") == "no-store"
        assert both.ask("GET", "/api/v2/dags", token=json.loads(r.text)["access_token"]).status == 200
    assert both.ask("POST", "/auth/token", {"username": "anna"}, token=False).status == 422
    tokens = both.get("/ui/tokens")["tokens"]
    assert [t["of_sign_in"] for t in tokens] == [True, True] and all(t["user"] == "anna" and t["role"] == "operator" for t in tokens)
    assert sorted(t["expires_at"] < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 2 * 3600)) for t in tokens) == [False, True]


def test_the_session_of_the_page(both):
    r = both.ask("GET", "/ui/session", token=False)
    assert r.status == 401 and json.loads(r.text) == {"detail": "Not authenticated", "auth": {"password": True, "oidc": None}}
    b = Browser(both, "anna")
    again = json.loads(b.ask("GET", "/ui/session").text)
    assert again == b.answer and again["user"] == {"name": "anna", "role": "operator", "first_password": False}
    assert set(again) == {"user", "csrf", "version", "home", "auth", "timezone", "poll"}
    assert json.loads(both.ask("GET", "/ui/session").text)["user"]["name"] == "token"
    both.tw("users", "set-role", "anna", "viewer")
    wait_until(lambda: json.loads(b.ask("GET", "/ui/session").text)["user"]["role"] == "viewer", patience=10)


def test_users_by_the_api(both):
    made = both.send("POST", "/ui/users", {"name": "eve@example.org", "role": "user", "read_tags": ["sales"]}, code=201)
    assert made["first_password"] is True and len(made["new_password"]) == 27
    assert both.ask("POST", "/ui/users", {"name": "eve@example.org", "role": "user"}).status == 409
    assert "new_password" not in both.get("/ui/users/eve@example.org")
    assert both.send("PATCH", "/ui/users/eve@example.org", {"email": "e@example.org", "read_tags": None})["read_tags"] is None
    for bad in ({"role": "root"}, {"name": "other"}, {"read_tags": "x"}, {"hash": "x"}, {"epoch": 1}, {"disabled": "x", "role": 1}, {"password": "short"}):
        assert both.ask("PATCH", "/ui/users/eve@example.org", bad).status == 422, bad
    for bad in ({"name": "a b", "role": "user"}, {"role": "user"}, {"name": "x"}, {"name": "token", "role": "user"}):
        assert both.ask("POST", "/ui/users", bad).status == 422, bad
    assert both.get("/ui/users")["total_entries"] == 3
    both.send("PATCH", "/ui/users/eve@example.org", {"password": "a password of hers"})
    assert Browser(both, "eve@example.org", "a password of hers").answer["user"]["first_password"] is True
    assert both.ask("DELETE", "/ui/users/eve@example.org").status == 204 and both.ask("DELETE", "/ui/users/eve@example.org").status == 404


def test_two_users_are_not_one_person_elsewhere(both):
    person = {"issuer": "https://id.example.org", "subject": "42", "role": "viewer"}
    made = both.send("POST", "/ui/users", {"name": "p1", **person}, code=201)
    assert made["password"] is False and "new_password" not in made  # signs in elsewhere alone
    Browser(both, "p1", "", code=401)
    assert both.ask("POST", "/ui/users", {"name": "p2", **person}).status == 409
    assert both.ask("POST", "/ui/users", {"name": "p2", "issuer": "https://id.example.org", "role": "viewer"}).status == 422


def test_the_audit_trail_says_who_and_what_and_no_secret(both):
    b = Browser(both, "anna")
    b.ask("POST", "/api/v2/variables", {"key": "db_host", "value": "s3cr3t-value"})
    b.ask("PATCH", "/api/v2/variables/db_host", {"key": "db_host", "value": "n3w-value", "description": "where"})
    b.ask("POST", "/api/v2/connections", {"connection_id": "c", "conn_type": "http", "password": "p4ss", "extra": "{\"k\": \"x9y\"}", "host": "h"})
    b.ask("POST", "/api/v2/pools", {"name": "p", "slots": 3})
    b.ask("PATCH", "/api/v2/pools/p", {"slots": 4})
    b.ask("PATCH", "/api/v2/dags/d", {"is_paused": True})
    both.tw("pools", "set", "p", "5")
    both.tw("users", "set-role", "anna", "viewer")
    both.send("PATCH", "/ui/users/anna", {"password": "s0me other password"})
    logs = both.get("/api/v2/eventLogs")["event_logs"]
    by = [(x["owner"], x["event"], x["subject"]) for x in reversed(logs)]
    who = "cli:" + subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    for row in (("api", "user create", "admin"), (who, "user create", "anna"), ("anna", "login", "127.0.0.1"), ("anna", "variable create", "db_host"),
                ("anna", "variable change", "db_host"), ("anna", "connection create", "c"), ("anna", "pool create", "p"),
                ("anna", "pool change", "p"), ("anna", "pause", "d"), (who, "pool change", "p"), (who, "user change", "anna"),
                ("token", "user password", "anna")):
        assert row in by, (row, by)
    rows = {(x["owner"], x["event"]): x for x in logs}
    change = rows["anna", "pool change"]
    assert (change["before"]["slots"], change["after"]["slots"]) == (3, 4)
    change = rows["anna", "variable change"]
    assert change["before"]["value"] == change["after"]["value"] == "***" and change["after"]["description"] == "where"
    assert rows["anna", "connection create"]["after"]["password"] == "***"
    change = rows[who, "user change"]
    assert (change["before"]["role"], change["after"]["role"]) == ("operator", "viewer")
    text = json.dumps(logs)
    assert not any(x in text for x in ("s3cr3t", "n3w-value", "p4ss", "x9y", "s0me", "argon2", PASSWORD))


def test_headers_of_every_answer(both):
    for path, code in (("/api/v2/dags", 200), ("/api/v2/nope", 404), ("/api/v2/version", 200), ("/metrics", 200), ("/ui/session", 200)):
        r = both.ask("GET", path)
        assert r.status == code
        assert r.getheader("X-Content-Type-Options") == "nosniff" and r.getheader("Referrer-Policy") == "same-origin"
        assert "frame-ancestors 'none'" in r.getheader("Content-Security-Policy") and r.getheader("X-Frame-Options") == "DENY"
        assert r.getheader("Cache-Control") in ("no-store", "private, no-cache")


def test_one_signs_in_while_no_scheduler_works(both):
    for p in both.tw.started:
        if "scheduler" in p.args:
            p.send_signal(signal.SIGTERM)
            p.wait(30)
    b = Browser(both, "anna")
    assert b.status("GET", "/api/v2/dags") == 200 and b.status("POST", "/ui/logout") == 204
    both.tw.start("scheduler", "-S", both.tw.path("dags"), stdout=open(both.tw.path("sched2.log"), "w"))
    wait_until(lambda: both.ask("GET", "/health").status == 200)


def test_a_stream_tells_nothing_more_when_what_opened_it_is_revoked(both):
    """guard: c->still in call_write."""
    put(both.tw, "long", tasks={"a": {"operator": "bash", "bash_command": "sleep 300"}})
    wait_until(lambda: both.ask("GET", "/api/v2/dags/long").status == 200)
    both.send("POST", "/api/v2/dags/long/dagRuns", {"dag_run_id": "r"})
    wait_until(lambda: both.get("/api/v2/dags/long/dagRuns/r")["state"] == "running")
    streams = []
    for name in ("revoked", "kept"):
        t = token(both.tw, name, "viewer")
        sock = both.connect()
        sock.sendall(("GET /api/v2/dags/long/dagRuns/r/wait HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % t).encode())
        seen = b""
        while b"running" not in seen:
            seen += sock.recv(65536)
        streams.append((sock, t))
    all_ = Everywhere(both, Authorization="Bearer " + streams[0][1])
    both.tw("tokens", "revoke", [x["id"] for x in both.tw.json("tokens", "list") if x["name"] == "revoked"][0])
    all_.become(401)
    both.send("PATCH", "/api/v2/dags/long/dagRuns/r", {"state": "failed"})
    for (sock, _), told in zip(streams, (False, True)):
        seen, more = b"", b"x"
        sock.settimeout(30)
        while more and b"failed" not in seen:  # the connection of the one that is cut is closed
            more = sock.recv(65536)
            seen += more
        assert (b"failed" in seen) is told, seen
        sock.close()


def test_sign_ins_at_once_hold_up_nobody_else(both):
    """From an address each: sixteen wait for each of two threads, the others are told to come again. guard: SIGNIN_WAITING in signin.c"""
    codes = []

    def sign_in(i):
        c = http.client.HTTPConnection(both.host, int(both.port), timeout=60, source_address=("127.0.7.%d" % (i + 1), 0))
        c.request("POST", "/ui/login", json.dumps({"username": "u%d" % i, "password": "wrong"}))
        r = c.getresponse()
        codes.append((r.status, r.getheader("Retry-After")))
        c.close()
    threads = [threading.Thread(target=sign_in, args=(i,)) for i in range(80)]
    for t in threads:
        t.start()
    assert all(both.ask("GET", "/api/v2/version", token=False).status == 200 for _ in range(20))
    for t in threads:
        t.join()
    assert set(codes) == {(401, None), (503, "1")}, codes


def test_loopback_unless_it_is_said(tw):
    s = Server(tw)
    assert s.host == "127.0.0.1"
    assert "without TLS" not in s.log()


def test_the_password_of_users_create_is_no_argument(tw):
    assert tw("users", "create", "x", "secret-password", code=64)
    assert "--password" not in tw("users", "create", "--help").stdout
    assert tw("users", "create", "x", code=65)  # standard input is empty
    assert "seen by all" in tw("airflow", "users", "create", "-u", "x", "-p", "secret", code=None).stderr
