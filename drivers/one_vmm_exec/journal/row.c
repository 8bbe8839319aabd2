/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/row.h"

struct row *row_new(void)
{
	return g_atomic_rc_box_new0(struct row);
}

const char *row_suspect(const struct row *row)
{
	if (g_strcmp0(row->action, ROW_SUSPECT) == 0)
		return row->deployment;

	return NULL;
}

struct row *row_share(struct row *row)
{
	return g_atomic_rc_box_acquire(row);
}

struct row *row_copy(const struct row *row)
{
	struct row *copy = row_new();

	*copy = *row;
	copy->deployment = g_strdup(row->deployment);
	copy->plan = g_strdup(row->plan);
	copy->processes = g_strdup(row->processes);
	copy->told = g_strdup(row->told);
	copy->reply = g_strdup(row->reply);
	if (row->document)
		copy->document = g_bytes_ref(row->document);
	else
		copy->document = NULL;

	return copy;
}

static void row_clear(void *data)
{
	struct row *row = data;

	g_free(row->deployment);
	g_free(row->plan);
	g_free(row->processes);
	g_free(row->told);
	g_free(row->reply);
	g_clear_pointer(&row->document, g_bytes_unref);
}

void row_free(void *row)
{
	if (row)
		g_atomic_rc_box_release_full(row, row_clear);
}
