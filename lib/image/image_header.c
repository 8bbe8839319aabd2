/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_header.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* As QEMU: names of at most 1023 bytes, a backing format of 15. There are few extensions. */
enum { PIECE = 65536, MAX_NAME = 1023, MAX_FORMAT = 15, MAX_EXTENSIONS = 64, SECTOR = 512 };

struct source {
	int fd;
	const char *name;
	size_t len;		/* of HEAD */
	guint8 head[PIECE];
};

static bool malformed(const struct source *s, const char *format, const char *what, GError **error)
{
	return vmm_fail(error, VMM_ERROR_REFUSED, "%s: its %s header is malformed: %s", s->name,
			format, what);
}

/* As many of LEN bytes as there are; -1 with ERROR set. */
static gssize read_at(const struct source *s, guint64 offset, void *to, size_t len, GError **error)
{
	size_t done = 0;

	if (offset > G_MAXINT64 - len)
		return 0;
	while (done < len) {
		gssize n = pread(s->fd, (guint8 *)to + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			vmm_fail_errno(error, errno, "cannot read %s", s->name);
			return -1;
		}
		if (!n)
			break;
		done += (size_t)n;
	}

	return (gssize)done;
}

static guint32 be32(const guint8 *p)
{
	return (guint32)p[0] << 24 | (guint32)p[1] << 16 | (guint32)p[2] << 8 | p[3];
}

static guint64 be64(const guint8 *p)
{
	return (guint64)be32(p) << 32 | be32(p + 4);
}

static guint32 le32(const guint8 *p)
{
	return (guint32)p[3] << 24 | (guint32)p[2] << 16 | (guint32)p[1] << 8 | p[0];
}

static guint64 le64(const guint8 *p)
{
	return (guint64)le32(p + 4) << 32 | le32(p);
}

/* The LEN bytes at OFFSET as a name, at most MAX; NULL with ERROR set. The caller frees. */
static char *read_name(const struct source *s, const char *format, guint64 offset, guint64 len,
		       GError **error)
{
	char name[MAX_NAME + 1];
	gssize n;

	if (!len || len > MAX_NAME) {
		malformed(s, format, "a name is empty or too long", error);
		return NULL;
	}

	n = read_at(s, offset, name, len, error);
	if (n < 0)
		return NULL;
	if ((guint64)n < len || memchr(name, 0, len)) {
		malformed(s, format, "a name is cut short or holds a NUL", error);
		return NULL;
	}

	return g_strndup(name, len);
}

enum {
	QCOW2_V2_LENGTH = 72, QCOW2_V3_LENGTH = 104,
	QCOW2_DATA_FILE = 4,		/* bit of the incompatible features */
	QCOW2_KNOWN = 0x1f,
};
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acaU
#define QCOW2_EXT_DATA_FILE 0x44415441U

static bool qcow2_extension(const struct source *s, guint32 type, guint64 at, guint32 len,
			    struct image_header *h, GError **error)
{
	char **to = type == QCOW2_EXT_BACKING_FORMAT ? &h->backing_format : &h->data_file;

	if (type != QCOW2_EXT_BACKING_FORMAT && type != QCOW2_EXT_DATA_FILE)
		return true;
	if (*to)
		return malformed(s, h->format, "an extension is there twice", error);
	if (type == QCOW2_EXT_BACKING_FORMAT && len > MAX_FORMAT)
		return malformed(s, h->format, "the backing format is too long", error);
	*to = read_name(s, h->format, at, len, error);

	return *to != NULL;
}

/* Extensions lie between the header and END: a type, a length, data padded to 8 bytes. */
static bool qcow2_extensions(const struct source *s, guint64 at, guint64 end,
			     struct image_header *h, GError **error)
{
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		guint8 start[8];
		gssize n;
		guint32 len;

		if (at + sizeof(start) > end)
			return true;
		n = read_at(s, at, start, sizeof(start), error);
		if (n < 0)
			return false;
		if (n < (gssize)sizeof(start) || !be32(start))
			return true;

		at += sizeof(start);
		len = be32(start + 4);
		if (len > end - at)
			return malformed(s, h->format, "an extension is too long", error);
		if (!qcow2_extension(s, be32(start), at, len, h, error))
			return false;
		at += ((guint64)len + 7) & ~(guint64)7;
	}

	return malformed(s, h->format, "too many extensions", error);
}

