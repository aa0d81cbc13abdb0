/* From a document to a DAG: every member, every finding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "builder.h"
#include "model/timetable.h"

#define T(task) "{'dag_id':'d','tasks':{'a':" task "}}"

static void defaults(void **state)
{
    struct built b;
    const struct task *t;

    builder_build(&b, T("{'operator':'bash','bash_command':'x'}"));
    assert_int_equal(b.rc, 0);
    assert_string_equal(b.dag->dag_id, "d");
    assert_string_equal(b.dag->display_name, "d");
    assert_null(b.dag->description);
    assert_null(b.dag->schedule);
    assert_int_equal(b.dag->timetable->kind, TIMETABLE_NONE);
    assert_true(b.dag->start_date_us == TIME_NONE && b.dag->end_date_us == TIME_NONE);
    assert_int_equal(b.dag->max_active_tasks, 16);
    assert_int_equal(b.dag->max_active_runs, 16);
    assert_false(b.dag->catchup || b.dag->fail_fast || b.dag->is_python);
    assert_int_equal(b.dag->tasks_len, 1);
    t = dag_task(b.dag, "a");
    assert_ptr_equal(t, &b.dag->tasks[0]);
    assert_null(dag_task(b.dag, "b"));
    assert_string_equal(t->display_name, "a");
    assert_string_equal(t->operator_name, "bash");
    assert_string_equal(t->pool, "default_pool");
    assert_int_equal(t->pool_slots, 1);
    assert_int_equal(t->retries, 0);
    assert_int_equal(t->retry_delay_us, 300 * TIME_SECOND);
    assert_int_equal(t->priority_weight, 1);
    assert_int_equal(t->effective_weight, 1);
    assert_int_equal(t->trigger_rule, RULE_ALL_SUCCESS);
    assert_int_equal(t->weight_rule, WEIGHT_DOWNSTREAM);
    assert_int_equal(t->group, UINT32_MAX);
    assert_int_equal(t->line, 1);
    assert_true(t->do_xcom_push && !t->instant);
    builder_fini(&b);
}

static void dag_members(void **state)
{
    struct built b;

    builder_build(
        &b, "{'dag_id':'d','display_name':'D','description':'x','doc_md':'# "
            "d','schedule':'@daily','timezone':'Europe/Berlin',"
            "'start_date':'2026-01-01','end_date':'2026-02-01T00:00:00Z','catchup':true,"
            "'is_paused_upon_creation':true,'max_active_tasks':3,'max_active_runs':4,"
            "'max_consecutive_failed_dag_runs':5,'dagrun_timeout':'2h','fail_fast':true,"
            "'tags':['x','y'],'params':{'p':1,'q':{'type':'integer','default':1},'r':{'default':2},"
            "'s':{'x':1}},"
            "'env':{'A':'b'},'task_groups':{'g':{'tooltip':'t'},'g.h':{'parent':'g'},'i':null},"
            "'version':1,'python':{'file':'/d.py'},"
            "'tasks':{'g.h.a':{'operator':'empty','group':'g.h'}}}");
    assert_int_equal(b.rc, 0);
    assert_string_equal(b.dag->display_name, "D");
    assert_string_equal(b.dag->description, "x");
    assert_string_equal(b.dag->doc_md, "# d");
    assert_string_equal(b.dag->schedule, "@daily");
    assert_int_equal(b.dag->timetable->kind, TIMETABLE_CRON_TRIGGER);
    assert_string_equal(b.dag->timetable->zone, "Europe/Berlin");
    assert_int_equal(b.dag->end_date_us - b.dag->start_date_us, 31 * 86400 * TIME_SECOND);
    assert_true(b.dag->catchup && b.dag->is_paused_upon_creation && b.dag->fail_fast);
    assert_int_equal(b.dag->max_active_tasks, 3);
    assert_int_equal(b.dag->max_active_runs, 4);
    assert_int_equal(b.dag->max_consecutive_failed_dag_runs, 5);
    assert_int_equal(b.dag->dagrun_timeout_us, 7200 * TIME_SECOND);
    assert_int_equal(b.dag->tags_len, 2);
    assert_string_equal(b.dag->tags[1], "y");
    assert_int_equal(b.dag->params_len, 4);
    assert_true(b.dag->params[0].value != NULL && b.dag->params[0].schema == NULL);
    assert_true(b.dag->params[1].value != NULL && b.dag->params[1].schema != NULL);
    assert_string_equal(b.dag->params[2].value->text, "2");
    assert_true(b.dag->params[3].value->kind == VALUE_OBJECT && b.dag->params[3].schema == NULL);
    assert_string_equal(value_get(b.dag->env, "A")->text, "b");
    assert_int_equal(b.dag->groups_len, 3);
    assert_string_equal(b.dag->groups[0].tooltip, "t");
    assert_int_equal(b.dag->groups[1].parent, 0);
    assert_int_equal(b.dag->groups[2].parent, UINT32_MAX);
    assert_int_equal(b.dag->tasks[0].group, 1);
    assert_true(b.dag->is_python);
    assert_string_equal(b.dag->file, "/d.py");
    assert_true(b.dag->tasks[0].instant);
    builder_fini(&b);
}

static void task_members(void **state)
{
    struct built b;
    const struct task *t;

    builder_build(
        &b, T("{'operator':'bash','bash_command':['a','b'],'trigger_rule':'one_failed','retries':3,"
              "'retry_delay':1.5,'retry_exponential_backoff':true,'max_retry_delay':'1m','"
              "execution_timeout':'PT2M',"
              "'priority_weight':-7,'weight_rule':'absolute','pool':'p','pool_slots':2,"
              "'max_active_tis_per_dag':4,'max_active_tis_per_dagrun':5,'ignore_first_depends_on_"
              "past':true,"
              "'wait_for_downstream':true,'wait_for_past_depends_before_skipping':true,"
              "'display_name':'A','doc_md':'x','owner':'me','do_xcom_push':false,'codes':[1,2],'"
              "env':'{{ x }}'}"));
    assert_string_equal(builder_report(&b), "");
    t = &b.dag->tasks[0];
    assert_int_equal(t->trigger_rule, RULE_ONE_FAILED);
    assert_int_equal(t->retries, 3);
    assert_int_equal(t->retry_delay_us, 1500000);
    assert_true(t->retry_multiplier == 2);
    assert_int_equal(t->max_retry_delay_us, 60 * TIME_SECOND);
    assert_int_equal(t->execution_timeout_us, 120 * TIME_SECOND);
    assert_int_equal(t->priority_weight, -7);
    assert_int_equal(t->effective_weight, -7);
    assert_string_equal(t->pool, "p");
    assert_int_equal(t->pool_slots, 2);
    assert_int_equal(t->max_active_tis_per_dag, 4);
    assert_int_equal(t->max_active_tis_per_dagrun, 5);
    assert_true(t->depends_on_past); /* wait_for_downstream implies it */
    assert_true(t->ignore_first_depends_on_past && t->wait_for_downstream);
    assert_true(t->wait_for_past_depends_before_skipping);
    assert_string_equal(t->display_name, "A");
    assert_false(t->do_xcom_push);
    builder_fini(&b);
}

