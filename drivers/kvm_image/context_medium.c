/* SPDX-License-Identifier: Apache-2.0 */
#include "context_medium.h"

#include <archive.h>
#include <archive_entry.h>

#define OPTIONS "iso9660:volume-id=CONTEXT"

/* A guest's shell reads the file: a name is one of a variable, or would be a command there. */
static bool add_key(GString *script, const TmplAttr *key, GError **error)
{
	const char *name = key->name;
	g_auto(GStrv) parts = NULL;
	g_autofree char *value = NULL;

	if (g_ascii_isdigit(*name) || name[strspn(name, G_CSET_A_2_Z G_CSET_a_2_z "_0123456789")])
		return vmm_fail(error, VMM_ERROR_INPUT, "CONTEXT/%s is no name of a variable",
				name);

	parts = g_strsplit(key->value, "'", -1);
	value = g_strjoinv("'\\''", parts);
	g_string_append_printf(script, "%s='%s'\n", name, value);

	return true;
}

static GString *make_script(const TmplAttr *context, GError **error)
{
	GString *script = g_string_new("# Context variables\n");

	for (guint i = 0; i < context->keys->len; i++)
		if (!add_key(script, context->keys->pdata[i], error)) {
			g_string_free(script, TRUE);
			return NULL;
		}

	return script;
}

static bool write_file(struct archive *medium, const char *name, const GString *text)
{
	struct archive_entry *entry = archive_entry_new();
	bool ok;

	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (gint64)text->len);
	archive_entry_set_mtime(entry, g_get_real_time() / G_USEC_PER_SEC, 0);
	ok = archive_write_header(medium, entry) == ARCHIVE_OK &&
	     archive_write_data(medium, text->str, text->len) == (la_ssize_t)text->len;
	archive_entry_free(entry);

	return ok;
}

static bool write_medium(struct archive *medium, int fd, const GString *script)
{
	if (archive_write_set_format_iso9660(medium) != ARCHIVE_OK)
		return false;
	if (archive_write_set_options(medium, OPTIONS) != ARCHIVE_OK)
		return false;
	if (archive_write_open_fd(medium, fd) != ARCHIVE_OK)
		return false;

	return write_file(medium, "context.sh", script) &&
	       archive_write_close(medium) == ARCHIVE_OK;
}

bool context_medium_write(const TmplAttr *context, int fd, GError **error)
{
	struct archive *medium;
	GString *script = make_script(context, error);
	bool ok;

	if (!script)
		return false;

	medium = archive_write_new();
	ok = write_medium(medium, fd, script);
	if (!ok)
		vmm_fail_errno(error, archive_errno(medium), "cannot make the context medium");
	archive_write_free(medium);
	g_string_free(script, TRUE);

	return ok;
}
