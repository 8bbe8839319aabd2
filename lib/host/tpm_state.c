/* SPDX-License-Identifier: Apache-2.0 */
#include "host/tpm_state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { MAX_BYTES = 4 << 20 };

static const char libvirt_place[] = "/var/lib/libvirt/swtpm";

/* Where libvirt has the state of a TPM of each version, and what it is called. */
static const struct kind {
	const char *dir, *file;
} kinds[] = { { "tpm2", "tpm2-00.permall" }, { "tpm1.2", "tpm-00.permall" } };

/* Opens directory NAME below AT; MAKE: makes it, with MODE and OWNER's ids. -1: ERROR is set. */
static int open_dir_at(int at, const char *name, bool make, mode_t mode, const struct stat *owner,
		       GError **error)
{
	int fd;

	if (make && mkdirat(at, name, mode) < 0 && errno != EEXIST) {
		vmm_fail_errno(error, errno, "cannot make %s", name);
		return -1;
	}

	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (make && (fchmod(fd, mode) < 0 ||
				fchown(fd, owner->st_uid, owner->st_gid) < 0))) {
		vmm_fail_errno(error, errno, "cannot open %s", name);
		if (fd >= 0)
			close(fd);
		return -1;
	}

	return fd;
}

/* A state, and when it was written. BYTES NULL: there is none. */
struct state {
	GString *bytes;
	struct timespec time;
};

static void state_clear(struct state *s)
{
	if (s->bytes)
		g_string_free(s->bytes, TRUE);
	s->bytes = NULL;
}

