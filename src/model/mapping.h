/*
 * Mapping: how many instances the arguments of a mapped task (or group) make, and which arguments an instance has.
 *
 * `expand`: the product of its arguments, the last one varying fastest; a list gives its elements, an object its members, each
 * [key, value]. `expand_kwargs`: one instance per object of the list. An argument is a literal or a reference:
 * {"__xcom__": {"task_id", "key"?}}, {"__map__": {"of": R}}, {"__zip__": {"of": [R...], "fillvalue"?}}, {"__concat__": {"of": [R...]}}.
 */
#ifndef TW_MODEL_MAPPING_H
#define TW_MODEL_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

struct value;

#define MAP_LEN_UNKNOWN (-1)

/* One of the four, or {"__mapped__": name}. */
bool map_is_reference(const struct value *v);
/* The length of the XCom that the object of a __xcom__ names; 0, or an error of its own. */
typedef int (*map_xcom_fn)(void *user, const struct value *xcom, int64_t *ret);
/*
 * The length of one argument, or of all of them (one of the two is given). 0, what fn returned, or -ERR_INVALID for what is none. Without
 * fn a length that depends on an XCom is MAP_LEN_UNKNOWN. A length is cut at INT32_MAX.
 */
int map_value_length(const struct value *v, map_xcom_fn fn, void *user, int64_t *ret);
int map_length(const struct value *expand, const struct value *kwargs, map_xcom_fn fn, void *user,
               int64_t *ret);

#endif