static void default_args_are_merged(void **state)
{
    struct built b;

    builder_build(
        &b, "{'dag_id':'d','default_args':{'retries':2,'env':{'A':'b'},'owner':'x','pool':'p',"
            "'trigger_rule':'all_done'},"
            "'tasks':{'a':{'operator':'bash','bash_command':'x','retries':5},"
            "'b':{'operator':'empty','upstream':['a']}}}");
    assert_string_equal(builder_report(&b), "");
    assert_int_equal(b.dag->tasks[0].retries, 5);
    assert_int_equal(b.dag->tasks[1].retries, 2);
    assert_string_equal(b.dag->tasks[1].pool, "p");
    assert_int_equal(b.dag->tasks[1].trigger_rule, RULE_ALL_DONE);
    assert_string_equal(value_get(b.dag->tasks[0].spec, "retries")->text, "5");
    assert_int_equal(value_get(b.dag->tasks[0].spec, "env")->kind, VALUE_OBJECT);
    assert_null(value_get(b.dag->tasks[1].spec, "env")); /* `empty` does not know it */
    assert_string_equal(value_get(b.dag->tasks[1].spec, "owner")->text, "x");
    /* The document itself is as it was written. */
    assert_null(value_get(value_get(value_get(b.dag->document, "tasks"), "a"), "owner"));
    builder_fini(&b);
}

static void xcoms_are_edges(void **state)
{
    struct built b;

    builder_build(&b, "{'dag_id':'d','tasks':{'a':{'operator':'empty'},'b':{'operator':'empty'},"
                      "'c':{'operator':'python','python_callable':'m:f','upstream':['b','b'],"
                      "'op_args':[1,{'__xcom__':{'task_id':'a','key':'return_value'}}],"
                      "'op_kwargs':{'x':[{'__xcom__':{'task_id':'b'}}]}}}}");
    assert_string_equal(builder_report(&b), "");
    assert_int_equal(dag_up_len(b.dag, 2), 2);
    assert_int_equal(b.dag->up[b.dag->up_off[2]], 0);
    assert_int_equal(b.dag->up[b.dag->up_off[2] + 1], 1);
    builder_fini(&b);
}

