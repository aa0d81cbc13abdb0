/* Within src/config. */
#ifndef TW_CONFIG_CONFIG_PRIV_H
#define TW_CONFIG_CONFIG_PRIV_H

#include "base/arena.h"
#include "config/config.h"

struct setting {
    const char *text;          /* as shown; NULL: not set (PYTHON, TREE) */
    const char *source;        /* where it comes from */
    const struct value *value; /* in the file, or NULL */
    int64_t number;            /* INT, BOOL; microseconds of a DURATION */
    bool in_environment;
};

struct config {
    struct arena arena;
    const char *home, *path;
    struct value *root;       /* the file's, or NULL */
    struct setting *settings; /* one for each key of the table */
    struct config_finding *findings;
    size_t findings_len, findings_cap;
    bool oom;
};

size_t config_keys_len(void);
/* The index of "section.key" within n bytes, or SIZE_MAX. */
size_t config_index(const char *section, size_t section_len, const char *key, size_t key_len);
bool config_has_section(const char *section);

void config_found(struct config *c, bool error, const char *where, int line, int col,
                  const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* What a text means for a key: sets s->text and s->number. -ERR_INVALID with what it must be in `why`. base: the folder of relative paths. */
int config_convert(struct config *c, const struct config_key *k, const char *text, const char *base,
                   struct setting *s, char *why, size_t cap);
/* The root of the file onto the settings. */
void config_take_file(struct config *c);
void config_take_environment(struct config *c, const char *const *environment);
/* Airflow's settings without a counterpart: what to do instead, or "" (nothing to say), or NULL: not one of them. */
const char *config_airflow_remedy(const char *section, const char *key);

#endif
