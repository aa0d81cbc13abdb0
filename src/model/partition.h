/*
 * Partition keys: from that of an asset's event to that of the run of a DAG (Airflow's partition mappers). Pure; as python/tradewind/partitions.py.
 */
#ifndef TW_MODEL_PARTITION_H
#define TW_MODEL_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct value;
struct zone;

#define PARTITION_KEY_MAX 251 /* bytes with the NUL, as LIMIT_ID_BYTES */

enum partition_mapper_kind {
    PARTITION_IDENTITY,
    PARTITION_HOUR,
    PARTITION_DAY,
    PARTITION_WEEK,
    PARTITION_MONTH,
    PARTITION_QUARTER,
    PARTITION_YEAR,
    PARTITION_PRODUCT,
    PARTITION_CHAIN,
    PARTITION_ALLOWED,
    PARTITION_PYTHON, /* a class of the user's: by what it answered */
};

struct partition_mapper {
    enum partition_mapper_kind kind;
    const char *type;        /* as written */
    const char *zone_name;   /* HOUR to YEAR */
    const struct zone *zone; /* of who loads it, where needs_zone; NULL: UTC */
    bool needs_zone;         /* its keys say an offset */
    const char *input, *output;
    const char *delimiter;              /* PRODUCT */
    struct partition_mapper *const *of; /* PRODUCT, CHAIN */
    size_t of_len;
    const char *const *allowed; /* ALLOWED */
    size_t allowed_len;
    const char *data; /* PYTHON: its object in the schedule, as JSON */
    /* PYTHON, of who loads it: what the class answered for a key. -ERR_BUSY: it was not asked yet; -ERR_INVALID: it takes no such key. NULL:
     * nobody asks. */
    int (*answered)(void *arg, const struct partition_mapper *m, const char *key,
                    char ret[PARTITION_KEY_MAX], struct err *e);
    void *arg;
};

struct partition_rule {
    const char *name, *uri; /* the asset: NULL = any */
    struct partition_mapper *mapper;
};

/* Lives in the arena that it was parsed into. */
struct partition_map {
    struct partition_mapper *fallback;
    const struct partition_rule *rules;
    size_t rules_len;
};

/* From a schedule of type partitioned_assets. -ERR_INVALID, -ERR_NOMEM. */
int partition_map_parse(struct arena *a, const struct value *schedule, struct partition_map **ret,
                        struct err *e);
/* Each mapper with a zone and each of Python, nested ones too: for who loads zones, and who asks. */
int partition_map_each(struct partition_map *m, int (*fn)(void *arg, struct partition_mapper *m),
                       void *arg);

/* The key of the run that an event of this asset with this key is for. -ERR_INVALID: the key does not fit, in words; -ERR_UNSUPPORTED: a mapper
 * of PARTITION_PYTHON that nobody asks; -ERR_BUSY: it is to be asked first; -ERR_LIMIT: too long. */
int partition_map_key(const struct partition_map *m, const char *name, const char *uri,
                      const char *key, char ret[PARTITION_KEY_MAX], struct err *e);

#endif