/* Whether LEN bytes from AT on lie between the header's end, START, and the cluster's. */
static bool is_in_cluster(guint64 at, guint32 len, guint64 start, guint64 cluster)
{
	if (at < start)
		return false;
	if (at > cluster)
		return false;

	return len <= cluster - at;
}

static bool read_qcow2(const struct source *s, struct image_header *h, GError **error)
{
	const guint8 *p = s->head;
	guint64 backing = be64(p + 8), features = 0, start = QCOW2_V2_LENGTH, cluster, end;
	guint32 bits = be32(p + 20);

	if (s->len < QCOW2_V2_LENGTH || bits < 9 || bits > 21)
		return malformed(s, h->format, "its cluster size", error);
	if (be32(p + 4) >= 3) {
		if (s->len < QCOW2_V3_LENGTH)
			return malformed(s, h->format, "it is cut short", error);
		features = be64(p + 72);
		start = be32(p + 100);
	}

	cluster = (guint64)1 << bits;
	if (start < QCOW2_V2_LENGTH || start > cluster)
		return malformed(s, h->format, "its length", error);
	if (features & ~(guint64)QCOW2_KNOWN)
		return malformed(s, h->format, "it needs unknown features", error);
	if (backing && !is_in_cluster(backing, be32(p + 16), start, cluster))
		return malformed(s, h->format, "the backing file's name is elsewhere", error);

	h->size = be64(p + 24);
	end = backing ? backing : cluster;
	if (!qcow2_extensions(s, start, end, h, error))
		return false;
	if ((features & QCOW2_DATA_FILE) && !h->data_file)
		h->data_file = g_strdup("");
	if (!backing || !be32(p + 16))
		return true;
	h->backing = read_name(s, h->format, backing, be32(p + 16), error);

	return h->backing != NULL;
}

/* Version 1: no backing format, no extensions. */
static bool read_qcow(const struct source *s, struct image_header *h, GError **error)
{
	guint64 backing = be64(s->head + 8);

	if (s->len < 48)
		return malformed(s, h->format, "it is cut short", error);
	h->size = be64(s->head + 24);
	if (!backing || !be32(s->head + 16))
		return true;
	h->backing = read_name(s, h->format, backing, be32(s->head + 16), error);

	return h->backing != NULL;
}

static bool read_qed(const struct source *s, struct image_header *h, GError **error)
{
	enum { BACKING = 1, BACKING_IS_RAW = 4 };
	guint64 features = le64(s->head + 16);

	if (s->len < 64)
		return malformed(s, h->format, "it is cut short", error);
	h->size = le64(s->head + 48);
	if (!(features & BACKING))
		return true;
	if (features & BACKING_IS_RAW)
		h->backing_format = g_strdup("raw");
	h->backing = read_name(s, h->format, le32(s->head + 56), le32(s->head + 60), error);

	return h->backing != NULL;
}

/* The value of KEY="…" in TEXT; NULL: it is not there. The caller frees. */
static char *vmdk_value(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	const char *end;

	if (!at)
		return NULL;
	at += strlen(key);
	end = strchr(at, '"');
	if (!end || end - at > MAX_NAME)
		return g_strdup("");

	return g_strndup(at, (gsize)(end - at));
}

/* The first extent: a line of an access mode, sectors, a kind and a file's name in quotes. */
static char *vmdk_extent(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **l = lines; *l; l++) {
		bool is_extent = g_str_has_prefix(*l, "RW") || g_str_has_prefix(*l, "RDONLY") ||
				 g_str_has_prefix(*l, "NOACCESS");

		if (is_extent && strchr(*l, '"'))
			return vmdk_value(*l, "\"");
	}

	return NULL;
}

/* EXTENTS: QEMU opens the files of the descriptor's extents. */
static bool vmdk_descriptor(const struct source *s, const char *text, bool extents,
			    struct image_header *h, GError **error)
{
	h->create_type = vmdk_value(text, "createType=\"");
	h->backing = vmdk_value(text, "parentFileNameHint=\"");
	if (h->backing && !*h->backing)
		return malformed(s, h->format, "its parent has no name", error);
	if (!extents)
		return true;
	h->data_file = vmdk_extent(text);
	if (!h->data_file)
		h->data_file = g_strdup("");

	return true;
}

