#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "config/config.h"

static char home[] = "/tmp/test-config-XXXXXX";
static const char *const nothing[] = {NULL};

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(home) == NULL;
}

static int tear_down(void **state)
{
    char path[200];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/" CONFIG_FILE, home);
    (void)unlink(path);
    return rmdir(home);
}

static void file_is(const char *text)
{
    char path[200];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/" CONFIG_FILE, home);
    f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static struct config *read_with(const char *text, const char *const *environment)
{
    struct config *c = NULL;
    struct err e = {0};

    file_is(text);
    assert_int_equal(config_read(home, environment, &c, &e), 0);
    return c;
}

/* "line:col error|warning text" of the only finding. */
static void finds(const char *text, const char *const *environment, const char *expected)
{
    struct config *c = read_with(text, environment);
    const struct config_finding *f;
    char got[1200] = "";

    if (config_findings(c, &f) != 0) {
        (void)snprintf(got, sizeof got, "%d:%d %s %s", f[0].line, f[0].col,
                       f[0].error ? "error" : "warning", f[0].text);
        assert_int_equal(config_findings(c, &f), 1);
    }
    assert_string_equal(got, expected);
    config_close(c);
}

static void test_without_anything_all_is_default(void **state)
{
    struct config *c = read_with("", nothing);
    char dags[200];

    (void)state;
    (void)snprintf(dags, sizeof dags, "%s/dags", home);
    assert_int_equal(config_int(c, "core.parallelism"), 32);
    assert_string_equal(config_text(c, "core.dags_folder"), dags);
    assert_string_equal(config_text(c, "worker.python"), "");
    assert_string_equal(config_source(c, "core.parallelism"), "default");
    assert_true(config_us(c, "worker.kill_grace") == 10 * TIME_SECOND);
    assert_null(config_value(c, "core.parallelism"));
    config_close(c);
}

static void test_the_file_then_airflow_then_our_name(void **state)
{
    static const char file[] = "core:\n  parallelism: 5\nlogging: {level: debug}\n";
    static const char *const theirs[] = {"AIRFLOW__CORE__PARALLELISM=6",
                                         "AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR", NULL};
    static const char *const both[] = {"TRADEWIND__CORE__PARALLELISM=7",
                                       "AIRFLOW__CORE__PARALLELISM=6", NULL};
    static const char *const empty[] = {"TRADEWIND__CORE__PARALLELISM=", NULL};
    struct config *c = read_with(file, nothing);

    (void)state;
    assert_int_equal(config_int(c, "core.parallelism"), 5);
    assert_string_equal(config_source(c, "core.parallelism"), "tradewind.yaml:2");
    assert_string_equal(config_text(c, "logging.level"), "debug");
    config_close(c);
    c = read_with(file, theirs);
    assert_int_equal(config_int(c, "core.parallelism"), 6);
    assert_string_equal(config_source(c, "core.parallelism"), "AIRFLOW__CORE__PARALLELISM");
    assert_string_equal(config_text(c, "logging.level"), "error");
    assert_non_null(config_value(c, "core.parallelism"));
    config_close(c);
    c = read_with(file, both);
    assert_int_equal(config_int(c, "core.parallelism"), 7);
    assert_string_equal(config_source(c, "core.parallelism"), "TRADEWIND__CORE__PARALLELISM");
    config_close(c);
    c = read_with(file, empty);
    assert_int_equal(config_int(c, "core.parallelism"), 5);
    config_close(c);
}

static void test_what_is_wrong_in_the_file_has_its_place(void **state)
{
    (void)state;
    finds("core:\n  paralelism: 5\n", nothing,
          "2:3 error there is no setting 'core.paralelism'; did you mean core.parallelism?");
    finds("croe: {parallelism: 5}\n", nothing,
          "1:1 error there is no section 'croe'; did you mean core?");
    finds("core:\n  parallelism: many\n", nothing,
          "2:16 error core.parallelism must be a whole number, not a string");
    finds("core:\n  parallelism: 0\n", nothing,
          "2:16 error core.parallelism is 0: it must be a whole number from 1 to 100000");
    finds("core:\n  parallelism: 1.5\n", nothing,
          "2:16 error core.parallelism is 1.5: it must be a whole number from 1 to 100000");
    finds("logging: {format: xml}\n", nothing,
          "1:19 error logging.format is xml: it must be one of: text json");
    finds(
        "worker: {kill_grace: 2h}\n", nothing,
        "1:22 error worker.kill_grace is 2h: it must be a duration from 0s to 3600s, like 90, 90s "
        "or 5m");
    finds("core: 5\n", nothing,
          "1:7 error the section 'core' must be a map of its keys, not a number");
    finds("- core\n", nothing, "1:1 error a map of sections is wanted (core: ...), not a array");
    finds("core:\n  parallelism: 5\n  parallelism: 6\n", nothing,
          "3:3 error core.parallelism is set twice: here and in line 2");
    finds("core:\n  parallelism: null\nlogging:\n", nothing, "");
}

static void test_what_is_wrong_in_the_environment_has_its_name(void **state)
{
    static const char *const typo[] = {"TRADEWIND__CORE__PARALELISM=4", NULL};
    static const char *const range[] = {"AIRFLOW__CORE__PARALLELISM=0", NULL};
    static const char *const command[] = {"AIRFLOW__CORE__PARALLELISM_CMD=echo 4", NULL};
    static const char *const unused[] = {"AIRFLOW__CELERY__BROKER_URL=redis://", NULL};
    static const char *const indirect[] = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_SECRET=x", NULL};
    static const char *const own[] = {"AIRFLOW__MINE__A=1", NULL};
    static const char *const python[] = {"TRADEWIND__OPERATORS__DEFAULT_OWNER=me",
                                         "AIRFLOW__SMTP__SMTP_HOST=h", NULL};

    (void)state;
    finds("", typo,
          "0:0 error there is no setting 'core.paralelism'; did you mean core.parallelism?");
    finds("", range,
          "0:0 error core.parallelism is '0': it must be a whole number from 1 to 100000");
    finds("", command,
          "0:0 error a setting is not read from a command or a secrets backend; set "
          "AIRFLOW__CORE__PARALLELISM itself");
    finds("", unused,
          "0:0 warning Airflow's celery.broker_url has no effect here: tasks run on this machine; "
          "there is no Celery");
    finds("", indirect,
          "0:0 warning Airflow's database.sql_alchemy_conn_secret has no effect here: the store is "
          "a file in the home");
    finds("", own, "");
    finds("", python, "");
}

static void test_open_fails_with_the_place_and_read_keeps_the_default(void **state)
{
    struct config *c = read_with("core: {parallelism: 0, max_map_length: 3}\n", nothing);
    char expected[300];
    struct err e = {0};

    (void)state;
    assert_int_equal(config_int(c, "core.parallelism"), 32);
    assert_int_equal(config_int(c, "core.max_map_length"), 3);
    config_close(c);
    c = NULL;
    assert_int_equal(config_open(home, &c, &e), -ERR_INVALID);
    assert_null(c);
    (void)snprintf(
        expected, sizeof expected,
        "%s/tradewind.yaml:1:21: core.parallelism is 0: it must be a whole number from 1 "
        "to 100000",
        home);
    assert_string_equal(e.text, expected);
    file_is("core: {parallelism: [1\n");
    assert_int_equal(config_open(home, &c, &e), -ERR_INVALID);
    assert_true(e.line > 0);
    file_is("");
}

static void test_paths_are_below_the_home_or_the_current_folder(void **state)
{
    static const char *const environment[] = {"TRADEWIND__CORE__DAGS_FOLDER=here", NULL};
    struct config *c = read_with("core: {dags_folder: mine}\nworker: {python: /opt/p}\n", nothing);
    char path[5000], cwd[4096];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/mine", home);
    assert_string_equal(config_text(c, "core.dags_folder"), path);
    assert_string_equal(config_text(c, "worker.python"), "/opt/p");
    config_close(c);
    c = read_with("", environment);
    assert_non_null(getcwd(cwd, sizeof cwd));
    (void)snprintf(path, sizeof path, "%s/here", cwd);
    assert_string_equal(config_text(c, "core.dags_folder"), path);
    config_close(c);
}

static void test_what_the_file_says_is_exported_once_and_is_not_the_users_word(void **state)
{
    struct config *c = read_with(
        "core: {parallelism: 9}\nlogging: {level: error}\nsmtp: {smtp_port: 26}\n", nothing);
    struct err e = {0};

    (void)state;
    (void)unsetenv(CONFIG_EXPORTED);
    (void)setenv("TRADEWIND__SMTP__SMTP_PORT", "27", 1);
    assert_int_equal(config_export(c, &e), 0);
    config_close(c);
    assert_string_equal(getenv("TRADEWIND__CORE__PARALLELISM"), "9");
    assert_string_equal(getenv("AIRFLOW__LOGGING__LOGGING_LEVEL"), "ERROR");
    assert_string_equal(getenv("TRADEWIND__SMTP__SMTP_PORT"), "27");
    file_is("core: {parallelism: 10}\n");
    assert_int_equal(config_open(home, &c, &e), 0);
    assert_int_equal(config_int(c, "core.parallelism"), 10);
    assert_string_equal(config_source(c, "core.parallelism"), "tradewind.yaml:1");
    config_close(c);
}

static void test_every_key_has_a_meaning_and_can_be_found(void **state)
{
    const struct config_key *k;

    (void)state;
    for (size_t i = 0; (k = config_key_at(i)) != NULL; i++) {
        char name[100];

        (void)snprintf(name, sizeof name, "%s%s%s", k->section, k->key[0] != '\0' ? "." : "",
                       k->key);
        assert_ptr_equal(config_key_find(name), k);
        assert_true(k->type == CONFIG_TYPE_PYTHON || k->meaning[0] != '\0');
    }
    assert_string_equal(config_key_near("core.paralelism"), "core.parallelism");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_anything_all_is_default),
        cmocka_unit_test(test_the_file_then_airflow_then_our_name),
        cmocka_unit_test(test_what_is_wrong_in_the_file_has_its_place),
        cmocka_unit_test(test_what_is_wrong_in_the_environment_has_its_name),
        cmocka_unit_test(test_open_fails_with_the_place_and_read_keeps_the_default),
        cmocka_unit_test(test_paths_are_below_the_home_or_the_current_folder),
        cmocka_unit_test(test_what_the_file_says_is_exported_once_and_is_not_the_users_word),
        cmocka_unit_test(test_every_key_has_a_meaning_and_can_be_found),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
