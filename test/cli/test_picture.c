/* Pictures and tables for the terminal, as they look; lack of memory. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/graph.h"
#include "cli/term.h"
#include "model/dag.h"
#include "model/document.h"

/* edges: "a>b a>c x" */
static struct dag *make(const char *edges, const char *group)
{
    static const struct operator_param none[] = {{0}};
    static const struct operator_desc empty = {"empty", "EmptyOperator", "nothing", none, true};
    static const struct operator_desc *const list[] = {&empty};
    const struct operator_table table = {list, 1};
    struct doc_errors errors = {0};
    struct arena a;
    struct value *doc, *tasks, *groups;
    struct dag *d = NULL;
    struct err e = {0};

    arena_init(&a, MiB(16));
    errors.arena = &a;
    doc = value_new(&a, VALUE_OBJECT);
    tasks = value_new(&a, VALUE_OBJECT);
    groups = value_new(&a, VALUE_OBJECT);
    (void)value_set(&a, doc, "dag_id", value_string(&a, "demo <&>", 4));
    for (const char *p = edges; *p != 0; p += strspn(p, " ")) {
        size_t n = strcspn(p, " "), from = strcspn(p, "> ");
        char names[2][64] = {"", ""};

        memcpy(names[0], p, from);
        if (from < n) {
            memcpy(names[1], p + from + 1, n - from - 1);
        }
        for (int i = 0; i < 2 && names[i][0] != 0; i++) {
            struct value *task = value_get(tasks, names[i]) != NULL
                                     ? (struct value *)(uintptr_t)value_get(tasks, names[i])
                                     : NULL;

            if (task == NULL) {
                task = value_new(&a, VALUE_OBJECT);
                (void)value_set(&a, task, "operator", value_string(&a, "empty", 5));
                (void)value_set(&a, task, "upstream", value_new(&a, VALUE_ARRAY));
                if (group != NULL && names[i][0] == group[0]) {
                    (void)value_set(&a, task, "group", value_string(&a, group, strlen(group)));
                }
                (void)value_set(&a, tasks, names[i], task);
            }
            if (i == 1) {
                (void)value_append(&a, (struct value *)(uintptr_t)value_get(task, "upstream"),
                                   value_string(&a, names[0], strlen(names[0])));
            }
        }
        p += n;
    }
    if (group != NULL) {
        (void)value_set(&a, groups, group, value_new(&a, VALUE_OBJECT));
        (void)value_set(&a, doc, "task_groups", groups);
    }
    (void)value_set(&a, doc, "tasks", tasks);
    if (document_build(doc, NULL, &table, &d, &errors, &e) != 0) {
        fail_msg("%s: %s", err_str(&e), errors.len > 0 ? errors.items[0].text : "");
    }
    arena_fini(&a);
    return d;
}

static void looks(const char *edges, int width, bool unicode, const char *want)
{
    const struct graph_options o = {.width = width, .unicode = unicode};
    struct dag *d = make(edges, NULL);
    struct buf b;

    buf_init(&b, MiB(1));
    assert_int_equal(graph_text(d, &o, &b, NULL), 0);
    assert_string_equal(buf_cstr(&b), want);
    buf_fini(&b);
    dag_unref(d);
}

static void test_text(void **state)
{
    (void)state;
    looks("a", 80, true, "a\n");
    looks("a>b b>c", 80, true, "a ─▶ b ─▶ c\n");
    looks("a>b b>c", 80, false, "a -> b -> c\n");
    looks("start>left start>right left>join right>join", 80, true,
          "       ┌─▶ left ──┐\n"
          "start ─┴─▶ right ─┴─▶ join\n");
    looks("start>left start>right left>join right>join", 80, false,
          "       .-> left --.\n"
          "start -+-> right -+-> join\n");
    looks("a>x a>y a>z b>x b>y b>z c>x c>y c>z", 80, true,
          "a ─┬─▶ x\n"
          "b ─┼─▶ y\n"
          "c ─┴─▶ z\n");
    looks("extract>clean clean>load load>report extract>report", 80, true,
          "         ┌─▶ clean ─▶ load ─┐\n"
          "extract ─┤                  ├─▶ report\n"
          "         └──────────────────┘\n");
    looks("start>left start>right left>join right>join", 20, true, /* too narrow: a list */
          "start\n  left  after start\n  right  after start\n    join  after left, right\n");
}

