/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_state.h - the state of a virtual TPM, copied as root between libvirt's place and the VM's
 * directory. Every directory and file is opened once, never through a link.
 *
 *   backup    to DIRECTORY/tpm, of a domain that runs here or did until now
 *   keep      the same, but a newer state in DIRECTORY/tpm stays
 *   recover   from DIRECTORY/tpm, but a newer state in libvirt's place stays
 *   replace   from DIRECTORY/tpm, whatever is in libvirt's place
 *   forget    out of libvirt's place, what DIRECTORY/tpm has byte for byte
 *
 * A copy has the time of what it was copied from.
 * Source: docs/facts/actions.md 22; pitfalls.md P-9, P-11.
 */
#ifndef HOST_TPM_STATE_H
#define HOST_TPM_STATE_H

#include "base/error.h"

/* VMM_ERROR_NOT_FOUND: there is nothing to copy. */
bool tpm_state_run(const char *verb, const char *uuid, const char *directory, GError **error);

#endif
