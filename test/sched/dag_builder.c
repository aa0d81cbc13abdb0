#include "dag_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "test_dag: %s: %s\n", what, detail);
    exit(2);
}

static void *must(void *p)
{
    if (p == NULL) {
        die("out of memory", "");
    }
    return p;
}

struct dag *test_dag_new(const char *dag_id, uint32_t tasks)
{
    struct dag *d = must(mem_zalloc(sizeof *d));

    d->refs = 1;
    arena_init(&d->arena, SIZE_MAX / 2);
    map_init(&d->by_id);
    d->dag_id = d->display_name = must(arena_strdup(&d->arena, dag_id));
    d->tasks = must(arena_array(&d->arena, tasks + 1, sizeof *d->tasks));
    d->tasks_len = tasks;
    d->start_date_us = d->end_date_us = TIME_NONE;
    d->max_active_tasks = DEFAULT_MAX_ACTIVE_TASKS;
    d->max_active_runs = DEFAULT_MAX_ACTIVE_RUNS;
    for (uint32_t i = 0; i < tasks; i++) {
        struct task *t = &d->tasks[i];

        t->task_id = t->display_name = must(arena_printf(&d->arena, "t%u", i));
        t->index = i;
        t->group = TASK_INDEX_NONE;
        t->operator_name = "bash";
        t->retry_delay_us = DEFAULT_RETRY_DELAY_S * TIME_SECOND;
        t->priority_weight = 1;
        t->pool = "default_pool";
        t->pool_slots = 1;
        t->map_group = UINT32_MAX;
    }
    return d;
}

/* Marks what can be reached from t (itself excluded) along one direction; iterative. */
static void reach(const struct dag *d, uint32_t t, const uint32_t *off, const uint32_t *to,
                  uint8_t *mark, uint8_t bit, uint32_t *stack)
{
    uint32_t n = 0;

    stack[n++] = t;
    while (n > 0) {
        uint32_t x = stack[--n];

        for (uint32_t i = off[x]; i < off[x + 1]; i++) {
            if ((mark[to[i]] & bit) == 0) {
                mark[to[i]] |= bit;
                stack[n++] = to[i];
            }
        }
    }
    (void)d;
}

static bool is_upstream(const struct dag *d, uint32_t t, uint32_t u)
{
    for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
        if (d->up[i] == u) {
            return true;
        }
    }
    return false;
}

static void link_down(struct dag *d)
{
    uint32_t n = d->tasks_len, *fill = must(mem_array(n + 1, sizeof *fill));

    d->down_off = must(arena_array(&d->arena, n + 1, sizeof *d->down_off));
    d->down = must(arena_array(&d->arena, d->up_off[n] + 1, sizeof *d->down));
    for (uint32_t i = 0; i < d->up_off[n]; i++) {
        d->down_off[d->up[i] + 1]++;
    }
    for (uint32_t i = 0; i < n; i++) {
        d->down_off[i + 1] += d->down_off[i];
        fill[i] = d->down_off[i];
    }
    for (uint32_t t = 0; t < n; t++) {
        for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
            d->down[fill[d->up[i]]++] = t;
        }
    }
    mem_free(fill);
}

static void link_topo(struct dag *d)
{
    uint32_t n = d->tasks_len, len = 0;
    uint32_t *left = must(mem_array(n + 1, sizeof *left));
    bool *done = must(mem_array(n + 1, sizeof *done));

    d->topo = must(arena_array(&d->arena, n + 1, sizeof *d->topo));
    for (uint32_t t = 0; t < n; t++) {
        left[t] = dag_up_len(d, t);
        if (left[t] == 0) {
            d->topo[len++] = t;
        }
    }
    for (uint32_t i = 0; i < len; i++) {
        uint32_t t = d->topo[i];

        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            if (--left[d->down[k]] == 0) {
                d->topo[len++] = d->down[k];
            }
        }
    }
    if (len != n) {
        die("cycle", d->dag_id);
    }
    mem_free(done);
    mem_free(left);
}