static void test_files(void **state)
{
    static const char *const formats[] = {"dot", "mermaid", "svg", "text"};
    struct dag *d = make("a>g1 g1>g2 g2>z a>z", "g");
    uint8_t states[8] = {TASK_SUCCESS, TASK_FAILED, TASK_RUNNING, TASK_NONE};
    const struct graph_options o = {.states = states, .unicode = true};
    struct err e = {0};
    struct buf b;

    (void)state;
    buf_init(&b, MiB(1));
    assert_int_equal(graph_render("dot", d, &o, &b, &e), 0);
    assert_non_null(strstr(buf_cstr(&b), "\"g1\" -> \"g2\";"));
    assert_non_null(strstr(buf_cstr(&b), "subgraph cluster_0"));
    buf_clear(&b);
    assert_int_equal(graph_render("mermaid", d, &o, &b, &e), 0);
    assert_non_null(strstr(buf_cstr(&b), "t0 --> t1"));
    buf_clear(&b);
    assert_int_equal(graph_render("svg", d, &o, &b, &e), 0);
    assert_non_null(strstr(buf_cstr(&b), "fill=\"#ff0000\""));
    assert_int_equal(graph_render("png", d, &o, &b, &e), -ERR_USAGE);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        for (uint64_t n = 1;; n++) {
            uint64_t made;
            int rc;

            buf_fini(&b);
            buf_init(&b, MiB(1));
            mem_fail_at(n, 0);
            rc = graph_render(formats[i], d, &o, &b, &e);
            made = mem_count();
            mem_fail_at(0, 0);
            assert_true(rc == 0 || rc == -ERR_NOMEM);
            if (made < n) {
                assert_int_equal(rc, 0);
                break;
            }
        }
    }
    buf_fini(&b);
    dag_unref(d);
}

static void test_width(void **state)
{
    struct buf b;

    (void)state;
    assert_int_equal(text_width("abc", 3), 3);
    assert_int_equal(text_width("日本", 6), 4);
    assert_int_equal(text_width("e\xcc\x81", 3), 1);
    assert_int_equal(text_width("\x1b[31mred\x1b[0m", 12), 3);
    assert_int_equal(text_width("\xff\xfe", 2), 2);
    assert_int_equal(text_width("\x1b[", 2), 0);
    buf_init(&b, KiB(1));
    (void)text_fit(&b, "abcdef", 6, 6);
    assert_string_equal(buf_cstr(&b), "abcdef");
    buf_clear(&b);
    (void)text_fit(&b, "abcdef", 6, 4);
    assert_int_equal(text_width(buf_cstr(&b), b.len), 4);
    buf_clear(&b);
    (void)text_fit(&b, "日本語", 9, 4);
    assert_true(text_width(buf_cstr(&b), b.len) <= 4);
    buf_fini(&b);
}

static void test_table(void **state)
{
    static const struct table_column columns[] = {
        {"task", false, true}, {"n", true, false}, {"state", false, false}};
    struct table *t = table_new(columns, 3);
    struct buf b;

    (void)state;
    buf_init(&b, KiB(8));
    table_cell(t, "extract\tall");
    table_cellf(t, "%d", 7);
    table_state(t, TASK_SUCCESS);
    table_cell(t, "a_task_with_a_rather_long_name");
    table_cellf(t, "%d", 1234);
    table_run_state(t, RUN_FAILED);
    assert_int_equal(table_rows(t), 2);
    assert_int_equal(table_print(t, 0, &b), 0);
    assert_string_equal(buf_cstr(&b), "task                               n  state\n"
                                      "extract all                        7  success\n"
                                      "a_task_with_a_rather_long_name  1234  failed\n");
    buf_clear(&b);
    assert_int_equal(table_print(t, 30, &b), 0);
    for (const char *p = buf_cstr(&b); *p != 0; p += strcspn(p, "\n") + 1) {
        assert_true(text_width(p, strcspn(p, "\n")) <= 30);
    }
    table_free(t);
    buf_fini(&b);
}

/* What a live region wrote to the pipe since the last call. */
static const char *written(int fd, char *buf, size_t cap)
{
    ssize_t n = read(fd, buf, cap - 1);

    buf[n < 0 ? 0 : n] = 0;
    return buf;
}

static void test_live(void **state)
{
    char buf[4096];
    int fds[2], status;
    struct live *l;
    pid_t pid;

    (void)state;
    (void)setenv("COLUMNS", "40", 1);
    assert_int_equal(pipe(fds), 0);
    l = live_new(fds[1]);
    assert_non_null(strstr(written(fds[0], buf, sizeof buf), "\x1b[?25l"));
    live_draw(l, "first\nsecond\n");
    assert_non_null(strstr(written(fds[0], buf, sizeof buf), "first\x1b[K\r\nsecond\x1b[K\r\n"));
    live_draw(l, "first\nother\n"); /* only what changed is written again */
    assert_non_null(strstr(written(fds[0], buf, sizeof buf), "\x1b[2A\r\nother\x1b[K\r\n"));
    assert_null(strstr(buf, "first"));
    live_print(l, "stays\n");
    assert_non_null(
        strstr(written(fds[0], buf, sizeof buf), "\x1b[2A\x1b[Jstays\nfirst\x1b[K\r\nother"));
    live_draw(l, "");
    assert_non_null(strstr(written(fds[0], buf, sizeof buf), "\x1b[2A\x1b[J"));
    live_free(l);
    assert_non_null(strstr(written(fds[0], buf, sizeof buf), "\x1b[?25h"));
    pid = fork();
    if (pid ==
        0) { /* a signal ends the program: the cursor is shown, and it still dies of the signal */
        (void)live_new(fds[1]);
        (void)raise(SIGTERM);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_non_null(strstr(written(fds[0], buf, sizeof buf), "\x1b[?25l\x1b[?25h"));
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_width), cmocka_unit_test(test_table),
                                       cmocka_unit_test(test_live)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
