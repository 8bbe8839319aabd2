/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deploy - creates a VM's domain from the XML on stdin and prints its UUID.
 *
 * Order: read and fit the domain, look for the VM, start it, then what may fail without harm
 * (snapshots of an earlier life). A domain that runs already is adopted if it is the one of this
 * request, never replaced. Once the UUID is printed the VM is the front-end's: a signal after that
 * no longer takes it back. Disks that --prepare made are removed only if the VM did not start;
 * after an unknown outcome they stay, as QEMU may be using them.
 */
#include "vm/build_domain.h"
#include "vm/checkpoint_stored.h"
#include "vm/checkpoint_use.h"
#include "vm/deploy_order.h"
#include "vm/prepared_disks.h"
#include "vm/snapshot_redefine.h"
#include "vm/start_vm.h"

enum { FILE_PATH, HOST };

static gboolean from_vm, explain_fit, with_disks;
static char *defaults;

static const GOptionEntry options[] = {
	{ "vm", 0, 0, G_OPTION_ARG_NONE, &from_vm,
	  "stdin is a VM document: make the domain from it", NULL },
	{ "prepare", 0, 0, G_OPTION_ARG_NONE, &with_disks,
	  "With --vm: make the VM's disks first, as kvm-image prepare does", NULL },
	{ "conf", 0, 0, G_OPTION_ARG_FILENAME, &defaults,
	  "With --vm: a defaults file (vmm_exec_kvm.conf)", "FILE" },
	{ "explain-fit", 0, 0, G_OPTION_ARG_NONE, &explain_fit,
	  "Print what is changed so that the VM fits this host, and why; start nothing", NULL },
	{ 0 }
};

static void dry_run(struct action_ctx *ctx, xmlNode *domain)
{
	g_autofree char *xml = NULL;

	domain_hide(domain);
	xml = xml_print(domain);
	action_print(ctx, "would create this domain:\n%s\n", xml);
}

static enum action_outcome say_plan(struct action_ctx *ctx, const DeployOrder *o)
{
	const GPtrArray *changes = o->fit.result.changes;

	if (!explain_fit)
		dry_run(ctx, xmlDocGetRootElement(o->doc));
	else if (!changes->len)
		action_print(ctx, "nothing is changed\n");
	else
		for (guint i = 0; i < changes->len; i++)
			action_print(ctx, "%s\n", (const char *)changes->pdata[i]);

	return ACTION_DONE;
}

static enum action_outcome launch(struct action_ctx *ctx, const DeployOrder *o, virDomain **dom,
				  GError **error)
{
	const struct start_order vm = {
		xmlDocGetRootElement(o->doc), xmlDocGetRootElement(o->document),
		ctx->arg[FILE_PATH], o->directory, action_arg(ctx, HOST), o->mark, &o->fit,
	};
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	enum action_outcome outcome;

	if (*dom)
		outcome = start_vm_adopt(ctx, &vm, dom, error);
	else
		outcome = start_vm(ctx, &vm, dom, error);
	if (outcome != ACTION_DONE)
		return outcome;
	checkpoint_use_started_beside(o->directory);
	checkpoint_stored_warn_unused(o->directory);
	virDomainGetUUIDString(*dom, uuid);
	action_on_abort(ACTION_DONE, "%s\n", uuid);
	action_print(ctx, "%s\n", uuid);
	snapshot_redefine_all(*dom, o->directory, action_log, NULL);

	return ACTION_DONE;
}

static enum action_outcome run_deploy(struct action_ctx *ctx, GError **error)
{
	const struct deploy_source source = { .from_vm = from_vm, .with_disks = with_disks,
					      .defaults = defaults };
	enum action_outcome outcome = ACTION_FAILED;
	g_autoptr(virDomain) dom = NULL;
	g_auto(DeployOrder) order = { 0 };

	deploy_order_init(&order);
	ctx->dry_run |= explain_fit;
	if (deploy_order_read(ctx, ctx->arg[FILE_PATH], &source, &order, &dom, error)) {
		if (ctx->dry_run)
			outcome = say_plan(ctx, &order);
		else
			outcome = launch(ctx, &order, &dom, error);
	}

	if (outcome == ACTION_FAILED && order.made_disks)
		prepared_disks_undo(ctx, order.directory);

	return outcome;
}

const struct action action = {
	.name = "deploy", .usage = "FILE [HOST [VM_ID]]",
	.summary = "Creates and starts a VM, stores its XML in FILE and prints its UUID.",
	.input = "domain XML; with --vm, a VM document",
	.example = "deploy --vm --prepare /var/lib/one/datastores/0/7/deployment.0 <vm.xml",
	.min_args = 1, .deadline_s = 540, .options = options, .run = run_deploy,
};
