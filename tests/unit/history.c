/* SPDX-License-Identifier: Apache-2.0 */
/* Usage over time in SQLite files, and the settings of forecasts. */
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <utime.h>
#include <unistd.h>

#include "base/file.h"
#include "watch/forecast_rules.h"
#include "watch/history_file.h"

struct place {
	char *dir;
	struct history_series series;
};

static void set_up(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	p->dir = g_dir_make_tmp("history.XXXXXX", NULL);
	g_assert_nonnull(p->dir);
	p->series = (struct history_series){
		.entity = g_strdup("virtualmachine_7"), .file = g_strdup("7.db"),
		.samples = g_array_new(FALSE, FALSE, sizeof(struct history_sample)),
	};
}

static void clear_dir(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		g_remove(file);
	}

	g_rmdir(path);
}

static void tear_down(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	clear_dir(p->dir);
	g_free(p->dir);
	g_free(p->series.entity);
	g_free(p->series.file);
	g_array_unref(p->series.samples);
}

static void put_sample(struct place *p, const char *figure, gint64 time_s, double value)
{
	const struct history_sample sample = { figure, time_s, value };

	g_array_append_val(p->series.samples, sample);
}

static gint64 now_s(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

/* The first value that QUERY gives, as text. */
static char *asked(const struct place *p, const char *query)
{
	g_autofree char *path = g_build_filename(p->dir, p->series.file, NULL);
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	char *text = NULL;

	g_assert_cmpint(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
	sqlite3_prepare_v2(db, query, -1, &statement, NULL);
	if (statement && sqlite3_step(statement) == SQLITE_ROW)
		text = g_strdup((const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	sqlite3_close(db);

	return text;
}

static void assert_asked(const struct place *p, const char *query, const char *wanted)
{
	g_autofree char *found = asked(p, query);

	g_assert_cmpstr(found, ==, wanted);
}

static void test_tables(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	static const char cpu[] = "cpu", memory[] = "memory";
	g_autoptr(GError) error = NULL;

	put_sample(p, cpu, now_s() - 30, 12.5);
	put_sample(p, memory, now_s() - 30, 4096);
	put_sample(p, cpu, now_s(), 13);
	g_assert_true(history_file_add(p->dir, &p->series, 4, &error));
	assert_asked(p, "SELECT count(*) FROM virtualmachine_7_cpu_monitoring", "2");
	assert_asked(p, "SELECT VALUE FROM virtualmachine_7_cpu_monitoring ORDER BY TIMESTAMP",
		     "12.5");
	assert_asked(p, "SELECT VALUE FROM virtualmachine_7_memory_monitoring", "4096.0");
	assert_asked(p, "SELECT sql FROM sqlite_master WHERE name LIKE '%7_cpu%'",
		     "CREATE TABLE virtualmachine_7_cpu_monitoring "
		     "(TIMESTAMP INTEGER PRIMARY KEY, VALUE REAL NOT NULL)");
	/* A second sample of one second takes the place of the first. */
	g_assert_true(history_file_add(p->dir, &p->series, 4, &error));
	assert_asked(p, "SELECT count(*) FROM virtualmachine_7_cpu_monitoring", "2");
	assert_asked(p, "PRAGMA integrity_check", "ok");
}

static void test_host(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	static const char figure[] = "usedcpu";

	p->series.is_host = true;
	put_sample(p, figure, now_s(), 100);
	g_assert_true(history_file_add(p->dir, &p->series, 4, NULL));
	assert_asked(p, "SELECT type FROM pragma_table_info('virtualmachine_7_usedcpu_monitoring')",
		     "DATETIME");
	assert_asked(p, "SELECT count(*) FROM virtualmachine_7_usedcpu_monitoring", "1");
}

static void test_old(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	static const char cpu[] = "cpu";
	const gint64 day_s = 86400;

	for (int kind = 0; kind < 2; kind++) {
		p->series.is_host = kind;
		g_array_set_size(p->series.samples, 0);
		put_sample(p, cpu, now_s() - 15 * day_s, 1);
		put_sample(p, cpu, now_s() - 13 * day_s, 2);
		g_assert_true(history_file_add(p->dir, &p->series, 4, NULL));
		assert_asked(p, "SELECT count(*) FROM virtualmachine_7_cpu_monitoring", "2");
		g_assert_true(history_file_add(p->dir, &p->series, 2, NULL));
		assert_asked(p, "SELECT count(*) FROM virtualmachine_7_cpu_monitoring", "1");
		assert_asked(p, "SELECT VALUE FROM virtualmachine_7_cpu_monitoring", "2.0");
		g_free(p->series.file);
		p->series.file = g_strdup("host.db");
	}
}

/* A clock that was wrong for a while: those samples would never grow old. */
static void test_future(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	static const char cpu[] = "cpu";
	const gint64 day_s = 86400;

	put_sample(p, cpu, now_s() + 400 * day_s, 1);
	put_sample(p, cpu, now_s() + day_s / 2, 2);
	put_sample(p, cpu, now_s(), 3);
	g_assert_true(history_file_add(p->dir, &p->series, 4, NULL));
	assert_asked(p, "SELECT count(*) FROM virtualmachine_7_cpu_monitoring", "2");
	assert_asked(p, "SELECT sum(VALUE) FROM virtualmachine_7_cpu_monitoring", "5.0");
}

/* The directory is /var/tmp's, where any user can make it, or a link of its name, first. */
static void test_directory(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	static const char cpu[] = "cpu";
	g_autofree char *path = g_build_filename(p->dir, "7.db", NULL);
	g_autoptr(GError) error = NULL;

	put_sample(p, cpu, now_s(), 1);
	g_assert_cmpint(chmod(p->dir, 0777), ==, 0);
	g_assert_false(history_file_add(p->dir, &p->series, 4, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_PERMISSION);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	g_assert_cmpint(chmod(p->dir, 0755), ==, 0);
	g_assert_true(history_file_add(p->dir, &p->series, 4, NULL));
}

static void test_damaged(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	static const char cpu[] = "cpu";
	g_autofree char *path = g_build_filename(p->dir, "7.db", NULL);
	g_autofree char *aside = g_build_filename(p->dir, "7.db.damaged", NULL);
	g_autofree char *text = g_strnfill(8192, 'x');
	g_autoptr(GError) error = NULL;

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	put_sample(p, cpu, now_s(), 1);
	g_assert_true(history_file_add(p->dir, &p->series, 4, &error));
	assert_asked(p, "SELECT count(*) FROM virtualmachine_7_cpu_monitoring", "1");
	g_assert_true(g_file_test(aside, G_FILE_TEST_IS_REGULAR));
}

static void test_others(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	static const char cpu[] = "cpu";
	g_autofree char *path = g_build_filename(p->dir, "7.db", NULL);
	g_autofree char *other = g_build_filename(p->dir, "other", NULL);
	g_autoptr(GError) error = NULL;

	put_sample(p, cpu, now_s(), 1);
	g_assert_true(g_file_set_contents(other, "", 0, NULL));
	g_assert_cmpint(symlink("other", path), ==, 0);
	g_assert_false(history_file_add(p->dir, &p->series, 4, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_PERMISSION);
	g_clear_error(&error);
	g_remove(path);
	g_assert_true(history_file_add(p->dir, &p->series, 4, NULL));
	g_assert_cmpint(chmod(path, 0646), ==, 0);
	g_assert_false(history_file_add(p->dir, &p->series, 4, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_PERMISSION);
	g_clear_error(&error);
	g_remove(path);
	g_mkdir(path, 0700);
	g_assert_false(history_file_add(p->dir, &p->series, 4, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_PERMISSION);
}

static void test_locked(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	static const char cpu[] = "cpu";
	g_autofree char *path = g_build_filename(p->dir, "7.db", NULL);
	g_autoptr(GError) error = NULL;
	sqlite3 *db = NULL;

	put_sample(p, cpu, now_s(), 1);
	g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_exec(db, "CREATE TABLE x (y); BEGIN EXCLUSIVE", NULL, NULL, NULL),
			==, SQLITE_OK);
	g_assert_false(history_file_add(p->dir, &p->series, 4, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_BUSY);
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_close(db);
	g_assert_true(history_file_add(p->dir, &p->series, 4, NULL));
}

static void make_file(const struct place *p, const char *name, gint64 age_s)
{
	g_autofree char *path = g_build_filename(p->dir, name, NULL);
	const struct utimbuf times = { now_s() - age_s, now_s() - age_s };

	g_assert_true(g_file_set_contents(path, "x", 1, NULL));
	g_assert_cmpint(utime(path, &times), ==, 0);
}

static bool is_there(const struct place *p, const char *name)
{
	g_autofree char *path = g_build_filename(p->dir, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void test_clean(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	const gint64 week_s = 7 * 86400;

	make_file(p, "7.db", 7 * week_s);
	make_file(p, "8.db", 5 * week_s);
	make_file(p, "host.db", 7 * week_s);
	make_file(p, "x.db", 7 * week_s);
	make_file(p, ".db", 7 * week_s);
	make_file(p, "7.db.damaged", 7 * week_s);
	make_file(p, "8.db.damaged", 5 * week_s);
	make_file(p, "7.db-journal", 7 * week_s);
	make_file(p, "host.db-journal", 7 * week_s);
	make_file(p, "hosts.db", 7 * week_s);
	history_file_clean(p->dir);
	g_assert_false(is_there(p, "7.db"));
	g_assert_true(is_there(p, "8.db"));
	g_assert_false(is_there(p, "host.db"));
	g_assert_true(is_there(p, "x.db"));
	g_assert_true(is_there(p, ".db"));
	g_assert_true(is_there(p, "hosts.db"));
	g_assert_false(is_there(p, "7.db.damaged"));
	g_assert_true(is_there(p, "8.db.damaged"));
	g_assert_false(is_there(p, "7.db-journal"));
	g_assert_false(is_there(p, "host.db-journal"));
}

static bool read_rules(const struct place *p, ForecastRules *ret, const char *text, GError **error)
{
	g_autofree char *path = g_build_filename(p->dir, "forecast.conf", NULL);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));

	return forecast_rules_read(ret, path, error);
}

static void test_rules(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	const gint64 minute_us = 60 * G_USEC_PER_SEC;
	const struct forecast_section *host, *vm;
	ForecastRules r;

	host = &r.section[FORECAST_HOST];
	vm = &r.section[FORECAST_VM];
	g_assert_true(forecast_rules_read(&r, "/nonexistent/forecast.conf", NULL));
	g_assert_false(r.is_there || host->enabled || vm->enabled);
	g_assert_true(read_rules(p, &r, "host:\n  db_retention: 4 # weeks\n  forecast_period: 5\n"
				 "virtualmachine:\n  db_retention: 2\n  forecast_period: 7\n",
				 NULL));
	g_assert_true(r.is_there && host->enabled && vm->enabled);
	g_assert_cmpuint(host->weeks, ==, 4);
	g_assert_cmpuint(vm->weeks, ==, 2);
	g_assert_cmpint(host->period_us, ==, 5 * minute_us);
	g_assert_cmpint(vm->period_us, ==, 7 * minute_us);
	g_assert_true(read_rules(p, &r, "host:\n  forecast:\n    enabled: false\n    period: 3\n"
				 "  forecast_far:\n    enabled: false\n"
				 "virtualmachine:\n  forecast:\n    enabled: false\n    period: 6\n"
				 "    lookback: 60\n", NULL));
	g_assert_false(host->enabled);
	g_assert_true(vm->enabled);
	g_assert_cmpuint(vm->weeks, ==, 4);
	g_assert_cmpint(vm->period_us, ==, 6 * minute_us);
}

static void test_wrong_rules(struct place *p, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const texts[] = {
		"host:\n  db_retention: 0\n", "host:\n  forecast_period: soon\n",
		"virtualmachine:\n  forecast:\n    period: -1\n",
		"virtualmachine:\n  forecast_far:\n    enabled: perhaps\n", "host: [\n",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		ForecastRules r;

		g_assert_false(read_rules(p, &r, texts[i], &error));
		g_assert_nonnull(error);
		g_assert_true(r.is_there);
		g_assert_false(r.section[FORECAST_HOST].enabled || r.section[FORECAST_VM].enabled);
		g_assert_cmpuint(r.section[FORECAST_VM].weeks, ==, 4);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *path;
		void (*test)(struct place *p, gconstpointer data);
	} tests[] = {
		{ "/history/tables-as-forecasts-read-them", test_tables },
		{ "/history/of-a-host", test_host },
		{ "/history/what-is-old-is-removed", test_old },
		{ "/history/what-is-in-the-future-is-removed", test_future },
		{ "/history/a-directory-that-others-may-write-is-not-used", test_directory },
		{ "/history/a-damaged-file-is-put-aside", test_damaged },
		{ "/history/what-is-not-ours-is-left-alone", test_others },
		{ "/history/a-locked-file-is-given-up", test_locked },
		{ "/history/files-nobody-writes-are-removed", test_clean },
		{ "/forecast-rules/both-forms", test_rules },
		{ "/forecast-rules/wrong-values", test_wrong_rules },
	};

	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].path, struct place, NULL, set_up, tests[i].test, tear_down);

	return g_test_run();
}
