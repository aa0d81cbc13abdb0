#!/usr/bin/python3
"""compare_uris.py CONNECTION-READ [SEED [COUNT]]: URIs of connections read by Tradewind and by the rules of Airflow's Connection.from_uri, written here
once more with Python's urllib: the same members, or an error in both. A list by hand and COUNT random ones (5000) from SEED.

Airflow asks no type of scheme more than urllib does, which reads what begins with no letter as no scheme; such are not drawn.
"""
import json
import random
import subprocess
import sys
from urllib.parse import parse_qsl, quote, unquote, urlsplit

WRITTEN = [
    "postgres://user:pass@db.example.com:5432/main", "postgresql://h/s", "Google-Cloud-Platform://", "my://u%40x:p%2Fw%3A%25@H.Example/a%2Fb", "x://", "x:///", "x:///s",
    "http://https://api.example.com:8443/v1", "spark://u@h?deploy-mode=client&x=a+b%26c&x=last&empty=", "aws://?__extra__=%7B%22a%22%3A+%5B1%2C2%5D%7D", "aws://?__extra__=", "aws:///?__extra__=&b=1",
    "mysql://:pw@h", "mysql://%2FVar%2Frun%2Fmysql.sock", "x://[::1]:80/", "x://[::1]", "x://@:99", "x://u@v@h", "x://u:p:q@h", "x://@h", "x://:@h", "x://h:", "x://h:/s", "x://h:0", "x://h:00080",
    "x://h:65535", "x://h:65536", "x://h:-1", "x://h:+1", "x://h: 1", "x://h:1a", "x://h:port", "no uri", "", "://", "x://a://b://c", "x://u:p@http://h", "x://http://u:p@h:1/s?a=b", "x://h?a", "x://h?a&b=",
    "x://h?=v", "x://h?&&", "x://h?a=b#f", "x://h#f?a=b", "x://h/s#f", "x://h/%", "x://h/%2", "x://h/%zz", "x://h/a+b", "x://h?a=%C3%BC", "x://%C3%BC@h", "x://h;a=b", "x://h?a=b;c=d", "x-y-z://h", "a.b+c://h",
    "x://h/a/b/c", "x://h//s", "x://http://", "x://http:///s", "x://HTTP://h", "x://h/?a=b", "x://u%3Ap@h", "x://:p%40@", "x://a.b.c:1/d?e=f&g=%20",
]


def read(uri):
    """The members, by Airflow's rules. ValueError."""
    if uri.count("://") > 2 or "://" not in uri:
        raise ValueError("no URI of a connection")
    two = uri.count("://") == 2
    kind = urlsplit(uri).scheme
    rest = uri.replace(uri[: uri.index("://")] + "://", "" if two else "//", 1)
    if two and set(rest.split("://", 1)[0]) & set("@:"):
        raise ValueError("the protocol holds a mark")
    parts = urlsplit(rest)
    host = unquote(parts.hostname or "")
    if "/" in host:
        host = unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
    kind = "postgres" if kind == "postgresql" else kind.replace("-", "_")
    out = {"conn_type": kind, "host": f"{parts.scheme}://{host}" if two and host else host, "schema": unquote(parts.path[1:])}
    out["login"] = None if parts.username is None else unquote(parts.username)
    out["password"] = None if parts.password is None else unquote(parts.password)
    out["port"] = parts.port
    if parts.query:
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        out["extra"] = query.get("__extra__") or (json.dumps(query) if query else None)
    return out


def plain(members):
    """What both have: empty and absent are one but for login and password; extra as a value."""
    out = {k: v for k, v in members.items() if v is not None and (v != "" or k in ("login", "password"))}
    if "extra" in out:
        try:
            out["extra"] = json.loads(out["extra"])
        except ValueError:
            pass
    return out


