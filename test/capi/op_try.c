/* A plug-in for tests: `mode` says what an attempt does. Compiled with WRONG_ABI it is of a version that is not there. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tradewind/operator.h>
#include <unistd.h>

#ifndef WRONG_ABI
#define WRONG_ABI 0
#endif
#ifndef NAME
#define NAME "try_it"
#endif
#ifndef FLAGS
#define FLAGS 0
#endif

static void blocks(void *arg)
{
    (void)usleep(200000);
    *(int *)arg = 7;
}

static int pulls(const struct tw_host *host, tw_attempt *a)
{
    char *json = NULL;
    int rc = host->xcom_get(a, "before", "return_value", &json);

    if (rc != TW_OPERATOR_OK || host->xcom_get(a, "before", "none", &json) != TW_OPERATOR_NOTFOUND) {
        host->reason(a, "xcom_get is wrong");
        return TW_OPERATOR_FAILED_NO_RETRY;
    }
    rc = host->xcom_get(a, "before", "return_value", &json);
    rc = rc == TW_OPERATOR_OK ? host->xcom_push(a, "return_value", json) : rc;
    host->release(json);
    return rc == TW_OPERATOR_OK ? TW_OPERATOR_SUCCESS : TW_OPERATOR_FAILED;
}

static int sleeps(const struct tw_host *host, tw_attempt *a, double seconds)
{
    int rc = host->sleep(a, seconds);

    host->log(a, rc == TW_OPERATOR_CANCELED ? "canceled" : "slept");
    return rc == TW_OPERATOR_OK ? TW_OPERATOR_SUCCESS : TW_OPERATOR_FAILED;
}

static int run(const struct tw_host *host, tw_attempt *a)
{
    const char *p = host->params(a);
    volatile int n = 0;
    int answer = 0;

    host->log(a, p);
    if (strstr(p, "\"crash\"") != NULL && strcmp(host->info(a, "try_number"), "1") == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        (void)raise(SIGSEGV);
    } else if (strstr(p, "\"loop\"") != NULL) {
        for (;;) {
            n++;
        }
    } else if (strstr(p, "\"long\"") != NULL) {
        return sleeps(host, a, 60);
    } else if (strstr(p, "\"short\"") != NULL) {
        return sleeps(host, a, 0.5);
    } else if (strstr(p, "\"pull\"") != NULL) {
        return pulls(host, a);
    } else if (strstr(p, "\"offload\"") != NULL) {
        return host->offload(a, blocks, &answer) == TW_OPERATOR_OK && answer == 7 ? TW_OPERATOR_SUCCESS
                                                                                : TW_OPERATOR_FAILED;
    } else if (strstr(p, "\"skip\"") != NULL) {
        host->reason(a, "nothing to do");
        return TW_OPERATOR_SKIPPED;
    }
    return TW_OPERATOR_SUCCESS;
}

const struct tw_operator *tradewind_operator(void)
{
    static const struct tw_operator op = {
        .abi_version = TW_OPERATOR_ABI + WRONG_ABI,
        .flags = FLAGS,
        .name = NAME,
        .doc = "For tests.",
        .schema = "{\"type\": \"object\", \"required\": [\"mode\"], \"properties\": {\"mode\": {\"type\": \"string\"},"
                  "\"text\": {\"type\": \"string\"}, \"n\": {\"type\": \"integer\", \"maximum\": 9},"
                  "\"color\": {\"type\": \"string\", \"enum\": [\"red\", \"green\"]}}}",
        .run = run,
    };

    return &op;
}
