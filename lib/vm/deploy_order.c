/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/deploy_order.h"

#include "host/root_helper.h"
#include "vm/build_domain.h"
#include "vm/cpu_proof.h"
#include "vm/create.h"
#include "vm/deployment.h"
#include "vm/disk_images.h"
#include "vm/disk_links.h"
#include "vm/prepared_disks.h"
#include "vm/vtpm.h"
#include "vm/vtpm_secret.h"

enum { STDIN_MS = 30000 };

void deploy_order_init(DeployOrder *o)
{
	*o = (DeployOrder){ 0 };
	host_fit_init(&o->fit);
}

void deploy_order_clear(DeployOrder *o)
{
	if (o->text)
		g_string_free(o->text, TRUE);

	o->text = NULL;
	g_clear_pointer(&o->doc, xmlFreeDoc);
	g_clear_pointer(&o->document, xmlFreeDoc);
	g_clear_pointer(&o->vm, tmpl_vm_free);
	g_clear_pointer(&o->directory, g_free);
	g_clear_pointer(&o->mark, g_free);
	host_fit_clear(&o->fit);
}

static bool is_domain(const xmlDoc *doc, GError **error)
{
	const xmlNode *root = xmlDocGetRootElement(doc);

	if (xmlStrEqual(root->name, BAD_CAST "domain"))
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "stdin: not the XML of a domain but <%s>",
			(const char *)root->name);
}

/* The domain's XML, verbatim or made here. */
static bool load(const struct action_ctx *ctx, const struct deploy_source *source, DeployOrder *o,
		 GError **error)
{
	GString *text = action_stdin(STDIN_MS, error);

	o->text = text;
	if (!text)
		return false;

	if (!text->len) {
		vmm_fail(error, VMM_ERROR_INPUT, "stdin: no %s",
			 source->from_vm ? "VM" : "domain XML");
		vmm_error_set_hint(error, "give the domain's XML, or with --vm a VM document");
	} else if (source->from_vm) {
		o->doc = build_domain_xml(ctx, text, source->defaults, &o->vm, error);
	} else {
		o->doc = xml_parse(text->str, text->len, "stdin", error);
	}

	if (!o->doc)
		return false;

	return is_domain(o->doc, error);
}

/* What the document beside FILE says of the VM, which may take the place of oned's XML. */
static bool find_vm(const struct action_ctx *ctx, const struct deploy_source *source,
		    DeployOrder *o, GError **error)
{
	const xmlDoc *before = o->doc;

	o->document = root_helper_vm_document(o->directory);
	o->built = source->from_vm;
	if (o->built)
		return true;
	o->vm = host_fit_vm(o->document);
	if (!build_domain_again(ctx, o->vm, o->directory, &o->doc, o->fit.result.changes, error))
		return false;
	o->built = o->doc != before;
	/* Attributes that were read out of oned's XML must not change that XML. */
	if (!o->built && o->vm && o->vm->level[TMPL_CLUSTER]) {
		tmpl_vm_free(o->vm);
		o->vm = host_fit_vm(o->document);
	}

	return true;
}

/* RUNS: the domain is only checked, and faults are logged. */
static bool fit(const struct action_ctx *ctx, xmlNode *domain, bool built, bool runs,
		DeployOrder *o, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (host_fit_domain(ctx, domain, o->vm, built, &o->fit, &cause))
		return true;
	if (!runs)
		return vmm_pass(error, &cause);
	action_log("WARN", "%s", cause->message);

	return true;
}

/* A dry run has no disks to look at if it would make them. */
static bool make_disks(struct action_ctx *ctx, bool make, xmlNode *domain, DeployOrder *o,
		       GError **error)
{
	if (make &&
	    !prepared_disks_make(ctx, o->text, domain, o->directory, &o->made_disks, error))
		return false;
	if (make && !o->document)
		o->document = root_helper_vm_document(o->directory);

	disk_links_resolve(domain);
	if (make && ctx->dry_run)
		return true;

	return disk_images_check(ctx, domain, o->directory, error);
}

bool deploy_order_read(struct action_ctx *ctx, const char *file, const struct deploy_source *source,
		       DeployOrder *o, virDomain **ret_dom, GError **error)
{
	const char *mark;
	xmlNode *domain;

	if (source->with_disks && !source->from_vm)
		return vmm_fail(error, VMM_ERROR_USAGE, "--prepare needs --vm");
	if (!load(ctx, source, o, error))
		return false;
	o->directory = g_path_get_dirname(file);
	if (!deployment_of_environment(&mark, error))
		return false;
	if (!find_vm(ctx, source, o, error))
		return false;
	domain = xmlDocGetRootElement(o->doc);
	if (!create_find(ctx, domain, ret_dom, error))
		return false;
	if (!fit(ctx, domain, o->built, *ret_dom, o, error))
		return false;
	/* What is made here without a mark of the dispatcher must be known again, too. */
	if (!mark && !*ret_dom && host_fit_wants_proof(&o->fit))
		o->mark = g_uuid_string_random();
	else
		o->mark = g_strdup(mark);
	deployment_set(domain, o->mark);
	cpu_proof_note(domain, &o->fit, o->mark);
	vtpm_persist(domain);
	if (*ret_dom) {
		disk_links_resolve(domain);
		return true;
	}

	if (!vtpm_secret_ask(domain, o->vm, &o->fit, error))
		return false;

	return make_disks(ctx, source->with_disks, domain, o, error);
}
