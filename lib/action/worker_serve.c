/* SPDX-License-Identifier: Apache-2.0 */
#include "action/worker_serve.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "action/worker_child.h"

/*
 * WORKER_MAX_MESSAGE bytes, on the heap: of other memory /proc/PID/cmdline shows nothing. Words
 * point into it; the next order comes only into the worker's own.
 */
static char *message;

static bool send_list(int fd, const struct worker_action *table, GError **error)
{
	g_autofree char *begin = worker_list_begin(VMM_VERSION);
	g_autoptr(GString) text = g_string_new(begin);

	for (const struct worker_action *a = table; a->name; a++)
		g_string_append_printf(text, "%s %s\n", a->name, a->identity);
	if (send(fd, text->str, text->len, MSG_NOSIGNAL) == (ssize_t)text->len)
		return true;

	return vmm_fail_errno(error, errno, "standard input is no socket of a relay");
}

static const struct worker_action *find_action(const struct worker_action *table, const char *path)
{
	g_autofree char *name = g_path_get_basename(path);

	for (const struct worker_action *a = table; a->name; a++)
		if (g_str_equal(a->name, name))
			return a;

	return NULL;
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* The next order's bytes and descriptors. 0: no more come; -1: one that is not to be understood. */
static ssize_t receive(int fd, int fds[WORKER_FDS])
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(WORKER_FDS * sizeof(int))];
	} control;
	struct iovec data = { message, WORKER_MAX_MESSAGE };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	const struct cmsghdr *c;
	size_t got = 0;
	ssize_t n;

	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);

	if (n <= 0)
		return 0;

	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), got * sizeof(int));
	}

	if (got == WORKER_FDS && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return n;

	close_all(fds, got);

	return -1;
}

/*
 * Tells the relay which process was made: the relay must wait for it, whether it gets ready or not.
 */
static void say_made(int gate, int pid)
{
	const struct worker_word word = { .pid = pid };

	/* Nobody listens any more: the process has been refused, and ends. */
	send(gate, &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* True in the child. What goes wrong is seen by the gate, which then ends. */
static bool make_step(const struct worker_action *table, ssize_t size, const int fds[WORKER_FDS],
		 struct worker_step *ret)
{
	const struct worker_action *found;
	struct worker_order order;
	int pid = -1;

	if (!worker_order_parse(message, (size_t)size, &order))
		return false;

	found = find_action(table, order.argv[0]);
	if (found)
		pid = worker_child_make();
	if (pid > 0)
		say_made(fds[WORKER_GATE], pid);
	if (pid == 0) {
		worker_child_become(&order, fds);
		*ret = (struct worker_step){ found->self,
					     (int)g_strv_length((char **)order.argv),
					     (char **)order.argv };
		return true;
	}

	g_free((void *)order.argv);
	g_free((void *)order.env);

	return false;
}

bool worker_serve(int fd, const struct worker_action *table, struct worker_step *ret,
		  GError **error)
{
	int fds[WORKER_FDS];
	ssize_t size;

	if (!worker_child_possible(error))
		return false;
	if (!send_list(fd, table, error))
		return false;

	message = g_malloc(WORKER_MAX_MESSAGE);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);	/* a stopped one would not see FD's end */
	while ((size = receive(fd, fds)) != 0) {
		if (size < 0)
			continue;
		if (make_step(table, size, fds, ret))
			return true;

		close_all(fds, WORKER_FDS);
	}

	return false;
}
