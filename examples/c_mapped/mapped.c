/*
 * One instance for each: `list` names the files of a folder, `size` has an instance for each name, and `total` adds up what they returned. Build and
 * run:
 *
 *     cc mapped.c -o mapped $(pkg-config --cflags --libs tradewind)
 *     ./mapped FOLDER
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tradewind/pipeline.h>

static int fail(tw_error *error)
{
    fprintf(stderr, "mapped: %s\n", tw_error_text(error));
    tw_error_free(error);
    return 1;
}

/* The text of a JSON string; of what this program writes that is what stands between the quotes. */
static void text_of(const char *json, char *text, size_t n)
{
    size_t len = strlen(json);

    (void)snprintf(text, n, "%.*s", len >= 2 ? (int)(len - 2) : 0, json + 1);
}

/* ---- the tasks ---- */

static int list(tw_context *c)
{
    char folder[512], json[16384] = "[";
    size_t len = 1;
    DIR *dir;

    text_of(tw_context_args(c), folder, sizeof folder);
    dir = opendir(folder);
    if (dir == NULL) {
        tw_reason(c, "cannot open %s", folder);
        return TW_FAILED_NO_RETRY;
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.' && strpbrk(e->d_name, "\"\\") == NULL &&
            len + strlen(folder) + strlen(e->d_name) + 8 < sizeof json) {
            len += (size_t)snprintf(json + len, sizeof json - len, "%s\"%s/%s\"",
                                    len > 1 ? "," : "", folder, e->d_name);
        }
    }
    closedir(dir);
    (void)snprintf(json + len, sizeof json - len, "]");
    return tw_return(c, json, NULL) == TW_OK ? TW_SUCCESS : TW_FAILED;
}

static int size(tw_context *c)
{
    char path[1024], json[32];
    struct stat st;

    text_of(tw_context_args(c), path, sizeof path);
    if (stat(path, &st) != 0) {
        tw_reason(c, "%s is gone", path);
        return TW_SKIPPED;
    }
    tw_log(c, "%d: %s", tw_context_map_index(c), path);
    (void)snprintf(json, sizeof json, "%lld", (long long)st.st_size);
    return tw_return(c, json, NULL) == TW_OK ? TW_SUCCESS : TW_FAILED;
}

static int total(tw_context *c)
{
    char *json = NULL, text[32];
    long long sum = 0;

    if (tw_xcom_get(c, "size", NULL, &json, NULL) != TW_OK) {
        return TW_FAILED;
    }
    for (char *p = strpbrk(json, "0123456789"); p != NULL; p = strpbrk(p, "0123456789")) {
        sum += strtoll(p, &p, 10);
    }
    tw_free(json);
    (void)snprintf(text, sizeof text, "%lld", sum);
    return tw_return(c, text, NULL) == TW_OK ? TW_SUCCESS : TW_FAILED;
}

static const struct tw_function_entry functions[] = {
    {"list", list},
    {"size", size},
    {"total", total},
    {NULL, NULL},
};

/* ---- the pipeline ---- */

static tw_pipeline *make(const char *folder)
{
    tw_pipeline *p = tw_pipeline_new("c_mapped");
    tw_task *names = tw_task_function(p, "list", "list");
    tw_task *each = tw_task_function(p, "size", "size");
    tw_task *all = tw_task_function(p, "total", "total");
    char json[600];

    (void)snprintf(json, sizeof json, "\"%s\"", folder);
    tw_task_args(names, json);
    tw_task_expand_over(each, "args", names, NULL);
    tw_task_after(all, each);
    tw_task_trigger_rule(all, "none_failed");
    return p;
}

int main(int argc, char **argv)
{
    tw_error *error = NULL;
    tw_result *result = NULL;
    tw_pipeline *p;
    tw_runner *r;
    int code = 1;

    if (tw_init(functions, &error) != TW_OK) {
        return fail(error);
    }
    p = make(argc > 1 ? argv[1] : ".");
    r = tw_runner_new_in_memory();
    tw_runner_keep_values(r, 1);
    if (tw_runner_run(r, p, NULL, NULL, &result, &error) == TW_OK) {
        const char *value = tw_result_value(result, tw_result_find(result, "total"));

        for (size_t i = 0; i < tw_result_len(result); i++) {
            printf("%s[%d] %s\n", tw_result_task(result, i), tw_result_map_index(result, i),
                   tw_result_task_state(result, i));
        }
        printf("%s: %s bytes\n", tw_result_state(result), value != NULL ? value : "no");
        code = strcmp(tw_result_state(result), "success") == 0 ? 0 : 1;
    } else {
        code = fail(error);
    }
    tw_result_free(result);
    tw_runner_free(r);
    tw_pipeline_free(p);
    return code;
}
