/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvram.h - the file with a UEFI guest's variables, made once and never again:
 * what the guest stored there must survive.
 *
 * Source: docs/facts/actions.md 1, step 4; pitfalls.md P-20.
 */
#ifndef HOST_NVRAM_H
#define HOST_NVRAM_H

#include <libxml/tree.h>

#include "action/action.h"

/*
 * Makes the file that os/nvram of DOMAIN names, 0600, from OVMF_NVRAM of kvmrc, unless it is
 * there, the element names a template of its own (libvirt makes it then) or there is no such
 * element. Of a "…_VARS.fd" in VM_DIRECTORY, the VM's own, the one other such file is taken over:
 * oned names it by the VM's name, which may change.
 */
bool nvram_prepare(const struct action_ctx *ctx, const xmlNode *domain, const char *vm_directory,
		   GError **error);

#endif
