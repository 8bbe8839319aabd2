#include "action/lock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>


enum { QUEUE = 64, PAUSE_US = 100000 };

/* By its hash: a name may be longer than an address, which has 107 bytes. */
static socklen_t address(const char *name, struct sockaddr_un *ret)
{
	g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);
	int n;

	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	n = g_snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "vmmexec/vm/%s", hash);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* The lock's socket, open until we end; -1: not ours yet. */
static int held = -1;

/* 1: taken. 0: another one has it. -1: an error, in errno. */
static int take(const struct sockaddr_un *addr, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)addr, len) == 0 && listen(fd, QUEUE) == 0) {
		held = fd;
		return 1;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return errno == EADDRINUSE ? 0 : -1;
}

/* Waits until the one that has it ends; says who that is. False: it has ended already. */
static bool wait_for_end(const struct sockaddr_un *addr, socklen_t len, int wait_ms, pid_t *ret_pid)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	bool there = fd >= 0 && connect(fd, (const struct sockaddr *)addr, len) == 0;

	if (there && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
		*ret_pid = peer.pid;
	if (there)
		poll(&p, 1, wait_ms);
	if (fd >= 0)
		close(fd);
	return there;
}

static char *program_of(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return g_strdup("another program");
	return g_strchomp(text);
}

bool lock_take(const char *name, unsigned wait_ms, GError **error)
{
	gint64 until_us = g_get_monotonic_time() + (gint64)wait_ms * 1000;
	g_autofree char *program = NULL;
	struct sockaddr_un addr;
	socklen_t len = address(name, &addr);
	pid_t pid = 0;

	if (held >= 0)		/* a VM of two names: the first is enough */
		return true;
	for (;;) {
		int taken = take(&addr, len);
		gint64 left_ms = (until_us - g_get_monotonic_time()) / 1000;

		if (taken > 0)
			return true;
		if (taken < 0)
			return vmm_fail_errno(error, errno, "cannot lock domain %s", name);
		if (left_ms <= 0)
			break;
		if (!wait_for_end(&addr, len, (int)left_ms, &pid))
			g_usleep(PAUSE_US);	/* it does not listen yet, or its queue is full */
	}
	program = program_of(pid);
	return vmm_fail(error, VMM_ERROR_BUSY, "domain %s is being worked on by %s (process %d)",
			name, program, (int)pid);
}
