/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shutdown - asks a VM's guest to power off and waits until the VM is gone.
 *
 * A paused guest cannot hear the button: it is refused, unless kvmrc allows to end it. A guest that
 * is still there at half time is asked again, and its agent too. FORCE_DESTROY takes effect only if
 * the guest had the whole of SHUTDOWN_TIMEOUT, never because a caller's deadline was short.
 */
#include "host/root_helper.h"
#include "vm/checkpoint_use.h"
#include "vm/stop.h"
#include "vm/vtpm.h"
#include "xml/xml.h"

enum { RESERVE_US = 2000000 };

/* How long to wait, and what to do at the end, by kvmrc and the state of the VM. */
static void set_policy(const struct action_ctx *ctx, bool has_acpi, bool cannot_hear,
		       struct stop_plan *plan)
{
	gint64 now = g_get_monotonic_time();
	gint64 wait_us = conf_kvmrc_int(ctx->rc, "SHUTDOWN_TIMEOUT") * G_USEC_PER_SEC;
	bool has_full_time;

	plan->end_us = MIN(now + wait_us, ctx->deadline_us - RESERVE_US);
	plan->half_us = now + (plan->end_us - now) / 2;

	/* A short --deadline is no reason to pull the plug. */
	has_full_time = plan->end_us == now + wait_us;
	plan->force = has_full_time && conf_kvmrc_bool(ctx->rc, "FORCE_DESTROY");

	plan->at_once = cannot_hear;
	if (!has_acpi && conf_kvmrc_bool(ctx->rc, "CANCEL_NO_ACPI"))
		plan->at_once = true;
}

static bool refuse_paused(virDomain *dom, const struct virt_state *state, GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "cannot shut down domain %s: it is %s",
		 virDomainGetName(dom), virt_state_name(state));
	vmm_error_set_hint(error, "resume it first, or set FORCE_DESTROY in kvmrc");
	return false;
}

/* What the state and the XML of DOM say must be done before and how. */
static bool prepare_stop(struct action_ctx *ctx, virDomain *dom, const struct virt_state *state,
		    const char *directory, struct stop_plan *plan, GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, error);
	xmlNode *domain = xmlDocGetRootElement(doc);
	bool has_acpi = xml_child(xml_child(domain, "features"), "acpi") != NULL;
	bool wakes = state->state == VIR_DOMAIN_PMSUSPENDED;
	bool cannot_hear = virt_state_is_unresponsive(state) && !wakes;

	if (!doc)
		return false;
	if (cannot_hear && !conf_kvmrc_bool(ctx->rc, "FORCE_DESTROY"))
		return refuse_paused(dom, state, error);
	set_policy(ctx, has_acpi, cannot_hear, plan);
	if (ctx->dry_run)
		return true;

	if (!vtpm_copy(ctx, domain, directory, error))
		return false;

	if (!wakes)
		return true;

	return stop_ask(ctx, dom, VIRT_WAKE_UP, error);
}

/* It was gone when we came. */
static void after_other_end(struct action_ctx *ctx)
{
	g_autofree char *directory =
		vtpm_is_left(ctx->arg[0]) ? root_helper_directory_of_request() : NULL;

	root_helper_after_stop(ctx, NULL);
	vtpm_collect(ctx, ctx->arg[0], directory, false);
}

static enum action_outcome run_shutdown(struct action_ctx *ctx, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(virDomain) dom = stop_find(ctx, true, &cause);
	g_autofree char *directory = NULL;
	struct virt_state state = { .gone = !dom };
	struct stop_plan plan = { 0 };
	char uuid[VIR_UUID_STRING_BUFLEN];
	enum action_outcome outcome;

	if (vmm_is(cause, VMM_ERROR_NOT_FOUND) ||
	    (dom && virt_state_read(dom, &state, &cause) && state.gone)) {
		if (!ctx->dry_run)
			after_other_end(ctx);
		return ACTION_DONE;
	}

	if (cause) {
		vmm_pass(error, &cause);
		return ACTION_FAILED;
	}

	if (!virt_vm_directory_read(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"), &directory,
				    error))
		return ACTION_FAILED;
	if (!prepare_stop(ctx, dom, &state, directory, &plan, error))
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would %s domain %s\n", plan.at_once ? "destroy" : "shut down",
			     virDomainGetName(dom));
		return ACTION_DONE;
	}

	if (virDomainGetUUIDString(dom, uuid) < 0)
		outcome = ACTION_FAILED;
	else
		outcome = stop_domain(ctx, dom, &plan, error);
	if (outcome == ACTION_DONE) {
		root_helper_after_stop(ctx, directory);
		checkpoint_use_domain_ended(directory, &state);
		vtpm_collect(ctx, uuid, directory, true);
	}

	return outcome;
}

const struct action action = {
	.name = "shutdown", .usage = "DEPLOY_ID [HOST [VM_ID]]",
	.summary = "Asks the guest to power off and waits; succeeds if the VM is gone already.",
	.example = "shutdown one-7",
	.min_args = 1, .extra_deadline_s = 90, .run = run_shutdown,
};
