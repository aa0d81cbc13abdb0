#!/usr/bin/python3
"""compare.py TEMPLATE-RENDER [SEED [COUNT]]: the same templates rendered by Tradewind and by Jinja2 must give the same text.

A list written by hand and COUNT random ones (2500) from SEED. Where Jinja2 raises, Tradewind must fail too; what Tradewind
calls UNSUPPORTED is counted, and may be no more than a small part of the random ones.
"""
import datetime
import json
import random
import subprocess
import sys

import pendulum
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from corpus import CORPUS

pendulum.DateTime.__str__ = lambda self: datetime.datetime.isoformat(self, " ")  # pendulum 3, as Airflow 3 has it

TIMES = ["logical_date", "data_interval_start", "data_interval_end"]
VARIABLES = {
    "ds": "2026-01-31", "ds_nodash": "20260131", "ts": "2026-01-31T00:00:00+00:00", "run_id": "manual__2026-01-31",
    "logical_date": "2026-01-31T00:00:00+00:00", "data_interval_start": "2026-01-30T06:05:04.123456+00:00",
    "data_interval_end": "2024-02-29T23:59:59+00:00",
    "params": {"region": "eu", "n": 7, "big": 123456789012, "f": 2.5, "neg": -3, "zero": 0, "flag": True, "none": None,
               "list": [3, 1, 2], "words": ["b", "A", "c", "a"], "empty": [], "text": "Hello, World it's <b>",
               "nested": {"a": {"b": [1, {"c": "deep"}]}, "z": 1.0}, "tiny": 1e-7, "huge": 1e22, "floats": [0.1, 2.0, 1e16],
               "unicode": "straße Ünïcode ΣΑΣ ǆ", "quote": "it's \"q\"", "ws": "  a  b\tc\n", "lines": "one\ntwo\n\nthree\n",
               "rows": [{"id": 2, "name": "Bob", "tags": ["x"]}, {"id": 1, "name": "alice", "tags": []},
                        {"id": 3, "name": "Carl", "tags": ["x", "y"]}]},
    "dag": {"dag_id": "sales"}, "task": {"task_id": "load"},
    "dag_run": {"run_id": "r1", "conf": {"k": "v"}, "logical_date": "2026-01-31T00:00:00+00:00"},
    "ti": {"task_id": "load", "try_number": 2}, "x": 5, "y": 2, "s": "abc", "t": "Tue Wed-thu (fri)",
    "var": {"value": {"bucket": "b1"}, "json": {"cfg": {"a": [1, 2]}}},
}
XCOMS = {"extract": {"return_value": {"rows": 10, "ok": True}, "path": "/tmp/x"}, "count": {"return_value": 3},
         "load": {"return_value": "own"}}


class TI(dict):
    """ti: a dict whose xcom_pull is Airflow's."""

    def xcom_pull(self, task_ids=None, key="return_value", default=None):
        def one(task):
            v = XCOMS.get(task, {}).get(key)
            return default if v is None else v
        if task_ids is None:
            return one("")
        return one(task_ids) if isinstance(task_ids, str) else [one(t) for t in task_ids]


class Macros:
    json = json
    timedelta = datetime.timedelta

    @staticmethod
    def ds_add(ds, days):
        if not days:
            return str(ds)
        return (datetime.datetime.strptime(str(ds), "%Y-%m-%d") + datetime.timedelta(days)).strftime("%Y-%m-%d")

    @staticmethod
    def ds_format(ds, input_format, output_format):
        return datetime.datetime.strptime(str(ds), input_format).strftime(output_format)


def none_or(fn):
    return lambda v: None if v is None else fn(v)


ENV = SandboxedEnvironment(undefined=StrictUndefined, extensions=["jinja2.ext.do"])
ENV.filters.update({
    "ds": none_or(lambda v: v.strftime("%Y-%m-%d")), "ds_nodash": none_or(lambda v: v.strftime("%Y%m%d")),
    "ts": none_or(lambda v: v.isoformat()), "ts_nodash": none_or(lambda v: v.strftime("%Y%m%dT%H%M%S")),
    "ts_nodash_with_tz": none_or(lambda v: v.isoformat().replace("-", "").replace(":", ""))})


def context():
    c = json.loads(json.dumps(VARIABLES))
    for name in TIMES:
        c[name] = pendulum.parse(c[name]).in_timezone("UTC")
    c["dag_run"]["logical_date"] = pendulum.parse(c["dag_run"]["logical_date"]).in_timezone("UTC")
    c["ti"] = TI(c["ti"])
    c["task_instance"] = c["ti"]
    c["macros"] = Macros
    return c


