/* SPDX-License-Identifier: Apache-2.0 */
/* dispose --all: the directory of a VM, with the disks that were made one by one. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_directory.h"
#include "disk_removal.h"
#include "image_commands.h"
#include "image_file.h"
#include "image_stream.h"

#define TPM_STATE "tpm"

/* One call. */
struct vm_directory {
	const struct image_job *job;
	const char *path;
	const TmplVm *vm;
	GPtrArray *records;	/* of struct disk_record */
	GPtrArray *files;	/* names of what else is removed */
	bool has_tpm_state;	/* TPM_STATE is removed, too */
};

static void free_record(void *data)
{
	disk_record_free(data);
}

/* The names in the directory. */
static GPtrArray *names_in(const char *path)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_strdup(name));

	return names;
}

static bool read_record(struct vm_directory *d, const char *disk, GError **error)
{
	const char *id = tmpl_vm_header(d->vm, "ID");
	struct disk_record *record;

	if (!disk_record_read(d->path, disk, &record, error))
		return false;
	if (!record)
		return true;

	g_ptr_array_add(d->records, record);
	if (g_str_equal(record->vm, id))
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "%s has disks of VM %s, not of VM %s", d->path,
			record->vm, id);
}

static bool is_recorded(const struct vm_directory *d, const char *name)
{
	for (guint i = 0; i < d->records->len; i++)
		if (disk_record_find(d->records->pdata[i], name))
			return true;

	return false;
}

static bool ends_in_number(const char *name, const char *begin)
{
	size_t len = strlen(begin);

	return g_str_has_prefix(name, begin) && name[len] &&
	       strspn(name + len, "0123456789") == strlen(name + len);
}

/* A file that OpenNebula or the actions keep there, and make again for a VM that starts. */
static bool is_of_opennebula(const char *name)
{
	static const char *const names[] = {
		"vm.xml", "ds.xml", "context.sh", "token.txt", ".host", ".monitor", "checkpoint",
		"checkpoint.part", "checkpoint.restoring", ".checkpoint.spent",
		".checkpoint.storing", ".vmmexec-migrating", ".vmmexec-moving",
		".kvm-image.lock", NULL
	};

	if (g_strv_contains(names, name) || image_received_is(name))
		return true;
	if (g_str_has_suffix(name, "_VARS.fd"))
		return true;
	if (g_str_has_prefix(name, "snap-") && g_str_has_suffix(name, ".xml"))
		return true;

	return ends_in_number(name, "deployment.") || ends_in_number(name, "transfer.");
}

/* "disk.1.iso", a link to "disk.1" beside it, as OpenNebula's driver makes it. */
static bool is_iso_link(const char *path, const char *name)
{
	g_autofree char *to = g_file_read_link(path, NULL);
	g_autofree char *beside = to ? g_path_get_basename(to) : NULL;
	g_autofree char *iso = beside ? g_strconcat(beside, ".iso", NULL) : NULL;

	return g_str_has_prefix(name, "disk.") && !g_strcmp0(iso, name);
}

