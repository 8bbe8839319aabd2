/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context_medium.h - the CD-ROM that tells a guest its CONTEXT, as OpenNebula makes it.
 *
 * Source: docs/facts/images.md 4.
 */
#ifndef KVM_IMAGE_CONTEXT_MEDIUM_H
#define KVM_IMAGE_CONTEXT_MEDIUM_H

#include "template/vm.h"

/*
 * Writes an ISO 9660 file system CONTEXT with the file context.sh into FD: NAME='value' of each
 * key of CONTEXT, for the shell of the guest. VMM_ERROR_INPUT: a key is no name of a variable.
 */
bool context_medium_write(const TmplAttr *context, int fd, GError **error);

#endif
