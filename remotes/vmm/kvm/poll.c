/* SPDX-License-Identifier: Apache-2.0 */
/* poll - prints states and usage of one VM or of all, for OpenNebula 5. */
#include "action/action.h"
#include "monitor/poll_format.h"
#include "monitor/stats.h"

enum { DEPLOY_ID, LIMIT_MS = 3000, SAMPLE_US = 1000000 };

static gboolean as_template;

static const GOptionEntry options[] = {
	{ "template", 't', 0, G_OPTION_ARG_NONE, &as_template,
	  "Print all VMs, also those that can be imported", NULL },
	{ 0 }
};

static bool gather(struct action_ctx *ctx, virDomain *dom, GPtrArray **ret, GError **error)
{
	gint64 started_us = g_get_monotonic_time(), left_us;
	g_autoptr(GPtrArray) list = stats_list(ctx->conn, dom, error);
	g_autoptr(StatsCpuTimes) times = stats_cpu_times_new();

	if (!list)
		return false;
	stats_cpu(list, times);
	stats_detail(list, ctx->uri, action_left_ms(ctx, LIMIT_MS));
	left_us = started_us + SAMPLE_US - g_get_monotonic_time();
	if (left_us > 0 && list->len)
		g_usleep((gulong)left_us);
	stats_cpu(list, times);
	for (guint i = 0; i < list->len; i++) {
		const struct stats *s = list->pdata[i];

		if (s->fault)
			action_log("WARN", "domain %s: %s", s->name, s->fault);
	}

	*ret = g_steal_pointer(&list);
	return true;
}

static enum action_outcome run_poll(struct action_ctx *ctx, GError **error)
{
	bool one = !as_template && ctx->arg[DEPLOY_ID];
	g_autoptr(GError) cause = NULL;
	g_autoptr(virDomain) dom = one ? action_domain(ctx, &cause) : NULL;
	g_autoptr(GPtrArray) list = NULL;
	struct virt_state state = { 0 };

	if (vmm_is(cause, VMM_ERROR_NOT_FOUND) ||
	    (dom && virt_state_read(dom, &state, &cause) && state.gone)) {
		action_print(ctx, "STATE=-\n");
		return ACTION_DONE;
	}

	if (cause) {
		vmm_pass(error, &cause);
		return ACTION_FAILED;
	}

	if (!gather(ctx, dom, &list, error))
		return ACTION_FAILED;
	if (as_template) {
		poll_format_template(list, ctx->out);
	} else if (!one) {
		poll_format_packed(list, ctx->out);
	} else if (list->len) {
		poll_format_line(list->pdata[0], ctx->out);
	} else {
		action_print(ctx, "STATE=-\n");
	}

	return ACTION_DONE;
}

const struct action action = {
	.name = "poll", .usage = "[DEPLOY_ID [HOST [VM_ID]]]",
	.summary = "Prints a VM's state and usage; without operands those of all VMs, compressed.",
	.example = "poll one-7",
	.deadline_s = 100, .options = options, .run = run_poll,
};
