"""YAML says all that Python can: every member and argument has a word, the schema describes it, the guide shows it and is run."""
import ast
import glob
import inspect
import json
import os
import re
import sys

import pytest

from conftest import wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "python"))
GUIDE = os.path.join(ROOT, "docs", "guide", "yaml.md")


def schema():
    with open(os.path.join(ROOT, "schema", "dag.schema.json")) as f:
        return json.load(f)


def members(of):
    """The names of the members of a DAG, of a task (its operators' parameters too), or of a group."""
    whole = schema()
    if of == "dag":
        return whole["properties"]
    if of == "group":
        return whole["$defs"]["task_group"]["anyOf"][0]["properties"]
    found = dict(whole["$defs"]["common"]["properties"])
    for name, definition in whole["$defs"].items():
        if name.startswith("task_") and name != "task_group":
            found.update({key: one for key, one in definition["properties"].items() if key not in found})
    return found


def guide():
    with open(GUIDE) as f:
        return f.read()


def blocks(language):
    return re.findall(r"^```%s\n(.*?)^```$" % language, guide(), re.S | re.M)


# ---- the list of what Python writes ----

def written_by(*functions):
    """The names that functions of emit.py put into a document: `_put(out, "x", ...)`, `out["x"] = ...`, `{"x": ...}`, and tuples of names."""
    with open(os.path.join(ROOT, "python", "tradewind", "emit.py")) as f:
        tree = ast.parse(f.read())
    found = set()
    for one in ast.walk(tree):
        if not isinstance(one, ast.FunctionDef) or one.name not in functions:
            continue
        for node in ast.walk(one):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_put" and isinstance(node.args[1], ast.Constant):
                found.add(node.args[1].value)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_put_said" and isinstance(node.args[2], ast.Constant):
                found.add(node.args[2].value)
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "update":
                found.update(k.arg for k in node.keywords if k.arg)
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.slice, ast.Constant):
                found.add(node.slice.value)
            elif isinstance(node, ast.Dict):
                found.update(k.value for k in node.keys if isinstance(k, ast.Constant))
            elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
                found.update(e.value for e in node.iter.elts if isinstance(e, ast.Constant))
    return found


TASK_WRITERS = ("task_document", "_kept", "_retries", "_weight", "_bash", "_wait", "_wait_file", "_wait_http", "_wait_until", "_wait_delta", "_follow", "_condition", "_in_python", "_operator")


def test_every_member_that_python_writes_is_one_of_yaml():
    tasks = written_by(*TASK_WRITERS)
    assert {"operator", "upstream", "retries", "weight_rule", "email", "depends_on_past", "expect_text", "follow", "params"} <= tasks, "the search finds too little"
    assert tasks <= set(members("task")), tasks - set(members("task"))
    dag = written_by("dag_document") - {"tooltip", "parent", "file"}
    assert {"dag_id", "deadline", "labels", "env", "python"} <= dag
    assert dag <= set(members("dag")), dag - set(members("dag"))
    assert {"tooltip", "display_name", "parent", "expand", "expand_kwargs", "default_args"} == set(members("group"))


# ---- the arguments of the authoring API ----

# Argument → member, where the words differ.
TASK_WORDS = {"task_display_name": "display_name", "doc": "doc_md", "task_group": "group", "pre_execute": "arguments", "post_execute": "arguments",
              **{"on_%s_callback" % word: "callbacks" for word in ("execute", "success", "failure", "retry", "skipped")}}
# Those that say nothing: the key is the id, the file is the DAG; and what neither Airflow 3 nor this program has a use for.
TASK_NONE = {"self", "task_id", "dag", "default_args", "sla", "resources", "allow_nested_operators"}
DAG_WORDS = {"dag_display_name": "display_name", "on_success_callback": "callbacks", "on_failure_callback": "callbacks"}
DAG_NONE = {"self", "sla_miss_callback", "auto_register", "disable_bundle_versioning", "older"}
GROUP_WORDS = {"group_display_name": "display_name", "parent_group": "parent"}
# The ids of a document are whole: no prefix; there is no page with those colours.
GROUP_NONE = {"self", "group_id", "prefix_group_id", "dag", "ui_color", "ui_fgcolor", "add_suffix_on_collision"}


@pytest.mark.parametrize("of", ["task", "dag", "group"])
def test_every_argument_has_a_member(of):
    from tradewind.sdk import DAG, BaseOperator, TaskGroup

    made, words, none = {"task": (BaseOperator, TASK_WORDS, TASK_NONE), "dag": (DAG, DAG_WORDS, DAG_NONE), "group": (TaskGroup, GROUP_WORDS, GROUP_NONE)}[of]
    arguments = set(inspect.signature(inspect.unwrap(made.__init__)).parameters) - none
    assert len(arguments) >= 4
    missing = {name for name in arguments if words.get(name, name) not in members(of)}
    assert not missing


