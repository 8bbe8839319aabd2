/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <unistd.h>

#include "action/action.h"
#include "action/lock.h"
#include "action/abort.h"
#include "base/file.h"
#include "virt/domain_job.h"

enum { MAX_STDIN = 64 << 20, RECONNECT_MS = 30000, REST_MS = 60000 };

enum { DEPLOY_ID, VM_ID = 2, LOCK_MS = 60000 };

void action_print(struct action_ctx *ctx, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_string_append_vprintf(ctx->out, format, ap);
	va_end(ap);
}

unsigned action_left_ms(const struct action_ctx *ctx, unsigned cap_ms)
{
	gint64 left = (ctx->deadline_us - g_get_monotonic_time()) / 1000;

	return (unsigned)CLAMP(left, 1, (gint64)cap_ms);
}

void action_on_abort(enum action_outcome outcome, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list ap;

	va_start(ap, format);
	what = g_strdup_vprintf(format, ap);
	va_end(ap);
	abort_outcome(outcome, what);
}

const char *action_arg(const struct action_ctx *ctx, int i)
{
	for (int n = 0; ctx->arg[n]; n++)
		if (n == i)
			return ctx->arg[n];
	return NULL;
}

virDomain *action_domain(const struct action_ctx *ctx, GError **error)
{
	const char *vm_id = action_arg(ctx, action.vm_id ? action.vm_id : VM_ID);
	g_autoptr(GError) cause = NULL;
	virDomain *dom = virt_domain(ctx->conn, ctx->arg[DEPLOY_ID], vm_id, &cause);
	g_autofree char *name = NULL;

	if (dom)
		return dom;
	if (action.takes_namesake && vmm_is(cause, VMM_ERROR_EXISTS)) {
		name = g_strdup_printf("one-%s", vm_id);
		action_log("INFO", "%s", cause->message);
		return virt_domain(ctx->conn, name, NULL, error);
	}

	vmm_pass(error, &cause);

	return NULL;
}

virDomain *action_domain_alone(const struct action_ctx *ctx, GError **error)
{
	g_autoptr(virDomain) dom = action_domain(ctx, error);

	if (!dom || ctx->dry_run)
		return g_steal_pointer(&dom);
	if (!lock_take(virDomainGetName(dom), action_left_ms(ctx, LOCK_MS), error))
		return NULL;

	return g_steal_pointer(&dom);
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

virDomain *action_domain_reopen(struct action_ctx *ctx, virDomain *old, GError **error)
{
	char uuid[VIR_UUID_STRING_BUFLEN];

	if (virDomainGetUUIDString(old, uuid) < 0)
		return NULL;
	if (!action_reconnect(ctx, error))
		return NULL;

	return virt_domain(ctx->conn, uuid, NULL, error);
}

virDomain *action_domain_reopen_idle(struct action_ctx *ctx, virDomain *old, GError **error)
{
	g_autoptr(virDomain) dom = action_domain_reopen(ctx, old, error);
	bool goes_on;

	if (!dom)
		return NULL;
	if (!virt_domain_barrier(dom, action_left_ms(ctx, REST_MS), &goes_on, error))
		return NULL;

	return g_steal_pointer(&dom);
}

bool action_call_repeat(struct action_ctx *ctx, virDomain **dom, enum virt_call_result r,
			GError **cause)
{
	g_autoptr(GError) why = NULL;
	virDomain *again;

	if (r != VIRT_CALL_FAILED)
		return false;
	if (ctx->reconnected)
		return false;
	if (virConnectIsAlive(ctx->conn) == 1)
		return false;
	again = action_domain_reopen_idle(ctx, *dom, &why);
	if (!again) {
		ctx->unsettled = !vmm_is(why, VMM_ERROR_NOT_FOUND);
		return false;
	}

	virDomainFree(*dom);
	*dom = again;
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
	if (ctx->unsettled)
		return ACTION_UNKNOWN;
	if (virConnectIsAlive(ctx->conn) != 1)
		return ACTION_UNKNOWN;

	return ACTION_FAILED;
}

static bool is_silent(unsigned wait_ms)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&p, 1, (int)wait_ms) == 0;
}

GString *action_stdin(unsigned wait_ms, GError **error)
{
	GString *text;
	gsize len;

	if (isatty(STDIN_FILENO) || is_silent(wait_ms))
		return g_string_new(NULL);
	text = file_read_fd(STDIN_FILENO, MAX_STDIN, "stdin", error);
	if (!text)
		return NULL;
	if (*g_strchug(text->str) && *text->str != '<') {
		text->len = strlen(text->str);
		g_base64_decode_inplace(text->str, &len);
		g_string_truncate(text, len);
	}

	text->len = strlen(text->str);

	return text;
}
