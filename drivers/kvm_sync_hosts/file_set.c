/* SPDX-License-Identifier: Apache-2.0 */
#include "file_set.h"

#include <sys/stat.h>

#include "base/file.h"

enum { MAX_FILE = 256 << 20, BLOCK = 512, NAME_SIZE = 100, PREFIX_SIZE = 155 };

struct file {
	char *path;		/* below the directory */
	char *from;		/* where it is here */
	char *sha256;
	unsigned mode;		/* 0644 or 0755 */
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
	if (st->st_mode & 0111)
		f->mode = 0755;
	else
		f->mode = 0644;
	f->mtime = st->st_mtime;
	add_file(s, f);
	g_string_free(text, TRUE);

	return true;
}

static bool is_ours(const char *name)
{
	if (g_str_equal(name, SET_MANIFEST))
		return false;
	if (g_str_equal(name, ".update"))
		return false;

	return !strchr(name, '\n');
}

/* Calls itself for directories. BELOW: "" or "vmm/". */
static bool read_tree(Set *s, const char *dir, const char *below, GError **error)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, error);
	const char *name;

	while (d && (name = g_dir_read_name(d))) {
		g_autofree char *from = g_build_filename(dir, name, NULL);
		g_autofree char *path = g_strconcat(below, name, NULL);
		g_autofree char *deeper = g_strconcat(path, "/", NULL);
		struct stat st;

		if (!is_ours(name))
			continue;
		if (stat(from, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && !read_tree(s, from, deeper, error))
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

Set *file_set_read(const char *dir, const char *over, GError **error)
{
	g_autoptr(Set) s = g_new0(Set, 1);

	s->files = g_ptr_array_new_with_free_func(file_free);
	s->manifest = g_string_new("# vmmexec-manifest 1 " VMM_VERSION "\n");
	if (!read_tree(s, dir, "", error) || (over && !read_tree(s, over, "", error)))
		return NULL;

	g_ptr_array_sort(s->files, by_path);
	for (guint i = 0; i < s->files->len; i++) {
		const struct file *f = g_ptr_array_index(s->files, i);

		if (f->mode & 0111)
			g_string_append_printf(s->manifest, "# program %s\n", f->path);

		g_string_append_printf(s->manifest, "%s  %s\n", f->sha256, f->path);
	}

	return g_steal_pointer(&s);
}

const char *file_set_manifest(const Set *s)
{
	return s->manifest->str;
}

/* Splits PATH as ustar has it. False: it is too long. */
static bool put_name(char *header, const char *path)
{
	size_t len = strlen(path);
	const char *cut;

	if (len <= NAME_SIZE) {
		memcpy(header, path, len);
		return true;
	}

	cut = strchr(&path[len - NAME_SIZE - 1], '/');
	if (!cut)
		return false;
	if (cut - path > PREFIX_SIZE)
		return false;

	memcpy(header, cut + 1, strlen(cut + 1));
	memcpy(header + 345, path, (size_t)(cut - path));

	return true;
}

/* POSIX ustar: name 0, mode 100, uid, gid, size 124, mtime 136, sum 148, type 156, magic 257. */
static bool put_file(GString *tar, const char *path, unsigned mode, gint64 mtime,
		     const GString *text)
{
	char header[BLOCK] = { 0 };
	unsigned sum = 0;

	if (!put_name(header, path))
		return false;

	g_snprintf(header + 100, 8, "%07o", mode);
	g_snprintf(header + 108, 8, "%07o", 0U);
	g_snprintf(header + 116, 8, "%07o", 0U);
	g_snprintf(header + 124, 12, "%011" G_GINT64_MODIFIER "o", (guint64)text->len);
	g_snprintf(header + 136, 12, "%011" G_GINT64_MODIFIER "o", (guint64)MAX(mtime, 0));
	memset(header + 148, ' ', 8);
	header[156] = '0';
	memcpy(header + 257, "ustar\0" "00", 8);
	for (int i = 0; i < BLOCK; i++)
		sum += (unsigned char)header[i];

	g_snprintf(header + 148, 7, "%06o", sum);
	g_string_append_len(tar, header, BLOCK);
	g_string_append_len(tar, text->str, (gssize)text->len);
	while (tar->len % BLOCK)
		g_string_append_c(tar, '\0');

	return true;
}

/* It must be what the manifest says: the tree may be changed while it is read. */
static bool add_to_archive(GString *tar, const struct file *f, GError **error)
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
	else if (!put_file(tar, f->path, f->mode, f->mtime, text))
		vmm_fail(error, VMM_ERROR_INPUT, "the path %s is too long", f->path);
	else
		ok = true;

	g_string_free(text, TRUE);

	return ok;
}

static bool has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at)
		return false;

	return at == text || at[-1] == '\n';
}

static bool has_same(const char *have, const struct file *f)
{
	g_autofree char *sum = g_strdup_printf("%s  %s\n", f->sha256, f->path);
	g_autofree char *program = g_strdup_printf("# program %s\n", f->path);

	if (!has_line(have, sum))
		return false;

	return has_line(have, program) == !!(f->mode & 0111);
}

GBytes *file_set_archive(const Set *s, const char *have, guint *ret_files, GError **error)
{
	static const char end[2 * BLOCK];
	GString *tar = g_string_new(NULL);

	*ret_files = 0;
	put_file(tar, SET_MANIFEST, 0644, 0, s->manifest);

	for (guint i = 0; i < s->files->len; i++) {
		const struct file *f = g_ptr_array_index(s->files, i);

		if (has_same(have, f))
			continue;
		if (!add_to_archive(tar, f, error)) {
			g_string_free(tar, TRUE);
			return NULL;
		}

		++*ret_files;
	}

	g_string_append_len(tar, end, sizeof(end));

	return g_string_free_to_bytes(tar);
}

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
