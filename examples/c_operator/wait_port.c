/*
 * An operator as a plug-in: `wait_port` waits until a TCP port takes connections. Thousands of its attempts fit in one process. Build and use:
 *
 *     cc -shared -fPIC wait_port.c -o $TRADEWIND_HOME/operators/wait_port.so $(pkg-config --cflags tradewind)
 *
 *     tasks:
 *       database: {operator: wait_port, host: 127.0.0.1, port: 5432, poke_interval: 0.5}
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tradewind/operator.h>
#include <unistd.h>

static const char schema[] =
    "{\"type\": \"object\", \"required\": [\"host\", \"port\"], \"properties\": {"
    "\"host\": {\"type\": \"string\", \"description\": \"IPv4 address.\"},"
    "\"port\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 65535},"
    "\"poke_interval\": {\"type\": \"number\", \"minimum\": 0.01, \"description\": \"Seconds "
    "between two looks; 1.\"}}}";

/* The member's text in a JSON object of strings and numbers: enough for this schema. */
static int member(const char *json, const char *name, char *out, size_t cap)
{
    char key[64];
    const char *p;
    size_t n;

    (void)snprintf(key, sizeof key, "\"%s\":", name);
    p = strstr(json, key);
    if (p == NULL) {
        return 0;
    }
    p += strlen(key);
    p += *p == '"';
    n = strcspn(p, "\",}");
    if (n >= cap) {
        return 0;
    }
    memcpy(out, p, n);
    out[n] = '\0';
    return 1;
}

/* 1: it takes connections; 0: not yet; negative: the attempt is to end. */
static int look(const struct tw_host *host, tw_attempt *a, const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc, error = 0;
    socklen_t n = sizeof error;

    if (fd < 0) {
        return 0;
    }
    rc = connect(fd, (const struct sockaddr *)address, sizeof *address);
    if (rc != 0 && errno == EINPROGRESS) {
        rc = host->wait_fd(a, fd, TW_OPERATOR_WRITE, 5.0);
        if (rc == TW_OPERATOR_OK &&
            (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0)) {
            rc = TW_OPERATOR_ERROR;
        }
    }
    (void)close(fd);
    return rc == TW_OPERATOR_CANCELED ? rc : rc == 0;
}

static int run(const struct tw_host *host, tw_attempt *a)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char ip[64], port[16], interval[32] = "1", text[128];
    int rc, looks = 0;

    if (!member(host->params(a), "host", ip, sizeof ip) ||
        !member(host->params(a), "port", port, sizeof port) ||
        inet_pton(AF_INET, ip, &address.sin_addr) != 1) {
        host->reason(a, "host is not an IPv4 address");
        return TW_OPERATOR_FAILED_NO_RETRY;
    }
    (void)member(host->params(a), "poke_interval", interval, sizeof interval);
    address.sin_port = htons((uint16_t)strtol(port, NULL, 10));
    do {
        rc = look(host, a, &address);
        looks++;
    } while (rc == 0 && (rc = host->sleep(a, strtod(interval, NULL))) == TW_OPERATOR_OK);
    if (rc < 0) {
        return TW_OPERATOR_FAILED;
    }
    (void)snprintf(text, sizeof text, "%s:%s takes connections", ip, port);
    host->log(a, text);
    (void)snprintf(text, sizeof text, "%d", looks);
    return host->xcom_push(a, "return_value", text) == TW_OPERATOR_OK ? TW_OPERATOR_SUCCESS
                                                                      : TW_OPERATOR_FAILED;
}

const struct tw_operator *tradewind_operator(void)
{
    static const struct tw_operator operator= {
        .abi_version = TW_OPERATOR_ABI,
        .flags = TW_OPERATOR_WAITS | TW_OPERATOR_REPEATS,
        .name = "wait_port",
        .doc = "Waits until a TCP port takes connections.",
        .schema = schema,
        .run = run,
    };

    return &operator;
}