/* State FILE in directory FROM (-1: none is there); to be cleared. False: it cannot be had. */
static bool read_state(int from, const char *file, struct state *ret, GError **error)
{
	int fd = from < 0 ? -1 : openat(from, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					O_CLOEXEC);
	struct stat st;

	*ret = (struct state){ 0 };
	if (from < 0)
		return true;
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot open %s", file);
	/* A second name of it would be a way to read another user's file. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		vmm_fail(error, VMM_ERROR_INPUT, "%s is not a regular file", file);
	else
		ret->bytes = file_read_fd(fd, MAX_BYTES, file, error);
	ret->time = st.st_mtim;
	close(fd);

	return ret->bytes != NULL;
}

static bool is_newer(const struct state *a, const struct state *b)
{
	if (a->time.tv_sec != b->time.tv_sec)
		return a->time.tv_sec > b->time.tv_sec;
	return a->time.tv_nsec > b->time.tv_nsec;
}

/* Writes S as NAME in directory TO, whole or not at all, with the time that S has. */
static bool write_state(int to, const char *name, const struct state *s, mode_t mode,
			const struct stat *owner, GError **error)
{
	const struct timespec times[] = { s->time, s->time };
	const GString *bytes = s->bytes;
	g_autofree char *random = g_uuid_string_random();
	g_autofree char *temp = g_strdup_printf(".%s.%s", name, random);
	int fd = openat(to, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	bool ok = fd >= 0 && file_write_fd(fd, bytes->str, bytes->len) &&
		  fchmod(fd, mode) == 0 && fchown(fd, owner->st_uid, owner->st_gid) == 0 &&
		  futimens(fd, times) == 0 && fsync(fd) == 0 &&
		  renameat(to, temp, to, name) == 0 && fsync(to) == 0;
	int cause = errno;

	if (fd >= 0)
		close(fd);
	if (ok)
		return true;

	if (fd >= 0)
		unlinkat(to, temp, 0);

	return vmm_fail_errno(error, cause, "cannot write %s", name);
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* A directory below AT that need not be there: -1 without ERROR then. */
static int open_dir_if_there(int at, const char *name, GError **error)
{
	struct stat st;

	if (at < 0 || (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT))
		return -1;
	return open_dir_at(at, name, false, 0, NULL, error);
}

/* Both states of one kind. The directories, or -1, are the caller's to close. */
struct pair {
	const struct kind *kind;
	int own, here, copies;		/* PLACE/UUID, what is in it, and DIR/tpm */
	struct state live, copy;
};

static void pair_clear(struct pair *p)
{
	const int fds[] = { p->own, p->here, p->copies };

	close_all(fds, G_N_ELEMENTS(fds));
	state_clear(&p->live);
	state_clear(&p->copy);
}

/* VM -1: the copy is of no matter. */
static bool pair_open(struct pair *p, int place, int vm, const char *uuid, const struct kind *kind,
		      GError **error)
{
	g_autoptr(GError) cause = NULL;

	*p = (struct pair){ .kind = kind, .own = -1, .here = -1, .copies = -1 };
	p->own = open_dir_if_there(place, uuid, &cause);
	if (!cause)
		p->here = open_dir_if_there(p->own, kind->dir, &cause);
	if (!cause)
		p->copies = open_dir_if_there(vm, "tpm", &cause);
	if (!cause && read_state(p->here, kind->file, &p->live, error))
		return read_state(p->copies, kind->file, &p->copy, error);
	if (cause)
		vmm_pass(error, &cause);

	return false;
}

/* The owner of the VM's directory becomes the owner of the state. */
static bool recover(const struct pair *p, int place, const char *uuid, const struct stat *owner,
		    GError **error)
{
	const struct stat root = { 0 };
	const struct state nothing = { .bytes = g_string_new(NULL), .time = p->copy.time };
	int own = open_dir_at(place, uuid, true, 0711, &root, error);
	int to = own >= 0 ? open_dir_at(own, p->kind->dir, true, 0700, owner, error) : -1;
	const int fds[] = { own, to };
	bool ok = to >= 0 && write_state(to, ".lock", &nothing, 0640, owner, error) &&
		  write_state(to, p->kind->file, &p->copy, 0600, owner, error);

	g_string_free(nothing.bytes, TRUE);
	close_all(fds, G_N_ELEMENTS(fds));

	return ok;
}

static bool backup(const struct pair *p, int vm, const struct stat *owner, GError **error)
{
	int to = open_dir_at(vm, "tpm", true, 0700, owner, error);
	bool ok = to >= 0 && write_state(to, p->kind->file, &p->live, 0600, owner, error);

	close_all(&to, 1);

	return ok;
}

static bool forget(const struct pair *p, int place, const char *uuid, GError **error)
{
	if (!p->copy.bytes || !g_string_equal(p->live.bytes, p->copy.bytes))
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s: its copy differs",
				p->kind->file);
	if (unlinkat(p->here, p->kind->file, 0) < 0)
		return vmm_fail_errno(error, errno, "cannot remove %s", p->kind->file);
	/* A directory with other files stays. */
	unlinkat(p->here, ".lock", 0);
	if (unlinkat(p->own, p->kind->dir, AT_REMOVEDIR) == 0)
		unlinkat(place, uuid, AT_REMOVEDIR);

	return true;
}

/* From libvirt's place to the VM's directory; KEEP: unless the copy there is newer. */
static bool copy_out(const struct pair *p, bool keep, int vm, const struct stat *owner,
		     GError **error)
{
	if (keep && p->copy.bytes && is_newer(&p->copy, &p->live))
		return true;

	return backup(p, vm, owner, error);
}

/* From the VM's directory to libvirt's place; unless REPLACE, what is newer there stays. */
static bool copy_in(const struct pair *p, bool replace, int place, const char *uuid,
		    const struct stat *owner, GError **error)
{
	if (!replace && p->live.bytes && !is_newer(&p->copy, &p->live))
		return true;

	return recover(p, place, uuid, owner, error);
}

/* What is asked for, with the states of one VM. */
struct task {
	const char *verb, *uuid;
	bool comes;		/* the state is copied to where libvirt has it, else from there */
	int place, vm;		/* libvirt's directory of states, and the VM's: descriptors */
};

/* Does what T says with the two states in P. */
static bool do_pair(const struct task *t, const struct pair *p, GError **error)
{
	struct stat owner;

	if (fstat(t->vm, &owner) < 0)
		return vmm_fail_errno(error, errno, "cannot read a directory");

	if (g_str_equal(t->verb, "forget"))
		return forget(p, t->place, t->uuid, error);
	if (g_str_equal(t->verb, "recover"))
		return copy_in(p, false, t->place, t->uuid, &owner, error);
	if (g_str_equal(t->verb, "replace"))
		return copy_in(p, true, t->place, t->uuid, &owner, error);

	return copy_out(p, g_str_equal(t->verb, "keep"), t->vm, &owner, error);
}

/* Does it with the state of one kind, if there is one; RET_ANY is set then. */
static bool do_kind(const struct task *t, const struct kind *kind, bool *ret_any, GError **error)
{
	int vm = g_str_equal(t->verb, "backup") ? -1 : t->vm;
	bool is_there, ok;
	struct pair p;

	if (!pair_open(&p, t->place, vm, t->uuid, kind, error)) {
		pair_clear(&p);
		return false;
	}

	if (t->comes)
		is_there = p.copy.bytes != NULL;
	else
		is_there = p.live.bytes != NULL;
	if (is_there)
		*ret_any = true;
	ok = !is_there || do_pair(t, &p, error);
	pair_clear(&p);

	return ok;
}

static bool check_words(const char *verb, const char *uuid, const char *directory, GError **error)
{
	static const char *const verbs[] = { "backup", "keep", "recover", "replace",
					     "forget", NULL };

	if (!g_strv_contains(verbs, verb))
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not backup, keep, recover, "
				"replace or forget", verb);
	if (!g_uuid_string_is_valid(uuid))
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not a UUID", uuid);

	return g_path_is_absolute(directory) ||
	       vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not absolute", directory);
}

static int open_dir(const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		vmm_fail_errno(error, errno, "cannot open %s", path);

	return fd;
}

/* Does what T says with the states of all kinds. */
static bool do_all(const struct task *t, const char *directory, GError **error)
{
	bool any = false;

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (!do_kind(t, &kinds[i], &any, error))
			return false;

	if (any || g_str_equal(t->verb, "forget"))
		return true;
	if (t->comes)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "there is no state of a TPM in %s/tpm",
				directory);

	return vmm_fail(error, VMM_ERROR_NOT_FOUND, "there is no state of a TPM in %s",
			libvirt_place);
}

bool tpm_state_run(const char *verb, const char *uuid, const char *directory, GError **error)
{
	struct task t = { .verb = verb, .uuid = uuid, .place = -1, .vm = -1 };
	bool ok;

	if (!check_words(verb, uuid, directory, error))
		return false;
	if (g_mkdir_with_parents(libvirt_place, 0711) < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", libvirt_place);

	t.comes = g_str_equal(verb, "recover") || g_str_equal(verb, "replace");
	t.vm = open_dir(directory, error);
	if (t.vm >= 0)
		t.place = open_dir(libvirt_place, error);
	ok = t.place >= 0 && do_all(&t, directory, error);
	close_all((const int[]){ t.place, t.vm }, 2);

	return ok;
}