static void mapped_tasks(void **state)
{
    struct built b;
    const struct task *t;

    builder_build(
        &b,
        "{'dag_id':'d','schedule':{'type':'assets','condition':{'type':'asset','name':'a'}},'"
        "callbacks':{'failure':'a.py:f'},"
        "'labels':[{'upstream':'s','downstream':'x','label':'l'}],"
        "'task_groups':{'g':{'expand':{'p':{'__xcom__':{'task_id':'s'}}}},'g.h':{'parent':'g'}},"
        "'tasks':{'s':{'operator':'bash','bash_command':'x'},"
        "'lit':{'operator':'bash','expand':{'bash_command':['a','b','c'],'env':[{},{}]}},"
        "'kw':{'operator':'bash','expand_kwargs':[{'bash_command':'a'},{'bash_command':'b'}]},"
        "'x':{'operator':'bash','expand':{'bash_command':{'__zip__':{'of':[{'__xcom__':"
        "{'task_id':'s'}},{'__xcom__':{'task_id':'lit'}}]}}}},"
        "'g.h.a':{'operator':'bash','bash_command':{'__mapped__':'p'},'group':'g.h'},"
        "'g.b':{'operator':'bash','bash_command':'y','group':'g','upstream':['g.h.a']},"
        "'e':{'operator':'empty','callbacks':{'success':'a.py:f'}}}}");
    assert_int_equal(b.rc, 0);
    assert_string_equal(b.dag->schedule, "assets");
    assert_true(b.dag->on_failure && !b.dag->on_success);
    t = dag_task(b.dag, "lit");
    assert_true(t->mapped && t->map_len == 6 && t->map_group == UINT32_MAX);
    assert_int_equal(dag_task(b.dag, "kw")->map_len, 2);
    t = dag_task(b.dag, "x");
    assert_int_equal(t->map_len, -1);
    assert_int_equal(t->map_sources_len, 2);
    assert_int_equal(dag_up_len(b.dag, t->index), 2);
    t = dag_task(b.dag, "g.h.a");
    assert_true(t->mapped && t->map_len == -1 && t->map_group == 0);
    assert_int_equal(t->map_sources_len, 1);
    assert_int_equal(dag_up_len(b.dag, t->index), 1); /* the group begins with it */
    t = dag_task(b.dag, "g.b");
    assert_true(t->mapped && t->map_sources_len == 1);
    assert_int_equal(dag_up_len(b.dag, t->index), 1); /* g.h.a only */
    assert_false(dag_task(b.dag, "e")->instant || dag_task(b.dag, "s")->mapped);
    builder_fini(&b);
}

static void defaults_of_groups(void **state)
{
    struct built b;
    const struct task *t;

    builder_build(
        &b, "{'dag_id':'d','default_args':{'retries':1,'owner':'all','pool':'p'},'task_groups':{"
            "'g.h':{'parent':'g','default_args':{'retries':3,'bash_command':'inner'}},"
            "'g':{'default_args':{'retries':2,'owner':'outer'}},'n':null},'tasks':{"
            "'a':{'operator':'bash','bash_command':'x'},"
            "'b':{'operator':'bash','bash_command':'x','group':'g'},"
            "'c':{'operator':'bash','group':'g.h'},"
            "'e':{'operator':'bash','group':'g.h','retries':9,'bash_command':'own'},"
            "'f':{'operator':'bash','bash_command':'x','group':'n'}}}");
    assert_int_equal(b.rc, 0);
    assert_int_equal(dag_task(b.dag, "a")->retries, 1);
    assert_int_equal(dag_task(b.dag, "b")->retries, 2);
    t = dag_task(b.dag, "c");
    assert_int_equal(t->retries, 3);
    assert_string_equal(t->pool, "p");
    assert_string_equal(value_get(t->spec, "bash_command")->text, "inner");
    assert_string_equal(value_get(t->spec, "owner")->text, "outer");
    assert_int_equal(dag_task(b.dag, "e")->retries, 9);
    assert_string_equal(value_get(dag_task(b.dag, "e")->spec, "bash_command")->text, "own");
    assert_int_equal(dag_task(b.dag, "f")->retries, 1);
    builder_fini(&b);
    builder_build(&b,
                  "{'dag_id':'d','task_groups':{'g':{'parent':'h','default_args':{'retries':2}},"
                  "'h':{'parent':'g','default_args':{'retries':-1}}},"
                  "'tasks':{'a':{'operator':'empty','group':'g'}}}");
    assert_int_equal(b.rc, -ERR_INVALID);
    assert_non_null(strstr(builder_report(&b), "is within itself"));
    assert_non_null(strstr(builder_report(&b), "'retries' must be an integer from 0"));
    builder_fini(&b);
}

