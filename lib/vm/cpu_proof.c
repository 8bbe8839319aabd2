/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/cpu_proof.h"

#include "base/text.h"
#include "action/reconcile.h"
#include "fit/cpu_live.h"
#include "vm/deployment.h"
#include "vm/stop.h"

/* Its word is "MARK FEATURE,FEATURE…". */
static const struct domain_note note = { "urn:vmmexec:cpu", "cpu", "required" };

void cpu_proof_note(xmlNode *domain, const HostFit *fit, const char *mark)
{
	g_autoptr(GString) word = NULL;

	if (!mark || !host_fit_wants_proof(fit))
		return;
	word = g_string_new(mark);
	for (guint i = 0; i < fit->result.required->len; i++)
		g_string_append_printf(word, "%c%s", i ? ',' : ' ',
				       (const char *)fit->result.required->pdata[i]);
	deployment_add_note(domain, &note, word->str);
}

/* What the deployment of MARK noted in DOMAIN, of char *; NULL: nothing. The caller unrefs. */
static GPtrArray *noted(const xmlNode *domain, const char *mark)
{
	const xmlNode *metadata = xml_child(domain, "metadata");
	g_auto(GStrv) words = NULL, names = NULL;
	g_autofree char *text = NULL;
	GPtrArray *list;

	for (const xmlNode *n = xml_child(metadata, note.element); n && !text; n = xml_next(n))
		if (n->ns && xmlStrEqual(n->ns->href, BAD_CAST note.uri))
			text = xml_attribute(n, note.attribute);
	words = g_strsplit(text_or(text, ""), " ", 2);
	if (!mark || g_strv_length(words) != 2 || strcmp(words[0], mark) != 0)
		return NULL;
	list = g_ptr_array_new_with_free_func(g_free);
	names = g_strsplit(words[1], ",", -1);
	for (char **name = names; *name; name++)
		g_ptr_array_add(list, g_strdup(*name));

	return list;
}

/* What is to be said of DOMAIN, which runs; NULL: it has all that is REQUIRED. Caller frees. */
static char *lacks_of(const xmlNode *domain, const FitCpuMap *cpus, const GPtrArray *required)
{
	g_autofree char *lacks = fit_cpu_live_lacks(domain, cpus, required);
	g_autofree char *name = xml_child_text(domain, "name");
	const char *why = "QEMU's own emulation does not have that";

	if (!lacks)
		return NULL;
	if (xml_has(domain, "type", "kvm"))
		why = "the host does not give it";

	return g_strdup_printf("the CPU of domain %s lacks %s, which CPU_MODEL or FEATURES asks "
			       "for: %s", name, lacks, why);
}

/* Whether a guest that lacks something must not run. */
static bool is_strict(const struct action_ctx *ctx, const xmlNode *domain)
{
	if (xml_has(domain, "type", "kvm"))
		return true;

	return !g_ascii_strcasecmp(conf_kvmrc_string(ctx->rc, "CPU_MISSING"), "refuse");
}

/* Ends DOM, which the deployment of MARK made; ERROR, which is set, says why. */
static enum action_outcome take_back(struct action_ctx *ctx, virDomain *dom, const char *mark,
				     GError **error)
{
	static const struct stop_plan plan = { .at_once = true };
	g_autoptr(GError) cause = NULL;

	if (!deployment_check(dom, mark, &cause)) {
		vmm_error_set_hint(error, "it runs: %s", cause->message);
		return ACTION_UNKNOWN;
	}

	if (stop_domain(ctx, dom, &plan, &cause) == ACTION_DONE)
		return ACTION_FAILED;
	vmm_error_set_hint(error, "it runs: %s", cause->message);

	return ACTION_UNKNOWN;
}

/* Reads the XML of DOM as it is now; a lost connection is replaced. */
static xmlDoc *read_live(struct action_ctx *ctx, virDomain **dom, GError **error)
{
	g_autoptr(GError) cause = NULL;
	xmlDoc *doc = virt_xml_doc(*dom, &cause);

	if (doc)
		return doc;

	switch (reconcile_domain(ctx, dom, error)) {
	case RECONCILE_ALIVE:
		vmm_pass(error, &cause);
		return NULL;
	case RECONCILE_REOPENED:
		return virt_xml_doc(*dom, error);
	case RECONCILE_GONE:
	case RECONCILE_UNKNOWN:
		break;
	}

	return NULL;
}

/* MARK NULL: what it lacks is logged. LACKS: lacks_of(). */
static enum action_outcome judge_lack(struct action_ctx *ctx, const char *lacks, bool strict,
				      virDomain *dom, const char *mark, GError **error)
{
	if (!lacks)
		return ACTION_DONE;
	if (!mark || !strict) {
		action_log("WARN", "%s", lacks);
		return ACTION_DONE;
	}

	vmm_fail(error, VMM_ERROR_INCOMPATIBLE, "%s", lacks);
	vmm_error_set_hint(error, "the domain was ended again; ask for less, or use another host");

	return take_back(ctx, dom, mark, error);
}

enum action_outcome cpu_proof(struct action_ctx *ctx, const HostFit *fit, virDomain **dom,
			      const char *mark, GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;
	g_autofree char *lacks = NULL;
	const xmlNode *domain;

	if (!host_fit_wants_proof(fit))
		return ACTION_DONE;
	doc = read_live(ctx, dom, error);
	if (!doc)
		return ACTION_UNKNOWN;
	domain = xmlDocGetRootElement(doc);
	lacks = lacks_of(domain, fit->cpus, fit->result.required);

	return judge_lack(ctx, lacks, is_strict(ctx, domain), *dom, mark, error);
}

/* RET: as lacks_of(), of what the deployment of MARK noted in DOMAIN. */
static bool noted_lacks(const xmlNode *domain, const char *mark, char **ret, GError **error)
{
	g_autoptr(GPtrArray) required = noted(domain, mark);
	g_autoptr(FitCpuMap) cpus = NULL;

	*ret = NULL;
	if (!required)
		return true;
	cpus = host_fit_cpus(domain, error);
	if (!cpus)
		return false;
	*ret = lacks_of(domain, cpus, required);

	return true;
}

enum action_outcome cpu_proof_again(struct action_ctx *ctx, const HostFit *fit, virDomain **dom,
				    const char *mark, GError **error)
{
	g_autoptr(xmlDoc) doc = read_live(ctx, dom, error);
	const xmlNode *domain = xmlDocGetRootElement(doc);
	g_autofree char *lacks = NULL;

	if (!doc)
		return ACTION_UNKNOWN;
	if (!noted_lacks(domain, mark, &lacks, error))
		return ACTION_UNKNOWN;
	if (lacks)
		return judge_lack(ctx, lacks, is_strict(ctx, domain), *dom, mark, error);

	return cpu_proof(ctx, fit, dom, NULL, error);
}

bool cpu_proof_lacks(const struct action_ctx *ctx, virDomain *dom, const char *mark, char **ret,
		     GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, error);
	const xmlNode *domain = xmlDocGetRootElement(doc);

	*ret = NULL;
	if (!doc)
		return false;
	if (!noted_lacks(domain, mark, ret, error))
		return false;
	if (!is_strict(ctx, domain))
		g_clear_pointer(ret, g_free);

	return true;
}
