/* The table of operators and its page say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/document.h"
#include "operators/operators.h"

static const char *page_path;

static char *read_page(void)
{
    FILE *f = fopen(page_path, "r");
    char *text = mem_zalloc(1u << 20);
    size_t n;

    assert_non_null(f);
    assert_non_null(text);
    n = fread(text, 1, (1u << 20) - 1, f);
    assert_true(n > 0);
    (void)fclose(f);
    return text;
}

static void names_are_found(void **state)
{
    const struct operator_table *t = operators_table();

    for (size_t i = 0; i < t->len; i++) {
        assert_ptr_equal(operators_find(t->operators[i]->name), t->operators[i]);
        assert_non_null(t->operators[i]->doc);
        for (const struct operator_param *p = t->operators[i]->params; p->name != NULL; p++) {
            assert_non_null(p->doc);
        }
    }
    assert_null(operators_find("BashOperator"));
    assert_null(operators_find(""));
}

/* Each row of the page's last table: | `name` | `param` ... |. Rows that share parameters ("as
 * `python`") are read leniently. */
static void the_page_names_all(void **state)
{
    char *page = read_page();
    const char *operators = strstr(page, "## Operators");

    assert_non_null(operators);
    for (size_t i = 0; i < operators_table()->len; i++) {
        const struct operator_desc *op = operators_table()->operators[i];
        char word[100];

        (void)snprintf(word, sizeof word, "\n| `%s` |", op->name);
        if (strstr(operators, word) == NULL) {
            fail_msg("operator %s is not in %s", op->name, page_path);
        }
        for (const struct operator_param *p = op->params; p->name != NULL; p++) {
            (void)snprintf(word, sizeof word, "`%s`", p->name);
            if (strstr(operators, word) == NULL) {
                fail_msg("parameter %s of %s is not in %s", p->name, op->name, page_path);
            }
        }
    }
    mem_free(page);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(the_page_names_all),
    };

    if (argc != 2) {
        (void)fprintf(stderr, "usage: test_operators_table PAGE\n");
        return 64;
    }
    page_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