static bool read_vmdk(const struct source *s, struct image_header *h, GError **error)
{
	guint64 capacity = le64(s->head + 12), sector = le64(s->head + 28);
	g_autofree char *text = NULL;

	/* A text, or the older sparse file, in which none is found here. */
	if (memcmp(s->head, "KDMV", 4)) {
		text = g_strndup((const char *)s->head, s->len);
		return vmdk_descriptor(s, text, true, h, error);
	}

	if (s->len < SECTOR)
		return malformed(s, h->format, "it is cut short", error);
	if (capacity > G_MAXUINT64 / SECTOR)
		return malformed(s, h->format, "its capacity", error);
	/* QEMU and libvirt look for the parent in the second sector, whatever the header says. */
	if (sector > 1)
		return malformed(s, h->format, "its descriptor is not in the second sector", error);
	h->size = capacity * SECTOR;
	text = g_strndup((const char *)s->head + SECTOR, s->len - SECTOR);

	/* Without a capacity QEMU reads it as it reads a descriptor that is a file. */
	return vmdk_descriptor(s, text, !capacity, h, error);
}

static bool read_vdi(const struct source *s, struct image_header *h, GError **error)
{
	if (s->len < SECTOR)
		return malformed(s, h->format, "it is cut short", error);
	h->size = le64(s->head + 368);

	return true;
}

static bool read_nothing(const struct source *s, struct image_header *h, GError **error)
{
	(void)s, (void)h, (void)error;
	return true;
}

static const struct mark {
	const char *format;
	size_t offset, len;
	const char *bytes;
	bool (*read)(const struct source *s, struct image_header *h, GError **error);
} marks[] = {
	{ "qcow2", 0, 8, "QFI\xfb\0\0\0\2", read_qcow2 },
	{ "qcow2", 0, 8, "QFI\xfb\0\0\0\3", read_qcow2 },
	{ "qcow", 0, 8, "QFI\xfb\0\0\0\1", read_qcow },
	{ "qed", 0, 4, "QED\0", read_qed },
	{ "vmdk", 0, 4, "KDMV", read_vmdk },
	{ "vmdk", 0, 4, "COWD", read_vmdk },
	{ "vmdk", 0, 21, "# Disk DescriptorFile", read_vmdk },
	{ "vhdx", 0, 8, "vhdxfile", read_nothing },
	{ "luks", 0, 6, "LUKS\xba\xbe", read_nothing },
	{ "vdi", 64, 4, "\x7f\x10\xda\xbe", read_vdi },
	{ "iso", 32769, 5, "CD001", read_nothing },
	{ "gpt", SECTOR, 8, "EFI PART", read_nothing },
};

static bool is_at(const struct source *s, const struct mark *m)
{
	return m->offset + m->len <= s->len && !memcmp(s->head + m->offset, m->bytes, m->len);
}

static bool recognise(const struct source *s, struct image_header *h, GError **error)
{
	const struct mark *found = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
		if (!is_at(s, &marks[i]))
			continue;
		if (!found)
			found = &marks[i];
		else if (!h->also)
			h->also = marks[i].format;
	}

	h->format = found ? found->format : "raw";

	return !found || found->read(s, h, error);
}

bool image_header_read(int fd, const char *name, struct image_header *ret, GError **error)
{
	g_autofree struct source *s = g_new0(struct source, 1);
	struct image_header h = { 0 };
	gssize n;

	s->fd = fd;
	s->name = name;
	n = read_at(s, 0, s->head, sizeof(s->head), error);
	if (n < 0)
		return false;

	s->len = (size_t)n;
	if (!recognise(s, &h, error)) {
		image_header_clear(&h);
		return false;
	}

	*ret = h;

	return true;
}

static bool may_be_opened(const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISBLK(st->st_mode);
}

bool image_header_load(const char *path, struct image_header *ret, GError **error)
{
	struct stat st;
	bool ok;
	int fd;

	/* Before it is opened, too: that alone makes some devices act. */
	if (stat(path, &st) < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", path);
	if (!may_be_opened(&st))
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s is neither a file nor a block device",
				path);

	fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", path);
	if (fstat(fd, &st) < 0 || !may_be_opened(&st)) {
		close(fd);
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s is neither a file nor a block device",
				path);
	}

	ok = image_header_read(fd, path, ret, error);
	if (ok && g_str_equal(ret->format, "raw") && S_ISREG(st.st_mode))
		ret->size = (guint64)st.st_size;
	close(fd);

	return ok;
}

void image_header_clear(struct image_header *h)
{
	g_clear_pointer(&h->backing, g_free);
	g_clear_pointer(&h->backing_format, g_free);
	g_clear_pointer(&h->data_file, g_free);
	g_clear_pointer(&h->create_type, g_free);
}
