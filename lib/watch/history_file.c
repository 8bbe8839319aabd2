/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/history_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "watch/own_directory.h"

enum { BUSY_MS = 500, DAY_S = 86400, WEEK_S = 7 * DAY_S, KEPT_WEEKS = 6 };

/* A file that is open. */
struct table_file {
	const char *path;
	const struct history_series *series;
	sqlite3 *db;
	int code;		/* of SQLite's last fault */
};

static bool is_full_or_away(int code)
{
	static const int codes[] = { SQLITE_FULL, SQLITE_IOERR, SQLITE_READONLY, SQLITE_CANTOPEN };

	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
		if (code == codes[i])
			return true;

	return false;
}

static bool file_fail(struct table_file *t, GError **error)
{
	const char *why = t->db ? sqlite3_errmsg(t->db) : "no memory";
	enum vmm_error class = VMM_ERROR_INTERNAL;

	t->code = t->db ? sqlite3_errcode(t->db) & 0xff : SQLITE_NOMEM;
	if (t->code == SQLITE_BUSY || t->code == SQLITE_LOCKED)
		class = VMM_ERROR_BUSY;
	else if (is_full_or_away(t->code))
		class = VMM_ERROR_NO_SPACE;

	return vmm_fail(error, class, "cannot keep usage in %s: %s", t->path, why);
}

static bool run_text(struct table_file *t, const char *text, GError **error)
{
	if (sqlite3_exec(t->db, text, NULL, NULL, NULL) == SQLITE_OK)
		return true;

	return file_fail(t, error);
}

/* Names are letters, digits and "_" only: of OpenNebula's numbers and of figures. */
static char *table_of(const struct table_file *t, const char *figure)
{
	return g_strdup_printf("%s_%s_monitoring", t->series->entity, figure);
}

static bool make_table(struct table_file *t, const char *table, GError **error)
{
	const char *type = t->series->is_host ? "DATETIME" : "INTEGER";
	g_autofree char *text = g_strdup_printf("CREATE TABLE IF NOT EXISTS %s "
						"(TIMESTAMP %s PRIMARY KEY, VALUE REAL NOT NULL)",
						table, type);

	return run_text(t, text, error);
}

/* The samples of one figure. */
static bool insert_figure(struct table_file *t, sqlite3_stmt *insert, const char *figure,
			  GError **error)
{
	const GArray *samples = t->series->samples;

	for (guint i = 0; i < samples->len; i++) {
		const struct history_sample *s = &g_array_index(samples, struct history_sample, i);

		if (s->figure != figure)
			continue;
		sqlite3_bind_int64(insert, 1, s->time_s);
		sqlite3_bind_double(insert, 2, s->value);
		if (sqlite3_step(insert) != SQLITE_DONE)
			return file_fail(t, error);
		sqlite3_reset(insert);
	}

	return true;
}

/* What a clock that was wrong left in the future would stay for ever. The caller frees. */
static char *removal_of(const char *table, unsigned weeks)
{
	gint64 now_s = g_get_real_time() / G_USEC_PER_SEC;

	return g_strdup_printf("DELETE FROM %s WHERE TIMESTAMP < %" G_GINT64_FORMAT
			       " OR TIMESTAMP > %" G_GINT64_FORMAT, table,
			       now_s - (gint64)weeks * WEEK_S, now_s + DAY_S);
}

static bool add_figure(struct table_file *t, const char *figure, unsigned weeks,
		       GError **error)
{
	g_autofree char *table = table_of(t, figure);
	g_autofree char *text = g_strdup_printf("INSERT OR REPLACE INTO %s VALUES (?, ?)", table);
	g_autofree char *old = removal_of(table, weeks);
	sqlite3_stmt *insert = NULL;
	bool ok;

	if (!make_table(t, table, error))
		return false;
	if (sqlite3_prepare_v2(t->db, text, -1, &insert, NULL) != SQLITE_OK)
		return file_fail(t, error);

	ok = insert_figure(t, insert, figure, error);
	sqlite3_finalize(insert);

	if (!ok)
		return false;

	return run_text(t, old, error);
}

