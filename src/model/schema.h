/*
 * A value checked by a JSON Schema, as Airflow's Param does: the words of drafts 7 and 2020-12 that say something of a value. Pure and bounded.
 *
 * type, enum, const; minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf (exact, in decimals); minLength, maxLength, pattern
 * (base/pattern.h), format; items (also a list, with additionalItems), prefixItems, contains with its counts, minItems, maxItems, uniqueItems;
 * properties, patternProperties, additionalProperties, propertyNames, required, dependentRequired, dependentSchemas, dependencies, minProperties, maxProperties; allOf, anyOf,
 * oneOf, not, if/then/else; $ref to a place within the schema ("#", "#/..."); true and false. Formats: date, time, date-time, email, hostname,
 * ipv4, ipv6, uri, uri-reference, uuid, json-pointer, regex. What says more than that is refused
 * (unevaluatedItems, unevaluatedProperties, $dynamicRef, $recursiveRef); other words and formats say nothing (title, description, examples ...).
 */
#ifndef TW_MODEL_SCHEMA_H
#define TW_MODEL_SCHEMA_H

struct err;
struct value;

/*
 * -ERR_INVALID: the value does not fit; *e says where in it (a JSON pointer, "" the whole) and by which word. What cannot be known fails too:
 * -ERR_UNSUPPORTED (a pattern or a reference outside of what is above), -ERR_LIMIT, -ERR_NOMEM.
 */
int schema_check(const struct value *schema, const struct value *v, struct err *e);

#endif
