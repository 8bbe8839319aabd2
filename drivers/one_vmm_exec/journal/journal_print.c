/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/journal_print.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

#include "base/program.h"
#include "base/text.h"
#include "journal/journal_place.h"
#include "journal/notes.h"
#include "journal/store.h"
#include "or_else.h"
#include "plan.h"
#include "template/request.h"
#include "wire/deflate.h"

enum { PAUSE_US = 1000000, FAULTS = 5 };

static const char *const states[] = {
	[ROW_WAITING] = "waiting", [ROW_AT_WORK] = "running", [ROW_ENDED] = "ended",
	[ROW_DONE] = "done",
};

/* The host of the request; NULL: not known. The caller frees. */
static char *host_of(const struct row *row)
{
	g_autoptr(GBytes) document = NULL;

	if (!row->document)
		return NULL;
	if (row->packed)
		document = deflate_unpack(row->document);
	else
		document = g_bytes_ref(row->document);

	return document ? tmpl_request_peek_host(document) : NULL;
}

/* The step that has begun; "?" if another version of this program named the plan. */
static const char *step_name(const struct row *row)
{
	const struct plan *plan = row->plan ? plan_find(row->plan) : NULL;

	if (plan && row->step < plan->count)
		return plan->steps[row->step].name;

	return "?";
}

static gint64 age_of(const struct row *row)
{
	return MAX(0, g_get_real_time() / G_USEC_PER_SEC - row->accepted_s);
}

/* "5 s", "2:05 min", "3:10 h", "4 d". The caller frees. */
static char *age_text(gint64 s)
{
	if (s < 60)
		return g_strdup_printf("%d s", (int)s);
	if (s < 3600)
		return g_strdup_printf("%d:%02d min", (int)(s / 60), (int)(s % 60));
	if (s < 86400)
		return g_strdup_printf("%d:%02d h", (int)(s / 3600), (int)(s / 60 % 60));

	return g_strdup_printf("%" G_GINT64_FORMAT " d", s / 86400);
}

static void print_row(const struct row *row, GString *out)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(row->accepted_s);
	g_autofree char *when = time ? g_date_time_format(time, "%F %T") : g_strdup("?");
	g_autofree char *host = host_of(row), *age = age_text(age_of(row)), *shown = NULL;

	if (row_suspect(row)) {
		shown = text_line(row_suspect(row), G_MAXSIZE);
		g_string_append_printf(out,
				       "%s host %s: what was begun there may still run, and is "
				       "ended before anything else begins there, for %s\n",
				       when, shown, age);
		return;
	}

	g_string_append_printf(out, "%s VM %" G_GINT64_FORMAT " %s: ", when, row->id, row->action);
	if (row->phase == ROW_ENDED)
		g_string_append_printf(out, "ended (%s), oned has not read the reply",
				       row->success ? "SUCCESS" : "FAILURE");
	else if (row->phase == ROW_AT_WORK)
		g_string_append_printf(out, "step %u of %s (%s)", row->step + 1,
				       or_else(row->plan, "?"), step_name(row));
	else
		g_string_append(out, "waits");

	shown = host ? text_line(host, G_MAXSIZE) : NULL;
	if (shown && *shown)
		g_string_append_printf(out, ", host %s", shown);
	g_string_append_printf(out, ", for %s\n", age);
}

static void put_text(json_object *object, const char *name, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	json_object_object_add(object, name, json_object_new_string(valid));
}

static void put_time(json_object *object, const char *name, const struct row *row)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(row->accepted_s);
	g_autofree char *when = time ? g_date_time_format_iso8601(time) : g_strdup("");

	put_text(object, name, when);
	json_object_object_add(object, "age_s", json_object_new_int64(age_of(row)));
}

static json_object *host_object(const struct row *row)
{
	json_object *object = json_object_new_object();

	put_text(object, "host", row_suspect(row));
	put_time(object, "since", row);

	return object;
}

