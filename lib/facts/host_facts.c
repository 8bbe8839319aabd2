/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/facts_parts.h"

#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

enum { MAX_TEXT = 4 << 20 };

/* All texts have the life of the facts, so that no fact is freed by itself. */
const char *facts_keep(HostFacts *f, const char *text)
{
	if (!text)
		return NULL;

	return g_string_chunk_insert(f->texts, text);
}

/* Lists are words with a blank between them. */
bool facts_has(const char *list, const char *word)
{
	g_auto(GStrv) words = g_strsplit(text_or(list, ""), " ", -1);

	return g_strv_contains((const char *const *)words, word);
}

bool facts_is_red_hat(const HostFacts *f)
{
	static const char *const ids[] = { "rhel", "fedora", "centos", "almalinux", "rocky" };

	for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
		if (facts_has(f->os, ids[i]))
			return true;

	return false;
}

void facts_add(HostFacts *f, const char **list, const char *word)
{
	g_autofree char *joined = NULL;

	if (facts_has(*list, word))
		return;

	if (*list)
		joined = g_strjoin(" ", *list, word, NULL);
	*list = facts_keep(f, text_or(joined, word));
}

/* ROOT is what --sysroot names, a directory that stands for "/". */
char *facts_path(const char *root, const char *path)
{
	return g_strconcat(text_or(root, ""), path, NULL);
}

/* Files of /proc and /sys have no size: they are read to their end, up to a limit. */
char *facts_text(const char *root, const char *path)
{
	g_autofree char *full = facts_path(root, path);
	GString *text = file_read(full, MAX_TEXT, NULL);

	if (!text)
		return NULL;

	return g_strstrip(g_string_free(text, FALSE));
}

const char *facts_line(HostFacts *f, const char *root, const char *path)
{
	g_autofree char *text = facts_text(root, path);

	return facts_keep(f, text);
}

bool facts_there(const char *root, const char *path)
{
	g_autofree char *full = facts_path(root, path);

	return g_file_test(full, G_FILE_TEST_EXISTS);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, so that two runs on one host print the same. */
char **facts_names(const char *root, const char *path, const char *prefix)
{
	g_autofree char *full = facts_path(root, path);
	g_autoptr(GDir) dir = g_dir_open(full, 0, NULL);
	GPtrArray *names = g_ptr_array_new();
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (g_str_has_prefix(name, prefix))
			g_ptr_array_add(names, g_strdup(name));

	g_ptr_array_sort(names, by_name);
	g_ptr_array_add(names, NULL);

	return (char **)g_ptr_array_free(names, FALSE);
}

/* /proc has a tab before the colon in some files, blanks in others. */
char *facts_field(const char *text, const char *key)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **l = lines; *l; l++) {
		char *rest = *l + strlen(key);

		if (!g_str_has_prefix(*l, key))
			continue;

		rest += strspn(rest, " \t");
		if (*rest == ':')
			return g_strdup(g_strstrip(rest + 1));
	}

	return NULL;
}

/* The first one that is no comment: qemu.conf ships all its settings commented out. */
char *facts_setting(const char *root, const char *file, const char *name)
{
	g_autofree char *text = facts_text(root, file);
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++) {
		char *rest = g_strstrip(*l) + strlen(name);

		if (!g_str_has_prefix(*l, name))
			continue;

		rest += strspn(rest, " \t");
		if (*rest != '=')
			continue;

		g_strdelimit(rest, "\"'=", ' ');
		return g_strdup(g_strstrip(rest));
	}

	return NULL;
}

/* A link whose target is missing below a sysroot is there all the same. */
bool facts_is_link(const char *root, const char *path)
{
	g_autofree char *full = facts_path(root, path);

	return g_file_test(full, G_FILE_TEST_IS_SYMLINK) || g_file_test(full, G_FILE_TEST_EXISTS);
}

/* libvirt comes last: its questions need the architecture and the user that the others found. */
HostFacts *facts_new(const struct facts_source *s, GError **error)
{
	g_autoptr(HostFacts) f = g_new0(HostFacts, 1);

	f->texts = g_string_chunk_new(4096);
	f->below_sysroot = s->root != NULL;
	f->is_root = geteuid() == 0;
	facts_read_cpu(f, s);
	facts_read_system(f, s);
	facts_read_modules(f, s);
	facts_read_devices(f, s);
	facts_read_firmware(f, s);
	facts_read_room(f, s);
	facts_read_storage(f, s);
	facts_read_peers(f, s);
	if (!facts_read_libvirt(f, s, error))
		return NULL;
	if (s->vm && !facts_read_vm(f, s->root, s->vm, error))
		return NULL;

	return g_steal_pointer(&f);
}

/* For the monitoring, which has libvirt's documents already, and starts no process. */
HostFacts *facts_new_quick(const struct facts_source *s, const struct facts_documents *d,
			   GError **error)
{
	g_autoptr(HostFacts) f = g_new0(HostFacts, 1);

	f->texts = g_string_chunk_new(4096);
	facts_read_cpu(f, s);
	facts_read_system(f, s);
	if (!facts_read_documents(f, s, d->capabilities, d->domain, error))
		return NULL;
	facts_read_features(f, d->cpu);

	return g_steal_pointer(&f);
}

void facts_free(HostFacts *f)
{
	if (!f)
		return;

	g_string_chunk_free(f->texts);
	g_free(f->vm);
	g_free(f);
}
