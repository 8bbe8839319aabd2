/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_contents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "image/image_use.h"
#include "disk_directory.h"
#include "image_file.h"
#include "image_stream.h"
#include "vm_move.h"

static void free_record(void *data)
{
	disk_record_free(data);
}

void vm_contents_init(struct vm_contents *c, const struct image_job *job, const char *path,
		      const char *vm)
{
	*c = (struct vm_contents){ .job = job, .path = path, .vm = vm };
	c->records = g_ptr_array_new_with_free_func(free_record);
	c->files = g_ptr_array_new_with_free_func(g_free);
}

void vm_contents_clear(struct vm_contents *c)
{
	g_ptr_array_unref(c->records);
	g_ptr_array_unref(c->files);
	g_free(c->context);
}

char *vm_contents_context(const TmplVm *vm)
{
	const TmplAttr *context = tmpl_set_vector(vm->level[TMPL_VM], "CONTEXT");
	const char *id = tmpl_attr_text(context, "DISK_ID");

	return id ? g_strconcat("disk.", id, NULL) : NULL;
}

static int is_name(const struct dirent *e)
{
	return !g_str_equal(e->d_name, ".") && !g_str_equal(e->d_name, "..");
}

/* What cannot be read is not empty; GDir tells no error from the end. */
GPtrArray *vm_contents_names(const char *path, GError **error)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, is_name, alphasort);

	if (n < 0) {
		vmm_fail_errno(error, errno, "cannot read directory %s", path);
		g_ptr_array_unref(names);
		return NULL;
	}

	for (int i = 0; i < n; i++) {
		g_ptr_array_add(names, g_strdup(entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);

	return names;
}

static bool read_record(struct vm_contents *c, const char *disk, GError **error)
{
	struct disk_record *record;

	if (!disk_record_read(c->path, disk, &record, error))
		return false;
	if (!record)
		return true;

	g_ptr_array_add(c->records, record);
	if (g_str_equal(record->vm, c->vm))
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "%s has disks of VM %s, not of VM %s", c->path,
			record->vm, c->vm);
}

static bool is_recorded(const struct vm_contents *c, const char *name)
{
	for (guint i = 0; i < c->records->len; i++)
		if (disk_record_find(c->records->pdata[i], name))
			return true;

	return false;
}

static bool ends_in_number(const char *name, const char *begin)
{
	return g_str_has_prefix(name, begin) && text_is_digits(name + strlen(begin));
}