static void set_weight(struct dag *d, struct task *t, const uint8_t *mark)
{
    int64_t w = t->priority_weight;
    uint8_t bit = t->weight_rule == WEIGHT_UPSTREAM ? 1 : 2;

    if (t->weight_rule != WEIGHT_ABSOLUTE) {
        for (uint32_t i = 0; i < d->tasks_len; i++) {
            w += (mark[i] & bit) != 0 ? d->tasks[i].priority_weight : 0;
        }
    }
    t->effective_weight = (int32_t)(w > INT32_MAX ? INT32_MAX : w < INT32_MIN ? INT32_MIN : w);
}

/* A setup counts when one of its teardowns is downstream of the task, or when it has none. */
static bool setup_relevant(const struct dag *d, uint32_t setup, const uint8_t *mark)
{
    bool any = false;

    for (uint32_t i = d->down_off[setup]; i < d->down_off[setup + 1]; i++) {
        uint32_t x = d->down[i];

        if (d->tasks[x].is_teardown) {
            any = true;
            if ((mark[x] & 2) != 0) {
                return true;
            }
        }
    }
    return !any;
}

static void set_setups(struct dag *d, struct task *t, const uint8_t *mark)
{
    uint32_t n = 0, *list = must(arena_array(&d->arena, d->tasks_len + 1, sizeof *list));

    for (uint32_t i = 0; i < d->tasks_len; i++) {
        if ((mark[i] & 1) != 0 && d->tasks[i].is_setup && !is_upstream(d, t->index, i) &&
            setup_relevant(d, i, mark)) {
            list[n++] = i;
        }
    }
    t->setups = list;
    t->setups_len = n;
}

static void set_scope(struct dag *d, struct task *t, const uint8_t *mark, uint32_t *stack)
{
    uint32_t n = 0, *list = must(arena_array(&d->arena, d->tasks_len + 1, sizeof *list));
    uint8_t *below = must(mem_array(d->tasks_len + 1, 1));

    for (uint32_t i = d->up_off[t->index]; i < d->up_off[t->index + 1]; i++) {
        if (d->tasks[d->up[i]].is_setup) {
            reach(d, d->up[i], d->down_off, d->down, below, 1, stack);
        }
    }
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        if (below[i] != 0 && (mark[i] & 1) != 0 && !is_upstream(d, t->index, i)) {
            list[n++] = i;
        }
    }
    t->scope = list;
    t->scope_len = n;
    mem_free(below);
}

void test_dag_link(struct dag *d, const uint32_t *up_off, const uint32_t *up)
{
    uint32_t n = d->tasks_len;
    uint8_t *mark = must(mem_array(n + 1, 1));
    uint32_t *stack = must(mem_array(n + 1, sizeof *stack));
    bool setups = false;

    d->up_off = must(arena_array(&d->arena, n + 1, sizeof *d->up_off));
    d->up = must(arena_array(&d->arena, up_off[n] + 1, sizeof *d->up));
    memcpy(d->up_off, up_off, (n + 1) * sizeof *up_off);
    if (up_off[n] > 0) {
        memcpy(d->up, up, up_off[n] * sizeof *up);
    }
    link_down(d);
    link_topo(d);
    for (uint32_t i = 0; i < n; i++) {
        setups |= d->tasks[i].is_setup || d->tasks[i].is_teardown;
        if (map_add(&d->by_id, d->tasks[i].task_id, strlen(d->tasks[i].task_id), &d->tasks[i],
                    NULL) != 0) {
            die("task twice", d->tasks[i].task_id);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        struct task *t = &d->tasks[i];

        if (!setups && t->weight_rule == WEIGHT_ABSOLUTE) {
            t->effective_weight = t->priority_weight;
            continue;
        }
        memset(mark, 0, n);
        reach(d, i, d->up_off, d->up, mark, 1, stack);
        reach(d, i, d->down_off, d->down, mark, 2, stack);
        set_weight(d, t, mark);
        if (setups && !t->is_teardown) {
            set_setups(d, t, mark);
        }
        if (setups && t->is_teardown) {
            set_scope(d, t, mark, stack);
        }
    }
    mem_free(stack);
    mem_free(mark);
}

/* ---- the text ---- */

static int64_t number(const char *v)
{
    char *end;
    long long n = strtoll(v, &end, 10);

    if (*v == '\0' || *end != '\0') {
        die("not a number", v);
    }
    return n;
}

static void set_dag(struct dag *d, const char *k, const char *v)
{
    if (strcmp(k, "max_active_tasks") == 0) {
        d->max_active_tasks = (int32_t)number(v);
    } else if (strcmp(k, "max_active_runs") == 0) {
        d->max_active_runs = (int32_t)number(v);
    } else if (strcmp(k, "max_failed") == 0) {
        d->max_consecutive_failed_dag_runs = (int32_t)number(v);
    } else if (strcmp(k, "timeout") == 0) {
        d->dagrun_timeout_us = number(v) * TIME_SECOND;
    } else if (strcmp(k, "fail_fast") == 0) {
        d->fail_fast = true;
    } else if (strcmp(k, "catchup") == 0) {
        d->catchup = true;
    } else {
        die("unknown member of the DAG", k);
    }
}

static bool set_flag(struct task *t, const char *k)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"setup", &t->is_setup},
        {"teardown", &t->is_teardown},
        {"fail_dagrun", &t->on_failure_fail_dagrun},
        {"past", &t->depends_on_past},
        {"ignore_first", &t->ignore_first_depends_on_past},
        {"downstream", &t->wait_for_downstream},
        {"wait_skip", &t->wait_for_past_depends_before_skipping},
        {"instant", &t->instant},
    };

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(flags[i].name, k) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    return false;
}

