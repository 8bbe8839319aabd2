/* SPDX-License-Identifier: Apache-2.0 */
#include "image_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image_file.h"

#define MAGIC "kvm-image 1\n"
#define RECEIVED ".source"

enum { PIECE = 1 << 20, STAT_BLOCK = 512, SUM_BYTES = 32, HEAD_NUMBERS = 4 };

/* What goes through the pipe, and its checksum so far. */
struct stream {
	int fd;
	GChecksum *sum;
	char *piece;		/* PIECE bytes */
};

static void open_stream(struct stream *s, int fd)
{
	*s = (struct stream){ fd, g_checksum_new(G_CHECKSUM_SHA256), g_malloc(PIECE) };
}

static void close_stream(struct stream *s)
{
	g_checksum_free(s->sum);
	g_free(s->piece);
}

static void get_sum(const struct stream *s, guint8 sum[SUM_BYTES])
{
	g_autoptr(GChecksum) copy = g_checksum_copy(s->sum);
	gsize len = SUM_BYTES;

	g_checksum_get_digest(copy, sum, &len);
}

bool image_stream_put(int fd, const void *data, size_t len, GError **error)
{
	if (file_write_fd(fd, data, len))
		return true;

	return vmm_fail(error, VMM_ERROR_CONNECTION, "cannot send: %s", g_strerror(errno));
}

bool image_stream_get(int fd, void *data, size_t len, GError **error)
{
	char *at = data;

	while (len) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return vmm_fail(error, VMM_ERROR_CONNECTION, "what is received ends too "
					"early");
		at += n;
		len -= (size_t)n;
	}

	return true;
}

static bool put_bytes(struct stream *s, const void *data, size_t len, GError **error)
{
	g_checksum_update(s->sum, data, (gssize)len);

	return image_stream_put(s->fd, data, len, error);
}

static bool put_number(struct stream *s, guint64 value, GError **error)
{
	guint64 big = GUINT64_TO_BE(value);

	return put_bytes(s, &big, sizeof(big), error);
}

static bool put_frame(struct stream *s, guint64 offset, guint32 len, GError **error)
{
	guint32 big = GUINT32_TO_BE(len);

	if (!put_number(s, offset, error))
		return false;

	return put_bytes(s, &big, sizeof(big), error);
}

static bool put_head(struct stream *s, const struct stat *st, guint64 size, GError **error)
{
	guint64 data = S_ISREG(st->st_mode) ? (guint64)st->st_blocks * STAT_BLOCK : size;
	const guint64 numbers[HEAD_NUMBERS] = { size, MIN(data, size),
						(guint64)st->st_mtim.tv_sec,
						(guint64)st->st_mtim.tv_nsec };

	if (!put_bytes(s, MAGIC, strlen(MAGIC), error))
		return false;
	for (int i = 0; i < HEAD_NUMBERS; i++)
		if (!put_number(s, numbers[i], error))
			return false;

	return true;
}

static bool is_zeros(const char *bytes, size_t len)
{
	return !len || (!*bytes && !memcmp(bytes, bytes + 1, len - 1));
}

/* Where the next data is at AT or behind it; a device, and some file systems, have no holes. */
static guint64 next_data(int fd, guint64 at, guint64 size)
{
	off_t found = lseek(fd, (off_t)at, SEEK_DATA);

	if (found < 0)
		return errno == ENXIO ? size : at;

	return MIN((guint64)found, size);
}

/* Where the data at AT ends, at SIZE at the latest. */
static guint64 end_of_data(int fd, guint64 at, guint64 size)
{
	off_t found = lseek(fd, (off_t)at, SEEK_HOLE);

	return found > (off_t)at ? MIN((guint64)found, size) : size;
}

static bool put_piece(struct stream *s, int fd, const char *name, guint64 *at, guint64 size,
		      GError **error)
{
	guint64 end = end_of_data(fd, *at, size);
	size_t len = (size_t)MIN(end - *at, PIECE - *at % PIECE);
	ssize_t n = pread(fd, s->piece, len, (off_t)*at);
	guint64 offset = *at;

	if (n < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", name);
	if (n == 0)
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s became shorter while it was read",
				name);

	*at += (guint64)n;
	if (is_zeros(s->piece, (size_t)n))
		return true;

	return put_frame(s, offset, (guint32)n, error) &&
	       put_bytes(s, s->piece, (size_t)n, error);
}

static bool check_same(int fd, const char *name, const struct stat *seen, GError **error)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_size == seen->st_size &&
	    !memcmp(&st.st_mtim, &seen->st_mtim, sizeof(st.st_mtim)))
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "%s was changed while it was read", name);
}

