/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_plan.h"

#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "base/text.h"
#include "template/request.h"
#include "xml/xml.h"

enum { MAX_DOCUMENT = 64 << 20, MIB_SHIFT = 20 };

/* What domains know, and what is made of each. */
enum kind { KIND_FILE, KIND_CDROM, KIND_DEVICE, KIND_DIRECTORY, KIND_POOL, KIND_NETWORK };

static const struct {
	const char *word;
	enum kind kind;
} kinds[] = {
	{ "", KIND_FILE },           { "FILE", KIND_FILE },
	{ "NONE", KIND_FILE },       { "disk", KIND_FILE },
	{ "CDROM", KIND_CDROM },     { "cdrom", KIND_CDROM },
	{ "BLOCK", KIND_DEVICE },    { "BLOCK_CDROM", KIND_DEVICE },
	{ "FILESYSTEM", KIND_DIRECTORY }, { "RBD", KIND_POOL },
};

static const char *const formats[] = { "raw", "qcow2", NULL };
static const char *const fillings[] = { "swap", "ext2", "ext3", "ext4", "xfs", "btrfs", NULL };

static const char *text(const TmplAttr *disk, const char *key)
{
	return text_or(tmpl_attr_text(disk, key), "");
}

/* Made new for this VM, from no image. */
static bool is_volatile(const TmplAttr *disk)
{
	const char *type = text(disk, "TYPE");

	return !g_ascii_strcasecmp(type, "swap") || !g_ascii_strcasecmp(type, "fs");
}

/* YES: the VM has a copy; else it uses the image itself, which a link stands for. */
static bool is_clone(const TmplAttr *disk)
{
	return g_str_equal(text(disk, "CLONE"), "YES");
}

static enum kind kind_of(const char *word, const TmplAttr *disk)
{
	if (g_str_equal(text(disk, "DISK_TYPE"), "RBD"))
		return KIND_POOL;
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_str_equal(kinds[i].word, word))
			return kinds[i].kind;

	return KIND_NETWORK;
}

/* The name becomes part of a path, so only a number is accepted. */
static bool read_name(struct planned_disk *d, const TmplAttr *vector, GError **error)
{
	const char *digits = text(vector, "DISK_ID");
	guint64 id;

	if (!number_unsigned(digits, 0, G_MAXINT32, &id, NULL))
		return vmm_fail(error, VMM_ERROR_INPUT, "%s: DISK_ID = '%s' is not a number",
				vector->name, digits);

	d->name = g_strdup_printf("disk.%" G_GUINT64_FORMAT, id);

	return true;
}

/* libvirt takes a disk that declares nothing for raw. */
static bool read_format(struct planned_disk *d, const TmplAttr *vector, GError **error)
{
	const char *driver = text_or(tmpl_attr_text(vector, "DRIVER"), "raw");

	d->format = driver;
	if (g_strv_contains(formats, driver))
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "%s: DRIVER = '%s': a disk is made as raw or "
			"qcow2", d->name, driver);
}

/* In MiB, as all sizes of a VM document. */
static bool read_size(struct planned_disk *d, const TmplAttr *vector, GError **error)
{
	const char *size = text(vector, "SIZE");
	guint64 mib;

	if (!number_unsigned(size, 1, G_MAXINT64 >> MIB_SHIFT, &mib, NULL))
		return vmm_fail(error, VMM_ERROR_INPUT, "%s: SIZE = '%s' is not a number of MiB",
				d->name, size);

	d->size = mib << MIB_SHIFT;

	return true;
}

/* A file system is made only if it is asked for: guests mostly make their own. */
static bool read_filling(struct planned_disk *d, const TmplAttr *vector, GError **error)
{
	const char *fs = tmpl_attr_text(vector, "FS");

	if (!g_ascii_strcasecmp(text(vector, "TYPE"), "swap"))
		fs = "swap";
	for (const char *const *f = fillings; fs && *f; f++)
		if (g_str_equal(*f, fs))
			d->filling = *f;
	if (!fs || d->filling)
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "%s: FS = '%s': not ext2, ext3, ext4, xfs or "
			"btrfs", d->name, fs);
}

