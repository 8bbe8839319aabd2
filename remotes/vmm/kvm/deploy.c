/* SPDX-License-Identifier: Apache-2.0 */
/* deploy - creates a VM's domain from the XML on stdin and prints its UUID. */
#include "host/root_helper.h"
#include "vm/create.h"
#include "vm/deployment.h"
#include "vm/disk_images.h"
#include "vm/disk_links.h"
#include "vm/snapshot_redefine.h"
#include "vm/checkpoint_use.h"
#include "vm/deploy_input.h"
#include "vm/prepared_disks.h"
#include "vm/start_vm.h"
#include "vm/vtpm.h"

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

/* What is deployed. */
struct order {
	struct deploy_input input;
	xmlDoc *document;	/* vm.xml of the directory; or NULL */
	TmplVm *vm;		/* of that, if the input has none; or NULL */
	char *directory;
	bool made_disks;
	char *mark;		/* of this deployment, or NULL */
	HostFit fit;
};

static void order_clear(struct order *o)
{
	deploy_input_clear(&o->input);
	xmlFreeDoc(o->document);
	tmpl_vm_free(o->vm);
	g_free(o->directory);
	g_free(o->mark);
	host_fit_clear(&o->fit);
}

static void dry_run(struct action_ctx *ctx, xmlNode *domain)
{
	xmlNode *devices = xml_child(domain, "devices");
	g_autofree char *xml = NULL;

	for (xmlNode *n = devices ? devices->children : NULL; n; n = n->next)
		if (xmlHasProp(n, BAD_CAST "passwd"))
			xmlSetProp(n, BAD_CAST "passwd", BAD_CAST "***");
	xml = xml_print(domain);
	action_print(ctx, "would create this domain:\n%s\n", xml);
}

static enum action_outcome say_plan(struct action_ctx *ctx, const struct order *o)
{
	const GPtrArray *changes = o->fit.result.changes;

	if (!explain_fit)
		dry_run(ctx, xmlDocGetRootElement(o->input.domain));
	else if (!changes->len)
		action_print(ctx, "nothing is changed\n");
	else
		for (guint i = 0; i < changes->len; i++)
			action_print(ctx, "%s\n", (const char *)changes->pdata[i]);

	return ACTION_DONE;
}

/* A dry run has no disks to look at if it would make them. */
static bool bring_disks(struct action_ctx *ctx, struct order *o, xmlNode *domain, GError **error)
{
	if (with_disks && !prepared_disks_make(ctx, o->input.text, domain, o->directory,
					       &o->made_disks, error))
		return false;
	if (with_disks && !o->document)
		o->document = root_helper_vm_document(o->directory);
	disk_links_resolve(domain);
	if (with_disks && ctx->dry_run)
		return true;

	return disk_images_check(ctx, domain, o->directory, error);
}

/* The order, complete, and in RET_DOM the domain when it runs already. */
static bool prepare(struct action_ctx *ctx, struct order *o, virDomain **ret_dom, GError **error)
{
	g_autoptr(GError) cause = NULL;
	const char *mark;
	xmlNode *domain;

	if (with_disks && !from_vm)
		return vmm_fail(error, VMM_ERROR_USAGE, "--prepare needs --vm");
	if (!deploy_input_read(ctx, from_vm, defaults, &o->input, error))
		return false;
	domain = xmlDocGetRootElement(o->input.domain);
	o->directory = g_path_get_dirname(ctx->arg[FILE_PATH]);
	if (!deployment_of_environment(&mark, error))
		return false;
	if (!create_find(ctx, domain, ret_dom, error))
		return false;
	o->document = root_helper_vm_document(o->directory);
	if (!from_vm)
		o->vm = host_fit_vm(o->document);
	if (!host_fit_domain(ctx, domain, from_vm ? o->input.vm : o->vm, from_vm, &o->fit,
			     &cause) && !*ret_dom)
		return vmm_pass(error, &cause);
	if (cause)
		action_log("WARN", "%s", cause->message);
	/* What is made here without a mark of the dispatcher must be known again, too. */
	if (!mark && !*ret_dom && host_fit_wants_proof(&o->fit))
		o->mark = g_uuid_string_random();
	else
		o->mark = g_strdup(mark);
	deployment_set(domain, o->mark);
	vtpm_persist(domain);
	if (!*ret_dom)
		return bring_disks(ctx, o, domain, error);
	disk_links_resolve(domain);

	return true;
}

static enum action_outcome launch(struct action_ctx *ctx, const struct order *o, virDomain **dom,
				  GError **error)
{
	const struct start_order vm = {
		xmlDocGetRootElement(o->input.domain), xmlDocGetRootElement(o->document),
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
	checkpoint_use_warn_unused(o->directory);
	virDomainGetUUIDString(*dom, uuid);
	action_on_abort(ACTION_DONE, "%s\n", uuid);
	action_print(ctx, "%s\n", uuid);
	snapshot_redefine_all(*dom, o->directory, action_log, NULL);

	return ACTION_DONE;
}

static enum action_outcome run_deploy(struct action_ctx *ctx, GError **error)
{
	g_autoptr(virDomain) dom = NULL;
	enum action_outcome outcome;
	struct order o = { 0 };

	host_fit_init(&o.fit);
	ctx->dry_run |= explain_fit;
	if (!prepare(ctx, &o, &dom, error))
		outcome = ACTION_FAILED;
	else if (ctx->dry_run)
		outcome = say_plan(ctx, &o);
	else
		outcome = launch(ctx, &o, &dom, error);
	if (outcome == ACTION_FAILED && o.made_disks)
		prepared_disks_undo(ctx, o.directory);
	order_clear(&o);

	return outcome;
}

const struct action action = {
	.name = "deploy", .usage = "FILE [HOST [VM_ID]]",
	.summary = "Creates and starts a VM, stores its XML in FILE and prints its UUID.",
	.input = "domain XML; with --vm, a VM document",
	.example = "deploy --vm --prepare /var/lib/one/datastores/0/7/deployment.0 <vm.xml",
	.min_args = 1, .deadline_s = 540, .options = options, .run = run_deploy,
};