static void things_of_python(void **state)
{
    struct built b;

    builder_build(
        &b, "{'dag_id':'d','callbacks':{'success':['a.py:f','m:g'],'failure':'m:g'},"
            "'user_defined_macros':{'x':'m:x'},'tasks':{"
            "'a':{'operator':'empty','callbacks':{'success':'m:f'}},"
            "'b':{'operator':'bash','bash_command':'x','outlets':[{'type':'asset','name':'n'}]},"
            "'c':{'operator':'python','python_callable':'m:C','op_kwargs':{'x':{'__xcom__':"
            "{'task_id':'a'}}}},"
            "'e':{'operator':'python','python_callable':'m:f','expand':{'x':[1,2]},"
            "'params':{'p':1}}}}");
    assert_int_equal(b.rc, 0);
    assert_true(b.dag->on_success && b.dag->on_failure);
    assert_true(dag_task(b.dag, "a")->effects && !dag_task(b.dag, "a")->instant);
    assert_int_equal(dag_up_len(b.dag, dag_task(b.dag, "c")->index), 1);
    assert_int_equal(dag_task(b.dag, "e")->map_len, 2);
    builder_fini(&b);
    builder_build(&b, "{'dag_id':'d','callbacks':['success'],'tasks':{"
                      "'a':{'operator':'empty','callbacks':{'success':1}},"
                      "'b':{'operator':'wait','until':'2026-01-01','inlets':[{'type':'asset'}]}}}");
    assert_int_equal(b.rc, -ERR_INVALID);
    assert_non_null(strstr(builder_report(&b), "'callbacks' must name the functions"));
    assert_non_null(strstr(builder_report(&b), "'callbacks' must be an object"));
    assert_non_null(strstr(builder_report(&b), "operator 'wait' has none here"));
    builder_fini(&b);
}

static void mapping_findings(void **state)
{
    struct built b;

    builder_build(&b, "{'dag_id':'d','listeners':['running','fail'],"
                      "'task_groups':{'g':{'expand':{'p':[1]}},'g.h':{'parent':'g',"
                      "'expand_kwargs':[{}]}},'tasks':{"
                      "'a':{'operator':'bash','group':'g','expand':{'bash_command':['x']}},"
                      "'b':{'operator':'bash','expand':{'bash_comand':['x']}},"
                      "'c':{'operator':'bash','expand':{'bash_command':'x'},'bash_command':'y'},"
                      "'e':{'operator':'empty','callbacks':{'sucess':'a.py:f'}}}}");
    assert_int_equal(b.rc, -ERR_INVALID);
    assert_non_null(strstr(builder_report(&b), "is within the mapped task group 'g'"));
    assert_non_null(strstr(builder_report(&b), "a task in it cannot be mapped again"));
    assert_non_null(strstr(builder_report(&b), "operator 'bash' has no 'bash_comand' to expand"));
    assert_non_null(strstr(builder_report(&b), "must be an object: a list, an object or an XCom"));
    assert_null(strstr(builder_report(&b), "needs 'bash_command'"));
    assert_non_null(
        strstr(builder_report(&b), "unknown callback 'sucess'; did you mean 'success'?"));
    assert_non_null(strstr(builder_report(&b), "unknown listener 'fail'"));
    builder_fini(&b);
}

static void python_dags_need_no_callable(void **state)
{
    struct built b;

    builder_build(&b,
                  "{'dag_id':'d','python':{'file':'x.py'},'tasks':{'a':{'operator':'python'}}}");
    assert_string_equal(builder_report(&b), "");
    builder_fini(&b);
    builder_build(&b, T("{'operator':'python'}"));
    assert_string_equal(builder_report(&b), "1:24 a: operator 'python' needs 'python_callable'\n");
    builder_fini(&b);
}

