/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <unistd.h>

#include "action/action.h"
#include "action/lock.h"
#include "action/abort.h"
#include "base/deadline.h"
#include "base/file.h"

enum { MAX_STDIN = 64 << 20 };

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
	unsigned left_ms = deadline_left_ms(ctx->deadline_us);

	return CLAMP(left_ms, 1, cap_ms);
}

gint64 action_until_us(const struct action_ctx *ctx, gint64 cap_ms, gint64 reserve_ms)
{
	return MIN(deadline_in_ms(cap_ms), ctx->deadline_us - reserve_ms * 1000);
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
	const struct action *self = action_self();
	const char *vm_id = action_arg(ctx, self->vm_id ? self->vm_id : VM_ID);
	g_autoptr(GError) cause = NULL;
	virDomain *dom = virt_domain(ctx->conn, ctx->arg[DEPLOY_ID], vm_id, &cause);
	g_autofree char *name = NULL;

	if (dom)
		return dom;
	if (self->takes_namesake && vmm_is(cause, VMM_ERROR_EXISTS)) {
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
