/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fit.h - fits a domain to the host that is to run it, where its VM or the host's kvmrc asks for
 * that. It reads documents and changes one: it asks neither libvirt nor the host.
 *
 * Source: docs/facts/cpu.md 2 and 3; docs/facts/hosts.md 5.
 */
#ifndef FIT_FIT_H
#define FIT_FIT_H

#include "conf/kvmrc.h"
#include "fit/cpu_map.h"
#include "template/vm.h"
#include "xml/xml.h"

/* Whether guests may run VMs themselves: parameter "nested" of the host's KVM module. */
enum fit_nested { FIT_NESTED_UNKNOWN, FIT_NESTED_OFF, FIT_NESTED_ON };

/* What a parameter of one of the host's modules says; UNKNOWN: the host was not asked. */
enum fit_switch { FIT_SWITCH_UNKNOWN, FIT_SWITCH_ABSENT, FIT_SWITCH_OFF, FIT_SWITCH_ON };

/* All of it is borrowed. */
struct fit_input {
	const TmplVm *vm;		/* NULL: there is no document */
	const ConfKvmrc *rc;		/* NULL: a kvmrc that asks for nothing */
	const xmlNode *capabilities;	/* of the host, as libvirt gives them; NULL: unknown */
	const xmlNode *domcapabilities;	/* for the domain's emulator, machine and type; or NULL */
	const FitCpuMap *cpus;		/* for the domain's architecture */
	enum fit_nested nested;
	bool built;			/* the domain was made of VM; oned's knows more levels */
	enum fit_switch encryption;	/* fit_encryption_parameter() of the domain */
};

typedef struct fit_result {
	GPtrArray *changes;	/* of char *: what was changed and why */
	GPtrArray *required;	/* of char *: CPU features that the running guest must have */
	bool compare;		/* the host is to be asked whether it can run this CPU */
	gint64 slots;		/* guests with encryption as the domain's; -1: no limit is known */
} FitResult;

void fit_result_init(FitResult *result);
void fit_result_clear(FitResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FitResult, fit_result_clear)

/*
 * What fit_domain() has to be given for DOMAIN, NULL for one without a CPU: each needs what is
 * before it, too.
 */
enum fit_need {
	FIT_NEEDS_NOTHING,	/* it need not be called: nobody asks for anything */
	FIT_NEEDS_CPUS,
	FIT_NEEDS_HOST,		/* the capabilities and NESTED */
};
enum fit_need fit_needs(const xmlNode *domain, const struct fit_input *input);

/*
 * Changes DOMAIN, and says in RESULT what was changed. False with all problems in one line and
 * DOMAIN as it was: VMM_ERROR_INPUT for a VM that contradicts itself, VMM_ERROR_CONFIG for kvmrc,
 * VMM_ERROR_INCOMPATIBLE for what this host cannot do.
 */
bool fit_domain(xmlNode *domain, const struct fit_input *input, FitResult *result,
		GError **error);

#endif
