/* SPDX-License-Identifier: Apache-2.0 */
#include "file_identity.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { MAX_HANDLE = 128, DIGITS = 15 };

/* 15 digits of a checksum: what a JSON number has room for. FUSE has handles that do not last. */
static gint64 handle_of(int fd)
{
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + MAX_HANDLE];
	} u = { .h.handle_bytes = MAX_HANDLE };
	g_autofree char *sum = NULL;
	struct statfs fs;
	int mount;

	if (fstatfs(fd, &fs) < 0 || fs.f_type == FUSE_SUPER_MAGIC)
		return 0;
	if (name_to_handle_at(fd, "", &u.h, &mount, AT_EMPTY_PATH) < 0)
		return 0;

	sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)u.bytes,
					  sizeof(u.h) + u.h.handle_bytes);
	sum[DIGITS] = '\0';

	return g_ascii_strtoll(sum, NULL, 16);
}

bool file_identity_of(int fd, struct file_identity *ret)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
		return false;

	*ret = (struct file_identity){ .inode = st.stx_ino, .handle = handle_of(fd) };
	if (st.stx_mask & STATX_BTIME)
		ret->born_ns = st.stx_btime.tv_sec * G_GINT64_CONSTANT(1000000000) +
			       st.stx_btime.tv_nsec;

	return true;
}

bool file_identity_is(const struct file_identity *known, const struct file_identity *now)
{
	if (!known->inode || known->inode != now->inode)
		return false;
	if (known->born_ns && now->born_ns)
		return known->born_ns == now->born_ns;
	if (known->handle)
		return known->handle == now->handle;

	return !known->born_ns;
}

static void add_one(json_object *to, const char *prefix, const char *name, gint64 value)
{
	g_autofree char *full = g_strconcat(prefix, name, NULL);

	json_object_object_add(to, full, json_object_new_int64(value));
}

void file_identity_add(json_object *to, const char *prefix, const struct file_identity *id)
{
	add_one(to, prefix, "inode", (gint64)id->inode);
	add_one(to, prefix, "born_ns", id->born_ns);
	add_one(to, prefix, "handle", id->handle);
}

static gint64 read_one(json_object *of, const char *prefix, const char *name)
{
	g_autofree char *full = g_strconcat(prefix, name, NULL);
	json_object *value = NULL;

	json_object_object_get_ex(of, full, &value);

	return json_object_get_int64(value);
}

void file_identity_read(json_object *of, const char *prefix, struct file_identity *ret)
{
	ret->inode = (guint64)read_one(of, prefix, "inode");
	ret->born_ns = read_one(of, prefix, "born_ns");
	ret->handle = read_one(of, prefix, "handle");
}
