"""Every variable, macro and filter of Airflow 3's template context, through both engines: the closed subset in C, and Jinja2."""
import importlib.util
import json
import os

import pytest

from test_run import bash

DATE = "2026-01-31T10:20:30.000456Z"
JINJA = "{% macro m() %}{% endmacro %}"  # outside of the subset: all templates of the task go to Jinja2

# Rendered by both; the texts must be equal.
BOTH = [
    "{{ logical_date }}", "{{ ds }}", "{{ ds_nodash }}", "{{ ts }}", "{{ ts_nodash }}", "{{ ts_nodash_with_tz }}",
    "{{ data_interval_start }}", "{{ data_interval_end }}", "{{ run_id }}", "{{ try_number }}", "{{ task_instance_key_str }}",
    "{{ params }}", "{{ params.region }}", "{{ params['n'] + 1 }}", "{{ params.get('none', 'd') }}", "{{ params.list }}", "{{ params.deep.a[0] }}",
    "{{ dag.dag_id }}", "{{ task.task_id }}",
    "{{ dag_run.run_id }}", "{{ dag_run.dag_id }}", "{{ dag_run.run_type }}", "{{ dag_run.logical_date }}", "{{ dag_run.logical_date | ds }}",
    "{{ dag_run.data_interval_start }}", "{{ dag_run.data_interval_end }}", "{{ dag_run.run_after }}", "{{ dag_run.start_date }}", "{{ dag_run.clear_number }}",
    "{{ dag_run.conf }}", "{{ dag_run.conf['k'] }}", "{{ dag_run.conf.get('nope', 4) }}", "{{ dag_run.conf['k'] if dag_run else '' }}",
    "{{ 'run' if dag_run and ti and dag and task and task_instance else 'none' }}",
    "{{ ti.task_id }}", "{{ ti.dag_id }}", "{{ ti.run_id }}", "{{ ti.try_number }}", "{{ ti.max_tries }}", "{{ ti.map_index }}", "{{ task_instance.task_id }}",
    "{{ ti.xcom_pull('first') }}", "{{ ti.xcom_pull(task_ids='first', key='return_value') }}", "{{ task_instance.xcom_pull(task_ids=['first', 'mute']) }}",
    "{{ ti.xcom_pull('mute', default='d') }}", "{{ ti.xcom_pull() }}",
    "{{ var.value.bucket }}", "{{ var.value['bucket'] }}", "{{ var.value.get('bucket') }}",
    "{{ var.json.cfg }}", "{{ var.json.cfg.a[1] }}", "{{ var.json.get('cfg')['b'] }}", "{{ var.value.own }}",
    "{{ var.value.api_password }}", "{{ var.value.both_prefixes }}",
    "{{ logical_date | ds }}", "{{ logical_date | ds_nodash }}", "{{ logical_date | ts }}", "{{ logical_date | ts_nodash }}", "{{ logical_date | ts_nodash_with_tz }}", "{{ none | ds }}",
    "{{ macros.ds_add(ds, 7) }}", "{{ macros.ds_add(ds, -7) }}", "{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%Y') }}", "{{ macros.timedelta(days=2) }}",
    "{{ logical_date - macros.timedelta(hours=1) }}", "{{ macros.json.dumps(params.deep) }}",
    "{{ execution_date | default('gone') }}", "{{ 'yes' if next_ds is defined else 'no' }}",
]
# Rendered by Jinja2 alone: the expression, and what must come (None: any text that is not empty).
RUNNER = [
    ("{{ ti }}", "<TaskInstance: d.jj r1 [running]>"), ("{{ dag }}", "<DAG: d>"), ("{{ dag_run }}", "<DagRun d r1>"), ("{{ dag.description }}", "all names"),
    ("{{ dag.tags }}", "['x', 'y']"), ("{{ dag.fileloc }}", None), ("{{ dag.catchup }}", "False"), ("{{ dag.dag_display_name }}", "d"), ("{{ dag_run.state }}", "running"), ("{{ dag_run.triggering_user_name }}", "None"), ("{{ dag_run.consumed_asset_events }}", "[]"),
    ("{{ task.owner }}", "me"), ("{{ task.retries }}", "3"), ("{{ task.pool }}", "default_pool"), ("{{ task }}", None),
    ("{{ ti.hostname }}", None), ("{{ ti.state }}", "running"), ("{{ ti.start_date }}", None), ("{{ ti.end_date }}", "None"), ("{{ ti.is_mapped }}", "False"),
    ("{{ ti.log_url }}", ""), ("{{ ti.id }}", None), ("{{ ti.dag_run.run_id }}", "r1"), ("{{ ti.task.task_id }}", "jj"), ("{{ ti.rendered_map_index }}", "None"),
    ("{{ exception }}", "None"), ("{{ reason }}", "None"), ("{{ test_mode }}", "False"), ("{{ templates_dict }}", "None"), ("{{ expanded_ti_count }}", "None"),
    ("{{ map_index_template }}", "None"), ("{{ task_reschedule_count }}", "0"), ("{{ inlets }}", "[]"), ("{{ outlets }}", "[]"), ("{{ inlet_events }}", None),
    ("{{ outlet_events | length }}", "0"), ("{{ triggering_asset_events }}", "{}"), ("{{ triggering_asset_events.values() | list }}", "[]"),
    ("{{ start_date }}", None), ("{{ prev_start_date_success }}", "None"), ("{{ prev_end_date_success }}", "None"), ("{{ prev_data_interval_start_success }}", "None"), ("{{ prev_data_interval_end_success }}", "None"),
    ("{{ macros.datetime(2026, 1, 2) }}", "2026-01-02 00:00:00"), ("{{ macros.datetime.strptime('2026', '%Y').year }}", "2026"), ("{{ macros.json.loads('[1]') }}", "[1]"),
    ("{{ macros.time.gmtime(0).tm_year }}", "1970"), ("{{ macros.uuid.UUID(int=5) }}", "00000000-0000-0000-0000-000000000005"), ("{{ 0 <= macros.random() < 1 }}", "True"),
    ("{{ macros.dateutil.parser.parse('2026-01-02').day }}", "2"), ("{{ macros.yaml.safe_load('a: 1') }}", "{'a': 1}"),
    ("{{ macros.datetime_diff_for_humans(data_interval_start, data_interval_start.add(hours=2)) }}", "2 hours before"),
    ("{{ macros.datetime_diff_for_humans(data_interval_start) }}", None), ("{{ logical_date.in_timezone('Asia/Tokyo') }}", "2026-01-31 19:20:30.000456+09:00"),
    ("{{ logical_date.diff_for_humans(logical_date.add(days=1)) }}", "1 day before"),
]
# The expressions in Airflow's example DAGs, its tutorials and its reference of templates, as far as they need no assets and connections.
EXAMPLES = [
    "{{ var.value.get('nope', 'dflt') }}", "{{ var.value.get('nope', none) }}", "{{ var.json.get('nope', {'x': 1}) }}",
    'echo "ti_key={{ task_instance_key_str }}"', "{{ dag_run.logical_date.strftime('%A').lower() }}", "{{ dag_run.logical_date.strftime('%Y/%m/%d') }}",
    "run_id: {{ run_id }}; params.other_param: {{ params.region }}", '{% for i in range(5) %}\n    echo "{{ ds }}"\n    echo "{{ macros.ds_add(ds, 7)}}"\n{% endfor %}\n',
    'echo "foo {{ params.region }}"', '{{ dag_run.conf.get("message") }}', '{{ dag_run.conf["k"] if dag_run.conf else "" }}', '{{ dag_run.conf["k"] if dag_run else "" }}',
    "{{ ti.xcom_pull(task_ids='first') }}", "{{ ti.xcom_pull(task_ids='mute', key='x') or 'none' }}", '{{ task_instance.xcom_pull(task_ids="first")[0:2] }}',
    "{{ logical_date }}", "{{ logical_date | ds }}", "{{ data_interval_start | ds }} {{ data_interval_end | ds }}", "{{ (logical_date + macros.timedelta(minutes=5)).isoformat() }}",
    "{{ (data_interval_end - macros.timedelta(days=1)) | ts_nodash }}", "{{ logical_date.strftime('%Y-%m-%d %H:%M') }}", "{{ data_interval_end.in_timezone('America/Vancouver') }}",
    "{{ logical_date.in_timezone('Europe/Berlin').strftime('%Y%m%d') }}", "{{ macros.ds_format(macros.ds_add(ds, -1), '%Y-%m-%d', '%Y%m%d') }}", "{{ logical_date.format('dddd') }}",
    "fact/execution_date={{ macros.ds_add(ds, -1) }}", "{{ params['region'] }}", "{{ params.list | join(',') }}", "{{ params.deep | tojson }}", "{{ var.value.get('my.var', 'fallback') }}",
    "{{ var.json.get('my.dict.var', {'key1': 'val1'}) }}", "{{ var.json.cfg.b }}", "{{ task.owner }}", "{{ task.task_id }}", "{{ dag.dag_id }}", "{{ ti.dag_id }}.{{ ti.task_id }}.{{ ti.try_number }}",
    "{{ dag_run.conf }}", "{{ dag_run.run_type }}", "{{ '/'.join([ds, run_id]) }}", "{{ ds.replace('-', '/') }}", "{{ logical_date.year }}/{{ '%02d' % logical_date.month }}", "{{ logical_date.int_timestamp }}",
    "{{ (logical_date.replace(day=1) - macros.timedelta(days=1)).replace(day=1) | ds }}", "{{ logical_date.start_of('month') | ds }}", "{{ logical_date.subtract(days=1).to_date_string() }}",
    "{{ prev_start_date_success.in_timezone('Australia/Sydney') | ts if prev_start_date_success is not none else 'No previous start date available' }}",
    "{{ triggering_asset_events.values() | list | length }}", '{{ ti.xcom_push(key="manually_pushed_value", value="manually_pushed_value") }}', "{{ test_mode }}", "{{ logical_date.add(months=1).end_of('month') }}",
    "SELECT * FROM t WHERE d >= '{{ data_interval_start }}' AND d < '{{ data_interval_end }}'", "{%- if params.n > 5 -%}big{%- else -%}small{%- endif -%}", "{% set d = logical_date %}{{ d | ds }}",
]
if importlib.util.find_spec("babel"):
    RUNNER.append(("{{ macros.ds_format_locale(ds, '%Y-%m-%d', 'EEEE', 'de') }}", "Samstag"))
