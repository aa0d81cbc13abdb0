/*
 * Users, sessions and tokens (access/account.h): what is asked and told of them, as of settings (engine/settings.h, which passes it on). Each
 * change is one transaction with its row of the audit trail. Passwords and credentials do not come here: only their hashes.
 *
 *   user_get {name} -> {found, user}                 user_list {} -> {users}
 *   user_set {name, is_new?, is_first?, role?, hash?, first_password?, disabled?, email?, first_name?, last_name?, issuer?, subject?,
 *             read_tags?, write_tags?} -> {user}     what is not there stays; a new one needs role. is_first: -ERR_EXISTS if there is
 *                                                    any user. hash: another password, which ends all sessions and sign-in tokens,
 *                                                    unless same_password
 *   user_delete {name} -> {found}                    with its sessions and tokens
 *   session_add {id, user, epoch, expires_us, peer?, agent?} -> {}     -ERR_STALE: the user has another password by now
 *   session_touch {id}                               it was used now
 *   session_delete {id} -> {found}
 *   token_add {id, user?, name?, role, read_tags?, write_tags?, epoch?, expires_us?} -> {token}
 *   token_touch {id}      token_delete {id: the credential's, or its first digits} -> {found}      token_list {user?} -> {tokens}
 *
 * Whoever adds a session or a token also removes those that are over. The last admin that can sign in stays (-ERR_CONFLICT).
 */
#ifndef TW_ENGINE_ACCOUNTS_H
#define TW_ENGINE_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct err;
struct json_writer;
struct store;
struct value;

bool accounts_know(const char *op);
/* Writes the members of the answer, without braces. Blocks as the store does. */
int accounts_do(struct store *s, const char *op, const struct value *rq, int64_t now_us,
                struct arena *a, struct json_writer *w, struct err *e);

#endif
