/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_record.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "image/image_use.h"
#include "image_file.h"

#define BEGIN ".kvm-image."
#define END "json"

enum { MAX_RECORD = 1 << 20, OTHERS_WRITE = 022 };

static void entry_free(void *data)
{
	struct disk_entry *e = data;

	g_free(e->name);
	g_free(e->wish);
	g_free(e->link);
	g_free(e->volume);
	g_free(e->id);
	g_free(e);
}

/* DISK is NULL for the record of all disks of a VM. */
struct disk_record *disk_record_new(const char *vm, const char *disk)
{
	struct disk_record *r = g_new0(struct disk_record, 1);

	r->vm = g_strdup(vm);
	r->disk = g_strdup(disk);
	r->entries = g_ptr_array_new_with_free_func(entry_free);

	return r;
}

void disk_record_free(struct disk_record *r)
{
	if (!r)
		return;

	g_free(r->vm);
	g_free(r->disk);
	g_ptr_array_unref(r->entries);
	g_free(r);
}

/* A file that anybody may have damaged: a member of another type counts as missing. */
static const char *member(json_object *of, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(of, name, &value);
	if (json_object_is_type(value, json_type_string))
		return json_object_get_string(value);

	return NULL;
}

static bool flag(json_object *of, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(of, name, &value);

	return json_object_get_boolean(value);
}

/* A link to a base that other VMs may have, too, and have open. */
static bool is_base(const char *name)
{
	return g_str_has_prefix(name, ".base.");
}

bool disk_record_is_name(const char *name)
{
	const char *digits;

	if (!name || strchr(name, '/'))
		return false;
	if (g_str_equal(name, "vm.xml"))
		return true;
	if (!g_str_has_prefix(name, "disk.") && !is_base(name))
		return false;
	digits = strrchr(name, '.') + 1;

	return text_is_digits(digits);
}

/* One entry that cannot be ours makes the whole record untrusted. */
static bool parse_entry(struct disk_record *r, json_object *o)
{
	struct disk_entry *e;

	if (!disk_record_is_name(member(o, "name")))
		return false;
	if (!member(o, "wish"))
		return false;

	e = g_new0(struct disk_entry, 1);
	e->name = g_strdup(member(o, "name"));
	e->wish = g_strdup(member(o, "wish"));
	e->link = g_strdup(member(o, "link"));
	e->volume = g_strdup(member(o, "volume"));
	e->id = g_strdup(member(o, "id"));
	file_identity_read(o, "", &e->is);
	file_identity_read(o, "next_", &e->next);
	g_ptr_array_add(r->entries, e);

	return true;
}

/* All or nothing: half a record would leave disks that nobody removes. */
struct disk_record *disk_record_of_json(json_object *all, const char *disk)
{
	json_object *files = NULL;
	struct disk_record *r;
	bool ok = true;

	json_object_object_get_ex(all, "files", &files);
	if (!member(all, "vm") || !json_object_is_type(files, json_type_array))
		return NULL;

	r = disk_record_new(member(all, "vm"), disk);
	r->is_whole = flag(all, "whole");
	r->made_directory = flag(all, "made_directory");
	for (size_t i = 0; ok && i < json_object_array_length(files); i++)
		ok = parse_entry(r, json_object_array_get_idx(files, i));
	if (ok)
		return r;

	disk_record_free(r);

	return NULL;
}

static struct disk_record *parse(const char *text, const char *disk)
{
	json_object *all = json_tokener_parse(text);
	struct disk_record *r = disk_record_of_json(all, disk);

	json_object_put(all);

	return r;
}

bool disk_record_is_trusted(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_mode & OTHERS_WRITE)
		return false;

	return st.st_uid == geteuid() || st.st_uid == 0;
}

/* ".kvm-image.json", or ".kvm-image.disk.0.json": each disk made alone has a record of its own. */
static char *record_path(const char *directory, const char *disk)
{
	const char *dot = disk ? "." : "";

	return g_strconcat(directory, "/" BEGIN, text_or(disk, ""), dot, END, NULL);
}

/* So that a directory's other files are not taken for our own. */
bool disk_record_is_file(const char *name, char **ret_disk)
{
	size_t len = strlen(name);
	g_autofree char *disk = NULL;

	*ret_disk = NULL;
	if (g_str_equal(name, BEGIN END))
		return true;
	if (!g_str_has_prefix(name, BEGIN "disk."))
		return false;
	if (!g_str_has_suffix(name, "." END))
		return false;

	disk = g_strndup(name + strlen(BEGIN), len - strlen(BEGIN "." END));
	if (!disk_record_is_name(disk))
		return false;

	*ret_disk = g_steal_pointer(&disk);

	return true;
}

/* No record is no error: then nothing here is ours. */
bool disk_record_read(const char *directory, const char *disk, struct disk_record **ret,
		      GError **error)
{
	g_autofree char *path = record_path(directory, disk);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	GString *text = NULL;

	*ret = NULL;
	if (fd < 0)
		return errno == ENOENT || vmm_fail_errno(error, errno, "cannot read %s", path);

	if (disk_record_is_trusted(fd))
		text = file_read_fd(fd, MAX_RECORD, path, NULL);
	close(fd);
	if (text) {
		*ret = parse(text->str, disk);
		g_string_free(text, TRUE);
	}

	if (*ret)
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "%s is not what kvm-image wrote for this user", path);
	vmm_error_set_hint(error, "look at the directory; without that file nothing is removed");

	return false;
}