/* A file that OpenNebula or the actions keep there, and make again for a VM that starts. */
static bool is_of_opennebula(const char *name)
{
	static const char *const names[] = {
		"vm.xml", "ds.xml", "context.sh", "token.txt", ".host", ".monitor", "checkpoint",
		"checkpoint.part", "checkpoint.restoring", ".checkpoint.spent",
		".checkpoint.storing", ".vmmexec-migrating", ".vmmexec-moving",
		NULL
	};

	if (g_strv_contains(names, name) || image_received_is(name))
		return true;
	if (g_str_has_suffix(name, "_VARS.fd"))
		return true;
	if (g_str_has_prefix(name, ".vmmexec-clock-"))
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
static bool is_context(const struct vm_contents *c, const char *path, const char *name)
{
	struct image_header h = { 0 };
	struct stat st;
	bool is_iso;

	if (g_strcmp0(c->context, name) || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (!image_header_load(path, &h, NULL))
		return false;

	is_iso = g_str_equal(h.format, "iso");
	image_header_clear(&h);

	return is_iso;
}

static bool check_not_used(const struct vm_contents *c, const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const char *verb = c->is_move ? "move" : "remove";
	bool in_use;

	if (fd < 0)
		return errno == ELOOP || errno == ENOENT ||
		       vmm_fail_errno(error, errno, "cannot open %s", path);

	in_use = image_in_use(fd);
	close(fd);

	if (!in_use)
		return true;

	return vmm_fail(error, VMM_ERROR_BUSY, "cannot %s %s: another program has it open, such as "
			"a running guest", verb, path);
}

static bool is_tpm_file(const char *name)
{
	static const char *const names[] = { "tpm2-00.permall", "tpm-00.permall", ".host",
					     ".host.to", "secret", ".lock", NULL };

	return g_strv_contains(names, name);
}

/* RET: what is in the state of the VM's TPM, which the actions keep there; NULL: other things. */
static bool list_tpm_state(const char *path, GPtrArray **ret, GError **error)
{
	g_autoptr(GPtrArray) found = vm_contents_names(path, error);

	*ret = NULL;
	if (!found)
		return false;
	for (guint i = 0; i < found->len; i++)
		if (!is_tpm_file(found->pdata[i]))
			return true;

	*ret = g_steal_pointer(&found);

	return true;
}

bool vm_contents_stays_behind(const char *name)
{
	static const char *const names[] = { ".vmmexec-migrating", ".vmmexec-moving",
					     "checkpoint.part", ".checkpoint.storing", NULL };

	return g_strv_contains(names, name) || image_received_is(name);
}

bool vm_contents_may_have(const char *name, const char *context)
{
	static const char inside[] = VM_TPM_STATE "/";
	bool is_disk = disk_record_is_name(name) || !g_strcmp0(name, context);

	if (g_str_has_prefix(name, inside))
		return is_tpm_file(name + strlen(inside));
	if (strchr(name, '/'))
		return false;
	if (is_disk || g_str_equal(name, VM_TPM_STATE))
		return true;

	return is_of_opennebula(name) ||
	       (g_str_has_prefix(name, "disk.") && g_str_has_suffix(name, ".iso"));
}

/* What says what becomes of all else, and goes last; what is unfinished, and goes first. */
static bool is_of_ours(const char *name)
{
	return g_str_equal(name, DISK_DIRECTORY_LOCK) || vm_move_is_file(name) ||
	       disk_directory_is_part(name);
}

static bool fail_strange(const struct vm_contents *c, const char *path, GError **error)
{
	const char *done = c->is_move ? "moved" : "removed";

	vmm_fail(error, VMM_ERROR_REFUSED, "%s was not made by kvm-image for VM %s: nothing is %s",
		 path, c->vm, done);
	vmm_error_set_hint(error, "move it away, or remove it, if it is no longer needed");

	return false;
}

static bool claim_directory(struct vm_contents *c, const char *path, const char *name,
			    GError **error)
{
	g_autoptr(GPtrArray) found = NULL;

	if (!g_str_equal(name, VM_TPM_STATE))
		return fail_strange(c, path, error);
	if (!list_tpm_state(path, &found, error))
		return false;

	c->has_tpm_state = found != NULL;

	return found || fail_strange(c, path, error);
}

/* A link to a volume, made before the move that the VM came by has ended. */
static bool is_link_that_came(const struct vm_contents *c, const char *name)
{
	for (guint i = 0; c->came && i < c->came->records->len; i++) {
		const struct disk_entry *e = disk_record_find(c->came->records->pdata[i], name);

		if (e && e->volume && e->link)
			return disk_record_look(e, c->path) == DISK_OURS;
	}

	return false;
}

static bool claim_file(struct vm_contents *c, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(c->path, name, NULL);
	bool is_directory = g_file_test(path, G_FILE_TEST_IS_DIR) &&
			    !g_file_test(path, G_FILE_TEST_IS_SYMLINK);
	bool is_theirs = is_of_opennebula(name) || is_iso_link(path, name) ||
			 is_context(c, path, name) || is_link_that_came(c, name);

	if (is_directory)
		return claim_directory(c, path, name, error);
	if (is_of_ours(name))
		return true;
	if (!is_theirs)
		return fail_strange(c, path, error);

	g_ptr_array_add(c->files, g_strdup(name));

	return check_not_used(c, path, error);
}

bool vm_contents_look(struct vm_contents *c, GError **error)
{
	g_autoptr(GPtrArray) names = vm_contents_names(c->path, error);

	if (!names)
		return false;

	g_ptr_array_set_size(c->records, 0);
	g_ptr_array_set_size(c->files, 0);
	c->has_tpm_state = false;
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *disk = NULL;

		if (disk_record_is_file(names->pdata[i], &disk) && !read_record(c, disk, error))
			return false;
	}

	for (guint i = 0; i < c->records->len; i++) {
		const struct disk_removal r = { c->job, c->path, c->records->pdata[i],
						c->is_move, c->may_run, c->gives_volumes };

		if (!disk_removal_check(&r, error))
			return false;
	}

	for (guint i = 0; !c->may_run && i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *disk = NULL;

		if (disk_record_is_file(name, &disk) || is_recorded(c, name))
			continue;
		if (!claim_file(c, name, error))
			return false;
	}

	return true;
}

static bool remove_tpm_state(const struct vm_contents *c, GError **error)
{
	g_autofree char *directory = g_build_filename(c->path, VM_TPM_STATE, NULL);
	g_autoptr(GPtrArray) names = NULL;

	if (!c->has_tpm_state)
		return true;
	if (!list_tpm_state(directory, &names, error))
		return false;
	if (!names)
		return fail_strange(c, directory, error);

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = g_build_filename(directory, names->pdata[i], NULL);

		if (unlink(path) < 0 && errno != ENOENT)
			return vmm_fail_errno(error, errno, "cannot remove %s", path);
	}

	return rmdir(directory) == 0 ||
	       vmm_fail_errno(error, errno, "cannot remove %s", directory);
}

void vm_contents_keep_files(struct vm_contents *c)
{
	g_ptr_array_set_size(c->files, 0);
	c->has_tpm_state = false;
}

bool vm_contents_remove(struct vm_contents *c, GError **error)
{
	for (guint i = 0; i < c->records->len; i++) {
		const struct disk_removal r = { c->job, c->path, c->records->pdata[i],
						.is_move = c->is_move };

		if (!disk_removal_run(&r, error))
			return false;
	}

	for (guint i = 0; i < c->files->len; i++) {
		g_autofree char *path = g_build_filename(c->path, c->files->pdata[i], NULL);

		if (unlink(path) < 0 && errno != ENOENT)
			return vmm_fail_errno(error, errno, "cannot remove %s", path);
	}

	return remove_tpm_state(c, error);
}

