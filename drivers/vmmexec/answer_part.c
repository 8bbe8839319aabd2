/* SPDX-License-Identifier: Apache-2.0 */
#include "answer_part.h"

#include <json-c/json.h>

#include "base/text.h"

const char *answer_part_text(json_object *object, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);

	return text_or(json_object_get_string(value), "");
}

/* json-c ends the program when it is asked for an element of what is no array. */
json_object *answer_part_array(json_object *object, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	if (json_object_is_type(value, json_type_array))
		return value;

	return NULL;
}

size_t answer_part_count(json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

const char *answer_part_element(json_object *array, size_t i)
{
	return text_or(json_object_get_string(json_object_array_get_idx(array, i)), "");
}