class Gen:
    """Random expressions of a wanted kind, so that most of them render."""

    def __init__(self, rnd):
        self.r = rnd
        self.vars = []

    def pick(self, *options):
        return self.r.choice(options)

    def num(self, d):
        r = self.r
        if d <= 0:
            return self.pick("0", "1", "2", "7", "10", "3.5", "0.1", "1e3", "x", "y", "params.n", "params.f", "params.neg",
                             "params.nested.z", "true", "params.zero", "params.list[0]", "2**3", "params.rows[1].id")
        a, b = self.num(d - 1), self.num(d - 1)
        return r.choice([
            lambda: f"({a} {r.choice(['+', '-', '*', '/', '//', '%'])} {b})", lambda: f"(-{a})", lambda: f"{a} + {b}",
            lambda: f"({a})|abs", lambda: f"({a})|round({r.choice(['', '1', '2', '0'])})", lambda: f"({a})|int",
            lambda: f"({a})|float", lambda: f"{self.list(d - 1)}|length", lambda: f"{self.string(d - 1)}|length",
            lambda: f"{self.nums()}|sum", lambda: f"{self.nums()}|max", lambda: f"{self.nums()}|min",
            lambda: f"{self.string(d - 1)}|wordcount", lambda: f"({a} if {self.cond(d - 1)} else {b})",
            lambda: f"{self.string(d - 1)}|int({b})", lambda: f"{self.string(d - 1)}|float({b})",
            lambda: f"{self.string(0)}.find({self.string(0)})", lambda: f"({a})|round(1, '{r.choice(['ceil', 'floor'])}')",
        ])()

    def nums(self):
        return self.pick("params.list", "[3, 1, 2.5]", "[x, y, 4]", "range(5)", "(1, 2)", "params.floats",
                         "params.rows|map(attribute='id')")

    def string(self, d):
        r = self.r
        if d <= 0:
            return self.pick("'a'", '"B c"', "s", "t", "ds", "params.region", "params.text", "params.unicode", "params.ws",
                             "params.lines", "run_id", "''", "'x,y,z'", "params.quote", "dag.dag_id", "'%s'", "'12'", "' 3.7 '")
        a, b = self.string(d - 1), self.string(0)
        return r.choice([
            lambda: f"({a})|{r.choice(['upper', 'lower', 'title', 'capitalize', 'trim', 'string', 'reverse', 'urlencode'])}",
            lambda: f"({a} ~ {self.any(d - 1)})", lambda: f"({a} + {b})", lambda: f"({a})|replace({b}, {self.string(0)})",
            lambda: f"({a})[{r.randint(-3, 3)}:{r.choice(['', '2', '-1'])}]", lambda: f"({a})[::-1]",
            lambda: f"({a})|truncate({r.randint(3, 12)}, {r.choice(['true', 'false'])}, '..', 0)",
            lambda: f"({a})|indent({r.randint(1, 4)}, {r.choice(['true', 'false'])})", lambda: f"({a} * {r.randint(0, 3)})",
            lambda: f"({a}).{r.choice(['upper', 'lower', 'title', 'strip', 'swapcase', 'capitalize', 'lstrip', 'rstrip'])}()",
            lambda: f"({a}).replace({b}, '_')", lambda: f"({a}).{r.choice(['ljust', 'rjust', 'center', 'zfill'])}({r.randint(0, 30)})",
            lambda: f"{self.list(d - 1)}|join({b})", lambda: f"({a}).strip({b})", lambda: f"({a})|default({b})",
            lambda: f"({self.any(d - 1)})|string", lambda: f"({a} if {self.cond(d - 1)} else {b})",
            lambda: f"'%s-%s'|format({self.any(d - 1)}, {b})", lambda: f"'{{}}:{{}}'.format({a}, {self.num(0)})",
            lambda: f"('%{r.choice(['5d', '05d', 'x', '.2f', 'g', '+d', '-6d', 'e'])}' % {self.num(d - 1)})",
            lambda: f"'{{:{r.choice(['>8', '^9', '<7', '*^9'])}}}'.format({a})",
            lambda: f"'{{:{r.choice(['8.2f', ',.1f', '+.3e', '.1%', '010.3f', 'g'])}}}'.format({self.num(d - 1)}|float)",
            lambda: f"macros.ds_add(ds, {r.randint(-400, 400)})", lambda: f"({self.any(d - 1)})|tojson|string",
            lambda: f"{self.time(d - 1)}.strftime('%Y/%m/%d %H-%M-%S %j %b %a')", lambda: f"{self.time(d - 1)}|{r.choice(['ds', 'ts', 'ts_nodash', 'ds_nodash', 'ts_nodash_with_tz'])}",
            lambda: f"(({a})|e)", lambda: f"({a}).removeprefix({b})", lambda: f"({a}).center({r.randint(1, 20)}, '*')",
        ])()

    def list(self, d):
        r = self.r
        if d <= 0:
            return self.pick("params.list", "params.words", "[1, 'a', none]", "[]", "params.rows", "range(3)", "['z', 'Y', 'x']",
                             "params.floats", "(1, 2)", "[[1], [2, 3]]", "params.empty", "[1.0, 1, true]")
        a = self.list(d - 1)
        return r.choice([
            lambda: f"[{self.any(d - 1)}, {self.any(d - 1)}]", lambda: f"({a}|list)[{r.randint(-2, 2)}:]", lambda: f"({a}|reverse|list)",
            lambda: f"(params.words|sort{r.choice(['', '(true)', '(case_sensitive=true)'])})", lambda: f"({a}|map('string')|list)",
            lambda: f"(params.rows|sort(attribute='{r.choice(['id', 'name'])}')|map(attribute='{r.choice(['id', 'name', 'tags'])}')|list)",
            lambda: f"({a}|select|list)", lambda: f"({self.string(d - 1)}).split({r.choice(['', self.string(0)])})",
            lambda: f"({self.string(d - 1)}).splitlines()", lambda: f"({self.string(d - 1)}|list)", lambda: f"(({a}|list) + [1])",
            lambda: f"(params.words|unique|list)", lambda: f"({a}|batch({r.randint(1, 3)}, 0)|list)", lambda: f"({a}|slice({r.randint(1, 3)})|list)",
            lambda: f"(params.nested|dictsort)", lambda: f"({self.dict(d - 1)}.items()|list)", lambda: f"({self.dict(d - 1)}|list)",
            lambda: f"(params.rows|selectattr('id', '{r.choice(['gt', 'eq', 'ne', 'odd'])}'" .replace("odd'", "odd'") + f"{r.choice([', 1', ', 2'])})|map(attribute='name')|list)",
            lambda: f"({self.nums()}|select('{r.choice(['odd', 'even'])}')|list)", lambda: f"({a}|reject('none')|list)",
            lambda: f"range({r.randint(0, 3)}, {r.randint(3, 9)}, {r.randint(1, 3)})",
        ])()

    def dict(self, d):
        if d <= 0:
            return self.pick("params.nested", "{'k': 1}", "{}", "dag_run.conf", "params.rows[0]", "{'a': [1], 2: 'b', none: 1.5}")
        return f"{{'a': {self.any(d - 1)}, 'b': {self.any(d - 1)}}}"

    def time(self, d):
        base = self.pick("logical_date", "data_interval_start", "data_interval_end", "dag_run.logical_date")
        if d <= 0:
            return base
        return self.pick(f"{base}.add(days={self.r.randint(-40, 40)})", f"({base} + macros.timedelta(hours={self.r.randint(-50, 50)}))",
                         f"{base}.subtract(months={self.r.randint(0, 30)})", f"{base}.add(minutes=3, years=1)")

    def cond(self, d):
        r = self.r
        if d <= 0:
            return self.pick("true", "false", "x > 3", "s == 'abc'", "params.none is none", "missing is defined", "x is odd",
                             "'a' in s", "params.flag", "params.empty", "3 in params.list", "y is divisibleby 2", "'zz' not in t")
        return r.choice([
            lambda: f"({self.cond(d - 1)} {r.choice(['and', 'or'])} {self.cond(d - 1)})", lambda: f"not {self.cond(d - 1)}",
            lambda: f"({self.num(d - 1)} {r.choice(['<', '<=', '>', '>=', '==', '!='])} {self.num(d - 1)})",
            lambda: f"({self.string(d - 1)} {r.choice(['<', '>', '==', '!='])} {self.string(0)})", lambda: f"({self.any(d - 1)} == {self.any(0)})",
            lambda: f"({self.any(d - 1)}) is {r.choice(['string', 'number', 'mapping', 'sequence', 'iterable', 'none', 'integer', 'float', 'boolean'])}",
            lambda: f"({self.string(d - 1)} in {self.string(d - 1)})", lambda: f"({self.any(0)} in {self.list(d - 1)})",
            lambda: f"({self.string(d - 1)}).{r.choice(['startswith', 'endswith'])}({self.string(0)})", lambda: f"1 < {self.num(0)} <= 9",
            lambda: f"({self.string(d - 1)}).{r.choice(['isdigit', 'isalpha', 'isupper', 'islower', 'isspace', 'isalnum'])}()",
        ])()

    def any(self, d):
        kinds = [self.num, self.string, self.string, self.list, self.dict, self.cond]
        out = self.r.choice(kinds)(d)
        if self.r.random() < 0.05:
            out = self.pick("none", "missing", "params.none", "params.missing", "ti.xcom_pull('extract')", "logical_date",
                            "ti.xcom_pull(task_ids='count')", "ti.xcom_pull(task_ids=['count', 'nope'])", "logical_date.date()")
        return out

    def stmt(self, d):
        r = self.r
        dash = lambda: r.choice(["", "", "-"])
        if d <= 0 or r.random() < 0.5:
            return f"{{{{{dash()} {self.any(r.randint(0, 3))} {dash()}}}}}"
        body = lambda: self.text() + self.stmt(d - 1) + self.text()
        return r.choice([
            lambda: f"{{%{dash()} if {self.cond(2)} {dash()}%}}{body()}{{% elif {self.cond(1)} %}}{body()}{{%{dash()} else %}}{body()}{{% endif {dash()}%}}",
            lambda: f"{{% for i in {self.list(2)} {dash()}%}}{{{{ loop.index }}}}:{{{{ i }}}}{{{{ ',' if not loop.last }}}}{body()}{{%{dash()} else %}}none{{% endfor %}}",
            lambda: f"{{% for i in {self.list(1)} if i %}}{{{{ i }}}}{{{{ loop.cycle('a', 'b') }}}}{{{{ loop.revindex0 }}}}{{% endfor %}}",
            lambda: f"{{% for k, v in {self.dict(1)}.items() %}}{{{{ k }}}}={{{{ v }}}};{{% endfor %}}",
            lambda: f"{{% set q = {self.any(2)} %}}{{{{ q }}}}{body()}", lambda: f"{{% set q %}}{body()}{{% endset %}}[{{{{ q|upper }}}}]",
            lambda: f"{{% with q = {self.any(1)}, w = 1 %}}{{{{ q }}}}{{{{ w }}}}{{% endwith %}}", lambda: f"{{% filter upper %}}{body()}{{% endfilter %}}",
            lambda: f"{{% set ns = namespace(n=0) %}}{{% for i in {self.nums()} %}}{{% set ns.n = ns.n + i %}}{{% endfor %}}{{{{ ns.n }}}}",
            lambda: "{# a comment " + dash() + "#}" + body(), lambda: "{% raw %}{{ x }}{% endraw %}" + body(),
        ])()

    def text(self):
        return self.pick("", " ", "a", "\n", "  b\n", "\t", "é", "\r\n", "x { y } %")

    def template(self):
        return "".join(self.text() + self.stmt(2) for _ in range(self.r.randint(1, 3))) + self.text()


