/* The suite of the store, continued: notes, runs that change their version, file arrivals. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "model/states.h"

static void test_notes(void **state)
{
    struct fixture *f = *state;
    struct note_row rows[] = {
        {.key = {1, NOTE_OF_RUN, -1}, .text = "of the run", .actor = "anna", .at_us = T0},
        {.key = {1, 2, -1}, .text = "of 2", .at_us = T0 + 1},
        {.key = {1, 2, 0}, .text = "of 2[0]", .at_us = T0 + 2},
        {.key = {2, 0, -1}, .text = "elsewhere", .at_us = T0 + 3},
    };
    struct store_batch b = {.notes = rows, .notes_len = 4};
    struct note_row *got;
    size_t n;

    fixture_dag(f, 2);
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_notes(f->s, 1, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 3);
    assert_string_equal(got[0].text, "of 2");
    assert_null(got[0].actor);
    assert_int_equal(got[1].key.map_index, 0);
    assert_string_equal(got[2].text, "of the run"); /* it is the last */
    assert_string_equal(got[2].actor, "anna");
    assert_int_equal(got[2].at_us, T0);
    OK(OPS(f)->get_run_notes(f->s, (const int64_t[]){2, 3, 1}, 3, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 1); /* run 2 has one of an instance only */
    assert_int_equal(got[0].key.run_key, 1);
    assert_string_equal(got[0].text, "of the run");
    rows[3].key = (struct ti_key){2, NOTE_OF_RUN, -1};
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_run_notes(f->s, (const int64_t[]){2, 3, 1}, 3, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(got[1].key.run_key, 2);
    assert_string_equal(got[1].text, "elsewhere");
    OK(OPS(f)->get_run_notes(f->s, NULL, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
    rows[0].text = "another";
    rows[1].text = NULL;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_notes(f->s, 1, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(got[1].text, "another");
    OK(OPS(f)->check(f->s, &f->e), f);
}

static struct ti_row finished(uint32_t task, int32_t index)
{
    struct ti_row row = sample_ti(1, task, index);

    row.state = TASK_SUCCESS;
    return row;
}

/* a b c (m with two instances) become c m b: a is gone. */
static void test_moves(void **state)
{
    struct fixture *f = *state;
    struct ti_row tis[] = {finished(0, -1), finished(1, -1), finished(2, -1), finished(2, 0),
                           finished(2, 1)};
    struct ti_row tries[] = {finished(0, -1), finished(2, 1)};
    struct transition_row history[] = {sample_transition(1, 0, T0, "a"),
                                       sample_transition(1, 1, T0, "b"),
                                       sample_transition(1, 0, T0, "a again")};
    struct xcom_row xcoms[] = {
        {.key = {1, 2, 1}, .name = "return_value", .value = "1", .value_len = 1, .at_us = T0},
        {.key = {1, 0, INT32_MIN}, .name = "parent", .value = "7", .value_len = 1, .at_us = T0}};
    struct note_row notes[] = {{.key = {1, 1, -1}, .text = "b", .at_us = T0},
                               {.key = {1, NOTE_OF_RUN, -1}, .text = "run", .at_us = T0}};
    static const uint32_t to[] = {TASK_GONE, 2, 1};
    static const char *const ids[] = {"a", "b", "m"};
    struct move_row move = {1, 1, T0 + 5, to, ids, 3};
    struct ti_row again = finished(0, -1), *got, *tried;
    struct gone_row *gone;
    struct note_row *noted;
    struct transition_row *was;
    struct xcom_row xcom;
    struct ti_key key = {1, STORE_GONE_TASK, -1}, mapped = {1, 1, 1};
    size_t n;

    fixture_dag(f, 2);
    OK(fixture_commit(f, &(struct store_batch){.tis = tis,
                                               .tis_len = 5,
                                               .tries = tries,
                                               .tries_len = 2,
                                               .transitions = history,
                                               .transitions_len = 3,
                                               .xcoms = xcoms,
                                               .xcoms_len = 2,
                                               .notes = notes,
                                               .notes_len = 2}),
       f);
    /* The rows of the batch have the new indices already. */
    OK(fixture_commit(
           f, &(struct store_batch){.moves = &move, .moves_len = 1, .tis = &again, .tis_len = 1}),
       f);
    OK(OPS(f)->get_tis(f->s, 1, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 5);
    assert_int_equal(got[0].key.task, 0);
    assert_int_equal(got[3].key.task, 1);
    assert_int_equal(got[3].key.map_index, 1);
    assert_int_equal(got[4].key.task, 2);
    OK(OPS(f)->get_gone(f->s, 1, &f->a, &gone, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_string_equal(gone[0].task_id, "a");
    assert_int_equal(gone[0].task, STORE_GONE_TASK);
    OK(OPS(f)->get_transitions(f->s, 1, NULL, 0, &f->a, &was, &n, &f->e), f);
    assert_int_equal(n, 1);
    OK(OPS(f)->get_transitions(f->s, 1, &key, 0, &f->a, &was, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(was[1].reason, "a again");
    OK(OPS(f)->get_tries(f->s, &key, &f->a, &tried, &n, &f->e), f);
    assert_int_equal(n, 1);
    OK(OPS(f)->get_tries(f->s, &mapped, &f->a, &tried, &n, &f->e), f);
    assert_int_equal(n, 1);
    OK(OPS(f)->get_xcom(f->s, &mapped, "return_value", &f->a, &xcom, &f->e), f);
    OK(OPS(f)->get_xcom(f->s, &xcoms[1].key, "parent", &f->a, &xcom, &f->e), f); /* the run's own */
    OK(OPS(f)->get_notes(f->s, 1, &f->a, &noted, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(noted[0].key.task, 2);
    /* Another one goes to the next place. */
    OK(fixture_commit(f, &(struct store_batch){.moves = &move, .moves_len = 1}), f);
    OK(OPS(f)->get_gone(f->s, 1, &f->a, &gone, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(gone[1].task, STORE_GONE_TASK + 1);
    OK(OPS(f)->check(f->s, &f->e), f);
}

static void test_arrivals(void **state)
{
    struct fixture *f = *state;
    struct arrival_row rows[] = {
        {"w", "b.csv", 5, 6, 7, T0}, {"w", "a.csv", 1, 2, 3, T0}, {"other", "a.csv", 1, 2, 3, T0}};
    struct arrival_row *got;
    size_t n;

    OK(fixture_commit(f, &(struct store_batch){.arrivals = rows, .arrivals_len = 3}), f);
    OK(OPS(f)->get_arrivals(f->s, "w", &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(got[0].path, "a.csv");
    assert_int_equal(got[1].mtime_ns, 5);
    assert_int_equal(got[1].inode, 7);
    rows[0].size = 60, rows[1].inode = -1;
    OK(fixture_commit(f, &(struct store_batch){.arrivals = rows, .arrivals_len = 2}), f);
    OK(OPS(f)->get_arrivals(f->s, "w", &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(got[0].size, 60);
    OK(OPS(f)->get_arrivals(f->s, "nobody", &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        BOTH(test_notes),
        BOTH(test_moves),
        BOTH(test_arrivals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
