/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu_proof.h - whether a running guest has the CPU features that its VM requires: libvirt leaves
 * out what QEMU lacks, and says so only in the XML of the running domain.
 *
 * What is required is noted in the domain's metadata before it starts, with the mark of its
 * deployment: so that the answer can still be had when deploy died before it looked.
 * Source: docs/facts/cpu.md 4.
 */
#ifndef VM_CPU_PROOF_H
#define VM_CPU_PROOF_H

#include "vm/host_fit.h"

/* Notes in DOMAIN, which the deployment of MARK is to start, what FIT requires, if anything. */
void cpu_proof_note(xmlNode *domain, const HostFit *fit, const char *mark);

/*
 * Looks whether DOM, which the deployment of MARK has just made, has the features that FIT
 * requires. One that lacks some is ended (VMM_ERROR_INCOMPATIBLE) if it is of type kvm or
 * CPU_MISSING of kvmrc says so.
 * When the connection is lost DOM is replaced by one on a new connection.
 */
enum action_outcome cpu_proof(struct action_ctx *ctx, const HostFit *fit, virDomain **dom,
			      const char *mark, GError **error);

/*
 * The same of DOM, which ran already when its deploy began: by what the deployment of MARK noted,
 * if that is what made it; else what it lacks of FIT is logged, and it is left alone.
 */
enum action_outcome cpu_proof_again(struct action_ctx *ctx, const HostFit *fit, virDomain **dom,
				    const char *mark, GError **error);

/*
 * What DOM, made by the deployment of MARK, lacks so that cpu_proof() would end it, in RET: NULL:
 * nothing. The caller frees. False: its XML cannot be read.
 */
bool cpu_proof_lacks(const struct action_ctx *ctx, virDomain *dom, const char *mark, char **ret,
		     GError **error);

#endif
