/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_archive.h - the state of a virtual TPM as users may give it: a compressed archive
 * in the VM's template, of which only the one file is taken.
 *
 * Source: docs/facts/actions.md 1, step 6; pitfalls.md P-10.
 */
#ifndef HOST_TPM_ARCHIVE_H
#define HOST_TPM_ARCHIVE_H

#include <libxml/tree.h>

#include "base/error.h"

/*
 * The bytes of tpm/tpm2-00.permall in ARCHIVE, LEN bytes of a gzipped tar. NULL
 * with VMM_ERROR_INPUT for anything that is not such an archive, holds another
 * file or a link, or is unpacked larger than 4 MiB.
 */
GBytes *tpm_archive_unpack(const void *archive, size_t len, GError **error);

/*
 * Makes DIRECTORY/tpm/tpm2-00.permall from USER_TEMPLATE/TPM_STATE of VM, the root
 * of a VM document or NULL, unless DIRECTORY/tpm is there or there is no such state.
 */
bool tpm_archive_prepare(const xmlNode *vm, const char *directory, GError **error);

#endif