ERRORS = [
    ("{{ execution_date }}", "'execution_date' is undefined: removed in Airflow 3: use logical_date"),
    ("{{ next_ds }}", "data_interval_end | ds"), ("{{ prev_ds }}", "prev_data_interval_start_success | ds"), ("{{ yesterday_ds }}", "macros.ds_add(ds, -1)"),
    ("{{ tomorrow_ds_nodash }}", "macros.ds_add(ds, 1) | replace('-', '')"), ("{{ next_execution_date }}", "use data_interval_end"), ("{{ prev_execution_date }}", "prev_data_interval_start_success"),
    ("{{ conf.get('core', 'x') }}", "dag_run.conf"), ("{{ triggering_dataset_events }}", "triggering_asset_events"), ("{{ nobody }}", "'nobody' is undefined"),
    ("{{ var.value.nope }}", "'nope' is not defined"), ("{{ var.json.get('nope') }}", "'nope' is not defined"),
    ("{% for i in range(100001) %}{% endfor %}", "Range too big"), ("{{ 'x' * 2000000 }}", "1048576"),
    ("{% for i in range(20000) %}{{ 'x' * 100 }}{% endfor %}", "1048576 bytes"), ("{% for i in range(50000) %}{% for j in range(50000) %}{% endfor %}{% endfor %}", "more than"),
    ("{{ 10 ** (10 ** 9) }}", ""), ("{{ " + "(" * 400 + "1" + ")" * 400 + " }}", ""),
]
ENV = {"TRADEWIND_VAR_BUCKET": "b-1", "AIRFLOW_VAR_CFG": '{"a": [1, 2.50], "b": "ü"}', "AIRFLOW_VAR_API_PASSWORD": "hunter22",
       "TRADEWIND_VAR_BOTH_PREFIXES": "ours", "AIRFLOW_VAR_BOTH_PREFIXES": "theirs"}


