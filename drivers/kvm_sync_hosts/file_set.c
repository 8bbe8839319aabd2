/* SPDX-License-Identifier: Apache-2.0 */
#include "file_set.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "base/file.h"

enum { MAX_FILE = 256 << 20 };

struct file {
	char *path;		/* below the directory */
	char *from;		/* where it is here */
	char *sha256;
	unsigned mode;		/* 0644 or 0755; 0600 or 0700, if others may not read it here */
	gint64 mtime;
};

struct set {
	GPtrArray *files;	/* of struct file, by path */
	GString *manifest;
};

static void file_free(void *data)
{
	struct file *f = data;

	g_free(f->path);
	g_free(f->from);
	g_free(f->sha256);
	g_free(f);
}

void file_set_free(Set *s)
{
	if (!s)
		return;

	g_ptr_array_unref(s->files);
	g_string_free(s->manifest, TRUE);
	g_free(s);
}

/* A later tree (--over) replaces single files of an earlier one. */
static void add_file(Set *s, struct file *f)
{
	for (guint i = 0; i < s->files->len; i++) {
		const struct file *old = g_ptr_array_index(s->files, i);

		if (g_str_equal(old->path, f->path)) {
			g_ptr_array_remove_index_fast(s->files, i);
			break;
		}
	}

	g_ptr_array_add(s->files, f);
}

/* Made plain: what matters on a host is whether a file can be run, and whether all may read it. */
static unsigned plain_mode(const struct stat *st)
{
	unsigned mode = 0644;

	if (st->st_mode & 0111)
		mode = 0755;
	if (!(st->st_mode & S_IROTH))
		mode &= 0700;

	return mode;
}

static bool read_file(Set *s, const char *from, const char *path, const struct stat *st,
		      GError **error)
{
	GString *text = file_read(from, MAX_FILE, error);
	struct file *f;

	if (!text)
		return false;

	f = g_new0(struct file, 1);
	f->path = g_strdup(path);
	f->from = g_strdup(from);
	f->sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text->str,
						text->len);
	f->mode = plain_mode(st);
	f->mtime = st->st_mtime;
	add_file(s, f);
	g_string_free(text, TRUE);

	return true;
}

/* A manifest and a marker of an update belong to the copy on a host, not to the set. */
static bool is_ours(const char *name)
{
	if (g_str_equal(name, SET_MANIFEST))
		return false;
	if (g_str_equal(name, ".update"))
		return false;

	return !strchr(name, '\n');
}

/* Calls itself for directories. BELOW: "" or "vmm/"; IS_HIDDEN: others cannot enter that. */
static bool read_tree(Set *s, const char *dir, const char *below, bool is_hidden, GError **error)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, error);
	const char *name;

	while (d && (name = g_dir_read_name(d))) {
		g_autofree char *from = g_build_filename(dir, name, NULL);
		g_autofree char *path = g_strconcat(below, name, NULL);
		g_autofree char *deeper = g_strconcat(path, "/", NULL);
		struct stat st;
		bool hides;

		if (!is_ours(name))
			continue;
		if (stat(from, &st) < 0)
			continue;

		hides = is_hidden || !(st.st_mode & S_IXOTH);
		if (is_hidden)
			st.st_mode &= ~(mode_t)S_IROTH;
		if (S_ISDIR(st.st_mode) && !read_tree(s, from, deeper, hides, error))
			return false;
		if (S_ISREG(st.st_mode) && !read_file(s, from, path, &st, error))
			return false;
	}

	return d != NULL;
}

