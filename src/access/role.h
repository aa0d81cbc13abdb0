/*
 * What somebody may do. Each role may what those before it may:
 *   viewer reads; user also triggers, clears, marks, answers and writes notes; operator also pauses, deletes, backfills, and changes pools,
 *   variables and connections; admin also users, tokens of others, the configuration and the audit trail.
 */
#ifndef TW_ACCESS_ROLE_H
#define TW_ACCESS_ROLE_H

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_USER, ROLE_OP, ROLE_ADMIN };

const char *role_to_string(enum role r); /* "none", "viewer" ... */
/* Also Airflow's names (Viewer, User, Op, Admin; case does not count). -1: there is no such role that somebody can have. */
int role_from_string(const char *word);

#endif
