/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/journal_print.h"

#include <stdio.h>

#include "journal/journal_place.h"
#include "journal/notes.h"
#include "journal/store.h"
#include "or_else.h"

static void print_row(const struct row *row)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(row->accepted_s);
	g_autofree char *when = time ? g_date_time_format(time, "%F %T") : g_strdup("?");

	printf("%s VM %" G_GINT64_FORMAT " %s: ", when, row->id, row->action);
	if (row->phase == ROW_ENDED)
		printf("ended (%s), oned has not read the reply\n",
		       row->success ? "SUCCESS" : "FAILURE");
	else if (row->phase == ROW_AT_WORK)
		printf("step %u of %s\n", row->step + 1, or_else(row->plan, "?"));
	else
		puts("waits");
}

/* To ROWS, those that the disk may not have: the driver that runs, or was killed, noted them. */
static void add_noted(GPtrArray *rows, const struct driver_settings *settings, Store *store,
		      const char *path)
{
	g_autofree char *notes_path = journal_place_notes(settings, path);
	Notes *notes = notes_open(notes_path);
	const GPtrArray *noted = notes_requests(notes);
	guint64 last = store_last_seq(store);

	for (guint i = 0; i < noted->len; i++) {
		const struct row *row = g_ptr_array_index(noted, i);

		if (row->seq > last)
			g_ptr_array_add(rows, row_copy(row));
	}

	notes_close(notes);
}

static bool print_file(const struct driver_settings *settings, const char *path, GError **error)
{
	g_autoptr(Store) store = store_open_to_read(path, error);
	g_autoptr(GPtrArray) rows = store ? store_rows(store, error) : NULL;

	if (!rows)
		return false;

	add_noted(rows, settings, store, path);
	printf("%s: %u not ended\n", path, rows->len);
	for (guint i = 0; i < rows->len; i++)
		print_row(g_ptr_array_index(rows, i));

	return true;
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool journal_print(const struct driver_settings *settings, GError **error)
{
	g_autofree char *dir = journal_place_dir(settings);
	g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (entries && (name = g_dir_read_name(entries)))
		if (g_str_has_suffix(name, ".db"))
			g_ptr_array_add(paths, g_build_filename(dir, name, NULL));
	if (!paths->len)
		puts("no journal");

	g_ptr_array_sort(paths, compare_paths);
	for (guint i = 0; i < paths->len; i++)
		if (!print_file(settings, g_ptr_array_index(paths, i), error))
			return false;

	return true;
}
