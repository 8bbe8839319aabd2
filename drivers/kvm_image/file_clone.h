/* SPDX-License-Identifier: Apache-2.0 */
/* file_clone.h - a copy of a file on the same file system, with its holes. */
#ifndef KVM_IMAGE_FILE_CLONE_H
#define KVM_IMAGE_FILE_CLONE_H

#include "base/error.h"

/*
 * Makes empty file TO share all blocks of FROM, at once and without space of its own, as xfs and
 * btrfs can. False: the file system cannot, and TO is as before.
 */
bool file_clone_blocks(int from, int to);

/*
 * Copies FROM, called NAME, into empty file TO. VMM_ERROR_REFUSED: FROM was changed meanwhile; else
 * as errno says.
 */
bool file_clone(int from, int to, const char *name, GError **error);

#endif
