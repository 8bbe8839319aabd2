/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu_wish.h - what a VM asks of its CPU, from CPU_MODEL, EVC_MODE and FEATURES/NESTED, or what a
 * host gives to VMs that ask for nothing, from kvmrc. What contradicts itself is a problem here;
 * what a host or libvirt does not know is found later.
 *
 * Source: docs/facts/cpu.md 2.
 */
#ifndef FIT_CPU_WISH_H
#define FIT_CPU_WISH_H

#include "conf/kvmrc.h"
#include "template/vm.h"

struct fit_cpu_feature {
	char *name;		/* lower case */
	bool on;		/* required; else disabled */
};

typedef struct fit_cpu_wish {
	const char *text;	/* MODEL verbatim, borrowed from the VM; NULL: unset */
	const char *mode;	/* none, host-model, host-passthrough, maximum, custom; or NULL */
	GPtrArray *models;	/* of char *, with mode custom: the first that fits */
	GPtrArray *features;	/* of struct fit_cpu_feature, no name twice */
	GPtrArray *required;	/* of char *: features that the model must have */
	guint phys_bits;	/* 0: unset */
	bool phys_passthrough;
	bool nested;		/* the guest shall run VMs */
	bool has_list;		/* a list, not MODEL, names the models */
	const char *from;	/* the attribute or parameter that names mode and models; static */
} FitCpuWish;

void fit_cpu_wish_clear(FitCpuWish *wish);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FitCpuWish, fit_cpu_wish_clear)

/*
 * Fills WISH from all levels of VM, which may be NULL. Adds a text (char *) to PROBLEMS for each
 * that is found. The caller clears.
 */
void fit_cpu_wish_read(const TmplVm *vm, FitCpuWish *wish, GPtrArray *problems);

/*
 * Completes WISH, which has no mode, with CPU_MODE and CPU_MODELS of kvmrc, and with CPU_FEATURES
 * if it has no features. Nothing changes when RC has none of them.
 */
void fit_cpu_wish_complete(FitCpuWish *wish, const ConfKvmrc *rc, GPtrArray *problems);

/* Adds feature NAME to WISH; false when it is there with the other sign. */
bool fit_cpu_wish_feature(FitCpuWish *wish, const char *name, bool on);

/* Whether WISH has feature NAME with that sign. */
bool fit_cpu_wish_says(const FitCpuWish *wish, const char *name, bool on);

void fit_cpu_feature_free(struct fit_cpu_feature *feature);

#endif
