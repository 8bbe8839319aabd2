/* SPDX-License-Identifier: Apache-2.0 */
/* prepare and dispose: all disks of a VM, or none. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base_cache.h"
#include "disk_directory.h"
#include "disk_make.h"
#include "disk_removal.h"
#include "disk_storage.h"
#include "disk_volume.h"
#include "image_commands.h"
#include "image_stream.h"
#include "vm_move.h"
#include "xml/xml.h"

enum { MAX_DATASTORE = 1 << 20 };

/* One call. */
struct vm_disks {
	struct image_job *job;
	struct disk_plan plan;
	struct disk_directory directory;
	struct disk_record *record;	/* of what is there; NULL: nothing */
	GArray *makings;		/* of struct disk_making */
	struct image_file document;	/* vm.xml; unfinished while its fd is set */
	char *document_path;
};

static void clear_making(void *data)
{
	disk_making_clear(data);
}

static void init(struct vm_disks *v, struct image_job *job)
{
	*v = (struct vm_disks){ .job = job, .directory = { .lock = -1 }, .document = { .fd = -1 } };
	v->makings = g_array_new(FALSE, TRUE, sizeof(struct disk_making));
	g_array_set_clear_func(v->makings, clear_making);
}

static void drop_unfinished(struct vm_disks *v)
{
	g_array_set_size(v->makings, 0);
	if (v->document.part)
		image_file_clear(&v->document);
	v->document = (struct image_file){ .fd = -1 };
}

static void clear(struct vm_disks *v)
{
	g_array_unref(v->makings);
	g_free(v->document_path);
	disk_record_free(v->record);
	disk_plan_clear(&v->plan);
}

static const char *vm_id(const struct vm_disks *v)
{
	return tmpl_vm_header(v->plan.vm, "ID");
}

static struct disk_removal removal_of(const struct vm_disks *v)
{
	return (struct disk_removal){ .job = v->job, .directory = v->directory.path,
				     .record = v->record };
}

static bool remove_recorded(struct vm_disks *v, GError **error)
{
	const struct disk_removal r = removal_of(v);

	if (!disk_removal_run(&r, error))
		return false;

	disk_record_free(v->record);
	v->record = NULL;

	return true;
}

/* As disk_removal_look(); a link without its volume is no disk, nor is half of one. */
static bool look_for_disk(const struct vm_disks *v, const struct disk_entry *e,
			  enum disk_found *ret, GError **error)
{
	const struct disk_removal r = removal_of(v);
	enum disk_found volume = DISK_OURS;

	if (e->volume && !disk_volume_look_whole(v->job, e, &volume, error))
		return false;

	*ret = volume;
	if (volume == DISK_GONE || volume == DISK_OTHER)
		return true;

	return disk_removal_look(&r, e, ret, error);
}

static bool check_entry(const struct vm_disks *v, const struct planned_disk *d, GError **error)
{
	const struct disk_entry *e = disk_record_find(v->record, d->name);
	enum disk_found found = DISK_GONE;

	if (e && !look_for_disk(v, e, &found, error))
		return false;
	if (e && g_str_equal(e->wish, d->wish) && (found == DISK_OURS || found == DISK_BUSY))
		return true;

	if (!e || !g_str_equal(e->wish, d->wish))
		vmm_fail(error, VMM_ERROR_EXISTS, "%s has disks of VM %s already, with another %s",
			 v->directory.path, v->record->vm, d->name);
	else
		vmm_fail(error, VMM_ERROR_EXISTS, "%s/%s was made already, but is gone or was "
			 "replaced", v->directory.path, d->name);
	vmm_error_set_hint(error, "dispose of them first");

	return false;
}

