/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librbd.so - a Ceph cluster that is a directory, with what kvm-image calls of librbd and librados:
 * as librbd.so.1 in LD_LIBRARY_PATH.
 *
 * FAKE_RBD=DIR            POOL/IMAGE below it is an image: "SIZE ID", then "KEY VALUE" lines; a
 *                         snapshot is POOL/IMAGE@SNAP
 * FAKE_RBD_KILL="CALL N"  our parent is killed when that call (clone, set_meta, rename, open…) was
 *                         done the Nth time
 * FAKE_RBD_FAIL="CALL N"  that call fails with errno N
 * FAKE_RBD_CRASH=CALL     that call ends the process
 * FAKE_RBD_HANG=CALL      that call makes DIR/hangs, and never returns
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TEXT = 4096 };

struct image {
	char path[MAX_TEXT];
	char pool[MAX_TEXT];
};

/* "CALL N": N, if NAME is CALL; else 0. */
static int number_of(const char *variable, const char *name)
{
	const char *value = getenv(variable);
	size_t len = strlen(name);

	if (!value || strncmp(value, name, len) || value[len] != ' ')
		return 0;

	return (int)g_ascii_strtoll(value + len + 1, NULL, 10);
}

static bool is_named(const char *variable, const char *name)
{
	return !g_strcmp0(getenv(variable), name);
}

/* -errno: the call fails. */
static int begin_call(const char *name)
{
	g_autofree char *sign = g_build_filename(getenv("FAKE_RBD"), "hangs", NULL);

	if (is_named("FAKE_RBD_CRASH", name))
		raise(SIGKILL);
	if (is_named("FAKE_RBD_HANG", name)) {
		g_file_set_contents(sign, "", 0, NULL);
		pause();
	}

	return -number_of("FAKE_RBD_FAIL", name);
}

static void end_call(const char *name)
{
	static int done;
	int when = number_of("FAKE_RBD_KILL", name);

	if (!when || ++done != when)
		return;

	kill(getppid(), SIGKILL);
	pause();
}

int rados_create(void **cluster, const char *user)
{
	*cluster = (void *)"cluster";

	return user && g_str_equal(user, "nobody") ? -EINVAL : 0;
}

int rados_conf_read_file(void *cluster G_GNUC_UNUSED, const char *path)
{
	return path && access(path, F_OK) < 0 ? -errno : 0;
}

int rados_conf_parse_env(void *cluster G_GNUC_UNUSED, const char *variable G_GNUC_UNUSED)
{
	return 0;
}

int rados_conf_set(void *cluster G_GNUC_UNUSED, const char *option, const char *value)
{
	const char *log = getenv("FAKE_RBD");
	g_autofree char *line = g_strdup_printf("%s=%s\n", option, value);
	g_autofree char *path = g_build_filename(log, "options", NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (write(fd, line, strlen(line)) < 0)
		return -errno;
	close(fd);

	return 0;
}

int rados_connect(void *cluster G_GNUC_UNUSED)
{
	return begin_call("connect");
}

int rados_ioctx_create(void *cluster G_GNUC_UNUSED, const char *pool, void **ret)
{
	char *path = g_build_filename(getenv("FAKE_RBD"), pool, NULL);

	*ret = path;

	return access(path, F_OK) < 0 ? -errno : 0;
}

void rados_ioctx_destroy(void *pool)
{
	g_free(pool);
}

static int open_image(void *pool, const char *name, void **ret, const char *snap)
{
	struct image *image = g_new0(struct image, 1);
	int rc = begin_call("open");

	g_strlcpy(image->pool, pool, MAX_TEXT);
	g_snprintf(image->path, MAX_TEXT, "%s/%s%s%s", (const char *)pool, name, snap ? "@" : "",
		   snap ? snap : "");
	*ret = image;
	if (!rc && access(image->path, F_OK) < 0)
		rc = -errno;
	if (rc)
		g_free(image);
	end_call("open");

	return rc;
}

int rbd_open(void *pool, const char *name, void **ret, const char *snap)
{
	return open_image(pool, name, ret, snap);
}

int rbd_open_read_only(void *pool, const char *name, void **ret, const char *snap)
{
	return open_image(pool, name, ret, snap);
}

int rbd_close(void *image)
{
	g_free(image);

	return 0;
}

/* The words of line N of an image. */
static char **words_of(const struct image *image, int n)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	g_file_get_contents(image->path, &text, NULL, NULL);
	lines = g_strsplit(text ? text : "", "\n", -1);

	return g_strsplit((int)g_strv_length(lines) > n ? lines[n] : "", " ", 2);
}

int rbd_get_size(void *image, guint64 *ret)
{
	g_auto(GStrv) words = words_of(image, 0);

	*ret = g_ascii_strtoull(words[0], NULL, 10);

	return begin_call("size");
}

int rbd_get_id(void *image, char *ret, size_t len)
{
	g_auto(GStrv) words = words_of(image, 0);

	g_strlcpy(ret, words[1], len);

	return 0;
}

static int append_line(const char *path, int flags, const char *line)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0600);

	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		return -errno;

	close(fd);

	return 0;
}

static char *text_at(const char *bytes)
{
	guint32 len;

	memcpy(&len, bytes, sizeof(len));

	return g_strndup(bytes + sizeof(len), GUINT32_FROM_LE(len));
}