static bool read_place(struct planned_disk *d, const TmplAttr *vector, enum kind kind,
		       GError **error)
{
	d->pool = text_or(tmpl_attr_text(vector, "POOL_NAME"), "one");
	d->place = PLACE_FILE;
	if (kind == KIND_DEVICE)
		d->place = PLACE_DEVICE;
	else if (kind == KIND_POOL)
		d->place = PLACE_POOL;
	if (kind != KIND_DIRECTORY && kind != KIND_NETWORK)
		return true;

	vmm_fail(error, VMM_ERROR_CONFIG, "%s: TYPE = '%s', DISK_TYPE = '%s': that is not made "
		 "here", d->name, text(vector, "TYPE"), text(vector, "DISK_TYPE"));
	vmm_error_set_hint(error, "let the transfer driver of its datastore make it");

	return false;
}

/* What it is kept in is a matter of its datastore: see disk_storage.h. */
static bool plan_volatile(struct planned_disk *d, const TmplAttr *vector, GError **error)
{
	d->way = DISK_EMPTY;
	if (!read_place(d, vector, kind_of(text(vector, "DISK_TYPE"), vector), error))
		return false;
	if (!read_format(d, vector, error))
		return false;
	if (!read_size(d, vector, error))
		return false;

	return read_filling(d, vector, error);
}

/* A size that nobody changed is that of the image, rounded. */
static bool plan_copy(struct planned_disk *d, const TmplAttr *vector, enum kind kind,
		      GError **error)
{
	const char *size = tmpl_attr_text(vector, "SIZE");
	const char *original = text(vector, "ORIGINAL_SIZE");

	if (d->way != DISK_CLONE)
		d->way = DISK_COPY;
	d->source_format = tmpl_attr_text(vector, "FORMAT");
	if (kind == KIND_CDROM) {
		d->source_format = d->format = "raw";
		d->is_cdrom = true;
		return true;
	}

	if (!read_format(d, vector, error))
		return false;

	return !size || g_str_equal(size, original) || read_size(d, vector, error);
}

/* RET_WANTED: it is a file of the directory, not one that guests reach over the network. */
static bool plan_image(struct planned_disk *d, const TmplAttr *vector, bool *ret_wanted,
		       GError **error)
{
	enum kind kind = kind_of(text(vector, "TYPE"), vector);
	bool is_remote = kind == KIND_NETWORK || kind == KIND_POOL;
	/* What was brought here for this disk is copied, whether it is brought back or not. */
	bool is_copied = is_clone(vector) || (d->received && !is_remote);

	*ret_wanted = !is_remote || is_clone(vector);
	if (!*ret_wanted)
		return true;
	if (is_copied && !read_place(d, vector, kind, error))
		return false;

	d->source = text(vector, "SOURCE");
	if (!g_path_is_absolute(d->source) && kind == KIND_POOL)
		d->way = DISK_CLONE;
	else if (!g_path_is_absolute(d->source))
		return vmm_fail(error, VMM_ERROR_INPUT, "%s: SOURCE = '%s' is not a path from / on",
				d->name, d->source);

	d->format = "raw";
	if (is_copied)
		return plan_copy(d, vector, kind, error);
	d->way = DISK_LINK;

	return true;
}

static void planned_disk_free(void *data)
{
	struct planned_disk *d = data;

	g_free(d->name);
	g_free(d->wish);
	g_free(d->volume);
	g_free(d);
}

/* A second run compares this text to find that a disk is what the plan wants. */
void disk_plan_describe(struct planned_disk *d)
{
	static const char *const ways[] = { "copy", "overlay", "clone", "link", "empty",
					    "context" };
	const char *separator = d->volume ? " " : "";
	const char *whole = d->whole ? " whole" : "";

	g_free(d->wish);
	d->wish = g_strdup_printf("%s %s %s %s %" G_GUINT64_FORMAT "%s%s%s", ways[d->way],
				  d->format, text_or(d->filling, "-"), text_or(d->source, "-"),
				  d->size, whole, separator, text_or(d->volume, ""));
}

/* Two disks of one name would be one file that two devices write to. */
static bool add_disk(struct disk_plan *plan, struct planned_disk *d, GError **error)
{
	for (guint i = 0; i < plan->disks->len; i++) {
		const struct planned_disk *other = plan->disks->pdata[i];

		if (g_str_equal(other->name, d->name))
			return vmm_fail(error, VMM_ERROR_INPUT, "%s: two disks have that DISK_ID",
					d->name);
	}

	g_ptr_array_add(plan->disks, d);

	return true;
}