/* The same disks of the same VM, made by an earlier call, are what is asked for. */
static bool check_made(const struct vm_disks *v, GError **error)
{
	guint made = 0;

	if (!g_str_equal(v->record->vm, vm_id(v)))
		return vmm_fail(error, VMM_ERROR_EXISTS, "%s has the disks of VM %s",
				v->directory.path, v->record->vm);
	for (guint i = 0; i < v->plan.disks->len; i++)
		if (!check_entry(v, v->plan.disks->pdata[i], error))
			return false;

	for (guint i = 0; i < v->record->entries->len; i++) {
		const struct disk_entry *e = v->record->entries->pdata[i];

		made += g_str_has_prefix(e->name, "disk.") && !strstr(e->name, ".snap.");
	}

	if (made == v->plan.disks->len)
		return true;

	vmm_fail(error, VMM_ERROR_EXISTS, "%s has %u disks of VM %s already, not %u",
		 v->directory.path, made, v->record->vm, v->plan.disks->len);
	vmm_error_set_hint(error, "dispose of them first");

	return false;
}

static bool look_at_all(struct vm_disks *v, const char *directory, GError **error)
{
	guint64 needed = 0, room;
	g_autofree char *inside = g_build_filename(directory, "x", NULL);

	for (guint i = 0; i < v->plan.disks->len; i++) {
		g_array_set_size(v->makings, i + 1);
		if (!disk_making_look(v->job, v->plan.disks->pdata[i], directory,
				      &g_array_index(v->makings, struct disk_making, i), &needed,
				      error))
			return false;
	}

	if (!disk_volume_check_room(v->job, v->makings, error))
		return false;
	if (!image_file_room(inside, &room, error))
		return false;
	if (needed <= room)
		return true;

	return vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot make the disks in %s: they need %"
			G_GUINT64_FORMAT " bytes, and %" G_GUINT64_FORMAT " are free", directory,
			needed, room);
}

/* For those who have nothing but the directory later; one that is there is left. */
static bool write_document(struct vm_disks *v, GError **error)
{
	const GString *text = v->plan.text;

	/* One disk of a VM is not all that its directory has. */
	if (v->plan.only)
		return true;

	v->document_path = g_build_filename(v->directory.path, DISK_DOCUMENT, NULL);
	if (access(v->document_path, F_OK) == 0)
		return true;
	if (!image_file_open(&v->document, v->document_path, false, error))
		return false;
	if (write(v->document.fd, text->str, text->len) != (ssize_t)text->len)
		return vmm_fail_errno(error, errno, "cannot write %s", v->document_path);

	return disk_record_add_file(v->record, DISK_DOCUMENT, "document", v->document.fd, error);
}

static bool write_all(struct vm_disks *v, GError **error)
{
	const TmplAttr *context = tmpl_set_vector(v->plan.vm->level[TMPL_VM], "CONTEXT");

	for (guint i = 0; i < v->makings->len; i++) {
		struct disk_making *m = &g_array_index(v->makings, struct disk_making, i);

		if (!disk_making_write(v->job, m, context, error))
			return false;
		if (!disk_making_record(m, v->record, error))
			return false;
	}

	return write_document(v, error);
}

static bool publish_all(struct vm_disks *v, GError **error)
{
	if (!disk_record_write(v->record, v->directory.path, error))
		return false;
	for (guint i = 0; i < v->makings->len; i++)
		if (!disk_making_publish(&g_array_index(v->makings, struct disk_making, i), error))
			return false;
	if (v->document.fd >= 0 && !image_file_publish(&v->document, error))
		return false;
	if (!file_sync_directory(v->directory.path, error))
		return false;

	v->record->is_whole = true;

	return disk_record_write(v->record, v->directory.path, error);
}

/* What cannot be undone now is undone by the next run: its record stays. */
static void undo(struct vm_disks *v)
{
	g_autoptr(GError) error = NULL;

	if (!remove_recorded(v, &error))
		fprintf(stderr, "kvm-image: warning: %s\n", error->message);
}

/* Nothing else would say where a killed run left unfinished volumes. */
static bool announce_volumes(struct vm_disks *v, GError **error)
{
	for (guint i = 0; i < v->makings->len; i++) {
		const struct disk_making *m = &g_array_index(v->makings, struct disk_making, i);

		if (m->disk->volume)
			disk_volume_record(m, v->record);
	}

	return !v->record->entries->len ||
	       disk_record_write(v->record, v->directory.path, error);
}

