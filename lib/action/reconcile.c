/* SPDX-License-Identifier: Apache-2.0 */
#include "action/reconcile.h"

#include "virt/domain_job.h"
#include "virt/virt_error.h"

enum { RECONNECT_MS = 30000, BARRIER_MS = 60000 };

static bool is_alive(const struct action_ctx *ctx)
{
	return virConnectIsAlive(ctx->conn) == 1;
}

bool action_reconnect(struct action_ctx *ctx, GError **error)
{
	virConnect *conn = virt_open_again(ctx->uri, action_left_ms(ctx, RECONNECT_MS), error);

	if (!conn)
		return false;
	virt_close(ctx->conn);
	ctx->conn = conn;
	ctx->reconnected = true;

	return true;
}

/* OLD on a new connection; VMM_ERROR_NOT_FOUND: libvirt says that it is not there. */
static virDomain *reopen(struct action_ctx *ctx, virDomain *old, GError **error)
{
	char uuid[VIR_UUID_STRING_BUFLEN];

	if (virDomainGetUUIDString(old, uuid) < 0) {
		virt_fail(error, "cannot read the UUID of a domain");
		return NULL;
	}

	if (!action_reconnect(ctx, error))
		return NULL;

	return virt_domain(ctx->conn, uuid, NULL, error);
}

enum reconcile reconcile_domain(struct action_ctx *ctx, virDomain **dom, GError **error)
{
	g_autoptr(GError) cause = NULL;
	virDomain *again;
	bool gone;

	if (is_alive(ctx))
		return RECONCILE_ALIVE;
	again = reopen(ctx, *dom, &cause);
	if (again) {
		virDomainFree(*dom);
		*dom = again;
		return RECONCILE_REOPENED;
	}

	gone = vmm_is(cause, VMM_ERROR_NOT_FOUND);
	vmm_pass(error, &cause);

	return gone ? RECONCILE_GONE : RECONCILE_UNKNOWN;
}

enum reconcile reconcile_domain_idle(struct action_ctx *ctx, virDomain **dom, GError **error)
{
	enum reconcile found = reconcile_domain(ctx, dom, error);
	int operation;

	if (found != RECONCILE_REOPENED)
		return found;
	if (!virt_domain_barrier(*dom, action_left_ms(ctx, BARRIER_MS), &operation, error))
		return RECONCILE_UNKNOWN;

	return RECONCILE_REOPENED;
}

enum action_outcome reconcile_failure(const struct action_ctx *ctx)
{
	if (is_alive(ctx))
		return ACTION_FAILED;

	return ACTION_UNKNOWN;
}

/* Once only: a connection that is lost again and again is worth no third attempt. */
bool action_call_repeat(struct action_ctx *ctx, virDomain **dom, enum virt_call_result r,
			GError **cause)
{
	enum reconcile found;

	if (r != VIRT_CALL_FAILED)
		return false;
	if (ctx->reconnected)
		return false;

	found = reconcile_domain_idle(ctx, dom, NULL);
	if (found == RECONCILE_UNKNOWN)
		ctx->in_doubt = true;
	if (found != RECONCILE_REOPENED)
		return false;

	g_clear_error(cause);

	return true;
}

enum action_outcome action_judge(const struct action_ctx *ctx, enum virt_call_result r,
				 GError *cause, GError **error, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list ap;

	if (r == VIRT_CALL_OK)
		return ACTION_DONE;
	va_start(ap, format);
	what = g_strdup_vprintf(format, ap);
	va_end(ap);
	if (r == VIRT_CALL_TIMED_OUT)
		vmm_fail(&cause, VMM_ERROR_TIMEOUT, "its QEMU does not answer");
	g_propagate_prefixed_error(error, cause, "%s: ", what);
	if (r == VIRT_CALL_TIMED_OUT)
		return ACTION_UNKNOWN;
	if (ctx->in_doubt)
		return ACTION_UNKNOWN;

	return reconcile_failure(ctx);
}
