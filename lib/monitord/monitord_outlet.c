/* SPDX-License-Identifier: Apache-2.0 */
#include "monitord/monitord_outlet.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"

struct monitord_outlet {
	struct sockaddr_storage address;
	socklen_t len;
	int udp;
	char *name;		/* "10.0.0.1 port 4124" */
};

MonitordOutlet *monitord_outlet_new(const MonitordStart *start, GError **error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;
	g_autoptr(MonitordOutlet) o = g_new0(MonitordOutlet, 1);
	int rc = getaddrinfo(start->address, start->port, &hints, &found);

	o->udp = -1;
	o->name = g_strdup_printf("%s port %s", start->address, start->port);
	if (rc != 0) {
		vmm_fail(error, VMM_ERROR_CONNECTION, "cannot find monitord at %s: %s", o->name,
			 gai_strerror(rc));
		return NULL;
	}

	memcpy(&o->address, found->ai_addr, found->ai_addrlen);
	o->len = found->ai_addrlen;
	freeaddrinfo(found);
	o->udp = socket(o->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (o->udp >= 0)
		return g_steal_pointer(&o);

	vmm_fail_errno(error, errno, "cannot make a socket for monitord at %s", o->name);

	return NULL;
}

void monitord_outlet_free(MonitordOutlet *o)
{
	if (!o)
		return;

	if (o->udp >= 0)
		close(o->udp);
	g_free(o->name);
	g_free(o);
}

/* Waits until FD can be written to, or has an error, which errno then is. */
static bool writable(int fd, gint64 until_us)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int cause = 0;

	if (poll(&p, 1, (int)deadline_left_ms(until_us)) <= 0) {
		errno = ETIMEDOUT;
		return false;
	}

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &len) < 0)
		return false;
	errno = cause;

	return cause == 0;
}

static bool write_all(int fd, const char *text, gint64 until_us)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

		if (n > 0) {
			text += n;
			left -= (size_t)n;
			continue;
		}

		if (errno != EAGAIN && errno != EINTR)
			return false;
		if (!writable(fd, until_us))
			return false;
	}

	return true;
}

/* monitord reads until the end of the connection. */
static bool send_tcp(const MonitordOutlet *o, const char *line, gint64 until_us)
{
	int fd = socket(o->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool ok = fd >= 0 && connect(fd, (const struct sockaddr *)&o->address, o->len) == 0;
	int cause;

	if (fd >= 0 && !ok && errno == EINPROGRESS)
		ok = writable(fd, until_us);
	ok = ok && write_all(fd, line, until_us);
	cause = errno;
	if (fd >= 0)
		close(fd);
	errno = cause;

	return ok;
}

bool monitord_send(const MonitordOutlet *o, const struct monitord_message *m, unsigned limit_ms,
		   GError **error)
{
	bool ok;

	if (m->tcp)
		ok = send_tcp(o, m->line, deadline_in_ms(limit_ms));
	else
		ok = sendto(o->udp, m->line, strlen(m->line), 0,
			    (const struct sockaddr *)&o->address, o->len) >= 0;
	if (ok)
		return true;

	return vmm_fail(error, VMM_ERROR_CONNECTION, "cannot send to monitord at %s by %s: %s",
			o->name, m->tcp ? "TCP" : "UDP", g_strerror(errno));
}
