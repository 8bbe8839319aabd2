/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu_choice.h - the first CPU model of a list that libvirt knows, that the host can run and that
 * has what is required.
 *
 * Source: docs/facts/cpu.md 1 and 3.
 */
#ifndef FIT_CPU_CHOICE_H
#define FIT_CPU_CHOICE_H

#include "fit/cpu_wish.h"
#include "fit/fit.h"
#include "fit/fit_report.h"

/*
 * The model for WISH, whose mode is custom and whose names of features are libvirt's; KVM: the
 * domain is of that type, so that the host's CPU must be able to run the model. RET_WHY (the
 * caller frees) says why earlier ones were left out, "" if none was. NULL with problems in REPORT.
 * The caller frees.
 */
char *fit_cpu_choose(const struct fit_input *in, const FitCpuWish *wish, bool kvm, char **ret_why,
		     FitReport *report);

/* The <mode name=NAME> of the CPU in domain capabilities; NULL for an unknown host. */
xmlNode *fit_cpu_mode(const xmlNode *domcapabilities, const char *name);

#endif
