/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_document.h - the VM documents that actions read on stdin, made of options.
 *
 * Source: docs/facts/actions.md 9 to 13.
 */
#ifndef VMMEXEC_VM_DOCUMENT_H
#define VMMEXEC_VM_DOCUMENT_H

#include "cli_options.h"

/* The VM with one DISK to attach at TARGET. VM_ID may be NULL. The caller unrefs. */
GBytes *vm_document_disk(const struct cli_options *o, const char *vm_id, const char *target,
			 GError **error);

/* The same with one NIC of that MAC. */
GBytes *vm_document_nic(const struct cli_options *o, const char *vm_id, const char *mac);

/*
 * The VM with a DISK at TARGET, or a NIC of MAC on BRIDGE (or NULL), that has LIMITS (struct
 * vm_limit) alone.
 */
GBytes *vm_document_disk_limits(const char *vm_id, const char *target, const GPtrArray *limits);
GBytes *vm_document_nic_limits(const char *vm_id, const char *mac, const char *bridge,
			       const GPtrArray *limits);

/* The number of the VM that DOCUMENT, called NAME, describes. The caller frees. */
char *vm_document_id(GBytes *document, const char *name, GError **error);

/* The VM with the MEMORY and VCPU that it shall have. */
GBytes *vm_document_size(const struct cli_options *o, const char *vm_id, GError **error);

/* An address of our own making: locally administered, of one host. The caller frees. */
char *vm_document_random_mac(void);

#endif