def expected(text):
    try:
        out = ENV.from_string(text).render(context())
    except Exception as e:  # whatever Jinja2 or Python says: the text is not compared
        return None, f"{type(e).__name__}: {e}"
    return out, None


def main():
    program, seed, count = sys.argv[1], int((sys.argv + [0, 0])[2] or 20260131), int((sys.argv + [0, 0, 0])[3] or 2500)
    gen = Gen(random.Random(seed))
    texts = CORPUS + [gen.template() for _ in range(count)]
    variables = dict(VARIABLES, task_instance=VARIABLES["ti"])
    xcoms = dict(XCOMS)
    lines = "".join(json.dumps({"template": t, "variables": variables, "times": TIMES, "xcoms": xcoms}) + "\n" for t in texts)
    run = subprocess.run([program], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in run.stdout.decode().splitlines()]
    assert len(answers) == len(texts), (len(answers), len(texts))
    bad = unsupported = both_fail = same = skipped = 0
    for i, (text, got) in enumerate(zip(texts, answers)):
        want, error = expected(text)
        if want is not None and (" at 0x" in want or "Period" in want):
            skipped += 1  # an address in the text: no one's contract
        elif got.get("code") == "UNSUPPORTED":
            unsupported += 1
            if i < len(CORPUS) or "-v" in sys.argv:
                print(f"unsupported: {text!r}: {got['error']}")
        elif error is not None and "error" in got:
            both_fail += 1
        elif want is not None and got.get("output") == want:
            same += 1
        else:
            bad += 1
            if bad <= 25:
                print(f"DIFFERENT: {text!r}\n  jinja2:    {want!r} {error or ''}\n  tradewind: {got.get('output', got)!r}")
    print(f"{len(CORPUS)} written and {count} random (seed {seed}): {same} the same, {both_fail} fail in both, "
          f"{unsupported} unsupported, {skipped} skipped, {bad} different")
    return 1 if bad or unsupported > len(texts) // 20 else 0


if __name__ == "__main__":
    sys.exit(main())