def document(tw, tasks):
    tw.dag({"first": bash("echo '{\"one\": 1}'"), "mute": bash("true", do_xcom_push=False), **{k: dict(v, upstream=["first", "mute"], retries=3, retry_delay=0, owner="me") for k, v in tasks.items()}},
           description="all names", tags=["x", "y"], env={"TRADEWIND_VAR_OWN": "of the dag"}, params={"region": "eu", "n": 7, "none": None, "list": [1.5, "a", True], "deep": {"a": ["x'y"]}})


def run(tw, code=0):
    return tw("run", "dag.yaml", "--logical-date", DATE, "--run-id", "r1", "--conf", '{"k": "v", "m": [1, null]}', env=ENV, code=code)


def rendered(tw, task):
    db = tw.db()
    run_key, version = db.execute("SELECT run_key, version_key FROM run").fetchone()
    names = list(json.loads(db.execute("SELECT document FROM version WHERE version_key = ?", (version,)).fetchone()[0])["tasks"])
    (text,) = db.execute("SELECT json FROM rendered WHERE run_key = ? AND task = ?", (run_key, names.index(task))).fetchone()
    db.close()
    return json.loads(text)["env"]


def test_both_engines_render_the_same(tw):
    env = {"V%03d" % i: text for i, text in enumerate(BOTH)}
    document(tw, {"cc": bash("true", env=env), "jj": bash("true", env={**env, "X": JINJA})})
    run(tw)
    c, jinja = rendered(tw, "cc"), rendered(tw, "jj")
    for key, text in env.items():
        assert c[key] == jinja[key].replace("jj", "cc"), text
        assert c[key] != text, text
    assert c["V%03d" % BOTH.index("{{ ts_nodash_with_tz }}")] == "20260131T102030.000456+0000"
    assert c["V%03d" % BOTH.index("{{ task_instance_key_str }}")] == "d__cc__20260131"
    assert c["V%03d" % BOTH.index("{{ var.value.own }}")] == "of the dag"
    assert c["V%03d" % BOTH.index("{{ var.value.both_prefixes }}")] == "ours"
    assert c["V%03d" % BOTH.index("{{ var.value.api_password }}")] == "***"


