/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/guest_answer.h"

#include <json-c/json.h>
#include <string.h>

#include "base/text.h"

/* oned keeps all of it in its database, with each sample. */
enum { MAX_PART = 256, MAX_VALUE = 4096, MAX_ADDRESSES = 64 };

const char *guest_os_name(enum guest_os_part part)
{
	static const char *const names[] = {
		[GUEST_OS_ID]      = "OS_ID",
		[GUEST_OS_TYPE]    = "OS_TYPE",
		[GUEST_OS_VERSION] = "OS_VERSION",
		[GUEST_OS_MACHINE] = "OS_MACHINE",
	};

	return names[part];
}

/* What ANSWER returns, of json_object_put(RET_ALL); NULL: nothing. */
static json_object *returned(const char *answer, json_object **ret_all)
{
	json_object *value = NULL;

	*ret_all = answer ? json_tokener_parse(answer) : NULL;
	if (!json_object_is_type(*ret_all, json_type_object))
		return NULL;
	json_object_object_get_ex(*ret_all, "return", &value);

	return value;
}

/* A text of MAP, on one line. The caller frees; NULL: it has none. */
static char *text_in(json_object *map, const char *name, size_t max)
{
	json_object *value = NULL;
	g_autofree char *valid = NULL;

	if (!json_object_is_type(map, json_type_object))
		return NULL;
	if (!json_object_object_get_ex(map, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	valid = g_utf8_make_valid(json_object_get_string(value), -1);

	return text_line(valid, max);
}

static char *os_part(json_object *info, const char *name)
{
	char *text = text_in(info, name, MAX_PART);

	if (text && *text)
		return text;

	g_free(text);

	return g_strdup("unknown");
}

bool guest_os_read(struct guest_os *ret, const char *answer)
{
	json_object *all, *info = returned(answer, &all);
	bool ok = json_object_is_type(info, json_type_object);

	*ret = (struct guest_os){ 0 };
	if (ok) {
		bool is_windows;

		ret->part[GUEST_OS_ID] = os_part(info, "id");
		ret->part[GUEST_OS_VERSION] = os_part(info, "version-id");
		ret->part[GUEST_OS_MACHINE] = os_part(info, "machine");
		is_windows = g_str_equal(ret->part[GUEST_OS_ID], "mswindows");
		ret->part[GUEST_OS_TYPE] = g_strdup(is_windows ? "mswindows" : "posix");
	}

	json_object_put(all);

	return ok;
}

void guest_os_clear(struct guest_os *os)
{
	for (int i = 0; i < GUEST_OS_PARTS; i++)
		g_clear_pointer(&os->part[i], g_free);
}

static bool is_own(const char *address)
{
	return g_str_equal(address, "127.0.0.1") || g_str_equal(address, "::1");
}

/* Only what can be an address: a list is made of them. */
static bool is_address(const char *text)
{
	return *text && strspn(text, "0123456789abcdefABCDEF:.%") == strlen(text);
}

static void add_addresses(GPtrArray *out, json_object *interface)
{
	g_autofree char *name = text_in(interface, "name", MAX_PART);
	json_object *list = NULL;

	if (!name || g_str_equal(name, "lo"))
		return;
	if (!json_object_object_get_ex(interface, "ip-addresses", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;

	for (size_t i = 0; i < json_object_array_length(list) && out->len < MAX_ADDRESSES; i++) {
		g_autofree char *address = text_in(json_object_array_get_idx(list, i),
						   "ip-address", MAX_PART);

		if (address && is_address(address) && !is_own(address))
			g_ptr_array_add(out, g_steal_pointer(&address));
	}
}

char *guest_addresses(const char *answer)
{
	json_object *all, *list = returned(answer, &all);
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	size_t n = 0;

	if (json_object_is_type(list, json_type_array))
		n = json_object_array_length(list);
	for (size_t i = 0; i < n; i++)
		add_addresses(found, json_object_array_get_idx(list, i));
	json_object_put(all);
	if (found->len == 0)
		return NULL;
	g_ptr_array_add(found, NULL);

	return g_strjoinv(",", (char **)found->pdata);
}

static const char *plain(json_object *value)
{
	if (json_object_is_type(value, json_type_string))
		return json_object_get_string(value);

	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
}

char *guest_value(const char *answer)
{
	json_object *all, *value = returned(answer, &all);
	GString *text = g_string_new(NULL);
	g_autofree char *valid = NULL;

	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			text_separate(text, ", ");
			g_string_append(text, plain(json_object_array_get_idx(value, i)));
		}
	} else if (value) {
		g_string_append(text, plain(value));
	}

	json_object_put(all);
	valid = g_utf8_make_valid(text->str, (gssize)text->len);
	g_string_free(text, TRUE);

	return text_line(valid, MAX_VALUE);
}
