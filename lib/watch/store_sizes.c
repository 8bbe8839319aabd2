/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/store_sizes.h"

#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/file.h"
#include "base/text.h"
#include "monitor/vm_sizes.h"
#include "virt/timed_call.h"
#include "watch/probe_folder.h"
#include "watch/stock_probe.h"

/* A script is ended before it is no longer waited for. */
enum { LIMIT_MS = 5000, SCRIPT_MS = 4000, GRACE_MS = 500 };
enum { MAX_MARK = 64, MAX_SCRIPT = 1 << 20, MAX_SIZES = 8 << 20 };

/* All is its own, as the call may be abandoned. */
struct sizes {
	char *set, *datastores;
	GHashTable *recorded;
	Fields *out;
};

/* A look that hangs with its file system is still on its way. */
static gint looking;

static void sizes_free(void *data)
{
	struct sizes *s = data;

	g_free(s->set);
	g_free(s->datastores);
	g_hash_table_unref(s->recorded);
	fields_free(s->out);
	g_free(s);
}

/* The driver's name in the mark of datastore DIR; NULL: it is not to be looked at. */
static char *driver_of(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, ".monitor", NULL);
	GString *text = file_read(path, MAX_MARK, NULL);
	char *name = text ? g_string_free(text, FALSE) : NULL;

	if (!name)
		return NULL;
	g_strstrip(name);
	if (*name && *name != '.' && !strchr(name, '/'))
		return name;

	g_free(name);

	return NULL;
}

static void run_script(const struct sizes *s, const char *script, const char *dir)
{
	const char *const argv[] = { script, dir, NULL };
	const struct child_spec spec = { .argv = argv, .timeout_ms = SCRIPT_MS,
					 .grace_ms = GRACE_MS, .max_output = MAX_SIZES };
	struct child_result r = { 0 };

	if (!child_run(&spec, &r, NULL))
		return;
	if (r.exit_status == 0 && r.out->len)
		fields_add(s->out, "PROBE", FIELDS_VERBATIM, "%s", r.out->str);
	child_result_clear(&r);
}

static void add_store(const struct sizes *s, const char *id)
{
	g_autofree char *dir = g_build_filename(s->datastores, id, NULL);
	g_autofree char *driver = driver_of(dir), *script = NULL;
	GString *code;

	if (!driver)
		return;
	script = g_build_filename(s->set, "tm", driver, "monitor_ds", NULL);
	code = file_read(script, MAX_SCRIPT, NULL);
	if (!code)
		return;

	if (stock_probe_known("tm/ssh/monitor_ds", code->str, s->recorded))
		vm_sizes_add(s->out, dir, false);
	else if (stock_probe_known("tm/local/monitor_ds", code->str, s->recorded))
		vm_sizes_add(s->out, dir, true);
	else if (access(script, X_OK) == 0)
		run_script(s, script, dir);
	g_string_free(code, TRUE);
}

static bool look_at_stores(void *data, GError **error G_GNUC_UNUSED)
{
	const struct sizes *s = data;
	g_autoptr(GDir) dir = g_dir_open(s->datastores, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (text_is_digits(name))
			add_store(s, name);
	g_atomic_int_set(&looking, 0);

	return true;
}

void store_sizes_add(Fields *out, const struct watch_place *place)
{
	g_autofree char *record = probe_folder_record(place->set, place->argv[0]);
	struct sizes *s;

	if (!g_atomic_int_compare_and_exchange(&looking, 0, 1))
		return;

	s = g_new(struct sizes, 1);
	*s = (struct sizes){ g_strdup(place->set), g_strdup(place->datastores),
			     stock_probe_recorded(record), fields_new() };
	if (virt_call(look_at_stores, s, sizes_free, LIMIT_MS, NULL) == VIRT_CALL_TIMED_OUT)
		return;

	fields_move(out, s->out);
	sizes_free(s);
}
