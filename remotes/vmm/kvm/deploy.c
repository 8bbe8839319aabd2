/* SPDX-License-Identifier: Apache-2.0 */
/* deploy - creates a VM's domain from the XML on stdin and prints its UUID. */
#include "host/root_helper.h"
#include "vm/create.h"
#include "vm/deployment.h"
#include "vm/disk_images.h"
#include "vm/disk_links.h"
#include "vm/snapshot_redefine.h"
#include "vm/checkpoint_use.h"
#include "vm/build_domain.h"
#include "vm/start_vm.h"
#include "vm/vtpm.h"

enum { FILE_PATH, HOST, STDIN_MS = 30000 };

static gboolean from_vm, explain_fit;
static char *defaults;

static const GOptionEntry options[] = {
	{ "vm", 0, 0, G_OPTION_ARG_NONE, &from_vm,
	  "stdin is a VM document: make the domain from it", NULL },
	{ "conf", 0, 0, G_OPTION_ARG_FILENAME, &defaults,
	  "With --vm: a defaults file (vmm_exec_kvm.conf)", "FILE" },
	{ "explain-fit", 0, 0, G_OPTION_ARG_NONE, &explain_fit,
	  "Print what is changed so that the VM fits this host, and why; start nothing", NULL },
	{ 0 }
};

/* What is deployed. */
struct order {
	xmlDoc *doc;
	xmlDoc *document;	/* vm.xml of the directory; or NULL */
	TmplVm *vm;		/* or NULL */
	char *directory;
	char *mark;		/* of this deployment, or NULL */
	HostFit fit;
};

static void order_clear(struct order *o)
{
	xmlFreeDoc(o->doc);
	xmlFreeDoc(o->document);
	tmpl_vm_free(o->vm);
	g_free(o->directory);
	g_free(o->mark);
	host_fit_clear(&o->fit);
}

/* The domain's XML, verbatim or made here; NULL with ERROR set. */
static xmlDoc *load(struct action_ctx *ctx, TmplVm **ret_vm, GError **error)
{
	GString *text = action_stdin(STDIN_MS, error);
	g_autoptr(xmlDoc) doc = NULL;

	if (!text)
		return NULL;
	if (!text->len) {
		vmm_fail(error, VMM_ERROR_INPUT, "stdin: no %s", from_vm ? "VM" : "domain XML");
		vmm_error_set_hint(error, "give the domain's XML, or with --vm a VM document");
	} else if (from_vm) {
		doc = build_domain_xml(ctx, text, defaults, ret_vm, error);
	} else {
		doc = xml_parse(text->str, text->len, "stdin", error);
	}

	g_string_free(text, TRUE);
	if (doc && !xmlStrEqual(xmlDocGetRootElement(doc)->name, BAD_CAST "domain")) {
		vmm_fail(error, VMM_ERROR_INPUT, "stdin: not the XML of a domain but <%s>",
			 (const char *)xmlDocGetRootElement(doc)->name);
		return NULL;
	}

	return g_steal_pointer(&doc);
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
		dry_run(ctx, xmlDocGetRootElement(o->doc));
	else if (!changes->len)
		action_print(ctx, "nothing is changed\n");
	else
		for (guint i = 0; i < changes->len; i++)
			action_print(ctx, "%s\n", (const char *)changes->pdata[i]);

	return ACTION_DONE;
}

/* The order, complete, and in RET_DOM the domain when it runs already. */
static bool prepare(struct action_ctx *ctx, struct order *o, virDomain **ret_dom, GError **error)
{
	g_autoptr(GError) cause = NULL;
	const char *mark;
	xmlNode *domain;

	o->doc = load(ctx, &o->vm, error);
	if (!o->doc)
		return false;
	domain = xmlDocGetRootElement(o->doc);
	o->directory = g_path_get_dirname(ctx->arg[FILE_PATH]);
	if (!deployment_of_environment(&mark, error))
		return false;
	if (!create_find(ctx, domain, ret_dom, error))
		return false;
	o->document = root_helper_vm_document(o->directory);
	if (!o->vm && !from_vm)
		o->vm = host_fit_vm(o->document);
	if (!host_fit_domain(ctx, domain, o->vm, from_vm, &o->fit, &cause) && !*ret_dom)
		return vmm_pass(error, &cause);
	if (cause)
		action_log("WARN", "%s", cause->message);
	/* What is made here without a mark of the dispatcher must be known again, too. */
	if (!mark && !*ret_dom && host_fit_wants_proof(&o->fit))
		o->mark = g_uuid_string_random();
	else
		o->mark = g_strdup(mark);
	deployment_set(domain, o->mark);
	disk_links_resolve(domain);
	vtpm_persist(domain);
	if (*ret_dom)
		return true;

	return disk_images_check(ctx, domain, o->directory, error);
}

static enum action_outcome launch(struct action_ctx *ctx, const struct order *o, virDomain **dom,
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
	order_clear(&o);

	return outcome;
}

const struct action action = {
	.name = "deploy", .usage = "FILE [HOST [VM_ID]]",
	.summary = "Creates and starts a VM, stores its XML in FILE and prints its UUID.",
	.input = "domain XML; with --vm, a VM document",
	.example = "deploy --vm /var/lib/one/datastores/0/7/deployment.0 <vm.xml",
	.min_args = 1, .deadline_s = 540, .options = options, .run = run_deploy,
};
