/*
 * vtpm_setup - copies a virtual TPM's state between libvirt's place and the VM's directory; root's,
 * by sudo. Every directory and file is opened once, never through a link.
 *
 * Source: actions.md 22; pitfalls.md P-9, P-11.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/program.h"

enum { MAX_BYTES = 4 << 20 };

static const char libvirt_place[] = "/var/lib/libvirt/swtpm";
static const char state[] = "tpm2-00.permall";

/* Directory NAME below AT, made with MODE and OWNER's ids when it is not there and MAKE. -1. */
static int enter(int at, const char *name, bool make, mode_t mode, const struct stat *owner,
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

/* The state in directory FROM; NULL with VMM_ERROR_NOT_FOUND when there is none. */
static GString *take(int from, GError **error)
{
	int fd = openat(from, state, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	GString *bytes = NULL;

	if (fd < 0) {
		vmm_fail_errno(error, errno, "cannot open %s", state);
		return NULL;
	}
	/* A second name of it would be a way to read somebody else's file. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		vmm_fail(error, VMM_ERROR_INPUT, "%s is no plain file", state);
	else
		bytes = file_read_fd(fd, MAX_BYTES, state, error);
	close(fd);
	return bytes;
}

static bool give(int to, const char *name, const GString *bytes, mode_t mode,
		 const struct stat *owner, GError **error)
{
	g_autofree char *temp = g_strdup_printf(".%s.%d", name, (int)getpid());
	int fd = openat(to, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	bool ok = fd >= 0 && write(fd, bytes->str, bytes->len) == (ssize_t)bytes->len &&
		  fchmod(fd, mode) == 0 && fchown(fd, owner->st_uid, owner->st_gid) == 0 &&
		  fsync(fd) == 0 && renameat(to, temp, to, name) == 0;
	int cause = errno;

	if (fd >= 0)
		close(fd);
	if (!ok)
		unlinkat(to, temp, 0);
	return ok || vmm_fail_errno(error, cause, "cannot write %s", name);
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Whose the VM's directory is, his is the state. */
static bool recover(int place, int vm, const char *uuid, const struct stat *owner, GError **error)
{
	const struct stat root = { 0 };
	int from = enter(vm, "tpm", false, 0, NULL, error);
	GString *bytes = from >= 0 ? take(from, error) : NULL, *nothing = g_string_new(NULL);
	int own = bytes ? enter(place, uuid, true, 0711, &root, error) : -1;
	int to = own >= 0 ? enter(own, "tpm2", true, 0700, owner, error) : -1;
	const int fds[] = { from, own, to };
	bool ok = to >= 0 && give(to, ".lock", nothing, 0640, owner, error) &&
		  give(to, state, bytes, 0600, owner, error);

	if (bytes)
		g_string_free(bytes, TRUE);
	g_string_free(nothing, TRUE);
	close_all(fds, G_N_ELEMENTS(fds));
	return ok;
}

static bool backup(int place, int vm, const char *uuid, const struct stat *owner, GError **error)
{
	int own = enter(place, uuid, false, 0, NULL, error);
	int from = own >= 0 ? enter(own, "tpm2", false, 0, NULL, error) : -1;
	GString *bytes = from >= 0 ? take(from, error) : NULL;
	int to = bytes ? enter(vm, "tpm", true, 0700, owner, error) : -1;
	const int fds[] = { own, from, to };
	bool ok = to >= 0 && give(to, state, bytes, 0600, owner, error);

	if (bytes)
		g_string_free(bytes, TRUE);
	close_all(fds, G_N_ELEMENTS(fds));
	return ok;
}

static bool run(const char *verb, const char *uuid, const char *directory, GError **error)
{
	bool is_backup = g_str_equal(verb, "backup"), ok;
	int place, vm;
	struct stat owner;

	if (!is_backup && !g_str_equal(verb, "recover"))
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not backup or recover", verb);
	if (!g_uuid_string_is_valid(uuid))
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is no UUID", uuid);
	if (!g_path_is_absolute(directory))
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not absolute", directory);
	if (g_mkdir_with_parents(libvirt_place, 0711) < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", libvirt_place);
	place = open(libvirt_place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	vm = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0 || vm < 0 || fstat(vm, &owner) < 0)
		ok = vmm_fail_errno(error, errno, "cannot open %s", vm < 0 ? directory :
									     libvirt_place);
	else
		ok = is_backup ? backup(place, vm, uuid, &owner, error) :
				 recover(place, vm, uuid, &owner, error);
	close_all((const int[]){ place, vm }, 2);
	return ok;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	program_open_descriptors();
	program_become_root_copy("vtpm_setup", argv);
	if (argc != 4)
		vmm_fail(&error, VMM_ERROR_USAGE, "usage: vtpm_setup backup|recover UUID "
			 "DIRECTORY");
	else if (run(argv[1], argv[2], argv[3], &error))
		return 0;
	return program_fail("vtpm_setup", error);
}