def test_every_argument_of_the_native_operators_is_said():
    """Each argument of the operators that have a word of their own: the member, or `arguments` of the class."""
    from tradewind import sdk
    from tradewind.mapped import common_parameters
    from tradewind.to_python import _CLASSES

    for kind, (name, own) in _CLASSES.items():
        made = getattr(sdk, name)
        known = set(own) | set(common_parameters()) | {"endpoint"}
        for argument in set(inspect.signature(inspect.unwrap(made.__init__)).parameters) - {"self", "kwargs"}:
            assert argument in known or "operator_class" in members("task"), (kind, argument)
    for name in ("python", "branch", "short_circuit"):
        assert {"operator_class", "arguments"} <= set(schema()["$defs"]["task_" + name]["properties"])


def test_the_schema_describes_every_member():
    for of in ("dag", "task", "group"):
        for name, one in members(of).items():
            described = one.get("description") or one.get("const") or one.get("$ref")
            assert described, (of, name)
    for name, one in schema()["$defs"]["common"]["properties"].items():
        assert one["description"].endswith("."), name


def test_the_guide_shows_every_member():
    """In an example, not only in words."""
    shown = "\n".join(blocks("yaml"))
    for of in ("dag", "task", "group"):
        for name in set(members(of)) - {"version", "python", "program", "function", "args", "listeners"}:
            assert re.search(r"(^|[\s{])%s:" % re.escape(name), shown), (of, name)


EXAMPLES = [one for one in blocks("yaml") if re.search(r"^dag_id:", one, re.M)]


@pytest.fixture
def shop(tw):
    for one in blocks("python"):
        tw.write(re.match(r"# (\S+\.py)\n", one).group(1), one)
    return tw


@pytest.mark.parametrize("text", EXAMPLES, ids=[re.search(r"^dag_id: (\S+)", one, re.M).group(1) for one in EXAMPLES])
def test_the_examples_of_the_guide(shop, text):
    """Each is valid, ends as it should, and is said in Python and in YAML again, where it ends alike."""
    shop.write("dag.yaml", text)
    shop("dags", "validate", "dag.yaml")
    shop("dags", "convert", "dag.yaml", "-o", "again.py")
    shop("dags", "validate", "again.py")
    shop("dags", "convert", "again.py", "-o", "again.yaml")
    shop("dags", "validate", "again.yaml")
    if text.startswith("# not run:"):
        return
    dag_id = re.search(r"^dag_id: (\S+)", text, re.M).group(1)
    found = []
    for name in ("dag.yaml", "again.py", "again.yaml"):
        shop("run", name, "--run-id", name)
        found.append(sorted((t["task_id"], t["map_index"], t["state"]) for t in shop.json("runs", "show", dag_id)["tasks"]))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("text", EXAMPLES, ids=[re.search(r"^dag_id: (\S+)", one, re.M).group(1) for one in EXAMPLES])
