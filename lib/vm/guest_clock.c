/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/guest_clock.h"

#include <unistd.h>

#include "base/child.h"
#include "base/program.h"
#include "virt/virt_error.h"
#include "virt/timed_call.h"

enum { TRIES = 4, PAUSE_S = 5, ANSWER_MS = 10000, OPEN_MS = 10000, END_S = 90 };

void guest_clock_start(const struct action_ctx *ctx, const char *uri, virDomain *dom)
{
	char uuid[VIR_UUID_STRING_BUFLEN];
	const char *argv[] = { "/proc/self/exe", "--connect", uri, "--sync-time", uuid, NULL };
	g_autofree char *self = program_path();
	g_autoptr(GError) cause = NULL;

	if (!conf_kvmrc_bool(ctx->rc, "SYNC_TIME") || virDomainGetUUIDString(dom, uuid) < 0)
		return;
	if (self)
		argv[0] = self;
	if (!child_detach(argv, NULL, &cause))
		action_log("WARN", "the guest's clock is not set: %s", cause->message);
}

static void release(void *data)
{
	virDomainFree(data);
}

static bool set(void *data, GError **error)
{
	if (virDomainSetTime(data, 0, 0, VIR_DOMAIN_TIME_SYNC) == 0)
		return true;

	return virt_fail(error, "cannot set the clock of domain %s", virDomainGetName(data));
}

int guest_clock_set(const char *uri, const char *uuid)
{
	g_autoptr(virConnect) conn = NULL;

	alarm(END_S);		/* no parent is left that could end us */
	if (uri)
		conn = virt_open(uri, OPEN_MS, NULL);
	else
		conn = NULL;
	for (int i = 0; conn && i < TRIES; i++) {
		virDomain *dom = virt_domain(conn, uuid, NULL, NULL);
		enum virt_call_result r;

		if (!dom)
			return 1;
		r = virt_call(set, dom, release, ANSWER_MS, NULL);
		if (r == VIRT_CALL_TIMED_OUT)	/* what was asked for is still asked for */
			_exit(1);
		virDomainFree(dom);
		if (r == VIRT_CALL_OK)
			return 0;
		sleep(PAUSE_S);
	}

	return 1;
}
