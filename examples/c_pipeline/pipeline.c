/*
 * A pipeline in a C program: `numbers` makes a list, `sum` adds it up, both C functions; `report` is a command. Build and run:
 *
 *     cc pipeline.c -o pipeline $(pkg-config --cflags --libs tradewind)
 *     ./pipeline              in memory
 *     ./pipeline HOME         kept in a folder; killed in between, `./pipeline HOME resume` goes on
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tradewind/pipeline.h>

static int fail(tw_error *error)
{
    fprintf(stderr, "pipeline: %s\n", tw_error_text(error));
    tw_error_free(error);
    return 1;
}

/* ---- the tasks: each runs in a process of its own ---- */

static int numbers(tw_context *c)
{
    int n = atoi(tw_context_args(c));
    char json[4096] = "[";
    size_t len = 1;

    for (int i = 1; i <= n && len < sizeof json - 16; i++) {
        len += (size_t)snprintf(json + len, sizeof json - len, "%s%d", i > 1 ? "," : "", i);
    }
    (void)snprintf(json + len, sizeof json - len, "]");
    tw_log(c, "made %d numbers", n);
    return tw_return(c, json, NULL) == TW_OK ? TW_SUCCESS : TW_FAILED;
}

static int sum(tw_context *c)
{
    char *json = NULL, text[32];
    tw_error *error = NULL;
    long total = 0;

    if (tw_xcom_get(c, "numbers", "return_value", &json, &error) != TW_OK) {
        tw_reason(c, "%s", tw_error_text(error));
        tw_error_free(error);
        return TW_FAILED_NO_RETRY;
    }
    for (char *p = strpbrk(json, "0123456789"); p != NULL; p = strpbrk(p, "0123456789")) {
        total += strtol(p, &p, 10);
    }
    tw_free(json);
    (void)snprintf(text, sizeof text, "%ld", total);
    tw_log(c, "the sum is %ld", total);
    return tw_return(c, text, NULL) == TW_OK ? TW_SUCCESS : TW_FAILED;
}

static const struct tw_function_entry functions[] = {
    {"numbers", numbers},
    {"sum", sum},
    {NULL, NULL},
};

/* ---- the pipeline ---- */

static tw_pipeline *make(void)
{
    tw_pipeline *p = tw_pipeline_new("c_pipeline");
    tw_task *first = tw_task_function(p, "numbers", "numbers");
    tw_task *second = tw_task_function(p, "sum", "sum");
    tw_task *last =
        tw_task_bash(p, "report", "echo \"{{ params.title }}: {{ ti.xcom_pull('sum') }}\"");

    tw_pipeline_param(p, "title", "\"Sum\"");
    tw_task_args(first, "100");
    tw_task_retries(second, 2, 1.0);
    tw_task_timeout(second, 60);
    tw_task_after(second, first);
    tw_task_after(last, second);
    return p;
}

static void show(void *arg, const tw_transition *t)
{
    const char *reason = tw_transition_reason(t);

    (void)arg;
    printf("%s: %s -> %s%s%s\n", tw_transition_task(t), tw_transition_from(t), tw_transition_to(t),
           reason != NULL ? ": " : "", reason != NULL ? reason : "");
}

int main(int argc, char **argv)
{
    tw_error *error = NULL;
    tw_result *result = NULL;
    tw_pipeline *p;
    tw_runner *r;
    int rc, code = 1;

    if (tw_init(functions, &error) != TW_OK) {
        return fail(error);
    }
    p = make();
    r = argc > 1 ? tw_runner_new(argv[1]) : tw_runner_new_in_memory();
    tw_runner_on_transition(r, show, NULL);
    tw_runner_keep_values(r, 1);
    if (argc > 2 && strcmp(argv[2], "resume") == 0) {
        rc = tw_runner_resume(r, "c_pipeline", NULL, &result, &error);
    } else {
        rc = tw_runner_run(r, p, NULL, NULL, &result, &error);
    }
    if (rc == TW_OK) {
        const char *value = tw_result_value(result, tw_result_find(result, "report"));

        printf("%s: %s\n", tw_result_state(result), value != NULL ? value : "nothing");
        code = strcmp(tw_result_state(result), "success") == 0 ? 0 : 1;
    } else {
        code = fail(error);
    }
    tw_result_free(result);
    tw_runner_free(r);
    tw_pipeline_free(p);
    return code;
}