/* A document and its whole report. */
static const char *const cases[][2] = {
    {"[]", "1:1 a DAG document is an object with dag_id and tasks; found a list\n"},
    {"{}", "1:1 'dag_id' is missing\n1:1 'tasks' is missing\n"},
    {"{'dag_id':'','tasks':{}}", "1:11 dag_id is empty\n"},
    {"{'dag_id':'a/b','tasks':{}}",
     "1:11 dag_id 'a/b' may only have letters, digits, '-', '_' and '.'\n"},
    {"{'dag_id':7,'tasks':{}}",
     "1:11 'dag_id' must be an id: letters, digits, '-', '_', '.'; found the "
     "number 7; write it in quotes\n"},
    {"{'dag_id':'d','tasks':[]}", "1:23 'tasks' must be an object; found a list\n"},
    {"{'dag_id':'d','tasks':{},'retires':1}", "1:26 unknown key 'retires'\n"},
    {"{'dag_id':'d','tasks':{},'shedule':'x'}",
     "1:26 unknown key 'shedule'; did you mean 'schedule'?\n"},
    {"{'dag_id':'d','schedule':'61 * * * *','tasks':{}}",
     "1:26 'schedule': the cron expression '61 * * * *', column 1: 61 is not from 0 to 59 in its "
     "field 'minute'\n"},
    {"{'dag_id':'d','schedule':'0 0 30 2 *','tasks':{}}",
     "1:26 'schedule': the cron expression '0 0 30 2 *' means no date that ever comes (like 30 "
     "February); change its day or its month\n"},
    {"{'dag_id':'d','schedule':{'type':'cron_trigger',\n'cron':'@daily','timezone':'/"
     "x'},'tasks':{}}",
     "2:28 'schedule': 'timezone' must be a name like Europe/Berlin, UTC or +02:00\n"},
    {"{'dag_id':'d','timezone':'Europe Berlin','tasks':{}}",
     "1:26 'timezone' must be a name like Europe/Berlin, UTC or +02:00\n"},
    {"{'dag_id':'d','tasks':{},'dag_id':'e'}",
     "1:26 duplicate key 'dag_id': it is on line 1 already\n"},
    {"{'dag_id':'d','tasks':{},'version':2}",
     "1:36 'version' must be 1 (a newer form needs a newer program); found the number 2\n"},
    {"{'dag_id':'d','tasks':{},'catchup':'yes','fail_fast':'Off'}",
     "1:36 'catchup' must be true or false; found the string 'yes'; write true, without quotes\n"
     "1:54 'fail_fast' must be true or false; found the string 'Off'; write false, without "
     "quotes\n"},
    {"{'dag_id':'d','tasks':{},'tags':'x'}",
     "1:33 'tags' must be a list of strings; found the string 'x'; write it in brackets: [ ]\n"},
    {"{'dag_id':'d','tasks':{},'env':{'A':1,'B=':'x'}}",
     "1:37 'env' must be an object of strings; found the number 1; write it in quotes\n"},
    {"{'dag_id':'d','tasks':{},'env':{'B=':'x'}}",
     "1:33 'B=' cannot be the name of an environment variable\n"},
    {"{'dag_id':'d','tasks':{},'start_date':'2026-02-01','end_date':'2026-01-01'}",
     "1:63 'end_date' is before 'start_date'\n"},
    {"{'dag_id':'d','tasks':{},'start_date':'tomorrow'}",
     "1:39 'start_date' must be a time like 2026-01-31T12:00:00Z, or a date; found the string "
     "'tomorrow'\n"},
    {"{'dag_id':'d','tasks':{},'python':{}}",
     "1:35 'python' must have 'file': the path of the Python file\n"},
    {"{'dag_id':'d','tasks':{},'task_groups':{'a':{'parent':'b'},'b':{'parent':'a'}}}",
     "1:41 task group 'a' is within itself, by its parents\n"},
    {"{'dag_id':'d','tasks':{},'task_groups':{'a':{'parent':'z','tip':1},'b':7}}",
     "1:55 unknown task group 'z'\n1:59 unknown key 'tip'\n1:72 task group 'b' must be an "
     "object\n"},
    {"{'dag_id':'d','task_groups':{'a':{}},'tasks':{'a':{'operator':'empty','group':'b'},"
     "'c':{'operator':'empty','upstream':['a','a']}}}",
     "1:47 'a' is the id of a task group already\n"
     "1:79 a: unknown task group 'b'; name it in 'task_groups'\n"},
    {"{'dag_id':'d','tasks':{'a':{'operator':'empty'},\n'a':{'operator':'empty'}}}",
     "2:1 duplicate task id 'a': it is on line 1 already\n"},
    {T("1"), "1:28 a: a task must be an object with 'operator'; found number\n"},
    {T("{}"), "1:28 a: 'operator' is missing: bash, python ...\n"},
    {T("{'operator':1}"),
     "1:40 a: 'operator' must be a string; found the number 1; write it in quotes\n"},
    {T("{'operator':'bahs'}"),
     "1:40 a: unknown operator 'bahs'; did you mean 'bash'? (one of bash, python, wait, empty)\n"},
    {T("{'operator':'BashOperator'}"),
     "1:40 a: unknown operator 'BashOperator'; here it is called 'bash'\n"},
    {T("{'operator':'bash'}"), "1:24 a: operator 'bash' needs 'bash_command': A command.\n"},
    {T("{'operator':'empty','bash_command':'x'}"),
     "1:48 a: unknown key 'bash_command' of operator empty\n"},
    {T("{'operator':'empty','retrys':1}"),
     "1:48 a: unknown key 'retrys' of operator empty; did you mean 'retries'?\n"},
    {T("{'operator':'wait','until':'2026-01-01','delta':1}"),
     "1:76 a: operator 'wait' takes only one of 'until' or 'delta'\n"},
    {T("{'operator':'wait'}"), "1:24 a: operator 'wait' needs 'until' or 'delta'\n"},
    {T("{'operator':'wait','until':'{{ ds }}'}"), ""},
    {T("{'operator':'wait','until':'soon'}"),
     "1:55 a: 'until' must be a time like 2026-01-31T12:00:00Z, or a date; found the string "
     "'soon'\n"},
    {T("{'operator':'empty','retries':-1}"),
     "1:58 a: 'retries' must be an integer from 0 to 10000; found the number -1\n"},
    {T("{'operator':'empty','retries':1.5}"),
     "1:58 a: 'retries' must be an integer from 0 to 10000; found the number 1.5\n"},
    {T("{'operator':'empty','retries':null}"),
     "1:58 a: 'retries' must be an integer from 0 to 10000; found nothing (null)\n"},
    {T("{'operator':'empty','pool_slots':0}"),
     "1:61 a: 'pool_slots' must be an integer from 1 to 2147483647; found the number 0\n"},
    {T("{'operator':'empty','retry_delay':'3 parsecs'}"),
     "1:62 a: 'retry_delay' must be a duration of at most ten years: seconds, or text like 90s, "
     "1h30m, "
     "500ms, PT1H30M; found the string '3 parsecs'\n"},
    {T("{'operator':'empty','retry_delay':1e9}"),
     "1:62 a: 'retry_delay' must be a duration of at most ten years: seconds, or text like 90s, "
     "1h30m, "
     "500ms, PT1H30M; found the number 1e9\n"},
    {T("{'operator':'empty','retry_delay':1e2}"), ""},
    {T("{'operator':'empty','pool':'my pool'}"), ""},
    {T("{'operator':'empty','pool':''}"),
     "1:55 a: 'pool' must be a name of 1 to 250 bytes; found the string ''\n"},
    {T("{'operator':'empty','weight_rule':'up'}"),
     "1:62 a: unknown weight_rule 'up' (one of downstream, upstream, absolute)\n"},
    {T("{'operator':'empty','weight_rule':1}"),
     "1:62 a: 'weight_rule' must be one of downstream, upstream, absolute; found the number 1\n"},
    {T("{'operator':'empty','upstream':['b']}"),
     "1:60 a: upstream 'b' is not a task of this DAG\n"},
    {T("{'operator':'empty','upstream':['a']}"), "1:24 a: cycle: a -> a\n"},
    {T("{'operator':'empty','upstream':'b'}"), "1:59 a: 'upstream' must be a list of strings; "
                                               "found the string 'b'; write it in brackets: [ ]\n"},
    {T("{'operator':'empty','setup':true,'teardown':true}"),
     "1:24 a: a task is a setup or a teardown, not both\n"},
    {T("{'operator':'empty','on_failure_fail_dagrun':true}"),
     "1:24 a: 'on_failure_fail_dagrun' is only for teardowns\n"},
    {T("{'operator':'empty','teardown':true,'trigger_rule':'all_done'}"),
     "1:79 a: a teardown has the trigger rule all_done_setup_success: leave 'trigger_rule' out\n"},
    {"{'dag_id':'d','default_args':{'trigger_rule':'all_done'},'tasks':{'a':{'operator':'empty',"
     "'teardown':true}}}",
     ""},
    {"{'dag_id':'d','fail_fast':true,'tasks':{'a':{'operator':'empty','trigger_rule':'always'}}}",
     "1:80 a: in a DAG with 'fail_fast' every trigger rule must be all_success\n"},
    {"{'dag_id':'d','default_args':{'retrys':1,'upstream':['a'],'env':7},'tasks':{}}",
     "1:31 unknown key 'retrys' in default_args; did you mean 'retries'?\n"
     "1:42 'upstream' is of one task: it has no place in default_args\n"
     "1:65 'env' must be an object of strings; found the number 7\n"},
    {T("{'operator':'python','python_callable':'x','op_args':[{'__xcom__':{'task_id':'zz'}}]}"),
     "1:105 a: the task of an XCom 'zz' is not a task of this DAG\n"},
    {T("{'operator':'python','python_callable':'x','op_args':[{'__xcom__':1}]}"),
     "1:94 a: '__xcom__' must have 'task_id', a string\n"},
    {T("{'operator':'bash','bash_command':'a\\u0000b'}"),
     "1:62 a string must not contain a NUL character\n"},
    {"{'dag_id':'d','tasks':{'s':{'operator':'empty','setup':true},"
     "'a':{'operator':'empty','upstream':['s'],'trigger_rule':'all_done'}}}",
     "1:62 a: it follows the setup 's': its trigger rule must be all_success\n"},
};

