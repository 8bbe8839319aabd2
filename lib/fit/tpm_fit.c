/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/tpm_fit.h"

/* TPM/TYPE of the VM; NULL: it does not say. Borrowed. */
static const char *type_of(const struct fit_input *in)
{
	struct tmpl_hit hit;

	if (!in->vm || !tmpl_vm_find(in->vm, NULL, "TPM/TYPE", TMPL_IN_ALL, &hit))
		return NULL;

	return hit.text;
}

/* The type of the domain's TPM; NULL: it has none. The caller frees. */
static char *backend_of(const xmlNode *domain)
{
	const xmlNode *tpm = xml_child(xml_child(domain, "devices"), "tpm");

	return xml_child_attribute(tpm, "backend", "type");
}

enum fit_need fit_tpm_needs(const xmlNode *domain, const struct fit_input *in)
{
	const char *type = type_of(in);
	g_autofree char *backend = NULL;

	if (!domain || !type)
		return FIT_NEEDS_NOTHING;
	backend = backend_of(domain);
	if (backend && !g_ascii_strcasecmp(type, backend))
		return FIT_NEEDS_NOTHING;

	return FIT_NEEDS_CPUS;
}

void fit_tpm(const xmlNode *domain, const struct fit_input *in, FitReport *report)
{
	g_autofree char *backend = backend_of(domain);

	if (fit_tpm_needs(domain, in) == FIT_NEEDS_NOTHING)
		return;
	if (backend)
		fit_report_add(report, VMM_ERROR_INPUT, "TPM/TYPE = '%.100s': the domain has a TPM "
			       "of type %s instead", type_of(in), backend);
	else
		fit_report_add(report, VMM_ERROR_INPUT, "TPM/TYPE = '%.100s': the domain has no "
			       "TPM", type_of(in));
	fit_report_hint(report, "oned knows MODEL only: deploy --vm and kvm-domain know emulator, "
			"passthrough and external");
}