static json_object *row_object(const struct row *row)
{
	g_autofree char *host = host_of(row);
	json_object *object = json_object_new_object();

	json_object_object_add(object, "vm", json_object_new_int64(row->id));
	put_text(object, "action", row->action);
	put_text(object, "state", states[row->phase]);
	put_time(object, "accepted", row);
	if (host)
		put_text(object, "host", host);
	if (row->phase == ROW_AT_WORK) {
		put_text(object, "plan", or_else(row->plan, "?"));
		json_object_object_add(object, "step", json_object_new_int((int)row->step + 1));
		put_text(object, "step_name", step_name(row));
	}

	if (row->phase == ROW_ENDED)
		json_object_object_add(object, "success", json_object_new_boolean(row->success));

	return object;
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

static guint count_requests(const GPtrArray *rows)
{
	guint n = 0;

	for (guint i = 0; i < rows->len; i++)
		n += !row_suspect(g_ptr_array_index(rows, i));

	return n;
}

/* What PATH holds: lines in OUT, or an object in JOURNALS. */
static bool add_file(const struct driver_settings *settings, const char *path, GString *out,
		     json_object *journals, GError **error)
{
	g_autoptr(Store) store = store_open_to_read(path, error);
	g_autoptr(GPtrArray) rows = store ? store_rows(store, error) : NULL;
	json_object *object = NULL, *requests = NULL, *hosts = NULL;

	if (!rows)
		return false;

	add_noted(rows, settings, store, path);
	g_string_append_printf(out, "%s: %u not ended\n", path, count_requests(rows));
	for (guint i = 0; i < rows->len; i++)
		print_row(g_ptr_array_index(rows, i), out);
	if (!settings->options.journal_json)
		return true;

	object = json_object_new_object();
	requests = json_object_new_array();
	hosts = json_object_new_array();
	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = g_ptr_array_index(rows, i);

		if (row_suspect(row))
			json_object_array_add(hosts, host_object(row));
		else
			json_object_array_add(requests, row_object(row));
	}

	put_text(object, "path", path);
	json_object_object_add(object, "requests", requests);
	json_object_object_add(object, "suspect_hosts", hosts);
	json_object_array_add(journals, object);

	return true;
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted. A directory that may not be read is not one without journals. NULL with ERROR. */
static GPtrArray *paths_in(const char *dir, GError **error)
{
	GPtrArray *paths;
	g_autoptr(GDir) entries = NULL;
	const char *name;

	if (access(dir, R_OK | X_OK) < 0 && errno != ENOENT) {
		vmm_fail_errno(error, errno, "cannot read the journals in %s", dir);
		vmm_error_set_hint(error, "run it as oneadmin");
		return NULL;
	}

	paths = g_ptr_array_new_with_free_func(g_free);
	entries = g_dir_open(dir, 0, NULL);
	while (entries && (name = g_dir_read_name(entries)))
		if (g_str_has_suffix(name, ".db"))
			g_ptr_array_add(paths, g_build_filename(dir, name, NULL));
	g_ptr_array_sort(paths, compare_paths);

	return paths;
}

/* All journals now, as text. The caller frees; NULL with ERROR. */
static char *read_all(const struct driver_settings *settings, GError **error)
{
	g_autofree char *dir = journal_place_dir(settings);
	g_autoptr(GPtrArray) paths = paths_in(dir, error);
	g_autoptr(GString) out = g_string_new(NULL);
	json_object *all, *journals;
	bool ok = true;

	if (!paths)
		return NULL;

	all = json_object_new_object();
	journals = json_object_new_array();
	json_object_object_add(all, "journals", journals);
	if (!paths->len)
		g_string_append(out, "no journal\n");

	for (guint i = 0; ok && i < paths->len; i++)
		ok = add_file(settings, g_ptr_array_index(paths, i), out, journals, error);
	if (settings->options.journal_json)
		g_string_printf(out, "%s\n",
				json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);

	return ok ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

/* Without the ages, which change each second. The caller frees. */
static char *without_ages(const char *text)
{
	g_autoptr(GRegex) age = g_regex_new("(, for [^\n]*)|(\"age_s\":[0-9]+)", 0, 0, NULL);

	return g_regex_replace_literal(age, text, -1, 0, "", 0, NULL);
}

static bool print_text(const char *text, bool is_screen)
{
	if (is_screen)
		fputs("\033[H\033[J", stdout);
	fputs(text, stdout);

	return program_end("one_vmm_exec", 0, 1) == 0;
}

/*
 * A terminal is drawn each second, with the ages; elsewhere only what has changed is printed. A
 * journal that a driver makes, or makes anew, at this moment cannot be read for a moment.
 */
static bool follow(const struct driver_settings *settings, GError **error)
{
	bool is_screen = isatty(STDOUT_FILENO) && !settings->options.journal_json;
	g_autofree char *last = g_strdup("");

	for (int left = FAULTS; left; g_usleep(PAUSE_US)) {
		g_autoptr(GError) cause = NULL;
		g_autofree char *text = read_all(settings, &cause);
		g_autofree char *essence = text ? without_ages(text) : NULL;
		bool is_news = essence && !g_str_equal(essence, last);

		if (!text && --left)
			continue;
		if (!text) {
			g_propagate_error(error, g_steal_pointer(&cause));
			return false;
		}

		left = FAULTS;
		if ((is_news || is_screen) && !print_text(text, is_screen))
			return true;
		g_free(last);
		last = g_steal_pointer(&essence);
	}

	return false;
}

bool journal_print(const struct driver_settings *settings, GError **error)
{
	g_autofree char *text = NULL;

	if (settings->options.journal_follow)
		return follow(settings, error);

	text = read_all(settings, error);

	return text && print_text(text, false);
}