/* A file is known by inode and birth, a link by its text, a volume by its id. */
static json_object *entry_json(const struct disk_entry *e)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(e->name));
	json_object_object_add(o, "wish", json_object_new_string(e->wish));
	if (e->volume)
		json_object_object_add(o, "volume", json_object_new_string(e->volume));
	if (e->id)
		json_object_object_add(o, "id", json_object_new_string(e->id));
	if (e->link)
		json_object_object_add(o, "link", json_object_new_string(e->link));
	if (e->link || e->volume)
		return o;

	file_identity_add(o, "", &e->is);
	if (e->next.inode)
		file_identity_add(o, "next_", &e->next);

	return o;
}

json_object *disk_record_json(const struct disk_record *r)
{
	json_object *all = json_object_new_object(), *files = json_object_new_array();

	json_object_object_add(all, "vm", json_object_new_string(r->vm));
	json_object_object_add(all, "whole", json_object_new_boolean(r->is_whole));
	json_object_object_add(all, "made_directory", json_object_new_boolean(r->made_directory));
	json_object_object_add(all, "files", files);
	for (guint i = 0; i < r->entries->len; i++)
		json_object_array_add(files, entry_json(r->entries->pdata[i]));

	return all;
}

/* Written before the disks have their names: a disk that we made is never without its entry. */
bool disk_record_write(const struct disk_record *r, const char *directory, GError **error)
{
	g_autofree char *path = record_path(directory, r->disk);
	json_object *all = disk_record_json(r);
	const char *text = json_object_to_json_string_ext(all, JSON_C_TO_STRING_NOSLASHESCAPE);
	bool ok = file_write(path, text, strlen(text), 0600, error);

	json_object_put(all);

	return ok;
}

/* Last of all, when none of the disks is left. */
bool disk_record_remove(const struct disk_record *r, const char *directory, GError **error)
{
	g_autofree char *path = record_path(directory, r->disk);

	if (unlink(path) == 0 || errno == ENOENT)
		return true;

	return vmm_fail_errno(error, errno, "cannot remove %s", path);
}

/* Taken from the open file: the name may stand for another file a moment later. */
bool disk_record_add_file(struct disk_record *r, const char *name, const char *wish, int fd,
			  GError **error)
{
	struct disk_entry *e = g_new0(struct disk_entry, 1);

	e->name = g_strdup(name);
	e->wish = g_strdup(wish);
	g_ptr_array_add(r->entries, e);

	return file_identity_of(fd, &e->is) || vmm_fail_errno(error, errno, "cannot make %s", name);
}

void disk_record_add_link(struct disk_record *r, const char *name, const char *wish,
			  const char *link)
{
	struct disk_entry *e = g_new0(struct disk_entry, 1);

	e->name = g_strdup(name);
	e->wish = g_strdup(wish);
	e->link = g_strdup(link);
	g_ptr_array_add(r->entries, e);
}

/* A name has one entry: the later one replaces it. */
void disk_record_add_volume(struct disk_record *r, const struct disk_entry *entry)
{
	const struct disk_entry *old = disk_record_find(r, entry->name);
	struct disk_entry *e = g_new0(struct disk_entry, 1);

	e->name = g_strdup(entry->name);
	e->wish = g_strdup(entry->wish);
	e->link = g_strdup(entry->link);
	e->volume = g_strdup(entry->volume);
	e->id = g_strdup(entry->id);
	if (old)
		g_ptr_array_remove(r->entries, (void *)old);
	g_ptr_array_add(r->entries, e);
}

static struct disk_entry *find_own(const struct disk_record *r, const char *name)
{
	for (guint i = 0; i < r->entries->len; i++) {
		struct disk_entry *e = r->entries->pdata[i];

		if (g_str_equal(e->name, name))
			return e;
	}

	return NULL;
}

bool disk_record_replace(struct disk_record *r, const char *name, const char *wish, int fd,
			 GError **error)
{
	struct disk_entry *e = find_own(r, name);

	if (!e) {
		e = g_new0(struct disk_entry, 1);
		e->name = g_strdup(name);
		e->wish = g_strdup(wish);
		g_ptr_array_add(r->entries, e);
	}

	return file_identity_of(fd, &e->next) ||
	       vmm_fail_errno(error, errno, "cannot make %s", name);
}

void disk_record_replaced(struct disk_record *r, const char *name)
{
	struct disk_entry *e = find_own(r, name);

	e->is = e->next;
	e->next = (struct file_identity){ 0 };
}

void disk_record_forget(struct disk_record *r, const char *name)
{
	struct disk_entry *e = find_own(r, name);

	e->next = e->is;
	e->is = (struct file_identity){ 0 };
}

void disk_record_drop(struct disk_record *r, const char *name)
{
	g_ptr_array_remove(r->entries, find_own(r, name));
}

const struct disk_entry *disk_record_find(const struct disk_record *r, const char *name)
{
	return find_own(r, name);
}

/* A link that leads elsewhere is another program's. */
static enum disk_found look_at_link(const struct disk_entry *e, const char *path)
{
	g_autofree char *text = g_file_read_link(path, NULL);
	struct stat st;

	if (text && g_str_equal(text, e->link))
		return DISK_OURS;
	if (!text && lstat(path, &st) < 0 && errno == ENOENT)
		return DISK_GONE;

	return DISK_OTHER;
}

enum disk_found disk_record_look(const struct disk_entry *e, const char *directory)
{
	g_autofree char *path = g_build_filename(directory, e->name, NULL);
	struct file_identity now;
	bool is_ours;
	enum disk_found found = DISK_OTHER;
	int fd;

	if (e->link)
		return look_at_link(e, path);
	if (e->volume)
		return DISK_GONE;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? DISK_GONE : DISK_OTHER;
	is_ours = file_identity_of(fd, &now) && (file_identity_is(&e->is, &now) ||
						 file_identity_is(&e->next, &now));
	if (is_ours)
		found = !is_base(e->name) && image_in_use(fd) ? DISK_BUSY : DISK_OURS;
	close(fd);

	return found;
}
