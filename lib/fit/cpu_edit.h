/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu_edit.h - changes in a domain's <cpu>. What is already so stays as it is; each change is
 * noted with the attribute that asks for it.
 *
 * Source: docs/facts/cpu.md 1.
 */
#ifndef FIT_CPU_EDIT_H
#define FIT_CPU_EDIT_H

#include "fit/cpu_map.h"
#include "fit/cpu_wish.h"
#include "xml/xml.h"

struct fit_cpu_edit {
	xmlNode *domain;
	GPtrArray *changes;	/* of char * */
	const char *from;	/* names the attribute that asks for mode and model */
};

/* Gives the CPU this MODE; its model is removed unless MODE is custom. */
void fit_cpu_edit_mode(struct fit_cpu_edit *edit, const char *mode);

/* WHY, if not "", says why the model is not an earlier one of the list. */
void fit_cpu_edit_model(struct fit_cpu_edit *edit, const char *model, const char *why);

/* Leaves of <cpu> what is not mode, model or features: QEMU's default model is used. */
void fit_cpu_edit_remove(struct fit_cpu_edit *edit);

/* One element for FEATURE, which has libvirt's name, whatever names the domain has for it. */
void fit_cpu_edit_feature(struct fit_cpu_edit *edit, const FitCpuMap *map,
			  const struct fit_cpu_feature *feature);

/*
 * Has libvirt refuse a guest whose QEMU lacks a required feature: with mode host-passthrough or
 * maximum it does not look otherwise, and the running domain does not tell.
 */
void fit_cpu_edit_check(struct fit_cpu_edit *edit);

/* BITS of guest addresses; 0: as many as the host has. */
void fit_cpu_edit_phys_bits(struct fit_cpu_edit *edit, guint bits);

#endif