static void findings(void **state)
{
    int bad = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct built b;

        builder_build(&b, cases[i][0]);
        if (strcmp(builder_report(&b), cases[i][1]) != 0) {
            print_error("%s\n%s\n", cases[i][0], builder_report(&b));
            bad++;
        }
        assert_int_equal(b.rc, cases[i][1][0] == '\0' ? 0 : -ERR_INVALID);
        builder_fini(&b);
    }
    assert_int_equal(bad, 0);
}

static void cycles_are_named_in_order(void **state)
{
    struct built b;

    builder_build(
        &b,
        "{'dag_id':'d','tasks':{\n'z':{'operator':'empty','upstream':['c']},\n"
        "'a':{'operator':'empty','upstream':['c','y']},\n'b':{'operator':'empty','upstream':['a']},"
        "\n"
        "'c':{'operator':'empty','upstream':['b']},\n'y':{'operator':'empty'},\n"
        "'p':{'operator':'empty','upstream':['q']},\n'q':{'operator':'empty','upstream':['p']}}}");
    assert_string_equal(builder_report(&b),
                        "3:1 a: cycle: a -> b -> c -> a\n7:1 p: cycle: p -> q -> p\n");
    builder_fini(&b);
}

static void findings_have_a_limit(void **state)
{
    struct buf text BUF_CLEANUP;
    struct built b;

    buf_init(&text, MiB(1));
    (void)buf_str(&text, "{'dag_id':'d','tasks':{");
    for (int i = 0; i < 3 * LIMIT_DOC_ERRORS; i++) {
        (void)buf_printf(&text, "%s'a%d':{'operator':'emty'}", i == 0 ? "" : ",", i);
    }
    (void)buf_str(&text, "}}");
    builder_build(&b, buf_cstr(&text));
    assert_int_equal(b.rc, -ERR_INVALID);
    assert_int_equal(b.errors.len, LIMIT_DOC_ERRORS);
    assert_int_equal(b.errors.more, 2 * LIMIT_DOC_ERRORS);
    builder_fini(&b);
}