static bool put_image(struct stream *s, int fd, const char *name, guint64 size, GError **error)
{
	guint8 sum[SUM_BYTES];
	struct stat st;
	guint64 at;

	if (fstat(fd, &st) < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", name);
	if (!put_head(s, &st, size, error))
		return false;

	for (at = next_data(fd, 0, size); at < size; at = next_data(fd, at, size))
		if (!put_piece(s, fd, name, &at, size, error))
			return false;

	if (S_ISREG(st.st_mode) && !check_same(fd, name, &st, error))
		return false;
	if (!put_frame(s, size, 0, error))
		return false;
	get_sum(s, sum);

	return put_bytes(s, sum, sizeof(sum), error);
}

bool image_stream_write(int fd, const char *name, guint64 size, int out, GError **error)
{
	struct stream s;
	bool ok;

	open_stream(&s, out);
	ok = put_image(&s, fd, name, size, error);
	close_stream(&s);

	return ok;
}

static bool get_bytes(struct stream *s, void *data, size_t len, GError **error)
{
	if (!image_stream_get(s->fd, data, len, error))
		return false;

	g_checksum_update(s->sum, data, (gssize)len);

	return true;
}

static bool get_number(struct stream *s, guint64 *ret, GError **error)
{
	if (!get_bytes(s, ret, sizeof(*ret), error))
		return false;

	*ret = GUINT64_FROM_BE(*ret);

	return true;
}

static bool fail_stream(const char *name, GError **error)
{
	return vmm_fail(error, VMM_ERROR_INPUT, "cannot make %s: what is received was not sent by "
			"kvm-image, or was changed on its way", name);
}

static bool get_head(struct stream *s, const char *name, guint64 numbers[HEAD_NUMBERS],
		     GError **error)
{
	char magic[sizeof(MAGIC)] = { 0 };

	if (!get_bytes(s, magic, strlen(MAGIC), error))
		return false;
	if (!g_str_equal(magic, MAGIC))
		return fail_stream(name, error);
	for (int i = 0; i < HEAD_NUMBERS; i++)
		if (!get_number(s, &numbers[i], error))
			return false;

	if (numbers[0] > G_MAXINT64 || numbers[3] >= (guint64)G_USEC_PER_SEC * 1000)
		return fail_stream(name, error);

	return true;
}

static bool check_free(const char *name, guint64 needed, guint64 room, GError **error)
{
	if (needed <= room)
		return true;

	return vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot make %s: it needs %" G_GUINT64_FORMAT
			" bytes, and %" G_GUINT64_FORMAT " are free", name, needed, room);
}

/* RET_LEN 0: it was the last one. */
static bool get_frame(struct stream *s, guint64 size, guint64 *ret_offset, guint32 *ret_len,
		      GError **error)
{
	guint32 len;

	if (!get_number(s, ret_offset, error) || !get_bytes(s, &len, sizeof(len), error))
		return false;

	*ret_len = GUINT32_FROM_BE(len);
	if (*ret_len <= PIECE && *ret_offset <= size && *ret_len <= size - *ret_offset)
		return true;

	return fail_stream("a file", error);
}

static bool get_data(struct stream *s, int fd, const char *name, guint64 size, GError **error)
{
	guint64 offset;
	guint32 len;

	for (;;) {
		if (!get_frame(s, size, &offset, &len, error))
			return false;
		if (!len)
			return offset == size || fail_stream(name, error);
		if (!get_bytes(s, s->piece, len, error))
			return false;
		if (pwrite(fd, s->piece, len, (off_t)offset) != (ssize_t)len)
			return vmm_fail_errno(error, errno ? errno : ENOSPC, "cannot write %s",
					      name);
	}
}

/* What is behind the head. */
static bool get_body(struct stream *s, int fd, const char *name, guint64 size, GError **error)
{
	guint8 sum[SUM_BYTES], said[SUM_BYTES];

	if (!get_data(s, fd, name, size, error))
		return false;

	get_sum(s, sum);
	if (!get_bytes(s, said, sizeof(said), error))
		return false;

	return memcmp(sum, said, sizeof(sum)) == 0 || fail_stream(name, error);
}

static bool get_image(struct stream *s, int fd, const char *name, GError **error)
{
	guint64 numbers[HEAD_NUMBERS], room;
	struct timespec times[2] = { { 0 } };

	if (!get_head(s, name, numbers, error) || !image_file_room(name, &room, error))
		return false;
	if (!check_free(name, numbers[1], room, error))
		return false;
	if (!get_body(s, fd, name, numbers[0], error))
		return false;

	times[0] = times[1] = (struct timespec){ (time_t)numbers[2], (long)numbers[3] };
	if (ftruncate(fd, (off_t)numbers[0]) < 0 || futimens(fd, times) < 0)
		return vmm_fail_errno(error, errno, "cannot write %s", name);

	return true;
}

bool image_stream_read(int in, int fd, const char *name, GError **error)
{
	struct stream s;
	bool ok;

	open_stream(&s, in);
	ok = get_image(&s, fd, name, error);
	close_stream(&s);

	return ok;
}

static bool get_into(struct stream *s, int fd, const char *name, guint64 room, GError **error)
{
	guint64 numbers[HEAD_NUMBERS];

	if (!get_head(s, name, numbers, error))
		return false;
	if (!check_free(name, numbers[0], room, error))
		return false;

	return get_body(s, fd, name, numbers[0], error);
}

bool image_stream_read_into(int in, int fd, const char *name, guint64 room, GError **error)
{
	struct stream s;
	bool ok;

	open_stream(&s, in);
	ok = get_into(&s, fd, name, room, error);
	close_stream(&s);

	return ok;
}

char *image_received_path(const char *directory, const char *disk)
{
	return g_strdup_printf("%s/.%s" RECEIVED, directory, disk);
}

bool image_received_is(const char *name)
{
	bool is_file = g_str_has_prefix(name, ".disk.") && g_str_has_suffix(name, RECEIVED);

	return is_file || (g_str_has_prefix(name, "..disk.") &&
			   g_str_has_suffix(name, RECEIVED ".kvm-image"));
}