/* The medium with the VM's CONTEXT, which OpenNebula's driver made and makes each time. */
static bool is_context(const struct vm_directory *d, const char *path, const char *name)
{
	const TmplAttr *context = tmpl_set_vector(d->vm->level[TMPL_VM], "CONTEXT");
	const char *id = tmpl_attr_text(context, "DISK_ID");
	g_autofree char *own = id ? g_strconcat("disk.", id, NULL) : NULL;
	struct image_header h = { 0 };
	struct stat st;
	bool is_iso;

	if (g_strcmp0(own, name) || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (!image_header_load(path, &h, NULL))
		return false;

	is_iso = g_str_equal(h.format, "iso");
	image_header_clear(&h);

	return is_iso;
}

static bool check_not_used(const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool in_use;

	if (fd < 0)
		return errno == ELOOP || errno == ENOENT ||
		       vmm_fail_errno(error, errno, "cannot remove %s", path);

	in_use = image_file_in_use(fd);
	close(fd);

	return !in_use || vmm_fail(error, VMM_ERROR_BUSY, "cannot remove %s: another program has "
				   "it open, such as a running guest", path);
}

/* The state of the VM's TPM, which the actions keep there: a directory with nothing else in it. */
static bool is_tpm_state(const char *path, const char *name)
{
	static const char *const names[] = { "tpm2-00.permall", "tpm-00.permall", ".host",
					     "secret", ".lock", NULL };
	g_autoptr(GPtrArray) found = NULL;

	if (!g_str_equal(name, TPM_STATE))
		return false;

	found = names_in(path);
	for (guint i = 0; i < found->len; i++)
		if (!g_strv_contains(names, found->pdata[i]))
			return false;

	return true;
}

static bool claim_file(struct vm_directory *d, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(d->path, name, NULL);
	bool is_directory = g_file_test(path, G_FILE_TEST_IS_DIR) &&
			    !g_file_test(path, G_FILE_TEST_IS_SYMLINK);
	bool is_theirs = is_of_opennebula(name) || is_iso_link(path, name) ||
			 is_context(d, path, name);

	if (!is_directory && is_theirs) {
		g_ptr_array_add(d->files, g_strdup(name));
		return check_not_used(path, error);
	}

	if (is_directory && is_tpm_state(path, name)) {
		d->has_tpm_state = true;
		return true;
	}

	vmm_fail(error, VMM_ERROR_REFUSED, "%s was not made by kvm-image for VM %s: nothing is "
		 "removed", path, tmpl_vm_header(d->vm, "ID"));
	vmm_error_set_hint(error, "move it away, or remove it, if it is no longer needed");

	return false;
}

/* All that is there has an owner, or nothing is removed. */
static bool look_at_files(struct vm_directory *d, GError **error)
{
	g_autoptr(GPtrArray) names = names_in(d->path);

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *disk = NULL;

		if (disk_record_is_file(names->pdata[i], &disk) && !read_record(d, disk, error))
			return false;
	}

	for (guint i = 0; i < d->records->len; i++) {
		const struct disk_removal r = { d->job, d->path, d->records->pdata[i] };

		if (!disk_removal_check(&r, error))
			return false;
	}

	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *disk = NULL;

		if (disk_record_is_file(name, &disk) || is_recorded(d, name))
			continue;
		if (!claim_file(d, name, error))
			return false;
	}

	return true;
}

static bool remove_tpm_state(const struct vm_directory *d, GError **error)
{
	g_autofree char *directory = g_build_filename(d->path, TPM_STATE, NULL);
	g_autoptr(GPtrArray) names = NULL;

	if (!d->has_tpm_state || !is_tpm_state(directory, TPM_STATE))
		return true;

	names = names_in(directory);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = g_build_filename(directory, names->pdata[i], NULL);

		if (unlink(path) < 0 && errno != ENOENT)
			return vmm_fail_errno(error, errno, "cannot remove %s", path);
	}

	return rmdir(directory) == 0 ||
	       vmm_fail_errno(error, errno, "cannot remove %s", directory);
}

static bool remove_files(struct vm_directory *d, GError **error)
{
	for (guint i = 0; i < d->records->len; i++) {
		const struct disk_removal r = { d->job, d->path, d->records->pdata[i] };

		if (!disk_removal_run(&r, error))
			return false;
	}

	for (guint i = 0; i < d->files->len; i++) {
		g_autofree char *path = g_build_filename(d->path, d->files->pdata[i], NULL);

		if (unlink(path) < 0 && errno != ENOENT)
			return vmm_fail_errno(error, errno, "cannot remove %s", path);
	}

	return remove_tpm_state(d, error);
}

static bool dispose_locked(struct vm_directory *d, GError **error)
{
	struct disk_directory directory;
	bool ok = disk_directory_open(&directory, d->path, false, error);

	if (ok)
		ok = look_at_files(d, error);
	if (ok)
		ok = remove_files(d, error);
	disk_directory_close(&directory, ok);

	return ok;
}

bool image_dispose_all(struct image_job *job, const char *path, const TmplVm *vm, GError **error)
{
	struct vm_directory d = { .job = job, .path = path, .vm = vm };
	bool ok;

	d.records = g_ptr_array_new_with_free_func(free_record);
	d.files = g_ptr_array_new_with_free_func(g_free);
	ok = job->o->dry_run ? look_at_files(&d, error) : dispose_locked(&d, error);
	g_ptr_array_unref(d.records);
	g_ptr_array_unref(d.files);
	if (ok)
		image_job_say(job, job->o->dry_run ? "would_remove" : "removed", path);

	return ok;
}