static void long_ids(void **state)
{
    char id[LIMIT_ID_BYTES + 2], text[LIMIT_ID_BYTES + 100];
    struct built b;

    memset(id, 'x', sizeof id);
    id[LIMIT_ID_BYTES] = '\0';
    (void)snprintf(text, sizeof text, "{'dag_id':'%s','tasks':{}}", id);
    builder_build(&b, text);
    assert_int_equal(b.rc, 0);
    builder_fini(&b);
    id[LIMIT_ID_BYTES] = 'x';
    id[LIMIT_ID_BYTES + 1] = '\0';
    (void)snprintf(text, sizeof text, "{'dag_id':'%s','tasks':{}}", id);
    builder_build(&b, text);
    assert_string_equal(builder_report(&b),
                        "1:11 dag_id 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is 251 "
                        "bytes long; at most 250 are allowed\n");
    builder_fini(&b);
}

static void nearest_words(void **state)
{
    static const char *const words[] = {"retries", "retry_delay", "pool", "owner", "upstream"};

    assert_string_equal(nearest_word("retires", words, 5), "retries");
    assert_string_equal(nearest_word("retrys", words, 5), "retries");
    assert_string_equal(nearest_word("retry-delay", words, 5), "retry_delay");
    assert_string_equal(nearest_word("pol", words, 5), "pool");
    assert_string_equal(nearest_word("upsteram", words, 5), "upstream");
    assert_null(nearest_word("bash_command", words, 5));
    assert_null(nearest_word("", words, 5));
    assert_null(nearest_word("x", words, 0));
}

