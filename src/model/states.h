/* States, trigger rules, run types and weight rules as enums, with their words. Made from states.def. */
#ifndef TW_MODEL_STATES_H
#define TW_MODEL_STATES_H

#include <stdbool.h>

#define TASK_STATE(name, word, number, finished) TASK_##name = number,
enum task_state {
#include "model/states.def"
    TASK_STATE_MAX_
};
#define RUN_STATE(name, word, number, finished) RUN_##name = number,
enum run_state {
#include "model/states.def"
    RUN_STATE_MAX_
};
#define TRIGGER_RULE(name, word, number) RULE_##name = number,
enum trigger_rule {
#include "model/states.def"
    TRIGGER_RULE_MAX_
};
#define RUN_TYPE(name, word, number) RUN_TYPE_##name = number,
enum run_type {
#include "model/states.def"
    RUN_TYPE_MAX_
};
#define RUN_TRIGGER(name, word, number) TRIGGERED_BY_##name = number,
enum run_trigger { /* who asked for a run */
#include "model/states.def"
                   TRIGGERED_BY_MAX_
};
#define WEIGHT_RULE(name, word, number) WEIGHT_##name = number,
enum weight_rule {
#include "model/states.def"
    WEIGHT_RULE_MAX_
};

/* Words; "?" for a number outside the table. The *_from_string functions return -ERR_INVALID for an unknown word. */
const char *task_state_to_string(int s);
int task_state_from_string(const char *word);
bool task_state_finished(int s);
const char *run_state_to_string(int s);
int run_state_from_string(const char *word);
bool run_state_finished(int s);
const char *trigger_rule_to_string(int r);
int trigger_rule_from_string(const char *word);
const char *run_type_to_string(int t);
int run_type_from_string(const char *word);
const char *run_trigger_to_string(int t);
int run_trigger_from_string(const char *word);
const char *weight_rule_to_string(int r);
int weight_rule_from_string(const char *word);

#endif