class Gen:
    """Random URIs: mostly right ones, of parts that have every mark in quotes, and a few marks where they do not belong."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def word(self, safe=""):
        text = "".join(self.r.choice("aZ09._-~!$&'()*+,;=:@/?#[]% éß漢\"<>|\\^`{}") for _ in range(self.r.randrange(6)))
        return quote(text, safe=safe) if self.r.random() < 0.93 else "".join(c for c in text if c in "aZ09._-~!$'()*+,;=:@/?%&")

    def uri(self):
        r = self.r
        scheme = r.choice(["x", "postgres", "postgresql", "Google-Cloud", "a.b+c", "my_sql", "HTTP"] if r.random() < 0.97 else ["", "9a"])
        scheme = scheme.replace("_", "-")
        out = scheme + "://" + (r.choice(["http", "https", "HTTP", "a-b"]) + "://" if r.random() < 0.15 else "")
        if r.random() < 0.6:
            out += self.word() + (":" + self.word() if r.random() < 0.7 else "") + "@"
        out += r.choice([self.word, lambda: "host.example", lambda: "Host", lambda: "", lambda: "[::1]", lambda: quote("/Var/run/x", safe="")])()
        if r.random() < 0.5:
            out += ":" + r.choice(["1", "80", "65535", "65536", "0", "", "080", "x", "-1", "1e2", " 1"])
        if r.random() < 0.6:
            out += "/" + self.word("/")
        if r.random() < 0.5:
            out += "?" + "&".join(self.word() + ("=" + self.word() if r.random() < 0.8 else "") for _ in range(r.randrange(4)))
        if r.random() < 0.1:
            out += r.choice(["?__extra__=" + quote(json.dumps({"a": [1]})), "?__extra__=text", "&__extra__="])
        if r.random() < 0.05:
            out += "#" + self.word()
        if r.random() < 0.05:
            at = r.randrange(len(out) + 1)
            out = out[:at] + r.choice(list("@:/?#&=%+ ")) + out[at:]
        return out


def is_odd(uri):
    """What urllib reads by rules of its own, which are no rules of connections."""
    scheme = uri.partition("://")[0]
    inner = uri.partition("://")[2].partition("://")[0] if uri.count("://") > 1 else "a"
    letters = all(text[:1].isalpha() and text.isascii() and all(c.isalnum() or c in "+-." for c in text) for text in (scheme, inner))
    rest = uri.partition("://")[2]
    # Brackets anywhere but around a host, white space at the ends, and a protocol that is only in the query.
    brackets = ("[" in rest or "]" in rest) and "[::1]" not in rest or rest.count("[") > 1 or rest.count("]") > 1
    marks = uri.count("://") > 1 and any(c in rest.partition("://")[0] for c in "/?#")
    return "://" in uri and (not letters or brackets or marks or uri != uri.strip() or "[::1]" in rest and not bracket_alone(rest))


def bracket_alone(rest):
    place = rest.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    return place.startswith("[::1]") and (place == "[::1]" or place[5:6] == ":")


def main():
    program, seed, count = sys.argv[1], int((sys.argv + [0, 0])[2] or 20260131), int((sys.argv + [0, 0, 0])[3] or 5000)
    gen = Gen(seed)
    uris = [one for one in WRITTEN + [gen.uri() for _ in range(count)] if not is_odd(one)]
    lines = "".join(json.dumps(one) + "\n" for one in uris)
    run = subprocess.run([program], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in run.stdout.decode("utf-8", "surrogateescape").splitlines()]
    assert len(answers) == len(uris), (len(answers), len(uris))
    same = both_fail = bad = 0
    for uri, got in zip(uris, answers):
        try:
            want, error = plain(read(uri)), None
        except ValueError as problem:
            want, error = None, problem
        if error is not None and "error" in got:
            both_fail += 1
        elif error is None and "error" not in got and plain(got) == want:
            same += 1
        else:
            bad += 1
            if bad <= 20:
                print(f"DIFFERENT: {uri!r}\n  airflow:   {want} {error or ''}\n  tradewind: {got}")
    print(f"{len(uris)} URIs (seed {seed}): {same} the same, {both_fail} fail in both, {bad} different")
    return 1 if bad or same < count // 2 or both_fail < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
