/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll - prints states and usage of one VM or of all, for OpenNebula 5.
 *
 * CPU usage is a difference: two samples, one second apart, of all VMs at once. A guest whose
 * QEMU does not answer within LIMIT_MS is reported with what libvirt knows without QEMU, and does
 * not keep the others from being reported.
 */
#include <json-c/json.h>
#include <unistd.h>

#include "action/action.h"
#include "monitor/poll_format.h"
#include "monitor/stats.h"
#include "monitor/vm_object.h"

enum { DEPLOY_ID, LIMIT_MS = 3000, SAMPLE_US = 1000000 };

static gboolean as_template, in_detail, is_quick;

static const GOptionEntry options[] = {
	{ "template", 't', 0, G_OPTION_ARG_NONE, &as_template,
	  "Print all VMs, also those that can be imported", NULL },
	{ "detail", 0, 0, G_OPTION_ARG_NONE, &in_detail,
	  "With --json: also disks, NICs, snapshots, memory and CPUs", NULL },
	{ "quick", 0, 0, G_OPTION_ARG_NONE, &is_quick,
	  "Names and states alone, without the second that CPU usage takes", NULL },
	{ 0 }
};

static bool gather(struct action_ctx *ctx, virDomain *dom, GPtrArray **ret, GError **error)
{
	gint64 started_us = g_get_monotonic_time(), left_us;
	g_autoptr(GPtrArray) list = stats_list(ctx->conn, dom, error);
	g_autoptr(StatsCpuTimes) times = stats_cpu_times_new();

	if (!list)
		return false;
	if (is_quick) {
		*ret = g_steal_pointer(&list);
		return true;
	}

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

/* "vms", with numbers that are numbers. A VM that ended meanwhile is left out. */
static bool add_objects(struct action_ctx *ctx, const GPtrArray *list, GError **error)
{
	const char *uri = conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI");
	json_object *vms = json_object_new_array();

	ctx->result = json_object_new_object();
	json_object_object_add(ctx->result, "vms", vms);
	for (guint i = 0; list && i < list->len; i++) {
		json_object *vm = vm_object(list->pdata[i]);
		g_autoptr(GError) cause = NULL;
		bool is_whole = !in_detail || vm_object_add_detail(vm, list->pdata[i], uri, &cause);

		if (is_whole || !vmm_is(cause, VMM_ERROR_NOT_FOUND))
			json_object_array_add(vms, vm);
		else
			json_object_put(vm);
		if (cause && !vmm_is(cause, VMM_ERROR_NOT_FOUND))
			return vmm_pass(error, &cause);
	}

	return true;
}

/* A line for each, with its name: on a terminal nobody reads what is compressed. */
static void print_lines(struct action_ctx *ctx, const GPtrArray *list)
{
	for (guint i = 0; i < list->len; i++) {
		const struct stats *s = list->pdata[i];

		g_string_append(ctx->out, s->name);
		poll_format_line(s, ctx->out);
	}
}

static void print_list(struct action_ctx *ctx, const GPtrArray *list, bool one)
{
	if (as_template)
		poll_format_template(list, ctx->out);
	else if (one && !list->len)
		action_print(ctx, "STATE=-\n");
	else if (one)
		poll_format_line(list->pdata[0], ctx->out);
	else if (!ctx->json && isatty(STDOUT_FILENO))
		print_lines(ctx, list);
	else if (!ctx->json)
		poll_format_packed(list, ctx->out);
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
		add_objects(ctx, NULL, NULL);
		return ACTION_DONE;
	}

	if (cause) {
		vmm_pass(error, &cause);
		return ACTION_FAILED;
	}

	if (!gather(ctx, dom, &list, error))
		return ACTION_FAILED;
	print_list(ctx, list, one);
	if (ctx->json && !add_objects(ctx, list, error))
		return ACTION_FAILED;

	return ACTION_DONE;
}

const struct action action = {
	.name = "poll", .usage = "[DEPLOY_ID [HOST [VM_ID]]]",
	.summary = "Prints a VM's state and usage; without operands those of all VMs, compressed.",
	.example = "poll one-7",
	.deadline_s = 100, .options = options, .run = run_poll,
};
