/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vtpm_secret.h - the passphrase that encrypts the state of a virtual TPM: TPM/SECRET_MODE.
 *
 * It is made for the VM's first start and kept in DIRECTORY/tpm/secret, 0600, which moves with the
 * VM. libvirt has it while the domain runs, as a secret with the domain's UUID: with "user" in
 * memory alone and for no client to read, with "host" on the host's disk, too, and readable. What
 * libvirt keeps of the TPM on a host's disk cannot be read once the domain has ended there.
 * Source: docs/facts/libvirt.md N.
 */
#ifndef VM_VTPM_SECRET_H
#define VM_VTPM_SECRET_H

#include "action/action.h"
#include "vm/host_fit.h"
#include "xml/xml.h"

/*
 * Makes the TPM of DOMAIN encrypted if VM (or NULL) says so, and says so in FIT. VMM_ERROR_INPUT:
 * there is no such mode, or DOMAIN cannot have it.
 */
bool vtpm_secret_ask(xmlNode *domain, const TmplVm *vm, HostFit *fit, GError **error);

/* Whether the TPM of DOMAIN has a passphrase of ours. */
bool vtpm_secret_needed(const xmlNode *domain);

/*
 * Gives libvirt of CONN the passphrase in DIRECTORY (or NULL), before DOMAIN starts there. MODE:
 * how it is kept, and one is made if there is none; NULL: as it was. True for a DOMAIN without.
 */
bool vtpm_secret_provide(virConnect *conn, const xmlNode *domain, const char *directory,
			 const char *mode, GError **error);

/* Takes it from libvirt of CONN; DOMAIN UUID does not run there. A failure is logged. */
void vtpm_secret_remove(virConnect *conn, const char *uuid);

#endif
