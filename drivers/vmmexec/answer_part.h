/* SPDX-License-Identifier: Apache-2.0 */
/* answer_part.h - parts of what a host answered, which may be of any type. */
#ifndef VMMEXEC_ANSWER_PART_H
#define VMMEXEC_ANSWER_PART_H

#include <stddef.h>

struct json_object;

/* Member NAME of OBJECT as text, a number too; "" if there is none. Borrowed. */
const char *answer_part_text(struct json_object *object, const char *name);

/* Member NAME of OBJECT if it is an array, else NULL. Borrowed. */
struct json_object *answer_part_array(struct json_object *object, const char *name);

/* How many elements ARRAY, or NULL, has. */
size_t answer_part_count(struct json_object *array);

/* Element I of ARRAY as text; "" if it is none. Borrowed. */
const char *answer_part_element(struct json_object *array, size_t i);

#endif