static gint by_path(gconstpointer a, gconstpointer b)
{
	const struct file *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

/* Sorted, so that the same tree has the same manifest on each machine. */
Set *file_set_read(const char *dir, const char *over, GError **error)
{
	g_autoptr(Set) s = g_new0(Set, 1);

	s->files = g_ptr_array_new_with_free_func(file_free);
	s->manifest = g_string_new("# vmmexec-manifest 1 " VMM_VERSION "\n");
	if (!read_tree(s, dir, "", false, error))
		return NULL;
	if (over && !read_tree(s, over, "", false, error))
		return NULL;

	g_ptr_array_sort(s->files, by_path);
	for (guint i = 0; i < s->files->len; i++) {
		const struct file *f = g_ptr_array_index(s->files, i);

		if (f->mode & 0111)
			g_string_append_printf(s->manifest, "# program %s\n", f->path);
		if (!(f->mode & S_IROTH))
			g_string_append_printf(s->manifest, "# private %s\n", f->path);

		g_string_append_printf(s->manifest, "%s  %s\n", f->sha256, f->path);
	}

	return g_steal_pointer(&s);
}

const char *file_set_manifest(const Set *s)
{
	return s->manifest->str;
}

static la_ssize_t append_to(struct archive *tar G_GNUC_UNUSED, void *bytes, const void *data,
			    size_t len)
{
	g_string_append_len(bytes, data, (gssize)len);

	return (la_ssize_t)len;
}

/* An archive that grows BYTES. The caller frees it with archive_write_free(). */
static struct archive *tar_new(GString *bytes)
{
	struct archive *tar = archive_write_new();

	/* Any tar of a host reads ustar; a block is not padded to the 10 KiB of a tape. */
	archive_write_set_format_ustar(tar);
	archive_write_set_bytes_per_block(tar, 512);
	archive_write_set_bytes_in_last_block(tar, 1);
	archive_write_open(tar, bytes, NULL, append_to, NULL);

	return tar;
}

static bool put_file(struct archive *tar, const struct file *f, const GString *text,
		     GError **error)
{
	struct archive_entry *entry = archive_entry_new();
	bool ok;

	archive_entry_set_pathname(entry, f->path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, f->mode);
	archive_entry_set_size(entry, (gint64)text->len);
	archive_entry_set_mtime(entry, MAX(f->mtime, 0), 0);
	ok = archive_write_header(tar, entry) == ARCHIVE_OK &&
	     archive_write_data(tar, text->str, text->len) == (la_ssize_t)text->len;
	archive_entry_free(entry);
	if (ok)
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "%s cannot be sent: %s", f->path,
			archive_error_string(tar));
}

/* It must be what the manifest says: the tree may be changed while it is read. */
static bool add_to_archive(struct archive *tar, const struct file *f, GError **error)
{
	GString *text = file_read(f->from, MAX_FILE, error);
	g_autofree char *sha256 = NULL;
	bool ok = false;

	if (!text)
		return false;

	sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text->str,
					     text->len);
	if (!g_str_equal(sha256, f->sha256))
		vmm_fail(error, VMM_ERROR_BUSY, "%s changes while it is read", f->from);
	else
		ok = put_file(tar, f, text, error);

	g_string_free(text, TRUE);

	return ok;
}

/* A whole line from its start: a path may end like another one. */
static bool has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at)
		return false;

	return at == text || at[-1] == '\n';
}

/* Both the contents and its mode: a mode that was lost is sent again. */
static bool has_same(const char *have, const struct file *f)
{
	g_autofree char *sum = g_strdup_printf("%s  %s\n", f->sha256, f->path);
	g_autofree char *program = g_strdup_printf("# program %s\n", f->path);
	g_autofree char *private = g_strdup_printf("# private %s\n", f->path);

	if (!has_line(have, sum))
		return false;
	if (has_line(have, private) != !(f->mode & S_IROTH))
		return false;

	return has_line(have, program) == !!(f->mode & 0111);
}

static bool add_files(struct archive *tar, const Set *s, const char *have, guint *ret_files,
		    GError **error)
{
	const struct file manifest = { .path = (char *)SET_MANIFEST, .mode = 0644 };

	if (!put_file(tar, &manifest, s->manifest, error))
		return false;

	for (guint i = 0; i < s->files->len; i++) {
		const struct file *f = g_ptr_array_index(s->files, i);

		if (has_same(have, f))
			continue;
		if (!add_to_archive(tar, f, error))
			return false;

		++*ret_files;
	}

	return true;
}

GBytes *file_set_archive(const Set *s, const char *have, guint *ret_files, GError **error)
{
	GString *bytes = g_string_new(NULL);
	struct archive *tar = tar_new(bytes);
	bool ok;

	*ret_files = 0;
	ok = add_files(tar, s, have, ret_files, error);
	archive_write_close(tar);
	archive_write_free(tar);
	if (ok)
		return g_string_free_to_bytes(bytes);

	g_string_free(bytes, TRUE);

	return NULL;
}

/* os-release(5): quotes may stand around a value. */
static char *release_value(const char *text, const char *key)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **l = lines; *l; l++) {
		char *value = *l + strlen(key);

		if (!g_str_has_prefix(*l, key) || *value != '=')
			continue;

		g_strdelimit(++value, "\"'", ' ');
		return g_strdup(g_strstrip(value));
	}

	return g_strdup("unknown");
}

/* It becomes a part of a path, and a host says it. */
static char *plain(char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.+";

	g_strcanon(name, allowed, '_');
	if (*name == '.' || *name == '-')
		*name = '_';

	return name;
}

char *file_set_platform(const char *os_release, const char *machine)
{
	g_autofree char *id = release_value(os_release, "ID");
	g_autofree char *version = release_value(os_release, "VERSION_ID");

	return plain(g_strdup_printf("%s-%s-%s", id, version, machine));
}
