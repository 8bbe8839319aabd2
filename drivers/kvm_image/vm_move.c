/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_move.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "disk_record.h"

#define BEGIN ".kvm-image.move."
#define NOTE BEGIN "json"

enum { MAX_NOTE = 4 << 20, MODE_BITS = 0777 };

static const char *const states[] = { "sending", "sent", "receiving", "received" };
static const char *const kinds[] = { "file", "link", "directory", "volume" };

VmMove *vm_move_new(const char *vm, const char *id)
{
	VmMove *m = g_new0(VmMove, 1);

	m->vm = g_strdup(vm);
	m->id = g_strdup(id);
	m->items = g_ptr_array_new();
	m->records = g_ptr_array_new();

	return m;
}

static void free_item(struct vm_item *item)
{
	g_free(item->name);
	g_free(item->link);
	g_free(item->cache);
	g_free(item);
}

void vm_move_free(VmMove *m)
{
	if (!m)
		return;

	for (guint i = 0; i < m->items->len; i++)
		free_item(m->items->pdata[i]);
	for (guint i = 0; m->records && i < m->records->len; i++)
		disk_record_free(m->records->pdata[i]);
	g_ptr_array_unref(m->items);
	g_clear_pointer(&m->records, g_ptr_array_unref);
	g_free(m->vm);
	g_free(m->id);
	g_free(m->was);
	g_free(m->earlier);
	g_free(m->context);
	g_free(m->token);
	g_free(m);
}

struct vm_item *vm_move_add(VmMove *m, enum vm_item_kind kind, const char *name)
{
	struct vm_item *item = g_new0(struct vm_item, 1);

	item->kind = kind;
	item->name = g_strdup(name);
	g_ptr_array_add(m->items, item);

	return item;
}

const struct vm_item *vm_move_find(const VmMove *m, const char *name)
{
	for (guint i = 0; i < m->items->len; i++) {
		const struct vm_item *item = m->items->pdata[i];

		if (g_str_equal(item->name, name))
			return item;
	}

	return NULL;
}

static void add_text_member(json_object *to, const char *name, const char *text)
{
	if (text)
		json_object_object_add(to, name, json_object_new_string(text));
}

static void add_number_member(json_object *to, const char *name, gint64 value)
{
	json_object_object_add(to, name, json_object_new_int64(value));
}

static json_object *item_json(const struct vm_item *item)
{
	json_object *o = json_object_new_object();

	add_text_member(o, "name", item->name);
	add_text_member(o, "kind", kinds[item->kind]);
	add_text_member(o, "link", item->link);
	add_text_member(o, "cache", item->cache);
	json_object_object_add(o, "stays", json_object_new_boolean(item->stays));
	add_number_member(o, "mode", item->mode);
	add_number_member(o, "size", (gint64)item->size);
	file_identity_add(o, "", &item->is);
	add_number_member(o, "changed_ns", item->changed_ns);

	return o;
}

static json_object *records_json(const VmMove *m)
{
	json_object *all = json_object_new_array();

	for (guint i = 0; i < m->records->len; i++) {
		const struct disk_record *r = m->records->pdata[i];
		json_object *o = disk_record_json(r);

		add_text_member(o, "disk", r->disk);
		json_object_array_add(all, o);
	}

	return all;
}

