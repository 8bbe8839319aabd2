/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nfs.so - all files are as on an NFS mount, for LD_PRELOAD: flock() is a lock of fcntl() on the
 * whole file, nothing is renamed without replacing, and a name that is removed while this process
 * has the file open becomes another one until it is closed. No time of birth is said, unless
 * NFS_BIRTH is set; with NFS_INODE all files have that number, as if each got it of the one before,
 * and other handles; with NFS_MOUNT the handles of another mount.
 *
 * Source: flock(2), rename(2), nfs(5), name_to_handle_at(2); the kernel's fs/nfs/unlink.c.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What glibc has for programs of GNU only. */
enum { SET_LOCK = 37, SET_LOCK_WAIT = 38 };

struct file_handle {
	unsigned int handle_bytes;
	int handle_type;
	unsigned char f_handle[];
};

static char silly[PATH_MAX];	/* the newest of those names; "": none */
static struct stat silly_file;

int flock(int fd, int operation)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (operation & LOCK_EX)
		lock.l_type = F_WRLCK;
	else if (operation & LOCK_SH)
		lock.l_type = F_RDLCK;

	return fcntl(fd, operation & LOCK_NB ? SET_LOCK : SET_LOCK_WAIT, &lock);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	if (!flags)
		return renameat(from_dir, from, to_dir, to);
	errno = EINVAL;

	return -1;
}

/* Which file it is, whatever its number is said to be. */
struct nfs_handle {
	unsigned long long inode;
	long long born_s;
	unsigned int born_ns, mount;
};

static int real_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *ret)
{
	int (*real)(int, const char *, int, unsigned int, struct statx *) =
		dlsym(RTLD_NEXT, "statx");

	return real(dir, path, flags, mask, ret);
}

int statx(int dir, const char *path, int flags, unsigned int mask, struct statx *ret)
{
	const char *inode = getenv("NFS_INODE");
	int rc = real_statx(dir, path, flags, mask, ret);

	if (rc < 0)
		return rc;
	if (inode)
		ret->stx_ino = strtoull(inode, NULL, 10);
	if (!getenv("NFS_BIRTH"))
		ret->stx_mask &= ~(unsigned int)STATX_BTIME;

	return rc;
}

int name_to_handle_at(int dir, const char *path, struct file_handle *ret, int *mount, int flags)
{
	struct nfs_handle handle = { .mount = getenv("NFS_MOUNT") != NULL };
	struct statx st;

	if (real_statx(dir, path, flags, STATX_INO | STATX_BTIME, &st) < 0)
		return -1;

	handle.inode = st.stx_ino;
	handle.born_s = st.stx_btime.tv_sec;
	handle.born_ns = st.stx_btime.tv_nsec;
	*mount = 1;
	ret->handle_type = 1;
	ret->handle_bytes = sizeof(handle);
	memcpy(ret->f_handle, &handle, sizeof(handle));

	return 0;
}

static int is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int is_open(const struct stat *file)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	struct stat st;
	int found = 0;

	while (!found && (entry = readdir(dir)))
		found = fstat((int)strtol(entry->d_name, NULL, 10), &st) == 0 && is_same(&st, file);
	closedir(dir);

	return found;
}

int unlink(const char *path)
{
	int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash + 1 - path) : 0;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1 || !is_open(&st))
		return real(path);

	silly_file = st;
	snprintf(silly, sizeof(silly), "%.*s.nfs%016llx", len, path, (unsigned long long)st.st_ino);

	return rename(path, silly);
}

int close(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "close");
	int (*remove_name)(const char *) = dlsym(RTLD_NEXT, "unlink");
	struct stat st;
	int is_silly = *silly && fstat(fd, &st) == 0 && is_same(&st, &silly_file);
	int rc = real(fd);

	if (is_silly) {
		remove_name(silly);
		*silly = '\0';
	}

	return rc;
}
