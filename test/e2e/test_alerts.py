"""Alerts: real mail and web servers, real commands; floods, failures and kills of what sends them."""
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess

import pytest
from receivers import Mail, Web, certificate, closed_port
from test_run import bash

KEY = "whsec_" + base64.b64encode(b"a key that both sides know").decode()


@pytest.fixture
def web():
    made = []

    def make(*answers):
        made.append(Web(answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


def config(tw, channels, *rules):
    os.makedirs(tw.home, exist_ok=True)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        json.dump({"alerts": {"channels": channels, "rules": list(rules)}}, f)


def serve(tw, **more):
    """The scheduler over the folder `dags`, once it is ready."""
    os.makedirs(tw.path("dags"), exist_ok=True)
    out = open(tw.path("scheduler.log"), "a+")
    at = out.tell()
    p = tw.start("scheduler", "-S", tw.path("dags"), stdout=out, **more)
    tw.until(lambda: p.poll() is not None or "works in" in open(tw.path("scheduler.log")).read()[at:])
    assert p.poll() is None, open(tw.path("scheduler.log")).read()
    out.close()
    return p


def stop(p):
    p.send_signal(signal.SIGTERM)
    assert p.wait(20) == 0


@pytest.fixture
def told(tw, until):
    tw.until = until
    return tw


def alerts(tw, *options):
    return tw.json("alerts", "list", "-n", "0", *options)


def settled(tw, n=1):
    """That nothing waits any more, and at least so many were told or given up."""
    return lambda: len(alerts(tw)) >= n and not alerts(tw, "--waiting")  # in this order: one may come between


def dag(tw, name, tasks, **members):
    os.makedirs(tw.path("dags"), exist_ok=True)
    tw.dag(tasks, name="dags/" + name, **members)
    return tw.path("dags/" + name)


def signed(headers, body, key):
    text = b"%s.%s." % (headers["webhook-id"].encode(), headers["webhook-timestamp"].encode()) + body
    mac = hmac.new(base64.b64decode(key[6:]), text, hashlib.sha256).digest()
    return headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()


def test_every_channel(told, web):
    tw, hook, slack, mail = told, web(), web(), Mail()
    keep = ["/bin/sh", "-c", 'cat > "$OUT"; env > "$OUT.env"']
    config(tw, {"hook": {"type": "webhook", "url": hook.url + "/in", "secret": "hook_key", "interval": "1s"},
                "chat": {"type": "slack", "connection": "slack_api"},
                "mail": {"type": "email", "to": ["ops@example.org", "boss@example.org"], "from": "tw@example.org"},
                "run": {"type": "command", "command": keep, "env": {"OUT": tw.path("got")}}},
           {"on": "task_failure", "dags": "d*", "channels": ["hook", "chat", "mail", "run"]},
           {"on": "run_success", "dags": "other", "channels": ["hook"]})
    tw("variables", "set", "hook_key", KEY)
    tw("connections", "add", "slack_api", "--type", "slackwebhook", "--host", slack.url + "/services", "--password", "T0/B0/verysecret")
    file = dag(tw, "d.yaml", {"a": bash("exit 3")})
    p = serve(tw, env={"AIRFLOW__SMTP__SMTP_HOST": "127.0.0.1", "AIRFLOW__SMTP__SMTP_PORT": str(mail.port),
                       "AIRFLOW__SMTP__SMTP_STARTTLS": "False", "SECRET_OF_THE_SERVICE": "1"})
    tw("run", file, "--run-id", "r1", "--plain", code=1)
    tw.until(settled(tw, 4))
    assert {a["channel"]: a["state"] for a in alerts(tw)} == dict.fromkeys(("hook", "chat", "mail", "run"), "sent")

    path, headers, body = hook.requests[0]
    assert path == "/in" and headers["Content-Type"] == "application/json" and signed(headers, body, KEY)
    said = json.loads(body)
    assert said["id"] == headers["webhook-id"] and said["title"] == "task failed: d.a" and said["count"] == 1
    assert said["alerts"][0]["reason"] == "exit code 3" and said["alerts"][0]["run_id"] == "r1"
    assert not signed(headers, body + b" ", KEY)

    assert slack.requests[0][0] == "/services/T0/B0/verysecret"
    assert "task failed: d.a" in slack.json[0]["text"] and "run r1" in slack.json[0]["text"]

    to, letter = mail.mails[0]
    assert to == ["ops@example.org", "boss@example.org"] and letter["From"] == "tw@example.org"
    assert letter["Subject"] == "[tradewind] task failed: d.a" and "exit code 3" in letter.get_content()

    with open(tw.path("got")) as f:
        assert json.load(f)["title"] == "task failed: d.a"
    with open(tw.path("got.env")) as f:
        names = {line.split("=")[0] for line in f}
    assert {"TRADEWIND_ALERT_ID", "TRADEWIND_ALERT_CHANNEL", "TRADEWIND_HOME", "PATH", "OUT"} <= names
    assert names <= {"TRADEWIND_ALERT_ID", "TRADEWIND_ALERT_CHANNEL", "TRADEWIND_HOME", "PATH", "OUT", "PWD", "SHLVL", "_", "OLDPWD"}

    tw("run", dag(tw, "other.yaml", {"a": bash("true")}, dag_id="other"), "--plain")
    tw.until(lambda: len(hook.requests) == 2)
    assert hook.json[1]["title"] == "run succeeded: other"
    stop(p)
    mail.close()
    with open(tw.path("scheduler.log")) as f:
        assert not re.search("verysecret|hook_key|both sides", f.read())


def test_mail_of_a_task(told):
    """`email` of a task, over TLS with a login of the connection smtp_default; as in Airflow for retries too."""
    tw, cert = told, certificate(told.folder)
    if cert is None:
        pytest.skip("openssl is not installed")
    mail = Mail(cert, login=("robot", "swordfish"))
    config(tw, {"m": {"type": "email", "to": "x@example.org", "ca_file": cert[0]}},
           {"on": "run_failure", "channels": "m"})
    tw("connections", "add", "smtp_default", "--type", "smtp", "--host", "localhost", "--port", str(mail.port), "--login", "robot",
       "--password", "swordfish", "--extra", '{"disable_ssl": true, "from_email": "tw@example.org"}')
    file = dag(tw, "d.yaml", {"a": bash("exit 1", email=["anna@example.org"], retries=1, retry_delay=0.1),
                              "b": bash("exit 1", email="bob@example.org", email_on_failure=False)})
    p = serve(tw)
    tw("run", file, "--plain", code=1)
    tw.until(lambda: len(mail.mails) >= 1)
    assert mail.mails[0][0] == ["x@example.org"] and mail.encrypted == [True]
    # The task's own mail trusts the system's certificates alone: this one is not among them, and is not sent in the clear.
    tw.until(lambda: any(a["channel"] == "email:anna@example.org" and a["error"] for a in alerts(tw)))
    mine = [a for a in alerts(tw) if a["channel"].startswith("email:")]
    assert {a["channel"] for a in mine} == {"email:anna@example.org"}
    assert sorted(a["kind"] for a in mine) == ["task_failure", "task_retry"]
    assert "certificate" in [a["error"] for a in mine if a["error"]][0] and len(mail.mails) == 1
    done = tw("alerts", "test", "m")
    assert "was sent" in done.stdout and len(mail.mails) == 2
    stop(p)
    mail.close()


def test_flood(told, web):
    """1,000 failures: no channel gets more than 3 messages, and all failures are in them."""
    tw, hook = told, web()
    config(tw, {"hook": {"type": "webhook", "url": hook.url},
                "run": {"type": "command", "command": ["/bin/sh", "-c", "cat >> " + tw.path("got")]}},
           {"on": "task_failure", "channels": ["hook", "run"]})
    file = dag(tw, "d.yaml", {f"t{i}": bash("false") for i in range(1000)}, max_active_tasks=1000)
    p = serve(tw)
    tw("run", file, "--plain", "--quiet", code=1, timeout=300)
    tw.until(settled(tw, 2000), 120)
    assert 1 <= len(hook.requests) <= 3
    assert sum(m["count"] for m in hook.json) == 1000
    with open(tw.path("got")) as f:
        lines = [json.loads(line) for line in f]
    assert 1 <= len(lines) <= 3 and sum(m["count"] for m in lines) == 1000
    assert len({m["id"] for m in lines}) == len(lines)
    assert max(len(m["text"]) for m in lines) < 20000
    stop(p)


def test_what_fails_is_tried_again_and_shown(told, web):
    """500 twice, then taken, under one id; 400 is for good; who refuses or hangs is shown. The runs do not notice."""
    tw, shaky, never, silent = told, web(500, 500), web(*[400] * 9), web(*[None] * 9)
    quick = {"retries": 2, "retry_delay": "100ms", "timeout": "1s"}
    config(tw, {"shaky": {"type": "webhook", "url": shaky.url, **quick},
                "never": {"type": "webhook", "url": never.url + "/token-abcdefgh", **quick},
                "silent": {"type": "webhook", "url": silent.url, **quick, "retries": 1},
                "closed": {"type": "webhook", "url": f"http://user:pw123@127.0.0.1:{closed_port()}/token-abcdefgh", **quick},
                "hangs": {"type": "command", "command": ["/bin/sh", "-c", "sleep 100 & sleep 100"], **quick, "retries": 0},
                "breaks": {"type": "command", "command": ["/bin/sh", "-c", "exit 7"], **quick, "retries": 0},
                "absent": {"type": "command", "command": ["/no/such/program"], **quick}},
           {"on": "task_failure", "channels": ["shaky", "never", "silent", "closed", "hangs", "breaks", "absent"]})
    file = dag(tw, "d.yaml", {"a": bash("exit 1")}, alerts=[{"on": ["task_failure"], "channels": ["nobody"]}])
    p = serve(tw)
    tw("run", file, "--plain", code=1)
    tw.until(settled(tw, 8), 60)
    state = {a["channel"]: a for a in alerts(tw)}
    assert state["shaky"]["state"] == "sent" and state["shaky"]["tries"] == 3
    assert len({m["id"] for m in shaky.json}) == 1 and len(shaky.requests) == 3
    assert len(never.requests) == 1 and "400" in state["never"]["error"]
    assert len(silent.requests) == 2 and "within 1.0 s" in state["silent"]["error"]
    assert state["closed"]["tries"] == 3 and "127.0.0.1" in state["closed"]["error"]
    assert "was killed" in state["hangs"]["error"] and "exit code 7" in state["breaks"]["error"]
    assert "/no/such/program" in state["absent"]["error"] and state["absent"]["tries"] == 1
    assert "no channel 'nobody'" in state["nobody"]["error"]
    failed = {a["channel"] for a in alerts(tw, "--failed")}
    assert failed == set(state) - {"shaky"}
    assert tw.json("runs", "show", "d")["state"] == "failed"
    stop(p)
    with open(tw.path("scheduler.log")) as f:
        text = f.read() + json.dumps(alerts(tw)) + tw("alerts", "channels").stdout
    assert "pw123" not in text and "token-abcdefgh" not in text


def test_killed_between_failure_and_sending(told, web):
    tw, hook = told, web(None)
    config(tw, {"hook": {"type": "webhook", "url": hook.url}}, {"on": ["task_failure", "run_failure"], "channels": "hook"})
    file = dag(tw, "d.yaml", {"a": bash("exit 1"), "b": bash("sleep 1; exit 1")})
    p = serve(tw)
    tw("run", file, "--plain", code=1)
    tw.until(lambda: len(hook.requests) == 1)  # it has the message, and we never learn of it
    assert {a["state"] for a in alerts(tw)} == {"sending", "pending"}
    p.kill()
    p.wait()
    p = serve(tw)
    tw.until(settled(tw, 3), 90)
    assert {a["state"] for a in alerts(tw)} == {"sent"}
    first, again = hook.json[0], hook.json[1]
    assert first == again  # the same message, whatever happened: a receiver folds by its id
    assert sum(m["count"] for m in hook.json[1:]) == 3
    stop(p)


def test_deadlines_in_python(told, web):
    tw, hook = told, web()
    config(tw, {"hook": {"type": "webhook", "url": hook.url, "interval": "1s"}}, {"on": "deadline_missed", "channels": "hook"})
    os.makedirs(tw.path("dags"))
    tw.write("dags/pager.py", """
        import os
        from airflow.sdk import BaseNotifier
        OUT = os.path.join(os.path.dirname(__file__), "..", "paged")
        def out(*words):
            with open(OUT, "a") as f:
                print(*words, file=f)
        def page(context, text):
            out("sync", text, context["dag_run"]["dag_id"], context["dag_run"]["run_id"], context["deadline"]["deadline_time"].year > 2000)
        async def apage(**kwargs):
            out("async", kwargs["text"], kwargs["context"]["dag_run"]["state"])
        class Notifier(BaseNotifier):
            template_fields = ("text",)
            def __init__(self, text):
                super().__init__()
                self.text = text
            async def async_notify(self, context):
                out("notifier", self.text)
        def broken():
            raise ValueError("this one is broken")
    """)
    tw.write("dags/d.py", """
        from datetime import datetime, timedelta
        from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback
        from airflow.providers.standard.operators.bash import BashOperator
        import pager
        queued, soon = DeadlineReference.DAGRUN_QUEUED_AT, timedelta(milliseconds=200)
        late = [DeadlineAlert(queued, soon, SyncCallback(pager.page, {"text": "late"}), name="soon"),
                DeadlineAlert(queued, soon, AsyncCallback(pager.apage, {"text": "late"})),
                DeadlineAlert(DeadlineReference.FIXED_DATETIME(datetime(2020, 1, 1)), soon,
                              AsyncCallback(pager.Notifier, {"text": "{{ dag_run.dag_id }} is late"})),
                DeadlineAlert(queued, soon, SyncCallback("pager.broken")),
                DeadlineAlert(queued, timedelta(hours=1), SyncCallback(pager.page, {"text": "never"})),
                DeadlineAlert(DeadlineReference.AVERAGE_RUNTIME(), soon, SyncCallback(pager.page, {"text": "never"}))]
        with DAG("d", deadline=late):
            BashOperator(task_id="a", bash_command="sleep 1.5")
        with DAG("quick", deadline=DeadlineAlert(queued, timedelta(hours=1), SyncCallback(pager.page, {"text": "never"}))):
            BashOperator(task_id="a", bash_command="true")
    """)
    p = serve(tw)
    tw("run", tw.path("dags/d.py"), "--dag", "d", "--run-id", "r1", "--plain")
    paged = lambda: sorted(open(tw.path("paged")).read().splitlines()) if os.path.exists(tw.path("paged")) else []  # noqa: E731
    tw.until(lambda: len(paged()) == 3, 60)
    assert paged() == ["async late running", "notifier d is late", "sync late d r1 True"] or paged()[0] == "async late success"
    tw.until(settled(tw, 1))
    assert sum(m["count"] for m in hook.json) == 4
    shown = tw.json("runs", "show", "d")["deadlines"]
    assert [d["missed"] for d in shown] == [True] * 4 + [False] and shown[0]["name"] == "soon"
    assert re.search(r"deadline soon missed by 1\.\d+s", tw("runs", "show", "d").stdout)
    tw.until(lambda: "this one is broken" in "".join(
        open(os.path.join(d, f)).read() for d, _, files in os.walk(tw.home + "/logs") for f in files if "deadline" in f))
    tw("run", tw.path("dags/d.py"), "--dag", "quick", "--plain")
    assert "met" in tw("runs", "show", "quick").stdout
    stop(p)
    p = serve(tw)  # once is once
    stop(p)
    assert len(paged()) == 3
    assert len([a for a in alerts(tw)]) == len({a["id"] for a in alerts(tw)})
    assert sum(a["count"] for a in alerts(tw)) == 4


def test_deadline_over_a_kill(told, web):
    """A deadline that passes while nobody lives is told by the next start, once."""
    tw, hook = told, web()
    config(tw, {"hook": {"type": "webhook", "url": hook.url}})
    file = dag(tw, "d.yaml", {"a": bash("until [ -e go ]; do sleep 0.05; done", cwd=tw.folder)},
               deadline=[{"reference": {"type": "dagrun_queued_at"}, "interval": "3s", "channels": ["hook"]},
                         {"reference": {"type": "dagrun_queued_at"}, "interval": "1h", "channels": ["hook"]}])
    p = serve(tw)
    client = tw.start("run", file, "--plain")
    tw.until(lambda: tw("runs", "show", "d", code=None).stdout.count("deadline") == 2)
    p.kill()
    p.wait()
    client.kill()
    subprocess.run(["sleep", "3"], check=True)
    for _ in range(2):
        p = serve(tw)
        tw.until(settled(tw, 1), 60)
        stop(p)
    assert len(hook.requests) == 1 and hook.json[0]["title"] == "deadline missed: d"
    tw.write("go", "")


def test_longer_than_its_history(told, web):
    tw, hook = told, web()
    config(tw, {"hook": {"type": "webhook", "url": hook.url, "interval": "1s"}},
           {"on": ["task_slow", "run_slow"], "channels": "hook", "at_least": 3, "margin": "500ms"})
    file = dag(tw, "d.yaml", {"a": bash("if [ -e slow ]; then sleep 3; fi", cwd=tw.folder), "b": bash("true")})
    p = serve(tw)
    tw.write("slow", "")
    tw("run", file, "--plain")  # one success is no history
    os.remove(tw.path("slow"))
    for _ in range(3):
        tw("run", file, "--plain")
    assert alerts(tw) == []
    tw.write("slow", "")
    tw("run", file, "--plain")
    tw.until(settled(tw, 2))
    found = {a["kind"]: a for a in alerts(tw)}
    assert set(found) == {"task_slow", "run_slow"} and found["task_slow"]["task_id"] == "a"
    assert "(of 4 successes)" in found["task_slow"]["reason"]
    stop(p)


def test_reload_of_rules_and_channels(told, web):
    tw, old, new = told, web(), web()
    config(tw, {"hook": {"type": "webhook", "url": old.url + "/old", "interval": "1s"}}, {"on": "task_failure", "channels": ["hook"]})
    file = dag(tw, "d.yaml", {"a": bash("exit 3")})
    p = serve(tw)
    tw("run", file, "--run-id", "r1", "--plain", code=1)
    tw.until(lambda: len(old.requests) == 1)

    config(tw, {"hook": {"type": "webhook", "url": new.url + "/new", "interval": "1s"}}, {"on": "run_failure", "channels": ["pager"]})
    done = tw("reload", code=None)
    assert done.returncode != 0 and "pager" in done.stderr  # as it was
    tw("run", file, "--run-id", "r2", "--plain", code=1)
    tw.until(lambda: len(old.requests) == 2)

    config(tw, {"hook": {"type": "webhook", "url": new.url + "/new", "interval": "1s"}}, {"on": "run_failure", "channels": ["hook"]})
    assert [c["key"] for c in tw.json("reload")["applied"]] == ["alerts"]
    tw("run", file, "--run-id", "r3", "--plain", code=1)
    tw.until(lambda: len(new.requests) == 1)
    assert new.json[0]["title"] == "run failed: d" and len(old.requests) == 2
    assert new.json[0]["alerts"][0]["run_id"] == "r3" and len(new.json[0]["alerts"]) == 1

    config(tw, {})
    p.send_signal(signal.SIGHUP)
    tw.until(lambda: open(tw.path("scheduler.log")).read().count("alerts is") == 2)
    tw("run", file, "--run-id", "r4", "--plain", code=1)
    assert len(alerts(tw)) == 3
    stop(p)


def test_import_error(told, web):
    tw, hook = told, web()
    config(tw, {"hook": {"type": "webhook", "url": hook.url}}, {"on": "import_error", "channels": "hook"})
    dag(tw, "good.yaml", {"a": bash("true")})
    p = serve(tw)
    tw.write("dags/bad.yaml", "dag_id: bad\ntasks: [\n")
    tw.until(lambda: len(hook.requests) == 1, 60)
    assert hook.json[0]["title"] == "import error" and "bad.yaml:" in hook.json[0]["text"]
    stop(p)


def test_what_is_wrong_is_said_with_its_place(told):
    tw = told
    os.makedirs(tw.home)
    with open(os.path.join(tw.home, "tradewind.yaml"), "w") as f:
        f.write("alerts:\n  channels:\n    ops: {type: command, command: [/bin/true]}\n  rules:\n    - on: task_failure\n"
                "      channels: opps\n")
    for command in (["alerts", "channels"], ["alerts", "test", "ops"], ["scheduler", "-S", tw.path(".")]):
        done = tw(*command, code=65)
        assert "tradewind.yaml:5:" in done.stderr and "did you mean 'ops'" in done.stderr
    config(tw, {"ops": {"type": "command", "command": ["/bin/true"]}})
    assert "was sent through ops" in tw("alerts", "test", "ops").stdout
    assert "no channel 'oops'" in tw("alerts", "test", "oops", code=66).stderr
    file = dag(tw, "d.yaml", {"a": bash("true")}, alerts=[{"on": "task_failure", "dags": "x", "channels": "ops"}],
               deadline=[{"reference": {"type": "dagrun_started"}, "interval": 5, "channels": "ops"}])
    done = tw("dags", "validate", file, code=None)
    assert done.returncode != 0 and "'alerts': a rule of a DAG has no 'dags'" in done.stdout + done.stderr
    assert "'deadline': the reference of a deadline must have 'type'" in done.stdout + done.stderr


def test_full_disk(told, web, small):
    """While nothing can be written nothing is told twice or forgotten; the alert goes out once there is room."""
    tw, hook = told, web()
    config(tw, {"hook": {"type": "webhook", "url": hook.url}}, {"on": "task_failure", "channels": "hook"})
    file = dag(tw, "d.yaml", {"a": bash("touch started; until [ -e go ]; do sleep 0.02; done; exit 1", cwd=tw.folder)})
    p = serve(tw)
    client = tw.start("run", file, "--plain")
    tw.until(lambda: os.path.exists(tw.path("started")))
    from test_disk_full import fill
    fill(small)
    tw.write("go", "")
    tw.until(lambda: "nothing new starts" in open(tw.path("scheduler.log")).read())
    assert hook.requests == []
    os.remove(os.path.join(small, "filler"))
    tw.until(settled(tw, 1))
    assert len(hook.requests) == 1
    client.wait(20)
    stop(p)


from test_disk_full import small  # noqa: E402, F401
