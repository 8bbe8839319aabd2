/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vtpm_secret.h - the passphrase that encrypts the state of a virtual TPM: TPM/SECRET_MODE.
 *
 * It is made for the VM's first start and kept in DIRECTORY/tpm/secret, 0600, which moves with the
 * VM. libvirt has it while the domain runs, as a secret with the domain's UUID: with "user" in
 * memory alone and for no client to read, with "host" on the host's disk, too, and readable. What
 * libvirt keeps of the TPM on a host's disk cannot be read once the domain has ended there.
 *
 * Who ends the domain takes it from libvirt. For a guest that ends by itself the host's agent does:
 * the secret's description says whether a domain has started with it ("started one-7"), or is yet
 * to start here or to move in ("starting one-7").
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

/* DOMAIN, given one by vtpm_secret_provide(), has started at CONN. A failure is logged. */
void vtpm_secret_started(virConnect *conn, const xmlNode *domain);

/* Takes it from libvirt of CONN; DOMAIN UUID does not run there. A failure is logged. */
void vtpm_secret_remove(virConnect *conn, const char *uuid);

/*
 * Takes from libvirt of CONN, this host's, those of domains that have started with one and are
 * neither running, nor paused, nor defined any more, and on which no action works. One that cannot
 * be asked about stays.
 */
void vtpm_secret_drop_left(virConnect *conn);

#endif