static int word(int value, const char *text)
{
    if (value < 0) {
        die("unknown word", text);
    }
    return value;
}

static void set_task(struct dag *d, struct task *t, const char *k, const char *v)
{
    if (strcmp(k, "rule") == 0) {
        t->trigger_rule = (uint8_t)word(trigger_rule_from_string(v), v);
    } else if (strcmp(k, "weight_rule") == 0) {
        t->weight_rule = (uint8_t)word(weight_rule_from_string(v), v);
    } else if (strcmp(k, "retries") == 0) {
        t->retries = (int32_t)number(v);
    } else if (strcmp(k, "delay") == 0) {
        t->retry_delay_us = number(v) * TIME_SECOND;
    } else if (strcmp(k, "max_delay") == 0) {
        t->max_retry_delay_us = number(v) * TIME_SECOND;
    } else if (strcmp(k, "backoff") == 0) {
        t->retry_multiplier = strtod(v, NULL);
    } else if (strcmp(k, "weight") == 0) {
        t->priority_weight = (int32_t)number(v);
    } else if (strcmp(k, "pool") == 0) {
        t->pool = must(arena_strdup(&d->arena, v));
    } else if (strcmp(k, "slots") == 0) {
        t->pool_slots = (int32_t)number(v);
    } else if (strcmp(k, "per_dag") == 0) {
        t->max_active_tis_per_dag = (int32_t)number(v);
    } else if (strcmp(k, "map") == 0) {
        t->mapped = true;
        t->map_len = (int32_t)number(v);
    } else if (strcmp(k, "src") == 0) {
        uint32_t *list = must(arena_array(&d->arena, 1, sizeof *list));

        *list = (uint32_t)number(v);
        t->map_sources = list;
        t->map_sources_len = 1;
    } else if (strcmp(k, "mgroup") == 0) {
        t->map_group = t->group = (uint32_t)number(v);
    } else if (strcmp(k, "per_run") == 0) {
        t->max_active_tis_per_dagrun = (int32_t)number(v);
    } else {
        die("unknown member of a task", k);
    }
}

#define MAX_ITEMS 4096

/* Splits at any of `seps`, in place; drops empty pieces. */
static uint32_t split(char *s, const char *seps, char **ret, uint32_t max)
{
    uint32_t n = 0;
    char *save = NULL;

    for (char *p = strtok_r(s, seps, &save); p != NULL; p = strtok_r(NULL, seps, &save)) {
        if (n == max) {
            die("too many items", p);
        }
        ret[n++] = p;
    }
    return n;
}

