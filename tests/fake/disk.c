/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.so - a disk that fills up, fails, and forgets what was not synced: for LD_PRELOAD.
 *
 * MODEL_DISK=DIR        what is below DIR is on that disk
 * MODEL_DISK_STATE=FILE its first word, read anew at each call: "full" (ENOSPC), "quota"
 *                       (EDQUOT), "readonly" (EROFS), "broken" (EIO, also of syncs), "hang" (no
 *                       call returns until the word changes); anything else: all is well
 * MODEL_DISK_SYNCED=DIR gets what a power cut would leave: a copy of each file as it was when it
 *                       was last synced. Renames and removals are taken to be durable at once.
 *
 * Only for this process: what it starts has no LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_PATH = 4096, BLOCK = 65536, HANG_US = 20000 };

static char disk[MAX_PATH], synced[MAX_PATH], state_file[MAX_PATH];

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void take(const char *name, char *to)
{
	const char *value = getenv(name);

	g_strlcpy(to, value ? value : "", MAX_PATH);
	unsetenv(name);
}

__attribute__((constructor)) static void begin(void)
{
	take("MODEL_DISK", disk);
	take("MODEL_DISK_STATE", state_file);
	take("MODEL_DISK_SYNCED", synced);
	unsetenv("LD_PRELOAD");
}

static int real_open(const char *path, int flags, mode_t mode)
{
	static int (*call)(const char *, int, ...);

	if (!call)
		call = real("open64");
	return call(path, flags, mode);
}

static ssize_t real_write(int fd, const void *data, size_t size)
{
	static ssize_t (*call)(int, const void *, size_t);

	if (!call)
		call = real("write");
	return call(fd, data, size);
}

static bool is_below(const char *path)
{
	size_t len = strlen(disk);

	return len && !strncmp(path, disk, len) && path[len] == '/';
}

/* The path of FD when it is on the disk, else NULL. PATH: MAX_PATH bytes. */
static const char *path_of(int fd, char *path)
{
	char link[64];
	ssize_t n;

	g_snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, MAX_PATH - 1);
	path[MAX(n, 0)] = '\0';
	return is_below(path) ? path : NULL;
}

/* The first word of the state file: "" when there is none. */
static void read_state(char *word, size_t size)
{
	int fd = *state_file ? real_open(state_file, O_RDONLY | O_CLOEXEC, 0) : -1;
	ssize_t n = fd < 0 ? 0 : read(fd, word, size - 1);

	if (fd >= 0)
		close(fd);
	word[MAX(n, 0)] = '\0';
}

/* errno of what is written now, or 0. SYNC: it is a sync, for which a full disk has room. */
static int fault(bool sync)
{
	char word[16];

	for (;;) {
		read_state(word, sizeof(word));
		if (!g_str_has_prefix(word, "hang"))
			break;
		g_usleep(HANG_US);
	}

	if (g_str_has_prefix(word, "broken"))
		return EIO;
	if (sync)
		return 0;
	if (g_str_has_prefix(word, "full"))
		return ENOSPC;
	if (g_str_has_prefix(word, "quota"))
		return EDQUOT;
	return g_str_has_prefix(word, "readonly") ? EROFS : 0;
}

static bool fails(int fd, bool sync)
{
	char path[MAX_PATH];
	int error = path_of(fd, path) ? fault(sync) : 0;

	if (error)
		errno = error;
	return error != 0;
}

static void copy_name(const char *path, char *to)
{
	g_snprintf(to, MAX_PATH, "%s/%s", synced, path + strlen(disk) + 1);
}

/* Whole or not at all: the copy is what the next start finds. */
static void copy(const char *path)
{
	char to[MAX_PATH], part[MAX_PATH + 8], data[BLOCK];
	int in = real_open(path, O_RDONLY | O_CLOEXEC, 0), out;
	ssize_t n;

	copy_name(path, to);
	g_snprintf(part, sizeof(part), "%s.part", to);
	out = real_open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (in >= 0 && out >= 0 && (n = read(in, data, sizeof(data))) > 0)
		if (real_write(out, data, (size_t)n) != n)
			break;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (in >= 0 && out >= 0) {
		static int (*call)(const char *, const char *);

		if (!call)
			call = real("rename");
		call(part, to);
	}
}

static void synced_now(int fd)
{
	char path[MAX_PATH];
	struct stat st;

	if (*synced && path_of(fd, path) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		copy(path);
}

#define SYNC(name)                                         \
	int name(int fd)                                   \
	{                                                  \
		static int (*call)(int);                   \
		int rc;                                    \
                                                           \
		if (!call)                                 \
			call = real(#name);                \
		if (fails(fd, true))                       \
			return -1;                         \
		rc = call(fd);                             \
		if (!rc)                                   \
			synced_now(fd);                    \
		return rc;                                 \
	}

SYNC(fsync)
SYNC(fdatasync)

ssize_t write(int fd, const void *data, size_t size)
{
	return fails(fd, false) ? -1 : real_write(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	static ssize_t (*call)(int, const struct iovec *, int);

	if (!call)
		call = real("writev");
	return fails(fd, false) ? -1 : call(fd, parts, count);
}

#define PWRITE(name)                                                          \
	ssize_t name(int fd, const void *data, size_t size, off_t at)         \
	{                                                                     \
		static ssize_t (*call)(int, const void *, size_t, off_t);     \
                                                                              \
		if (!call)                                                    \
			call = real(#name);                                   \
		return fails(fd, false) ? -1 : call(fd, data, size, at);      \
	}

PWRITE(pwrite)
PWRITE(pwrite64)

#define OPEN(name)                                                                 \
	int name(const char *path, int flags, ...)                                 \
	{                                                                          \
		bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;  \
		int error = writes && is_below(path) ? fault(false) : 0;           \
		va_list ap;                                                        \
		mode_t mode;                                                       \
                                                                                   \
		va_start(ap, flags);                                               \
		mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;                   \
		va_end(ap);                                                        \
		if (!error || (error == ENOSPC && !(flags & O_CREAT)))             \
			return real_open(path, flags, mode);                       \
		errno = error;                                                     \
		return -1;                                                         \
	}

OPEN(open)
OPEN(open64)

int rename(const char *from, const char *to)
{
	static int (*call)(const char *, const char *);
	char one[MAX_PATH], other[MAX_PATH];
	int rc;

	if (!call)
		call = real("rename");
	if ((is_below(from) || is_below(to)) && fault(false) == EROFS) {
		errno = EROFS;
		return -1;
	}
	rc = call(from, to);
	if (!rc && *synced && is_below(from) && is_below(to)) {
		copy_name(from, one);
		copy_name(to, other);
		call(one, other);
	}
	return rc;
}

int unlink(const char *path)
{
	static int (*call)(const char *);
	char copied[MAX_PATH];
	int rc;

	if (!call)
		call = real("unlink");
	rc = call(path);
	if (!rc && *synced && is_below(path)) {
		copy_name(path, copied);
		call(copied);
	}
	return rc;
}
