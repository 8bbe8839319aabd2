/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/encryption_fit.h"

#include <string.h>

#include "base/number.h"
#include "fit/encryption_rules.h"

/* What one type is to the parts of a host. */
static const struct technology {
	const char *type;
	const char *parameter;	/* of a module of KVM */
	const char *sectype;	/* in domain capabilities; NULL: an element of its own, sev */
	const char *guests;	/* element that says how many guests there may be; NULL: none */
	const char *since;	/* of libvirt */
} technologies[] = {
	{ "SEV",     "kvm_amd/sev",     NULL,      "maxGuests",   "4.5" },
	{ "SEV-ES",  "kvm_amd/sev_es",  NULL,      "maxESGuests", "4.5" },
	{ "SEV-SNP", "kvm_amd/sev_snp", "sev-snp", "maxESGuests", "10.5" },
	{ "TDX",     "kvm_intel/tdx",   "tdx",     NULL,          "11.6" },
};

enum answer { ANSWER_YES, ANSWER_NO, ANSWER_UNKNOWN };

static const struct technology *technology_called(const char *type)
{
	for (size_t i = 0; type && i < G_N_ELEMENTS(technologies); i++)
		if (g_str_equal(type, technologies[i].type))
			return &technologies[i];

	return NULL;
}

static const struct technology *technology_of(const xmlNode *domain)
{
	return technology_called(fit_encryption_type(domain));
}

enum fit_need fit_encryption_needs(const xmlNode *domain)
{
	if (technology_of(domain))
		return FIT_NEEDS_HOST;

	return FIT_NEEDS_NOTHING;
}

const char *fit_encryption_parameter(const xmlNode *domain)
{
	const struct technology *t = technology_of(domain);

	if (!t)
		return NULL;

	return t->parameter;
}

static bool lists(const xmlNode *security, const char *sectype)
{
	for (xmlNode *e = xml_child(security, "enum"); e; e = xml_next(e)) {
		if (!xml_has(e, "name", "sectype"))
			continue;
		for (xmlNode *v = xml_child(e, "value"); v; v = xml_next(v)) {
			g_autofree char *text = xml_text(v);

			if (!g_strcmp0(text, sectype))
				return true;
		}
	}

	return false;
}

/* What libvirt and the QEMU that it looked at say. */
static enum answer ask(const struct technology *t, const xmlNode *features)
{
	const xmlNode *sev = xml_child(features, "sev");
	const xmlNode *security = xml_child(features, "launchSecurity");
	const xmlNode *element = t->sectype ? security : sev;
	bool yes;

	if (!element)
		return ANSWER_UNKNOWN;
	if (t->sectype)
		yes = lists(security, t->sectype);
	else
		yes = xml_has(sev, "supported", "yes");
	if (yes)
		return ANSWER_YES;

	return ANSWER_NO;
}

/* The firmware of the host divides the keys among the types: one may have got none. */
static void check_guests(const struct technology *t, const xmlNode *features, FitResult *result,
			 FitReport *report)
{
	const xmlNode *sev = xml_child(features, "sev");
	g_autofree char *guests = NULL;
	gint64 n;

	if (t->guests)
		guests = xml_child_text(sev, t->guests);
	if (!guests || !number_signed(guests, 0, G_MAXINT32, &n, NULL))
		return;
	result->slots = n;
	if (n > 0)
		return;
	fit_report_add(report, VMM_ERROR_INCOMPATIBLE, "MEMORY_ENCRYPTION: this host has no keys "
		       "for guests with %s (%s is 0)", t->type, t->guests);
	fit_report_hint(report, "run host_check --only sev,sev-es,sev-snp; in the firmware's "
			"setup the minimum SEV ASID divides the keys");
}

bool fit_encryption_shares(const char *a, const char *b)
{
	const struct technology *first = technology_called(a), *second = technology_called(b);

	if (!first || !second)
		return false;

	return g_strcmp0(first->guests, second->guests) == 0;
}

static void report_kernel(const struct technology *t, const struct fit_input *in,
			  FitReport *report)
{
	const char *state = "is off";

	if (in->encryption == FIT_SWITCH_ABSENT)
		state = "is not there";
	fit_report_add(report, VMM_ERROR_INCOMPATIBLE, "MEMORY_ENCRYPTION: the kernel of this host "
		       "has no %s: parameter %s of KVM's modules %s", t->type, t->parameter, state);
	fit_report_hint(report, "switch it on in the firmware's setup and for the module: run "
			"host_check --only sev,sev-es,sev-snp,tdx");
}

static void report_missing(const struct technology *t, const struct fit_input *in,
			   enum answer answer, FitReport *report)
{
	bool off = in->encryption == FIT_SWITCH_OFF || in->encryption == FIT_SWITCH_ABSENT;

	if (answer == ANSWER_UNKNOWN) {
		fit_report_add(report, VMM_ERROR_INCOMPATIBLE, "MEMORY_ENCRYPTION: libvirt of this "
			       "host does not know %s", t->type);
		fit_report_hint(report, "it needs libvirt %s or later", t->since);
	} else if (off) {
		report_kernel(t, in, report);
	} else {
		fit_report_add(report, VMM_ERROR_INCOMPATIBLE, "MEMORY_ENCRYPTION: QEMU of this "
			       "host has no %s", t->type);
		fit_report_hint(report, "run host_check --only sev,sev-es,sev-snp,tdx");
	}
}

/* What the VM itself lacks: oned's XML has not been checked by anybody. */
static void check_rules(const struct technology *t, const xmlNode *domain, FitReport *report)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);

	fit_encryption_check(domain, t->type, problems);
	for (guint i = 0; i < problems->len; i++)
		fit_report_add(report, VMM_ERROR_INPUT, "MEMORY_ENCRYPTION: %s",
			       (const char *)problems->pdata[i]);
}

void fit_encryption(const xmlNode *domain, const struct fit_input *in, FitResult *result,
		    FitReport *report)
{
	const struct technology *t = technology_of(domain);
	const xmlNode *features = xml_child(in->domcapabilities, "features");
	enum answer answer;

	if (!t)
		return;
	check_rules(t, domain, report);
	if (!in->domcapabilities)
		return;
	if (!xml_has(domain, "type", "kvm")) {
		fit_report_add(report, VMM_ERROR_INCOMPATIBLE, "MEMORY_ENCRYPTION: QEMU's own "
			       "emulation has none");
		fit_report_hint(report, "use a host with KVM: host_check --only kvm-device");
		return;
	}

	answer = ask(t, features);
	if (answer == ANSWER_YES)
		check_guests(t, features, result, report);
	else
		report_missing(t, in, answer, report);
}