def test_both_are_in_the_subset(tw):
    """What is compared above was rendered by C, not twice by Jinja2: `tasks render` knows no Python."""
    for text in BOTH:
        document(tw, {"cc": bash("true", env={"V": text})})
        done = tw("tasks", "render", "dag.yaml", "cc", "--logical-date", DATE, "--conf", '{"k": "v"}', env=ENV, code=None)
        assert done.returncode == 0, (text, done.stderr)


def test_the_runner_has_the_rest(tw):
    env = {"V%03d" % i: text for i, (text, _) in enumerate(RUNNER)}
    document(tw, {"jj": bash("true", env=env)})
    run(tw)
    got = rendered(tw, "jj")
    for (text, want), key in zip(RUNNER, env):
        assert got[key] == want if want is not None else got[key] != "", (text, got[key])


def test_errors_are_the_same(tw):
    document(tw, {**{"c%03d" % i: bash("true", env={"V": text}, retries=0) for i, (text, _) in enumerate(ERRORS)},
                  **{"j%03d" % i: bash("true", env={"V": text, "X": JINJA}, retries=0) for i, (text, _) in enumerate(ERRORS)}})
    for t in (doc := json.load(open(tw.path("dag.yaml"))))["tasks"].values():
        t["retries"] = 0
    tw.write("dag.yaml", json.dumps(doc))
    run(tw, code=1)
    tis = {t["task_id"]: t for t in tw.json("runs", "show", "d")["tasks"]}
    for i, (text, words) in enumerate(ERRORS):
        for engine in "cj":
            ti = tis["%s%03d" % (engine, i)]
            assert ti["state"] == "failed" and words in ti["reason"], (engine, text, ti["reason"])