/* The image of POOL whose first line ends with ID. */
static char *path_of_id(const char *pool, const char *id)
{
	g_autoptr(GDir) dir = g_dir_open(pool, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(pool, name, NULL);
		g_autofree char *text = NULL;
		g_auto(GStrv) lines = NULL;

		g_file_get_contents(path, &text, NULL, NULL);
		lines = g_strsplit(text ? text : "", "\n", -1);
		if (lines[0] && g_str_has_suffix(lines[0], id))
			return g_steal_pointer(&path);
	}

	return g_strdup("/nowhere");
}

/* rbd_id.NAME alone: the id of that image, as Ceph encodes it. */
int rados_read(void *pool, const char *object, char *ret, size_t len, guint64 offset G_GNUC_UNUSED)
{
	struct image image = { .path = "" };
	g_auto(GStrv) words = NULL;
	guint32 id_len;
	int rc = begin_call("read");

	g_snprintf(image.path, MAX_TEXT, "%s/%s", (const char *)pool, object + strlen("rbd_id."));
	if (!rc && access(image.path, F_OK) < 0)
		rc = -errno;
	if (rc)
		return rc;

	words = words_of(&image, 0);
	id_len = (guint32)strlen(words[1]);
	if (len < sizeof(id_len) + id_len)
		return -EINVAL;
	memcpy(ret, &id_len, sizeof(id_len));
	memcpy(ret + sizeof(id_len), words[1], id_len);
	end_call("read");

	return (int)(sizeof(id_len) + id_len);
}

/* Of one pair, as Ceph encodes it: a count, and two texts with their lengths before them. */
int rados_exec(void *pool, const char *object, const char *class, const char *method,
	       const char *in, size_t len, char *out G_GNUC_UNUSED, size_t out_len G_GNUC_UNUSED)
{
	const char *id = object + strlen("rbd_header.");
	g_autofree char *path = path_of_id(pool, id);
	g_autofree char *key = text_at(in + 4), *value = text_at(in + 8 + strlen(key));
	g_autofree char *line = g_strdup_printf("%s %s\n", key, value);
	int rc = begin_call("set_meta");

	if (!g_str_equal(class, "rbd") || !g_str_equal(method, "metadata_set"))
		return -EOPNOTSUPP;
	if (len != 12 + strlen(key) + strlen(value))
		return -EINVAL;
	if (!rc)
		rc = append_line(path, 0, line);
	end_call("set_meta");

	return rc;
}

int rbd_metadata_list(void *image, const char *start G_GNUC_UNUSED, guint64 max G_GNUC_UNUSED,
		      char *keys, size_t *keys_len, char *values, size_t *values_len)
{
	size_t k = 0, v = 0;

	for (int i = 1;; i++) {
		g_auto(GStrv) words = words_of(image, i);

		if (g_strv_length(words) < 2)
			break;
		k += g_strlcpy(keys + k, words[0], *keys_len - k) + 1;
		v += g_strlcpy(values + v, words[1], *values_len - v) + 1;
	}

	*keys_len = k;
	*values_len = v;

	return begin_call("list_meta");
}

/* An image is watched as long as IMAGE.watched is there. */
int rbd_watchers_list(void *image, void *watchers, size_t *len)
{
	g_autofree char *path = g_strconcat(((struct image *)image)->path, ".watched", NULL);

	if (access(path, F_OK) == 0)
		return -ERANGE;
	(void)watchers;
	*len = 0;

	return 0;
}

void rbd_watchers_list_cleanup(void *watchers G_GNUC_UNUSED, size_t len G_GNUC_UNUSED)
{
}

static char *new_image(guint64 size)
{
	g_autofree char *id = g_uuid_string_random();

	return g_strdup_printf("%" G_GUINT64_FORMAT " %.8s\n", size, id);
}

int rbd_resize2(void *image, guint64 size, bool may_shrink G_GNUC_UNUSED,
		void *progress G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
	g_auto(GStrv) words = words_of(image, 0);
	g_autofree char *line = g_strdup_printf("%" G_GUINT64_FORMAT " %s\n", size, words[1]);
	int rc = begin_call("resize");

	if (!rc && !g_file_set_contents(((struct image *)image)->path, line, -1, NULL))
		rc = -EIO;
	end_call("resize");

	return rc;
}

/* As Ceph's: a name that is taken changes nothing. */
int rbd_rename(void *pool, const char *from, const char *to)
{
	g_autofree char *old = g_build_filename(pool, from, NULL);
	g_autofree char *new = g_build_filename(pool, to, NULL);
	int rc = begin_call("rename");

	if (!rc && (link(old, new) < 0 || unlink(old) < 0))
		rc = -errno;
	end_call("rename");

	return rc;
}

int rbd_clone3(void *parent_pool, const char *parent, const char *snap, void *pool,
	       const char *name, void *options G_GNUC_UNUSED)
{
	g_autofree char *path = g_build_filename(pool, name, NULL);
	g_autofree char *line = NULL;
	void *image = NULL;
	guint64 size = 0;
	int rc = open_image(parent_pool, parent, &image, snap);

	if (rc)
		return rc;
	rbd_get_size(image, &size);
	rbd_close(image);
	line = new_image(size);
	rc = begin_call("clone");
	if (!rc)
		rc = append_line(path, O_CREAT | O_EXCL, line);
	end_call("clone");

	return rc;
}

void rbd_image_options_create(void **ret)
{
	*ret = NULL;
}

void rbd_image_options_destroy(void *options G_GNUC_UNUSED)
{
}

int rbd_image_options_set_uint64(void *options G_GNUC_UNUSED, int option G_GNUC_UNUSED,
				 guint64 value G_GNUC_UNUSED)
{
	return 0;
}