static bool make_all(struct vm_disks *v, GError **error)
{
	bool is_announced, ok;

	if (!look_at_all(v, v->directory.path, error))
		return false;

	v->record = disk_record_new(vm_id(v), v->plan.only);
	v->record->made_directory = v->directory.is_new;
	if (!announce_volumes(v, error))
		return false;

	is_announced = v->record->entries->len > 0;
	ok = write_all(v, error);
	is_announced |= ok;
	if (ok && publish_all(v, error))
		return true;

	/* What is still open is not removed. */
	drop_unfinished(v);
	if (is_announced)
		undo(v);

	return false;
}

static void say_all(const struct vm_disks *v, const char *what)
{
	for (guint i = 0; i < v->plan.disks->len; i++) {
		const struct planned_disk *d = v->plan.disks->pdata[i];
		g_autofree char *name = g_strdup_printf("%s_%s", what, d->name);

		image_job_say(v->job, name, d->wish);
	}
}

/* In a directory that is locked. */
static bool prepare(struct vm_disks *v, GError **error)
{
	bool is_made;

	if (!vm_move_check_here(v->directory.path, error))
		return false;
	if (!disk_record_read(v->directory.path, v->plan.only, &v->record, error))
		return false;
	/* A killed run began it, or began to remove it. */
	if (v->record && !v->record->is_whole && !remove_recorded(v, error))
		return false;

	is_made = v->record != NULL;
	if (is_made && !check_made(v, error))
		return false;
	if (!is_made && !make_all(v, error))
		return false;

	image_job_say(v->job, "directory", v->directory.path);
	json_object_object_add(v->job->result, "made", json_object_new_boolean(!is_made));
	say_all(v, is_made ? "has" : "made");

	return true;
}

/* What a killed run left would go first: it is not in the way. */
static bool dry_make(struct vm_disks *v, GError **error)
{
	const struct disk_removal r = removal_of(v);

	return v->record ? disk_removal_check(&r, error) :
			   look_at_all(v, v->directory.path, error);
}

static bool dry_prepare(struct vm_disks *v, const char *path, GError **error)
{
	bool is_made;

	v->directory.path = g_strdup(path);
	if (!vm_move_check_here(path, error))
		return false;
	if (!disk_record_read(path, v->plan.only, &v->record, error))
		return false;

	is_made = v->record && v->record->is_whole;
	if (is_made ? !check_made(v, error) : !dry_make(v, error))
		return false;

	say_all(v, is_made ? "has" : "would_make");

	return true;
}

/* As --datastore says, else what the document has, else what OpenNebula puts beside the disks. */
static bool load_datastore(struct vm_disks *v, const char *directory, GError **error)
{
	g_autofree char *beside = g_build_filename(directory, "ds.xml", NULL);
	const char *path = v->job->o->datastore;
	g_autoptr(xmlDoc) doc = NULL;
	GString *text;

	if (!path && !v->plan.vm->datastore && access(beside, F_OK) == 0)
		path = beside;
	if (!path)
		return true;

	text = file_read(path, MAX_DATASTORE, error);
	if (!text)
		return false;
	doc = xml_parse(text->str, text->len, path, error);
	g_string_free(text, TRUE);

	if (!doc)
		return false;

	return tmpl_vm_set_datastore(v->plan.vm, xmlDocGetRootElement(doc), error);
}

/* RET_PATH: the directory. The caller frees. */
static bool load_plan(struct vm_disks *v, char **ret_path, GError **error)
{
	const char *directory = v->job->o->directory;

	if (!disk_plan_load(&v->plan, v->job->path, error))
		return false;
	if (!directory)
		return vmm_fail(error, VMM_ERROR_USAGE, "--directory is missing");

	*ret_path = image_job_path(directory);
	if (!v->job->o->disk)
		return true;

	v->plan.only = image_job_disk(v->job, error);
	if (v->plan.only && v->job->o->received)
		v->plan.received = image_received_path(*ret_path, v->plan.only);

	return v->plan.only != NULL;
}