def test_the_expressions_of_examples(tw):
    document(tw, {name % i: bash("true", env={"V": text, **more}) for i, text in enumerate(EXAMPLES) for name, more in (("c%03d", {}), ("j%03d", {"X": JINJA}))})
    run(tw)
    for i, text in enumerate(EXAMPLES):
        c, jinja = (rendered(tw, name % i)["V"] for name in ("c%03d", "j%03d"))
        assert c == jinja.replace("j%03d" % i, "c%03d" % i) != text, text


# ---- the names of Airflow's reference of templates ----

ALWAYS = """conn dag dag_run exception expanded_ti_count inlet_events inlets macros map_index_template outlet_events outlets params prev_start_date_success prev_end_date_success reason run_id
    task task_instance ti task_instance_key_str task_reschedule_count templates_dict test_mode triggering_asset_events try_number var.value var.json""".split()
DATED = "logical_date ds ds_nodash ts ts_nodash ts_nodash_with_tz data_interval_start data_interval_end prev_data_interval_start_success prev_data_interval_end_success".split()
FILTERS = "ds ds_nodash ts ts_nodash ts_nodash_with_tz".split()
MACROS = "datetime timedelta dateutil json yaml time uuid random ds_add ds_format ds_format_locale datetime_diff_for_humans".split()
EVERY_NAME = (["{{ %s is defined }}" % name for name in ALWAYS + DATED] + ["{{ macros.%s is defined }}" % name for name in MACROS]
              + ["{{ (logical_date | %s) is string }}" % name for name in FILTERS])


def test_jinja_has_every_name(tw):
    env = {"V%03d" % i: text for i, text in enumerate(EVERY_NAME)}
    document(tw, {"jj": bash("true", env={**env, "X": JINJA})})
    run(tw)
    found = rendered(tw, "jj")
    assert {text: found[key] for key, text in env.items() if found[key] != "True"} == {}


@pytest.mark.parametrize("name", ALWAYS + DATED + ["macros." + name for name in MACROS] + ["logical_date | " + name for name in FILTERS])
def test_c_has_every_name(tw, name):
    """It renders the name, or knows that only Python has it: never that there is no such name."""
    document(tw, {"cc": bash("true", env={"V": "{{ %s }}" % name})})
    done = tw("tasks", "render", "dag.yaml", "cc", "--logical-date", DATE, env=ENV, code=None)
    elsewhere = done.returncode == 69 and "needs Jinja2 itself" in done.stderr and "|" not in name
    assert done.returncode == 0 or elsewhere, done.stderr


def test_c_says_that_a_name_is_not_there(tw):
    """What the test above relies on."""
    for name in ("nobody", "dss", "macross"):
        document(tw, {"cc": bash("true", env={"V": "{{ %s }}" % name})})
        assert tw("tasks", "render", "dag.yaml", "cc", "--logical-date", DATE, env=ENV, code=None).returncode == 65, name


def test_a_locale_without_babel(tw):
    """`ds_format_locale` needs Babel; that it is not there is said, with its name."""
    tw.write("babel.py", "raise ImportError('not here')\n")
    tw.write("f.py", "def give(text):\n    return text\n")
    tw.dag({"a": {"operator": "python", "python_callable": "f.py:give", "op_args": ["{{ macros.ds_format_locale(ds, '%Y-%m-%d', 'EEEE', 'de') }}"]}})
    tw("run", "dag.yaml", "--logical-date", DATE, code=1)
    (ti,) = tw.json("runs", "show", "d")["tasks"]
    assert "macros.ds_format_locale needs the Python package babel (python3-babel), which is not installed" in ti["reason"]


# ---- the expressions of all of Airflow's example files ----

with open(os.path.join(os.path.dirname(__file__), "..", "template", "airflow_expressions.json")) as f:
    FILES = json.load(f)["files"]
EVERY = sorted({text for texts in FILES.values() for text in texts})
# Outside of the closed subset: by what they ask for, which only Python has.
OUTSIDE = {"xcom_push": "a method of ti that writes", "inlet_events": "events of assets", "task.": "attributes of the operator's own class"}
# Events of assets that came before are not read yet: both engines say so.
REFUSED = "inlet_events.for_asset"
GIVERS = """
from tradewind.sdk import BaseOperator

def give(value):
    return value

class Asks(BaseOperator):
    template_fields = ("texts",)

    def __init__(self, *, texts, **kwargs):
        super().__init__(**kwargs)
        self.texts = texts
        self.subject, self.body, self.options, self.multiple, self.defaults = "s", "b", ["x"], False, None

    def execute(self, context):
        return self.texts
"""


