/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cancel - ends a VM at once, as by pulling the plug.
 *
 * What is needed after the end is read before it: the VM's directory, its UUID, and a copy of the
 * vTPM's state, which libvirt may remove together with the domain. If that copy cannot be made,
 * the VM runs on. A domain that is not the one of the deployment the caller means is left alone
 * (vm/deployment.h): a late undo must not end a VM that was deployed anew.
 */
#include "vm/deployment.h"
#include "host/root_helper.h"
#include "vm/checkpoint_use.h"
#include "vm/prepared_disks.h"
#include "vm/stop.h"
#include "vm/vtpm.h"
#include "xml/xml.h"

static gboolean with_disks;

static const GOptionEntry options[] = {
	{ "dispose", 0, 0, G_OPTION_ARG_NONE, &with_disks,
	  "Then remove the disks that deploy --prepare made", NULL },
	{ 0 }
};

/* Reads the directory and UUID of DOM, and copies what libvirt may delete at its end. */
static bool prepare_end_of(struct action_ctx *ctx, virDomain *dom, char **ret_directory, char *uuid,
			   GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, error);

	if (!doc)
		return false;
	if (virDomainGetUUIDString(dom, uuid) != 0)
		return false;
	if (!virt_vm_directory_read(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"),
				    ret_directory, error))
		return false;

	return vtpm_copy(ctx, xmlDocGetRootElement(doc), *ret_directory, error);
}

/* The state of DOM; without DOM, what FAULT says, with which it was not found. False: not known. */
static bool read_state_of(virDomain *dom, GError **fault, struct virt_state *ret, GError **error)
{
	ret->gone = !dom;
	if (dom)
		return virt_state_read(dom, ret, error);
	if (vmm_is(*fault, VMM_ERROR_NOT_FOUND))
		return true;

	return vmm_pass(error, fault);
}

/* Ends DOM, in STATE; of one that is gone already only RET_DIRECTORY is set, by the request. */
static enum action_outcome end_domain(struct action_ctx *ctx, virDomain *dom,
				      const struct virt_state *state, char **ret_directory,
				      char *uuid, GError **error)
{
	const struct stop_plan plan = { .at_once = true };

	if (state->gone) {
		*ret_directory = root_helper_directory_of_request();
		return ACTION_DONE;
	}

	if (!prepare_end_of(ctx, dom, ret_directory, uuid, error))
		return ACTION_FAILED;

	return stop_domain(ctx, dom, &plan, error);
}

static enum action_outcome run_cancel(struct action_ctx *ctx, GError **error)
{
	g_autoptr(GError) fault = NULL;
	g_autoptr(virDomain) dom = stop_find(ctx, false, &fault);
	g_autofree char *directory = NULL;
	char uuid[VIR_UUID_STRING_BUFLEN];
	struct virt_state state = { 0 };
	enum action_outcome outcome;
	const char *mark;

	if (!deployment_of_environment(&mark, error))
		return ACTION_FAILED;
	if (dom && !deployment_check(dom, mark, error))
		return ACTION_FAILED;
	if (!read_state_of(dom, &fault, &state, error))
		return ACTION_FAILED;

	if (ctx->dry_run) {
		action_print(ctx, state.gone ? "domain %s is gone already\n" :
			     "would destroy domain %s\n", ctx->arg[0]);
		return ACTION_DONE;
	}

	outcome = end_domain(ctx, dom, &state, &directory, uuid, error);
	if (outcome != ACTION_DONE)
		return outcome;

	root_helper_after_stop(ctx, directory);
	checkpoint_use_domain_ended(directory, &state);
	vtpm_collect(ctx, state.gone ? ctx->arg[0] : uuid, directory, !state.gone);
	if (with_disks && !prepared_disks_dispose(ctx, directory, error))
		return ACTION_FAILED;

	return ACTION_DONE;
}

const struct action action = {
	.name = "cancel", .usage = "DEPLOY_ID [HOST [VM_ID]]",
	.summary = "Ends a VM at once, like pulling the plug; succeeds if it is gone already.",
	.example = "cancel one-7",
	.min_args = 1, .deadline_s = 240, .options = options, .run = run_cancel,
};
