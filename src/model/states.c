#include "model/states.h"

#include <string.h>

#include "base/err.h"

struct word {
    const char *text;
    bool finished;
};

#define TASK_STATE(name, word, number, finished) [number] = {word, finished},
static const struct word task_states[] = {
#include "model/states.def"
};
#define RUN_STATE(name, word, number, finished) [number] = {word, finished},
static const struct word run_states[] = {
#include "model/states.def"
};
#define TRIGGER_RULE(name, word, number) [number] = {word, false},
static const struct word trigger_rules[] = {
#include "model/states.def"
};
#define RUN_TYPE(name, word, number) [number] = {word, false},
static const struct word run_types[] = {
#include "model/states.def"
};
#define RUN_TRIGGER(name, word, number) [number] = {word, false},
static const struct word run_triggers[] = {
#include "model/states.def"
};
#define WEIGHT_RULE(name, word, number) [number] = {word, false},
static const struct word weight_rules[] = {
#include "model/states.def"
};

#define LEN(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const char *to_string(const struct word *words, int len, int i)
{
    return i >= 0 && i < len ? words[i].text : "?";
}

static int from_string(const struct word *words, int len, const char *text)
{
    for (int i = 0; i < len; i++) {
        if (strcmp(words[i].text, text) == 0) {
            return i;
        }
    }
    return -ERR_INVALID;
}

#define DEFINE(prefix, table)                     \
    const char *prefix##_to_string(int i)         \
    {                                             \
        return to_string(table, LEN(table), i);   \
    }                                             \
    int prefix##_from_string(const char *w)       \
    {                                             \
        return from_string(table, LEN(table), w); \
    }

DEFINE(task_state, task_states)
DEFINE(run_state, run_states)
DEFINE(trigger_rule, trigger_rules)
DEFINE(run_type, run_types)
DEFINE(run_trigger, run_triggers)
DEFINE(weight_rule, weight_rules)

bool task_state_finished(int s)
{
    return s >= 0 && s < LEN(task_states) && task_states[s].finished;
}

bool run_state_finished(int s)
{
    return s >= 0 && s < LEN(run_states) && run_states[s].finished;
}