/* "b<-a,c key=value flag": the edges go as text into *ret_up, to be resolved when all names are
 * known. */
static void parse_task(struct dag *d, struct task *t, char *text, char **ret_up)
{
    char *words[64] = {0}, *arrow = strstr(text, "<-");
    bool rule = false;
    uint32_t n;

    *ret_up = NULL;
    if (arrow != NULL) {
        char *p = arrow + 2;

        *arrow = ' ';
        p += strspn(p, " \t\n");
        *ret_up = must(arena_strndup(&d->arena, p, strcspn(p, " \t\n")));
        memset(arrow, ' ', (size_t)(p - arrow) + strlen(*ret_up));
    }
    n = split(text, " \t\n", words, 64);
    if (n == 0) {
        die("empty task", text);
    }
    t->task_id = t->display_name = must(arena_strdup(&d->arena, words[0]));
    for (uint32_t i = 1; i < n; i++) {
        char *eq = strchr(words[i], '=');

        if (eq != NULL) {
            *eq = '\0';
            rule |= strcmp(words[i], "rule") == 0;
            set_task(d, t, words[i], eq + 1);
        } else if (!set_flag(t, words[i])) {
            die("unknown flag", words[i]);
        }
    }
    if (t->is_teardown && !rule) {
        t->trigger_rule = RULE_ALL_DONE_SETUP_SUCCESS;
    }
    t->depends_on_past |= t->wait_for_downstream;
}

static uint32_t index_of(const struct dag *d, const char *id)
{
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        if (strcmp(d->tasks[i].task_id, id) == 0) {
            return i;
        }
    }
    die("unknown upstream", id);
    return 0;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static bool blank(const char *s)
{
    return s[strspn(s, " \t\n")] == '\0';
}

static struct dag *begin(char **items, uint32_t *n_items, uint32_t *ret_first)
{
    char *words[32] = {0};
    char *head = items[0] + strspn(items[0], " \t\n");
    struct dag *d;
    uint32_t n, tasks = 0;

    *ret_first = head[0] == '@' ? 1 : 0;
    for (uint32_t i = *ret_first; i < *n_items; i++) {
        if (!blank(items[i])) {
            items[*ret_first + tasks++] = items[i];
        }
    }
    *n_items = *ret_first + tasks;
    if (head[0] != '@') {
        return test_dag_new("d", tasks);
    }
    n = split(head + 1, " \t\n", words, 32);
    d = test_dag_new(words[0], tasks);
    for (uint32_t i = 1; i < n; i++) {
        char *eq = strchr(words[i], '=');

        if (eq != NULL) {
            *eq = '\0';
        }
        set_dag(d, words[i], eq != NULL ? eq + 1 : "");
    }
    return d;
}

struct dag *test_dag(const char *spec)
{
    char *text = must(mem_strdup(spec));
    char **items = must(mem_array(MAX_ITEMS, sizeof *items));
    char **ups = must(mem_array(MAX_ITEMS, sizeof *ups));
    char **names = must(mem_array(MAX_ITEMS, sizeof *names));
    uint32_t n = split(text, ";", items, MAX_ITEMS), first, len = 0, cap = 0;
    uint32_t *off = must(mem_array(MAX_ITEMS + 1, sizeof *off)), *up = NULL;
    struct dag *d = begin(items, &n, &first);

    for (uint32_t i = 0; i < d->tasks_len; i++) {
        parse_task(d, &d->tasks[i], items[first + i], &ups[i]);
    }
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        uint32_t k = ups[i] != NULL ? split(ups[i], ",", names, MAX_ITEMS) : 0;

        off[i] = len;
        for (uint32_t j = 0; j < k; j++) {
            if (VEC_PUSH(up, len, cap, index_of(d, names[j])) != 0) {
                die("out of memory", "");
            }
        }
        if (len > off[i]) {
            qsort(up + off[i], len - off[i], sizeof *up, compare_u32);
        }
    }
    off[d->tasks_len] = len;
    test_dag_link(d, off, up);
    mem_free(up);
    mem_free(off);
    mem_free(names);
    mem_free(ups);
    mem_free(items);
    mem_free(text);
    return d;
}