def examples_document(tw, extra):
    """What the example DAGs have: their params, and the XComs that they pull."""
    tw.write("givers.py", GIVERS)
    answers = {"wait_for_input": {"params_input": {"information": "text"}}, "wait_for_option": {"chosen_options": ["option 1"]},
               "wait_for_multiple_options": {"chosen_options": ["option 4", "option 6"]}, "wait_for_default_option": {"chosen_options": ["option 7"]}}
    tasks = {name: {"operator": "python", "python_callable": "givers.py:give", "op_args": [value]} for name, value in answers.items()}
    tasks["describe_dag_folder"] = {"operator": "python", "python_callable": "givers.py:give", "op_args": [{"dag_folder": "/dags", "file_count": 4}], "multiple_outputs": True}
    for name, task in extra.items():
        tasks[name] = dict(task, upstream=["describe_dag_folder", *answers])
    tw.dag(tasks, params={"foo": "f", "miff": "m", "foobar": "fb", "other_param": "o"}, schedule=None)


def is_outside(text):
    return any(word in text for word in OUTSIDE) and "task.task_id" not in text


def test_the_subset_has_the_expressions_of_every_example_file(tw):
    """All but those that ask for what only Python has."""
    assert len(FILES) >= 15 and len(EVERY) >= 20
    for text in EVERY:
        examples_document(tw, {"cc": bash("true", env={"V": text})})
        done = tw("tasks", "render", "dag.yaml", "cc", "--logical-date", DATE, "--conf", '{"message": "hi"}', code=None)
        # No task has run, so what is pulled is nothing and has no members.
        nothing = "xcom_pull" in text and "has no attribute" in done.stderr
        assert done.returncode == (69 if is_outside(text) else 65 if nothing else 0), (text, done.stdout, done.stderr)


def test_both_engines_render_the_expressions_of_every_example_file(tw):
    plain = {"V%03d" % i: text for i, text in enumerate(EVERY) if not is_outside(text)}
    own = [text for text in EVERY if is_outside(text) and REFUSED not in text]
    refused = [text for text in EVERY if REFUSED in text]
    examples_document(tw, {"cc": bash("true", env=plain), "jj": bash("true", env={**plain, "X": JINJA}),
                           "own": {"operator": "python", "operator_class": "givers.py:Asks", "arguments": {"texts": own}},
                           **{"refused%d" % i: bash("true", env={"V": text}) for i, text in enumerate(refused)}})
    tw("run", "dag.yaml", "--logical-date", DATE, "--run-id", "r1", "--conf", '{"message": "hi"}', code=1 if refused else 0)
    c, jinja = rendered(tw, "cc"), rendered(tw, "jj")
    for key, text in plain.items():
        assert c[key] == jinja[key].replace("jj", "cc") != text, text
    by_text = {text: c[key] for key, text in plain.items()}
    assert by_text['{{ dag_run.conf.get("message") }}'] == "hi" and by_text["{{ dag_run.logical_date.strftime('%A').lower() }}"] == "saturday"
    assert by_text["{{ ti.xcom_pull(task_ids='describe_dag_folder', key='file_count') }}"] == "4"
    assert by_text["{{ ti.xcom_pull(task_ids='wait_for_multiple_options')[\"chosen_options\"] }}"] == "['option 4', 'option 6']"
    values = dict(zip(own, tw.xcom("own")))
    assert values["{{ task.subject }}"] == "s" and values["{{ task.options }}"] == "['x']" and values["{{ task.defaults }}"] == "None"
    assert all("{{" not in value for value in values.values())
    states = {t["task_id"]: t for t in tw.json("runs", "show", "d")["tasks"]}
    for i, text in enumerate(refused):
        assert states["refused%d" % i]["state"] == "failed" and "Asset.ref(uri=" in states["refused%d" % i]["reason"], text  # no event of it is there