static bool add_figures(struct table_file *t, unsigned weeks, GError **error)
{
	const GArray *samples = t->series->samples;
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < samples->len; i++) {
		const char *figure = g_array_index(samples, struct history_sample, i).figure;

		if (!g_hash_table_add(seen, (char *)figure))
			continue;
		if (!add_figure(t, figure, weeks, error))
			return false;
	}

	return true;
}

/*
 * A kill leaves a transaction that the next program undoes. A power cut may leave a damaged file,
 * as the disk is not waited for: then the past is lost, which forecasts bear.
 */
static bool add_together(struct table_file *t, unsigned weeks, GError **error)
{
	if (!run_text(t, "PRAGMA synchronous = OFF; BEGIN IMMEDIATE", error))
		return false;
	if (add_figures(t, weeks, error) && run_text(t, "COMMIT", error))
		return true;

	sqlite3_exec(t->db, "ROLLBACK", NULL, NULL, NULL);

	return false;
}

/* Adds once; RET_DAMAGED: the file is no database. */
static bool add_once(struct table_file *t, unsigned weeks, bool *ret_damaged, GError **error)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	bool ok = sqlite3_open_v2(t->path, &t->db, flags, NULL) == SQLITE_OK;

	if (ok) {
		sqlite3_busy_timeout(t->db, BUSY_MS);
		ok = add_together(t, weeks, error);
	} else {
		file_fail(t, error);
	}

	*ret_damaged = !ok && (t->code == SQLITE_NOTADB || t->code == SQLITE_CORRUPT);
	sqlite3_close(t->db);
	t->db = NULL;

	return ok;
}

static bool check_owner(const char *directory, const char *path, GError **error)
{
	struct stat st;
	bool is_own;

	if (!own_directory_check(directory, error))
		return false;
	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return true;
		return vmm_fail_errno(error, errno, "cannot look at %s", path);
	}

	is_own = S_ISREG(st.st_mode) && st.st_uid == geteuid();
	if (is_own && !(st.st_mode & S_IWOTH))
		return true;

	return vmm_fail(error, VMM_ERROR_PERMISSION, "cannot keep usage in %s: it is not ours "
			"alone", path);
}

/* With its journal, which would be played back into the next file. */
static bool put_aside(const char *path, GError **error)
{
	g_autofree char *to = g_strconcat(path, ".damaged", NULL);
	g_autofree char *journal = g_strconcat(path, "-journal", NULL);

	unlink(journal);

	return file_rename(path, to, error);
}

bool history_file_add(const char *directory, const struct history_series *series, unsigned weeks,
		      GError **error)
{
	g_autofree char *path = g_build_filename(directory, series->file, NULL);
	struct table_file t = { .path = path, .series = series };
	g_autoptr(GError) cause = NULL;
	bool is_damaged;

	if (!check_owner(directory, path, error))
		return false;
	if (add_once(&t, weeks, &is_damaged, &cause))
		return true;
	if (!is_damaged)
		return vmm_pass(error, &cause);

	if (!put_aside(path, error))
		return false;

	return add_once(&t, weeks, &is_damaged, error);
}

/* "7.db", "host.db", and what one of them left: "7.db-journal", "7.db.damaged" */
static bool is_history(const char *name)
{
	static const char *const ends[] = { ".db", ".db-journal", ".db.damaged" };
	size_t digits = strspn(name, "0123456789");
	size_t len = g_str_has_prefix(name, "host.") ? strlen("host") : digits;

	for (size_t i = 0; len && i < G_N_ELEMENTS(ends); i++)
		if (g_str_equal(name + len, ends[i]))
			return true;

	return false;
}

void history_file_clean(const char *directory)
{
	gint64 until_s = g_get_real_time() / G_USEC_PER_SEC - (gint64)KEPT_WEEKS * WEEK_S;
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(directory, name, NULL);
		struct stat st;

		if (!is_history(name) || lstat(path, &st) < 0)
			continue;
		if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_mtime < until_s)
			unlink(path);
	}
}