static bool plan_disks(struct vm_disks *v, const char *directory, GError **error)
{
	if (!load_datastore(v, directory, error))
		return false;
	v->job->datastore = v->plan.vm->datastore;
	if (!disk_plan_make(&v->plan, error))
		return false;

	return disk_storage_apply(v->job, &v->plan, error);
}

/* A transfer is the first that a host sees of a datastore. */
static bool open_to_prepare(struct vm_disks *v, const char *path, GError **error)
{
	g_autofree char *datastore = g_path_get_dirname(path);

	if (v->plan.only && !file_make_directory(datastore, error))
		return false;

	return disk_directory_open(&v->directory, path, true, error);
}

bool image_prepare(struct image_job *job, GError **error)
{
	g_autofree char *path = NULL;
	bool ok, is_locked = false;
	struct vm_disks v;

	init(&v, job);
	ok = load_plan(&v, &path, error) && plan_disks(&v, path, error);
	if (ok && job->o->dry_run) {
		ok = dry_prepare(&v, path, error);
	} else if (ok) {
		is_locked = open_to_prepare(&v, path, error);
		ok = is_locked && prepare(&v, error);
	}

	/* Before the directory, which is removed when it is empty. */
	drop_unfinished(&v);
	/* Without the lock it may be what another one is about to read. */
	if (v.plan.received && is_locked)
		unlink(v.plan.received);
	disk_directory_close(&v.directory, !ok && v.directory.is_new);
	if (path && !job->o->dry_run)
		base_cache_clean(path);
	clear(&v);

	return ok;
}

/* One that is to go, and that no record names, is another's. */
static bool check_no_disk(const struct vm_disks *v, GError **error)
{
	g_autofree char *path = NULL;
	struct stat st;

	if (!v->plan.only)
		return true;
	path = g_build_filename(v->directory.path, v->plan.only, NULL);
	if (lstat(path, &st) < 0 && errno == ENOENT)
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "cannot remove %s: no record says that it was "
			"made for VM %s", path, vm_id(v));
}

static bool dispose(struct vm_disks *v, bool *ret_remove, GError **error)
{
	struct disk_removal r;

	if (!disk_record_read(v->directory.path, v->plan.only, &v->record, error))
		return false;
	if (v->record && !g_str_equal(v->record->vm, vm_id(v)))
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s has the disks of VM %s, not of VM "
				"%s", v->directory.path, v->record->vm, vm_id(v));
	if (!v->record && !check_no_disk(v, error))
		return false;
	if (!v->record) {
		image_job_say(v->job, "nothing_in", v->directory.path);
		return true;
	}

	r = removal_of(v);
	if (v->job->o->dry_run) {
		image_job_say(v->job, "would_empty", v->directory.path);
		return disk_removal_check(&r, error);
	}

	*ret_remove = v->record->made_directory;
	image_job_say(v->job, "emptied", v->directory.path);

	return remove_recorded(v, error);
}

/* A dry run locks nothing, and leaves what a killed run left. */
static bool open_to_dispose(struct vm_disks *v, const char *path, GError **error)
{
	if (!v->job->o->dry_run)
		return disk_directory_open(&v->directory, path, false, error);

	v->directory.path = g_strdup(path);

	return true;
}

bool image_dispose(struct image_job *job, GError **error)
{
	g_autofree char *path = NULL;
	bool ok, remove = false;
	struct vm_disks v;

	init(&v, job);
	ok = load_plan(&v, &path, error) && load_datastore(&v, path, error);
	job->datastore = v.plan.vm ? v.plan.vm->datastore : NULL;
	if (ok && access(path, F_OK) < 0 && errno == ENOENT) {
		image_job_say(job, "nothing_in", path);
	} else if (ok && job->o->all) {
		ok = image_dispose_all(job, path, v.plan.vm, error);
	} else if (ok) {
		ok = open_to_dispose(&v, path, error) && dispose(&v, &remove, error);
	}

	disk_directory_close(&v.directory, ok && remove);
	if (path && !job->o->dry_run)
		base_cache_clean(path);
	clear(&v);

	return ok;
}