/* A disk that is not wanted here is no fault: it stays where it is. */
static bool plan_disk(struct disk_plan *plan, const TmplAttr *vector, GError **error)
{
	struct planned_disk *d = g_new0(struct planned_disk, 1);
	bool wanted = true, ok;

	d->received = plan->received;
	if (!read_name(d, vector, error))
		ok = false;
	else if (is_volatile(vector))
		ok = plan_volatile(d, vector, error);
	else
		ok = plan_image(d, vector, &wanted, error);
	if (ok && wanted && add_disk(plan, d, error))
		return true;

	planned_disk_free(d);

	return ok && !wanted;
}

/* A domain has a context device only with a TARGET; files of datastores are brought elsewhere. */
static bool plan_context(struct disk_plan *plan, GError **error)
{
	const TmplAttr *context = tmpl_set_vector(plan->vm->level[TMPL_VM], "CONTEXT");
	const TmplAttr *type = tmpl_set_single(plan->vm->datastore, "CONTEXT_DISK_TYPE");
	struct planned_disk *d;

	if (!tmpl_attr_text(context, "TARGET"))
		return true;
	if (type && !g_str_equal(type->value, "FILE"))
		return vmm_fail(error, VMM_ERROR_CONFIG, "CONTEXT: CONTEXT_DISK_TYPE = '%s': only "
				"files are made", type->value);
	if (tmpl_attr_text(context, "FILES") || tmpl_attr_text(context, "FILES_DS")) {
		vmm_fail(error, VMM_ERROR_CONFIG, "CONTEXT: FILES and FILES_DS are not put on the "
			 "medium here");
		vmm_error_set_hint(error, "let OpenNebula's front-end make the medium");
		return false;
	}

	d = g_new0(struct planned_disk, 1);
	d->way = DISK_CONTEXT;
	d->format = "raw";
	if (read_name(d, context, error) && add_disk(plan, d, error))
		return true;

	planned_disk_free(d);

	return false;
}

/* Of a driver's request only the VM is kept: others read the file that it becomes. */
static void keep_vm(struct disk_plan *plan, xmlDoc *doc)
{
	const xmlNode *vm, *datastore;
	g_autofree char *xml = NULL;

	tmpl_request_parts(doc, &vm, &datastore);
	if (!vm || vm == xmlDocGetRootElement(doc))
		return;

	xml = xml_print(vm);
	g_string_assign(plan->text, xml);
}

/* The plan keeps the text: it becomes the VM's own document beside its disks. */
bool disk_plan_load(struct disk_plan *plan, const char *path, GError **error)
{
	const char *name = g_str_equal(path, "-") ? "standard input" : path;
	g_autoptr(xmlDoc) doc = NULL;

	*plan = (struct disk_plan){ .disks = g_ptr_array_new_with_free_func(planned_disk_free) };
	if (g_str_equal(path, "-"))
		plan->text = file_read_fd(STDIN_FILENO, MAX_DOCUMENT, name, error);
	else
		plan->text = file_read(path, MAX_DOCUMENT, error);
	if (!plan->text)
		return false;

	doc = xml_parse(plan->text->str, plan->text->len, name, error);
	if (!doc)
		return false;

	keep_vm(plan, doc);
	plan->vm = tmpl_vm_of_document(doc, name, error);

	return plan->vm != NULL;
}

/* Whether it is the disk, or one of the disks, that the plan is of. */
static bool is_planned(const struct disk_plan *plan, const TmplAttr *vector)
{
	g_autofree char *name = g_strconcat("disk.", text(vector, "DISK_ID"), NULL);

	return !plan->only || g_str_equal(plan->only, name);
}

bool disk_plan_make(struct disk_plan *plan, GError **error)
{
	const TmplSet *vm = plan->vm->level[TMPL_VM];
	const TmplAttr *vector = NULL;
	bool is_there = !plan->only;

	while ((vector = tmpl_set_next(vm, "DISK", vector))) {
		if (!is_planned(plan, vector))
			continue;
		is_there = true;
		if (!plan_disk(plan, vector, error))
			return false;
	}

	if (is_planned(plan, tmpl_set_vector(vm, "CONTEXT")))
		return plan_context(plan, error);

	return is_there || vmm_fail(error, VMM_ERROR_INPUT, "VM %s has no %s",
				    tmpl_vm_header(plan->vm, "ID"), plan->only);
}

void disk_plan_clear(struct disk_plan *plan)
{
	g_ptr_array_unref(plan->disks);
	tmpl_vm_free(plan->vm);
	g_free(plan->only);
	g_free(plan->received);
	if (plan->text)
		g_string_free(plan->text, TRUE);
}
