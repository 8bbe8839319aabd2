/*
 * disk.so - a disk that fails: for LD_PRELOAD.
 *
 * VMM_DISK=DIRECTORY     the files below it are on that disk
 * VMM_DISK_FAULT=FILE    while FILE is there, whatever would change them fails with the errno that
 *                        FILE holds as a number: EROFS 30, EIO 5, ENOSPC 28, EDQUOT 122
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/types.h>
#include <unistd.h>

#include <glib.h>
#include <stdbool.h>

/* For us alone, not for what we run. */
static void __attribute__((constructor)) begin(void)
{
	unsetenv("LD_PRELOAD");
}

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* The errno of the fault; 0: the disk is well. */
static int fault(void)
{
	const char *path = getenv("VMM_DISK_FAULT");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1, number = 0;
	char text[16] = "";

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		number = (int)strtol(text, NULL, 10);
	if (fd >= 0)
		close(fd);
	return number;
}

static bool is_on_disk(int fd)
{
	const char *disk = getenv("VMM_DISK");
	char link[64], path[PATH_MAX] = "";

	g_snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return disk && readlink(link, path, sizeof(path) - 1) > 0 &&
	       strncmp(path, disk, strlen(disk)) == 0;
}

/* True, with errno: what would change FD fails. */
static bool fails(int fd)
{
	int number = is_on_disk(fd) ? fault() : 0;

	errno = number;
	return number != 0;
}

ssize_t write(int fd, const void *buf, size_t n)
{
	ssize_t (*f)(int, const void *, size_t) = real("write");

	return fails(fd) ? -1 : f(fd, buf, n);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	ssize_t (*f)(int, const void *, size_t, off_t) = real("pwrite");

	return fails(fd) ? -1 : f(fd, buf, n, at);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off_t at)
{
	ssize_t (*f)(int, const void *, size_t, off_t) = real("pwrite64");

	return fails(fd) ? -1 : f(fd, buf, n, at);
}

int ftruncate(int fd, off_t size)
{
	int (*f)(int, off_t) = real("ftruncate");

	return fails(fd) ? -1 : f(fd, size);
}

int ftruncate64(int fd, off_t size)
{
	int (*f)(int, off_t) = real("ftruncate64");

	return fails(fd) ? -1 : f(fd, size);
}

int fsync(int fd)
{
	int (*f)(int) = real("fsync");

	return fails(fd) ? -1 : f(fd);
}

int fdatasync(int fd)
{
	int (*f)(int) = real("fdatasync");

	return fails(fd) ? -1 : f(fd);
}