char *vm_move_print(const VmMove *m)
{
	json_object *all = json_object_new_object(), *items = json_object_new_array();
	char *text;

	add_text_member(all, "vm", m->vm);
	add_text_member(all, "move", m->id);
	add_text_member(all, "was", m->was);
	add_text_member(all, "earlier", m->earlier);
	add_text_member(all, "context", m->context);
	add_text_member(all, "token", m->token);
	add_text_member(all, "state", states[m->state]);
	json_object_object_add(all, "running", json_object_new_boolean(m->is_running));
	add_number_member(all, "data", (gint64)m->data);
	json_object_object_add(all, "items", items);
	for (guint i = 0; i < m->items->len; i++)
		json_object_array_add(items, item_json(m->items->pdata[i]));
	if (m->records->len)
		json_object_object_add(all, "records", records_json(m));
	text = g_strdup(json_object_to_json_string_ext(all, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);

	return text;
}

static const char *text_of_json(json_object *of, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(of, name, &value);
	if (json_object_is_type(value, json_type_string))
		return json_object_get_string(value);

	return NULL;
}

static gint64 number_of(json_object *of, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(of, name, &value);

	return json_object_get_int64(value);
}

/* The place of TEXT in WORDS, of which there are N; -1: it has none. */
static int place_in(const char *const *words, size_t n, const char *text)
{
	for (size_t i = 0; text && i < n; i++)
		if (g_str_equal(words[i], text))
			return (int)i;

	return -1;
}

static bool parse_item(VmMove *m, json_object *o)
{
	int kind = place_in(kinds, G_N_ELEMENTS(kinds), text_of_json(o, "kind"));
	const char *name = text_of_json(o, "name");
	struct vm_item *item;

	if (kind < 0 || !name)
		return false;

	item = vm_move_add(m, (enum vm_item_kind)kind, name);
	item->link = g_strdup(text_of_json(o, "link"));
	item->cache = g_strdup(text_of_json(o, "cache"));
	item->stays = number_of(o, "stays") != 0;
	item->mode = (unsigned)number_of(o, "mode") & MODE_BITS;
	item->size = (guint64)number_of(o, "size");
	file_identity_read(o, "", &item->is);
	item->changed_ns = number_of(o, "changed_ns");

	return kind != VM_ITEM_LINK || item->link;
}

static bool parse_record(VmMove *m, json_object *o)
{
	const char *disk = text_of_json(o, "disk");
	struct disk_record *r;

	if (disk && !disk_record_is_name(disk))
		return false;

	r = disk_record_of_json(o, disk);
	if (r)
		g_ptr_array_add(m->records, r);

	return r && g_str_equal(r->vm, m->vm);
}

static bool parse_array(VmMove *m, json_object *all, const char *name,
			bool (*parse)(VmMove *m, json_object *o))
{
	json_object *array = NULL;

	if (!json_object_object_get_ex(all, name, &array))
		return true;
	if (!json_object_is_type(array, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (!parse(m, json_object_array_get_idx(array, i)))
			return false;

	return true;
}

static VmMove *parse_move(json_object *all)
{
	int state = place_in(states, G_N_ELEMENTS(states), text_of_json(all, "state"));
	g_autoptr(VmMove) m = NULL;

	if (state < 0 || !text_of_json(all, "vm") || !text_of_json(all, "move"))
		return NULL;

	m = vm_move_new(text_of_json(all, "vm"), text_of_json(all, "move"));
	m->was = g_strdup(text_of_json(all, "was"));
	m->earlier = g_strdup(text_of_json(all, "earlier"));
	m->context = g_strdup(text_of_json(all, "context"));
	m->token = g_strdup(text_of_json(all, "token"));
	m->state = (enum vm_move_state)state;
	m->is_running = number_of(all, "running") != 0;
	m->data = (guint64)number_of(all, "data");
	if (!parse_array(m, all, "items", parse_item))
		return NULL;
	if (!parse_array(m, all, "records", parse_record))
		return NULL;

	return g_steal_pointer(&m);
}

VmMove *vm_move_parse(const char *text, const char *name, GError **error)
{
	json_object *all = json_tokener_parse(text);
	VmMove *m = parse_move(all);

	json_object_put(all);
	if (!m)
		vmm_fail(error, VMM_ERROR_INPUT, "%s does not say what is moved", name);

	return m;
}

bool vm_move_read(const char *directory, VmMove **ret, GError **error)
{
	g_autofree char *path = g_build_filename(directory, NOTE, NULL);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	GString *text = NULL;

	*ret = NULL;
	if (fd < 0)
		return errno == ENOENT || vmm_fail_errno(error, errno, "cannot read %s", path);

	if (disk_record_is_trusted(fd))
		text = file_read_fd(fd, MAX_NOTE, path, NULL);
	close(fd);
	if (text) {
		*ret = vm_move_parse(text->str, path, NULL);
		g_string_free(text, TRUE);
	}

	return *ret || vmm_fail(error, VMM_ERROR_REFUSED, "%s is not what kvm-image wrote for this "
				"user", path);
}

bool vm_move_check_here(const char *directory, GError **error)
{
	g_autoptr(VmMove) m = NULL;

	if (!vm_move_read(directory, &m, error))
		return false;
	if (!m || m->state == VM_MOVE_SENDING || m->state == VM_MOVE_RECEIVED)
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "%s has only a part of VM %s: the last move has not "
		 "ended", directory, m->vm);
	vmm_error_set_hint(error, "let it end; kvm-image dispose --all, if the part is not needed");

	return false;
}

bool vm_move_write(const VmMove *m, const char *directory, GError **error)
{
	g_autofree char *path = g_build_filename(directory, NOTE, NULL);
	g_autofree char *text = vm_move_print(m);

	return file_write(path, text, strlen(text), 0600, error);
}

static bool is_mark(const char *name)
{
	return g_str_has_prefix(name, BEGIN) && g_uuid_string_is_valid(name + strlen(BEGIN));
}

bool vm_move_is_file(const char *name)
{
	return g_str_equal(name, NOTE) || is_mark(name);
}

/* The note last: until then the next run continues. */
bool vm_move_forget(const char *directory, GError **error)
{
	g_autofree char *note = g_build_filename(directory, NOTE, NULL);
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(directory, name, NULL);

		if (is_mark(name))
			unlink(path);
	}

	if (unlink(note) < 0 && errno != ENOENT)
		return vmm_fail_errno(error, errno, "cannot remove %s", note);

	return file_sync_directory(directory, error);
}

static char *mark_path(const char *directory, const char *random)
{
	return g_strconcat(directory, "/" BEGIN, random, NULL);
}

bool vm_move_make_mark(const char *directory, const char *random, GError **error)
{
	g_autofree char *path = mark_path(directory, random);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", path);

	close(fd);

	return true;
}

bool vm_move_has_mark(const char *directory, const char *random, bool *ret, GError **error)
{
	g_autofree char *path = mark_path(directory, random);
	struct stat st;

	*ret = lstat(path, &st) == 0;
	if (*ret || errno == ENOENT)
		return true;

	return vmm_fail_errno(error, errno, "cannot look for %s", path);
}

static gint64 nanoseconds(const struct timespec *t)
{
	return t->tv_sec * G_GINT64_CONSTANT(1000000000) + t->tv_nsec;
}

bool vm_item_look(struct vm_item *item, const char *directory, GError **error)
{
	g_autofree char *path = g_build_filename(directory, item->name, NULL);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	bool ok;

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", path);

	ok = fstat(fd, &st) == 0 && file_identity_of(fd, &item->is);
	if (!ok)
		vmm_fail_errno(error, errno, "cannot read %s", path);
	else if (!S_ISREG(st.st_mode))
		ok = vmm_fail(error, VMM_ERROR_REFUSED, "%s is not a regular file", path);
	close(fd);
	if (!ok)
		return false;

	item->mode = st.st_mode & MODE_BITS;
	item->size = (guint64)st.st_size;
	item->changed_ns = nanoseconds(&st.st_mtim);

	return true;
}

static bool check_item(const struct vm_item *item, const char *directory, bool may_be_gone,
		       GError **error)
{
	struct vm_item now = { .kind = item->kind, .name = item->name };
	g_autoptr(GError) cause = NULL;
	bool is_same;

	if (!vm_item_look(&now, directory, &cause)) {
		if (may_be_gone && vmm_is(cause, VMM_ERROR_NOT_FOUND))
			return true;
		return vmm_pass(error, &cause);
	}

	is_same = file_identity_is(&item->is, &now.is);
	if (is_same && now.size == item->size && now.changed_ns == item->changed_ns)
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "%s/%s was changed since it was copied",
			directory, item->name);
}

bool vm_move_check_unchanged(const VmMove *m, const char *directory, bool may_be_gone,
			     GError **error)
{
	for (guint i = 0; i < m->items->len; i++) {
		const struct vm_item *item = m->items->pdata[i];

		if (item->kind != VM_ITEM_FILE)
			continue;
		if (!check_item(item, directory, may_be_gone, error))
			return false;
	}

	return true;
}
