/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/storage_plan.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "action/other_host.h"
#include "xml/xml.h"
#include "virt/domain_xml.h"

/* A directory of one VM ends in "/NUMBER/NUMBER": what we may write and remove below it. */
static bool check_directory(const char *dir, GError **error)
{
	g_autofree char *plain = dir ? g_canonicalize_filename(dir, "/") : NULL;
	g_autofree char *vm = plain ? g_path_get_basename(plain) : NULL;
	g_autofree char *above = plain ? g_path_get_dirname(plain) : NULL;
	g_autofree char *datastore = plain ? g_path_get_basename(above) : NULL;

	if (plain && g_path_is_absolute(dir) && text_is_digits(vm) && text_is_digits(datastore))
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "'%s' is not the directory of a VM in a datastore",
			text_or(dir, ""));
}

/* What of PATH is below directory DIR; NULL when it is not there. The caller frees. */
static char *below(const char *path, const char *dir)
{
	g_autofree char *plain = g_canonicalize_filename(path, "/");	/* oned doubles slashes */
	size_t len = strlen(dir);

	if (g_str_has_prefix(plain, dir) && plain[len] == '/')
		return g_strdup(plain + len + 1);

	return NULL;
}

char *storage_plan_moved(const StoragePlan *s, const char *path)
{
	g_autofree char *rest = below(path, s->from);

	if (rest)
		return g_build_filename(s->to, rest, NULL);

	return g_strdup(path);
}

static void add_other(StoragePlan *s, char *path)
{
	if (!g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK)) {
		g_free(path);
		return;
	}

	for (guint i = 0; i < s->others->len; i++)
		if (g_str_equal(s->others->pdata[i], path)) {
			g_free(path);
			return;
		}
	g_ptr_array_add(s->others, path);
}

/* The directory "disk.N.snap" that PATH lies in, or "PATH.snap"; the caller frees. */
static char *chain_of(const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path);

	if (g_str_has_suffix(dir, ".snap"))
		return g_steal_pointer(&dir);

	return g_strconcat(path, ".snap", NULL);
}

static enum disk_way way_of(const struct planned_disk *d, bool read_only)
{
	if (read_only)
		return COPY_BEFORE;
	if (d->image.snapshots->len)
		return COPY_BEFORE_AND_AFTER;

	return COPY_MIRROR;
}

static void disk_free(void *data)
{
	struct planned_disk *d = data;

	g_free(d->target);
	g_free(d->path);
	g_free(d->there);
	qemu_img_clear(&d->image);
	g_free(d);
}

static bool add_disk(const struct action_ctx *ctx, StoragePlan *s, const xmlNode *node,
		     GError **error)
{
	struct planned_disk *d = g_new0(struct planned_disk, 1);
	g_autofree char *rest = NULL;

	d->path = virt_disk_path(node);
	d->is_block = xml_has(node, "type", "block");
	d->target = xml_child_attribute(node, "target", "dev");
	if (d->path)
		rest = below(d->path, s->from);
	else
		rest = NULL;
	if (d->path && g_str_has_prefix(d->path, "/dev/vg-one-")) {
		d->way = COPY_EXTERNAL;
		d->there = g_strdup(d->path);
	} else if (!rest || !d->target) {
		disk_free(d);
		return true;
	} else if (!qemu_img_read(ctx, d->path, &d->image, error)) {
		disk_free(d);
		return false;
	} else {
		d->there = storage_plan_moved(s, d->path);
		d->way = way_of(d, xml_child(node, "readonly") != NULL);
		add_other(s, chain_of(d->path));
		if (d->way == COPY_MIRROR)
			g_ptr_array_add(s->left_out, g_strdup(rest));
		else if (!strchr(rest, '/'))	/* else it comes with its chain */
			add_other(s, g_strdup(d->path));
	}

	g_ptr_array_add(s->disks, d);

	return true;
}

