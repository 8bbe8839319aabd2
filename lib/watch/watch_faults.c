/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch_faults.h"

#include <string.h>

#include "base/text.h"

static struct {
	GMutex mutex;
	GTree *reasons;		/* by file; NULL: there was none yet */
	bool has_changed;
	void (*log)(const char *text);
} faults;

static int by_name(gconstpointer a, gconstpointer b, gpointer data G_GNUC_UNUSED)
{
	return strcmp(a, b);
}

void watch_faults_log_to(void (*log)(const char *text))
{
	faults.log = log;
}

/* Under the mutex. */
static void add_reason(const char *file, const char *reason)
{
	if (!faults.reasons)
		faults.reasons = g_tree_new_full(by_name, NULL, g_free, g_free);
	if (g_tree_lookup(faults.reasons, file))
		return;

	g_tree_insert(faults.reasons, g_strdup(file), g_strdup(reason));
	faults.has_changed = true;
	if (faults.log)
		faults.log(reason);
}

void watch_faults_note(const char *file, const GError *error)
{
	g_mutex_lock(&faults.mutex);
	if (error)
		add_reason(file, error->message);
	else if (faults.reasons && g_tree_remove(faults.reasons, file))
		faults.has_changed = true;
	g_mutex_unlock(&faults.mutex);
}

bool watch_faults_changed(void)
{
	bool has_changed;

	g_mutex_lock(&faults.mutex);
	has_changed = faults.has_changed;
	faults.has_changed = false;
	g_mutex_unlock(&faults.mutex);

	return has_changed;
}

/* A directory that is not ours is the same reason for each of its files. */
static gboolean append_reason(gpointer file G_GNUC_UNUSED, gpointer reason, gpointer data)
{
	GString *text = data;

	if (!strstr(text->str, reason)) {
		text_separate(text, "; ");
		g_string_append(text, reason);
	}

	return FALSE;
}

void watch_faults_add(Fields *out)
{
	GString *text = g_string_new(NULL);

	g_mutex_lock(&faults.mutex);
	if (faults.reasons)
		g_tree_foreach(faults.reasons, append_reason, text);
	g_mutex_unlock(&faults.mutex);
	if (text->len)
		fields_add(out, "MONITOR_ERROR", FIELDS_QUOTED, "%s", text->str);
	g_string_free(text, TRUE);
}
