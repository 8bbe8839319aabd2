/* SPDX-License-Identifier: Apache-2.0 */
#include "base/run_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/program.h"
#include "base/text.h"

#define USER "oneadmin"

struct user {
	struct passwd row;
	char text[4096];
	bool known;
};

static void user_of(uid_t uid, struct user *ret)
{
	struct passwd *found = NULL;

	ret->known = getpwuid_r(uid, &ret->row, ret->text, sizeof ret->text, &found) == 0 && found;
}

static uid_t find_our_user(void)
{
	g_autofree char *self = program_path();
	g_autofree char *dir = NULL;
	struct passwd *found = NULL;
	struct user user;
	struct stat st;

	if (self)
		dir = g_path_get_dirname(self);

	if (getuid() != 0)
		return getuid();
	if (dir && stat(dir, &st) == 0 && st.st_uid != 0)
		return st.st_uid;
	if (getpwnam_r(USER, &user.row, user.text, sizeof user.text, &found) != 0)
		return 0;
	if (found)
		return found->pw_uid;

	return 0;
}

/*
 * The user whose actions these are: root runs those of the user who owns the programs. It is found
 * out once, because a directory service is slow and a program that watches asks for each VM.
 */
static struct {
	GOnce once;
	uid_t uid;
	char *home;
} ours = { .once = G_ONCE_INIT };

static gpointer find_ours(gpointer unused G_GNUC_UNUSED)
{
	struct user user;

	ours.uid = find_our_user();
	user_of(ours.uid, &user);
	ours.home = g_strdup(user.known ? user.row.pw_dir : "/");

	return NULL;
}

static uid_t our_user(void)
{
	g_once(&ours.once, find_ours, NULL);

	return ours.uid;
}

static const char *our_home(void)
{
	g_once(&ours.once, find_ours, NULL);

	return ours.home;
}

static bool is_trusted(const struct stat *st, mode_t others)
{
	if (st->st_uid != 0 && st->st_uid != our_user())
		return false;
	return !(st->st_mode & others);
}

bool run_directory_is_trusted(const struct stat *st)
{
	return is_trusted(st, S_IWGRP | S_IWOTH);
}

/* What root makes is our user's. */
static void give_to_user(int fd)
{
	if (getuid() == 0 && fchown(fd, our_user(), (gid_t)-1) < 0)
		errno = 0;	/* root can use it, and our user has another place */
}

static int open_directory(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool make_directory(const char *path, mode_t mode)
{
	int fd;

	if (mkdir(path, mode) < 0)
		return errno == EEXIST;

	fd = open_directory(AT_FDCWD, path);
	if (fd >= 0) {
		give_to_user(fd);
		close(fd);
	}

	return true;
}

void run_directory_hint(GError **error)
{
	struct user user, owner;
	g_autofree char *whose = NULL;
	const char *name;
	struct stat st;

	user_of(our_user(), &user);
	if (user.known)
		name = user.row.pw_name;
	else
		name = USER;
	if (stat(RUN_DIRECTORY, &st) == 0) {
		user_of(st.st_uid, &owner);
		whose = g_strdup_printf(", which belongs to %s,",
					owner.known ? owner.row.pw_name : "another user");
	}

	vmm_error_set_hint(error,
			   "%s%s must be %s's: as root, write 'd %s 0755 %s %s -' to "
			   "/etc/tmpfiles.d/vmmexec.conf and run systemd-tmpfiles --create",
			   RUN_DIRECTORY, text_or(whose, ""), name, RUN_DIRECTORY, name, name);
}

bool run_directory_make(GError **error)
{
	if (make_directory(RUN_DIRECTORY, 0755))
		return true;
	vmm_fail_errno(error, errno, "cannot make directory %s", RUN_DIRECTORY);
	run_directory_hint(error);

	return false;
}

static int open_file(int dir, const char *name, bool make)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
	int fd;

	if (!make)
		return openat(dir, name, flags);

	fd = openat(dir, name, flags | O_CREAT | O_EXCL, 0600);
	if (fd >= 0)
		give_to_user(fd);
	else if (errno == EEXIST)
		fd = openat(dir, name, flags);

	return fd;
}

enum making { MAKE_NOTHING, MAKE_FILE, MAKE_ALL };

/* The file NAME in SUB, 0700, in directory BASE; -1: not to be had, or strangers might reach it. */
static int open_lock(const char *base, const char *sub, const char *name, enum making make)
{
	int at = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC), dir = -1, fd = -1;
	struct stat st;

	if (at >= 0 && fstat(at, &st) == 0 && is_trusted(&st, S_IWOTH)) {
		bool made = make == MAKE_ALL && mkdirat(at, sub, 0700) == 0;

		dir = open_directory(at, sub);
		if (made && dir >= 0)
			give_to_user(dir);
	}

	if (dir >= 0 && fstat(dir, &st) == 0 && is_trusted(&st, S_IRWXG | S_IRWXO))
		fd = open_file(dir, name, make != MAKE_NOTHING);
	if (dir >= 0)
		close(dir);
	if (at >= 0)
		close(at);

	return fd;
}

/*
 * Our user may have locked a file in his home before root made the common directory: so everyone
 * locks the second place, too, once it exists.
 */
static int open_both(const char *name, int ret[RUN_DIRECTORY_LOCKS], const char *home, bool make)
{
	g_autofree char *sub = g_strdup_printf(".vmmexec-locks-%s", g_get_host_name());
	int n = 0, fd;

	fd = open_lock(RUN_DIRECTORY, "vm-locks", name, make ? MAKE_ALL : MAKE_NOTHING);
	if (fd >= 0)
		ret[n++] = fd;

	if (!make)
		fd = open_lock(home, sub, name, MAKE_NOTHING);
	else
		fd = open_lock(home, sub, name, n == 0 ? MAKE_ALL : MAKE_FILE);
	if (fd >= 0)
		ret[n++] = fd;

	return n;
}

int run_directory_open_locks(const char *name, int ret[RUN_DIRECTORY_LOCKS], GError **error)
{
	int n;

	make_directory(RUN_DIRECTORY, 0755);
	n = open_both(name, ret, our_home(), true);
	if (n == 0) {
		vmm_fail(error, VMM_ERROR_PERMISSION, "no lock can be kept in %s nor in %s",
			 RUN_DIRECTORY, our_home());
		run_directory_hint(error);
	}

	return n;
}

int run_directory_find_locks(const char *name, int ret[RUN_DIRECTORY_LOCKS])
{
	return open_both(name, ret, our_home(), false);
}
