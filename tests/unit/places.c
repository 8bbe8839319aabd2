/* SPDX-License-Identifier: Apache-2.0 */
/* places - the table of the schema's places: each of its rows is found, and nothing else. */
#include <glib.h>

#include "domain/reach_places.h"

enum { EMPTY, CLOSED, PATH, OPEN };

static const struct {
	unsigned shared;
	const char *rest;
	int kind;
} rows[] = {
#define PLACE(shared, rest, kind) { shared, rest, kind },
#include "domain/places.def"
#undef PLACE
};

static enum reach_kind expected(int kind)
{
	if (kind == EMPTY)
		return REACH_NONE;
	if (kind == CLOSED)
		return REACH_CLOSED;

	return REACH_OPEN;
}

static void every_row_is_found(void)
{
	g_autoptr(GString) place = g_string_new(NULL);
	unsigned open = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_string_truncate(place, rows[i].shared);
		g_string_append(place, rows[i].rest);
		g_assert_cmpint(reach_kind_of(place->str), ==, expected(rows[i].kind));
		open += rows[i].kind == OPEN;
	}

	g_assert_cmpuint(open, >, 100);
}

static void what_is_not_in_the_schema_has_no_kind(void)
{
	static const char *const unknown[] = {
		"", "a", "domain/", "domain/os/loader@", "domain/os/loader@typo", "domain/zzz", "z",
		"domain/devices/disk/source@fil", "domain/devices/disk/source@filename",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
		g_assert_cmpint(reach_kind_of(unknown[i]), ==, REACH_NONE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/places/every-row-is-found", every_row_is_found);
	g_test_add_func("/places/what-is-not-in-the-schema-has-no-kind",
			what_is_not_in_the_schema_has_no_kind);

	return g_test_run();
}