def test_the_schema_takes_the_examples(text):
    jsonschema, yaml = pytest.importorskip("jsonschema"), pytest.importorskip("yaml")

    class Loader(yaml.SafeLoader):
        """YAML 1.2 has no dates of its own."""

    Loader.yaml_implicit_resolvers = {k: [(tag, r) for tag, r in v if "timestamp" not in tag] for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    jsonschema.validate(yaml.load(text, Loader), schema())


def test_what_the_examples_come_to(shop):
    """Values, and who was told."""
    by_id = {re.search(r"^dag_id: (\S+)", one, re.M).group(1): one for one in EXAMPLES}
    for name in ("many", "groups", "classes", "templates", "told"):
        shop.write(name + ".yaml", by_id[name])
        shop("run", name + ".yaml")
        if name == "many":
            assert shop.xcom("sum") == 12
        elif name == "templates":
            assert shop.xcom("own") == "EUR 1 4" and shop.xcom("each") == "12" and shop.xcom("as_it_is") == "{{ NOT RENDERED }}"
        elif name == "classes":
            assert shop.xcom("ship").endswith("within 0:01:30")
            assert "told of ship" in shop.log("ship", "classes")
        elif name == "told":
            assert shop.log("work", "told").count("told of work") == 2  # execute and success
    with open(os.path.join(shop.home, "logs", "dag_id=told", shop_run(shop), "on_success_callback.log")) as f:
        text = f.read()
    assert "told of work" in text and "paged" in text


def shop_run(tw):
    (found,) = os.listdir(os.path.join(tw.home, "logs", "dag_id=told"))
    return found


# ---- what is wrong is said ----

@pytest.mark.parametrize("text, words", [
    ("callbacks: [success]\ntasks: {a: {operator: empty}}", "'callbacks' must name the functions"),
    ("callbacks: {succes: 'x.py:f'}\ntasks: {a: {operator: empty}}", "unknown callback 'succes'; did you mean 'success'?"),
    ("callbacks: {success: 1}\ntasks: {a: {operator: empty}}", "by word a function"),
    ("tasks: {a: {operator: branch, follow: b, outlets: [{type: asset, name: x}]}, b: {operator: empty, upstream: [a]}}", "operator 'branch' has none here"),
    ("tasks: {a: {operator: python, python_callable: 'x.py:f', operator_class: 'x.py:C'}}", "takes only one of"),
    ("tasks: {a: {operator: python}}", "needs 'python_callable' or 'operator_class'"),
    ("task_groups: {g: {default_args: {retires: 1}}}\ntasks: {a: {operator: empty, group: g}}", "unknown key 'retires' in default_args"),
    ("task_groups: {g: {default_args: {upstream: []}}}\ntasks: {a: {operator: empty, group: g}}", "is of one task"),
])
def test_findings(tw, text, words):
    tw.write("dag.yaml", "dag_id: d\n" + text + "\n")
    assert words in tw("dags", "validate", "dag.yaml", code=65).stdout


def test_default_args_of_groups(tw):
    """The nearest wins; a task's own wins over all; what is not given comes from outside."""
    tw.write("dag.yaml", """\
        dag_id: d
        default_args: {owner: all, retries: 1, bash_command: "echo all"}
        task_groups:
          g.h: {parent: g, default_args: {owner: inner}}
          g: {default_args: {owner: outer, bash_command: "echo {{ task.owner }} {{ task.retries }}"}}
        tasks:
          a: {operator: bash}
          b: {operator: bash, group: g}
          c: {operator: bash, group: g.h}
          d: {operator: bash, group: g.h, owner: own}
        """)
    tw("run", "dag.yaml")
    assert [tw.xcom(name) for name in "abcd"] == ["all", "outer 1", "inner 1", "own 1"]


def test_params_of_a_task(tw):
    """They win over the DAG's, the run's conf over them; in C, in Jinja2 and in a function alike; from Python too."""
    tw.write("f.py", "def f(x, params=None):\n    return [x, params['p']]\n")
    tw.write("dag.yaml", """\
        dag_id: d
        params: {p: dag, q: dag}
        tasks:
          c: {operator: bash, bash_command: "echo {{ params.p }} {{ params.q }}", params: {p: {default: own, type: string}}}
          jinja: {operator: bash, bash_command: "{% macro m() %}{{ params.p }}{% endmacro %}echo {{ m() }}", params: {p: own}}
          function: {operator: python, python_callable: "f.py:f", op_args: ["{{ params.p }}"], params: {p: own}}
        """)
    tw("run", "dag.yaml")
    assert tw.xcom("c") == "own dag" and tw.xcom("function") == ["own", "own"]
    tw("run", "dag.yaml", "--conf", '{"p": "conf"}')
    assert tw.xcom("c") == "conf dag" and tw.xcom("function") == ["conf", "conf"]
    tw.write("dag.py", "from tradewind.sdk import DAG, BashOperator\nwith DAG('py', params={'p': 'dag'}):\n    BashOperator(task_id='c', bash_command='echo {{ params.p }}', params={'p': 'own'})\n")
    tw("run", "dag.py")
    assert tw.xcom("c") == "own"


def test_several_statuses(tw):
    """`expect_status` may be a list."""
    import http.server
    import threading

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(self.path[1:]))
            self.end_headers()
            self.wfile.write(b"it is here")

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d/" % server.server_port
    wait = {"operator": "wait_http", "expect_status": [200, 404], "expect_text": "is here", "poke_interval": 0.01, "timeout": 0.05}
    told = {"callbacks": {"success": "builtins:print"}}
    tw.dag({"a": {**wait, "url": url + "404"}, "b": {**wait, "url": url + "500"}, "c": {**wait, "url": url + "404", **told}, "d": {**wait, "url": url + "200", "expect_text": "gone", **told}})
    tw("run", "dag.yaml", code=1)
    server.shutdown()
    server.server_close()
    assert tw.states() == {"a": "success", "b": "failed", "c": "success", "d": "failed"}


def test_nothing_is_rendered_twice(tw):
    """What a task returned is no template where another takes it into its arguments."""
    tw.write("f.py", "def give():\n    return '{{ run_id }}'\n\n\ndef take(x, y, z):\n    return [x, y, z]\n")
    tw.write("dag.yaml", """\
        dag_id: d
        tasks:
          give: {operator: python, python_callable: "f.py:give"}
          take: {operator: python, python_callable: "f.py:take", op_args: ["{{ ti.xcom_pull('give') }}", {__xcom__: {task_id: give}}], op_kwargs: {z: "{{ dag.dag_id }}"}, upstream: [give]}
        """)
    tw("run", "dag.yaml")
    assert tw.xcom("take") == ["{{ run_id }}", "{{ run_id }}", "d"]


def test_a_killed_task_of_yaml_has_its_callback(tw):
    tw.write("f.py", "import os\n\n\ndef die():\n    os.kill(os.getpid(), 9)\n\n\ndef tell(context):\n    print(context['ti'].task_id, context['reason'])\n")
    tw.write("dag.yaml", "dag_id: d\ntasks:\n  a: {operator: python, python_callable: 'f.py:die', callbacks: {failure: 'f.py:tell'}}\n")
    tw("run", "dag.yaml", code=1)
    found = os.path.join(tw.home, "logs", "dag_id=d", "*", "*", "attempt=1.log.on_failure_callback")
    wait_until(lambda: any("a killed by SIGKILL (9)" in open(one).read() for one in glob.glob(found)))