static void every_allocation_may_fail(void **state)
{
    static const char text[] =
        "{\"dag_id\":\"d\",\"default_args\":{\"retries\":1},\"params\":{\"p\":1},\"tags\":[\"x\"],"
        "\"task_groups\":{\"g\":{\"parent\":\"h\",\"default_args\":{\"retries\":2}},"
        "\"h\":{\"default_args\":{\"owner\":\"o\"}}},\"tasks\":{\"s\":{\"operator\":\"empty\","
        "\"setup\":true},"
        "\"a\":{\"operator\":\"bash\",\"bash_command\":\"x\",\"upstream\":[\"s\"],"
        "\"group\":\"g\"},\"b\":{\"operator\":\"empty\",\"upstream\":[\"a\"]},"
        "\"t\":{\"operator\":\"empty\",\"upstream\":[\"s\",\"b\"],\"teardown\":true}}}";
    struct value *document = NULL;
    struct arena a;
    struct err e;
    int rc = -1;

    arena_init(&a, MiB(1));
    assert_int_equal(value_parse(&a, text, sizeof text - 1, &document, &e), 0);
    for (uint64_t n = 1; rc != 0; n++) {
        struct built b = {0};

        assert_true(n < 1000);
        arena_init(&b.arena, MiB(1));
        b.errors.arena = &b.arena;
        mem_fail_at(n, 0);
        rc = document_build(document, "f", &builder_operators, &b.dag, &b.errors, &b.e);
        mem_fail_at(0, 0);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        assert_int_equal(b.errors.len + b.errors.more, 0);
        builder_fini(&b);
    }
    arena_fini(&a);
}

/* With findings too: they are never lost in silence. */
static void findings_survive_no_memory(void **state)
{
    static const char text[] =
        "{\"dag_id\":\"d\",\"tasks\":{\"a\":{\"operator\":\"emty\",\"upstream\":[\"b\"]}}}";
    struct value *document = NULL;
    struct arena a;
    struct err e;

    arena_init(&a, MiB(1));
    assert_int_equal(value_parse(&a, text, sizeof text - 1, &document, &e), 0);
    for (uint64_t n = 1; n < 40; n++) {
        struct built b = {0};

        arena_init(&b.arena, MiB(1));
        b.errors.arena = &b.arena;
        mem_fail_at(n, 0);
        b.rc = document_build(document, "f", &builder_operators, &b.dag, &b.errors, &b.e);
        mem_fail_at(0, 0);
        assert_true(b.rc == -ERR_NOMEM ||
                    (b.rc == -ERR_INVALID && b.errors.len + b.errors.more == 2));
        builder_fini(&b);
    }
    arena_fini(&a);
}

static void taken_documents(void **state)
{
    static const char good[] = "{\"dag_id\":\"d\",\"tasks\":{\"a\":{\"operator\":\"empty\"}}}";
    static const char bad[] = "{\"dag_id\":\"d\"}";
    struct value *document = NULL;
    struct built b = {0};
    struct arena a;

    arena_init(&b.arena, MiB(1));
    b.errors.arena = &b.arena;
    arena_init(&a, MiB(1));
    assert_int_equal(value_parse(&a, good, sizeof good - 1, &document, &b.e), 0);
    assert_int_equal(
        document_build_take(&a, document, "f.json", &builder_operators, &b.dag, &b.errors, &b.e),
        0);
    assert_null(a.head);
    assert_ptr_equal(b.dag->document, document);
    assert_string_equal(b.dag->file, "f.json");
    dag_unref(b.dag);
    b.dag = NULL;
    assert_int_equal(value_parse(&a, bad, sizeof bad - 1, &document, &b.e), 0);
    assert_int_equal(
        document_build_take(&a, document, NULL, &builder_operators, &b.dag, &b.errors, &b.e),
        -ERR_INVALID);
    assert_non_null(a.head);
    arena_fini(&a);
    builder_fini(&b);
}

static void schema_is_json(void **state)
{
    struct buf out BUF_CLEANUP;
    struct value *v = NULL;
    struct arena a;
    struct err e;

    buf_init(&out, MiB(1));
    arena_init(&a, MiB(4));
    assert_int_equal(document_schema(&builder_operators, &out), 0);
    assert_int_equal(value_parse(&a, out.p, out.len, &v, &e), 0);
    assert_non_null(value_get(value_get(v, "properties"), "dag_id"));
    assert_non_null(value_get(value_get(v, "$defs"), "task_bash"));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(dag_members),
        cmocka_unit_test(task_members),
        cmocka_unit_test(default_args_are_merged),
        cmocka_unit_test(xcoms_are_edges),
        cmocka_unit_test(mapped_tasks),
        cmocka_unit_test(mapping_findings),
        cmocka_unit_test(defaults_of_groups),
        cmocka_unit_test(things_of_python),
        cmocka_unit_test(python_dags_need_no_callable),
        cmocka_unit_test(findings),
        cmocka_unit_test(cycles_are_named_in_order),
        cmocka_unit_test(findings_have_a_limit),
        cmocka_unit_test(long_ids),
        cmocka_unit_test(nearest_words),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(findings_survive_no_memory),
        cmocka_unit_test(taken_documents),
        cmocka_unit_test(schema_is_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
