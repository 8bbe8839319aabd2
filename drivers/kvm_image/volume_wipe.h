/* SPDX-License-Identifier: Apache-2.0 */
/* volume_wipe.h - zeros on a block device. */
#ifndef KVM_IMAGE_VOLUME_WIPE_H
#define KVM_IMAGE_VOLUME_WIPE_H

#include "base/error.h"

/*
 * Writes zeros to block device FD from byte START to END, and to the disk; a terminal shows how
 * far it is. NAME is for messages.
 */
bool volume_wipe(int fd, const char *name, guint64 start, guint64 end, GError **error);

#endif
