/* SPDX-License-Identifier: Apache-2.0 */
/* deploy - creates a VM's domain from the XML on stdin and prints its UUID. */
#include "vm/create.h"
#include "vm/deployment.h"
#include "host/root_helper.h"
#include "host/nvram.h"
#include "vm/disk_images.h"
#include "vm/disk_links.h"
#include "vm/snapshot_redefine.h"
#include "vm/checkpoint_use.h"
#include "host/tpm_archive.h"
#include "vm/build_domain.h"
#include "vm/vtpm.h"
#include "base/file.h"

enum { FILE_PATH, HOST };
enum { STDIN_MS = 30000 };

static gboolean from_vm;
static char *defaults;

static const GOptionEntry options[] = {
	{ "vm", 0, 0, G_OPTION_ARG_NONE, &from_vm,
	  "stdin is a VM document: make the domain from it", NULL },
	{ "conf", 0, 0, G_OPTION_ARG_FILENAME, &defaults,
	  "With --vm: a defaults file (vmm_exec_kvm.conf)", "FILE" },
	{ 0 }
};

/* The domain's XML, verbatim or made here; NULL with ERROR set. */
static xmlDoc *load(struct action_ctx *ctx, GError **error)
{
	GString *text = action_stdin(STDIN_MS, error);
	g_autoptr(xmlDoc) doc = NULL;

	if (!text)
		return NULL;
	if (!text->len) {
		vmm_fail(error, VMM_ERROR_INPUT, "stdin: no %s", from_vm ? "VM" : "domain XML");
		vmm_error_set_hint(error, "give the domain's XML, or with --vm a VM document");
	} else if (from_vm) {
		doc = build_domain_xml(ctx, text, defaults, error);
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

/* RET_VGPU: whether one was made, to be undone. */
static bool prepare_start(struct action_ctx *ctx, const xmlNode *domain, const char *xml,
		    const char *directory, bool *ret_vgpu, GError **error)
{
	const char *path = ctx->arg[FILE_PATH];
	g_autoptr(xmlDoc) doc = root_helper_vm_document(directory);
	const xmlNode *vm = xmlDocGetRootElement(doc);

	if (!file_make_directory(directory, error))
		return false;
	if (!file_write(path, xml, strlen(xml), 0600, error))
		return false;
	root_helper_clean_memory(ctx, "CLEANUP_MEMORY_ON_START", true);
	if (!nvram_prepare(ctx, domain, error))
		return false;
	if (!tpm_archive_prepare(vm, directory, error))
		return false;
	if (!vtpm_bring(ctx, domain, directory, action_arg(ctx, HOST), error))
		return false;
	if (!root_helper_needs_vgpu(vm))
		return true;
	*ret_vgpu = true;	/* of several, some may be there when it fails */
	return root_helper_vgpu(ctx, "create", directory, error);
}

static enum action_outcome create(struct action_ctx *ctx, const xmlNode *domain, const char *xml,
				  const char *directory, virDomain **ret_dom, GError **error)
{
	enum action_outcome outcome = ACTION_FAILED;
	g_autoptr(GError) cause = NULL;
	bool vgpu = false;

	if (prepare_start(ctx, domain, xml, directory, &vgpu, error))
		outcome = create_domain(ctx, domain, xml, ret_dom, error);
	if (outcome == ACTION_FAILED && vgpu && !root_helper_vgpu(ctx, "delete", directory, &cause))
		action_log("WARN", "%s", cause->message);

	return outcome;
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

static enum action_outcome run_deploy(struct action_ctx *ctx, GError **error)
{
	g_autoptr(xmlDoc) doc = load(ctx, error);
	xmlNode *domain = xmlDocGetRootElement(doc);
	g_autofree char *directory = g_path_get_dirname(ctx->arg[FILE_PATH]);
	enum action_outcome outcome = ACTION_DONE;
	g_autoptr(virDomain) dom = NULL;
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	g_autofree char *xml = NULL;
	const char *mark;

	if (!domain)
		return ACTION_FAILED;
	if (!deployment_of_environment(&mark, error))
		return ACTION_FAILED;
	if (!create_find(ctx, domain, &dom, error))
		return ACTION_FAILED;
	deployment_set(domain, mark);
	disk_links_resolve(domain);
	vtpm_persist(domain);
	if (!dom && !disk_images_check(ctx, domain, directory, error))
		return ACTION_FAILED;
	if (ctx->dry_run) {
		dry_run(ctx, domain);
		return ACTION_DONE;
	}

	xml = xml_print(domain);
	if (dom && mark && !deployment_adopt(dom, mark, error))
		return ACTION_UNKNOWN;
	if (dom)
		action_log("INFO", "domain %s runs already", virDomainGetName(dom));
	else
		outcome = create(ctx, domain, xml, directory, &dom, error);
	if (outcome != ACTION_DONE)
		return outcome;
	checkpoint_use_warn_unused(directory);
	virDomainGetUUIDString(dom, uuid);
	action_on_abort(ACTION_DONE, "%s\n", uuid);
	action_print(ctx, "%s\n", uuid);
	snapshot_redefine_all(dom, directory, action_log, NULL);

	return ACTION_DONE;
}

const struct action action = {
	.name = "deploy", .usage = "FILE [HOST [VM_ID]]",
	.summary = "Creates and starts a VM, stores its XML in FILE and prints its UUID.",
	.input = "domain XML; with --vm, a VM document",
	.example = "deploy --vm /var/lib/one/datastores/0/7/deployment.0 <vm.xml",
	.min_args = 1, .deadline_s = 540, .options = options, .run = run_deploy,
};
