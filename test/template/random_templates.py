#!/usr/bin/python3
"""random_templates.py CONTEXT-RENDER [SEED [COUNT]]: COUNT (2000) random templates over the whole context of a task, from SEED, rendered by
both engines of the program: the worker's C, and the runner's Jinja2 with the runner's own context. Equal text, or an error in both.

What C leaves to Jinja2 is counted, and may be no more than a quarter. The grammar is that of compare.py; its values are Airflow's names.
"""
import json
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "python"))

from compare import VARIABLES, Gen  # noqa: E402

from tradewind.runner import instance, plain  # noqa: E402
from tradewind.runner.engine import QuestionUnknown  # noqa: E402
from tradewind.templates import Renderer  # noqa: E402

PARAMS = VARIABLES["params"]
CONF = {"k": "v", "region": "us", "list": [1, {"a": None}], "n": 8}
RUN = {"logical_date": "2026-01-31T10:20:30.000456+00:00", "interval_start": "2026-01-30T06:05:04.123456+00:00", "interval_end": "2024-02-29T23:59:59+00:00"}
ENVIRONMENT = {"TRADEWIND_VAR_BUCKET": "b-1", "AIRFLOW_VAR_CFG": '{"a": [1, 2.50, "ü"], "b": {"c": null}}', "TRADEWIND_VAR_N": "12", "AIRFLOW_VAR_EMPTY": "", "AIRFLOW_VAR_QUOTE": "it's \"q\" <b>"}
DOCUMENT = {"dag_id": "sales", "params": {k: {"default": v} if isinstance(v, dict) else v for k, v in PARAMS.items()},
            "tasks": {"t": {"operator": "bash", "retries": 2}, "other": {"operator": "empty"}}}


class ContextGen(Gen):
    """Airflow's names instead of made up ones."""

    NUMBERS = ["0", "1", "7", "3.5", "1e3", "try_number", "ti.try_number", "ti.max_tries", "ti.map_index", "params.n", "params.f", "params.neg", "params.nested.z", "params.zero", "dag_run.clear_number",
               "params.list[0]", "logical_date.year", "data_interval_start.month", "var.json.n", "var.json.cfg.a[1]", "dag_run.conf.n", "dag_run.conf['n']", "logical_date.int_timestamp", "params.rows[1].id"]
    STRINGS = ["'a'", '"B c"', "ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "run_id", "task_instance_key_str", "params.region", "params.text", "params.unicode", "params.ws", "params.lines", "params.quote", "''", "'%s'", "' 3.7 '",
               "dag.dag_id", "task.task_id", "ti.task_id", "ti.dag_id", "task_instance.run_id", "dag_run.run_id", "dag_run.dag_id", "dag_run.run_type", "var.value.bucket", "var.value.quote", "var.value.get('bucket', 'd')", "var.value.empty",
               "dag_run.conf.k", "dag_run.conf.get('k')", "dag_run.conf.get('none', 'x')", "macros.ds_add(ds, 3)", "macros.ds_format(ds, '%Y-%m-%d', '%d/%m')", "(logical_date | ts)", "(ti.xcom_pull('other') or 'nothing')", "macros.json.dumps(var.json.cfg)"]

    def num(self, d):
        return self.pick(*self.NUMBERS) if d <= 0 else super().num(d)

    def string(self, d):
        return self.pick(*self.STRINGS) if d <= 0 else super().string(d)

    def dict(self, d):
        return self.pick("params.nested", "params", "{'k': 1}", "dag_run.conf", "var.json.cfg", "params.rows[0]", "var.json.get('cfg', {'z': 2})") if d <= 0 else super().dict(d)

    def time(self, d):
        if d <= 0:
            return self.pick("logical_date", "data_interval_start", "data_interval_end", "dag_run.logical_date", "dag_run.data_interval_end", "dag_run.run_after", "dag_run.start_date", "dag_run.data_interval_start")
        return super().time(d)

    def cond(self, d):
        if d <= 0:
            return self.pick("true", "false", "dag_run", "ti", "dag_run.conf", "params.flag", "params.none is none", "missing is defined", "execution_date is defined", "try_number is odd", "'a' in ds", "var.value.bucket == 'b-1'", "ds is string")
        return super().cond(d)

    def any(self, d):
        if self.r.random() < 0.04:
            return self.pick("none", "missing", "execution_date", "params.missing", "ti.xcom_pull('other')", "ti.xcom_pull(task_ids=['other', 't'])", "ti.nope", "var.value.nope", "ti", "dag.description", "logical_date.date()", "test_mode", "params", "dag_run.state", "dag_run.conf")
        return super().any(d)


class NoEngine:
    """An engine that has no XCom and no earlier run."""

    path = None

    def ask(self, kind, **members):
        if kind == "xcom_get":
            return {"found": False}
        raise QuestionUnknown(kind)


class Imported:
    dags = ()

    class target:
        folder = "/"


def renderer():
    params = {**PARAMS, **CONF}
    start = {"file": "/dag.yaml", "kind": "bash", "dag_id": "sales", "task_id": "t", "run_id": "r1", "run_type": "manual", "try_number": 1, "max_tries": 2, "map_index": -1, "clear_number": 3, "result": "/dev/null",
             "logical_date": RUN["logical_date"], "data_interval_start": RUN["interval_start"], "data_interval_end": RUN["interval_end"], "run_after": RUN["interval_end"], "run_start": RUN["interval_end"].replace("59+", "59.000001+"),
             "conf": json.loads(json.dumps(CONF)), "params": json.loads(json.dumps(params)), "spec": DOCUMENT["tasks"]["t"], "dag": {}}
    task, dag = plain.command_task(start, Imported)
    ti = instance.TaskInstance(start, task, NoEngine())
    return Renderer(instance.make_context(start, task, dag, ti), dag, task)


def main():
    program, seed, count = sys.argv[1], int((sys.argv + [0, 0])[2] or 20260131), int((sys.argv + [0, 0, 0])[3] or 2000)
    os.environ.update(ENVIRONMENT)
    gen = ContextGen(random.Random(seed))
    texts = [text for text in (gen.template() for _ in range(count)) if "{" in text]
    first = json.dumps({"document": DOCUMENT, "conf": json.dumps(CONF), **RUN})
    run = subprocess.run([program], input="\n".join([first] + [json.dumps(t) for t in texts]).encode() + b"\n", stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in run.stdout.decode().splitlines()]
    assert len(answers) == len(texts), (len(answers), len(texts))
    python = renderer()
    same = both_fail = jinja = skipped = bad = 0
    for text, got in zip(texts, answers):
        try:
            want, error = python.render(text), None
        except Exception as e:  # whatever Jinja2 or Python says: the text is not compared
            want, error = None, f"{type(e).__name__}: {e}"
        if "jinja" in got:
            jinja += 1
            if "-v" in sys.argv:
                print(f"jinja: {text!r}")
        elif want is not None and (" at 0x" in want or "Period" in want):
            skipped += 1  # an address in the text: no one's contract
        elif error is not None and "error" in got:
            both_fail += 1
        elif want is not None and got.get("output") == want:
            same += 1
        else:
            bad += 1
            if bad <= 25:
                print(f"DIFFERENT: {text!r}\n  jinja2: {want!r} {error or ''}\n  c:      {got.get('output', got)!r}")
    print(f"{len(texts)} random (seed {seed}): {same} the same, {both_fail} fail in both, {jinja} by Jinja2 alone, {skipped} skipped, {bad} different")
    return 1 if bad or jinja > len(texts) // 4 else 0


if __name__ == "__main__":
    sys.exit(main())