/* Descriptions and links, as they lie there. */
static void add_small_files(StoragePlan *s, const xmlNode *domain)
{
	g_autoptr(GDir) dir = g_dir_open(s->from, 0, NULL);
	g_autofree char *nvram = xml_child_text(xml_child(domain, "os"), "nvram");
	g_autofree char *rest = NULL;
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(s->from, name, NULL);

		if (g_str_has_suffix(name, ".xml") || g_str_equal(name, "tpm") ||
		    (g_str_has_prefix(name, "disk.") && g_file_test(path, G_FILE_TEST_IS_SYMLINK)))
			add_other(s, g_steal_pointer(&path));
	}

	if (nvram)
		rest = below(nvram, s->from);
	else
		rest = NULL;
	if (rest)
		add_other(s, g_build_filename(s->from, rest, NULL));
}

StoragePlan *storage_plan_new(const struct action_ctx *ctx, const xmlNode *domain, const char *from,
			      const char *to, GError **error)
{
	g_autoptr(StoragePlan) s = g_new0(StoragePlan, 1);
	xmlNode *devices = xml_child(domain, "devices");

	if (!check_directory(from, error))
		return NULL;
	if (!check_directory(to, error))
		return NULL;
	s->from = g_canonicalize_filename(from, "/");
	s->to = g_canonicalize_filename(to, "/");
	s->disks = g_ptr_array_new_with_free_func(disk_free);
	s->others = g_ptr_array_new_with_free_func(g_free);
	s->left_out = g_ptr_array_new_with_free_func(g_free);
	for (xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n))
		if (!add_disk(ctx, s, n, error))
			return NULL;
	add_small_files(s, domain);
	g_ptr_array_add(s->others, NULL);
	g_ptr_array_add(s->left_out, NULL);

	return g_steal_pointer(&s);
}

guint64 storage_plan_bytes(const StoragePlan *s)
{
	guint64 sum = 0;

	for (guint i = 0; i < s->disks->len; i++)
		sum += ((struct planned_disk *)s->disks->pdata[i])->image.allocated;
	return sum;
}

char **storage_plan_create_argv(const StoragePlan *s, const struct planned_disk *d)
{
	g_autofree char *backing =
		d->image.backing ? storage_plan_moved(s, d->image.backing) : NULL;
	GPtrArray *words = g_ptr_array_new();

	g_ptr_array_add(words, g_strdup("qemu-img"));
	g_ptr_array_add(words, g_strdup("create"));
	g_ptr_array_add(words, g_strdup("-q"));
	g_ptr_array_add(words, g_strdup("-f"));
	g_ptr_array_add(words, g_strdup(d->image.format));
	if (backing) {
		g_ptr_array_add(words, g_strdup("-b"));
		g_ptr_array_add(words, g_steal_pointer(&backing));
		g_ptr_array_add(words, g_strdup("-F"));
		g_ptr_array_add(words, g_strdup(d->image.backing_format ?
						d->image.backing_format : "raw"));
	}

	g_ptr_array_add(words, g_strdup(d->there));
	g_ptr_array_add(words, g_strdup_printf("%" G_GUINT64_FORMAT, d->image.size));
	g_ptr_array_add(words, NULL);

	return (char **)g_ptr_array_free(words, FALSE);
}

bool storage_plan_copy(const StoragePlan *s, const struct action_ctx *ctx, const char *host,
		       GError **error)
{
	const struct other_host_files files = {
		.paths = (const char *const *)s->others->pdata, .dir = s->to,
		.except = (const char *const *)s->left_out->pdata,
	};

	if (!files.paths[0])
		return true;

	return other_host_copy(ctx, host, &files, error);
}

void storage_plan_free(StoragePlan *s)
{
	g_free(s->from);
	g_free(s->to);
	g_clear_pointer(&s->disks, g_ptr_array_unref);
	g_clear_pointer(&s->others, g_ptr_array_unref);
	g_clear_pointer(&s->left_out, g_ptr_array_unref);
	g_free(s);
}
