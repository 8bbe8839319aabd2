/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_sent.h - whether the directory of a VM has nothing but what a move knows: only then may it be
 * emptied because the other side of that move has all.
 */
#ifndef KVM_IMAGE_VM_SENT_H
#define KVM_IMAGE_VM_SENT_H

#include "vm_contents.h"
#include "vm_move.h"

/*
 * CONTENTS, which vm_contents_look() found, is what MOVE lists, and no file was changed since.
 * MOVE: what is noted there of one that was sent from there, or has come there. If the VM was sent
 * while it runs, only the action that moved it knows what has become of its disks: that action must
 * have noted that the VM has moved. VMM_ERROR_REFUSED.
 */
bool vm_sent_check(const struct vm_contents *contents, const VmMove *move, GError **error);

/* Whether the action that moves a running VM has noted in DIRECTORY that the VM is elsewhere. */
bool vm_sent_has_moved(const char *directory);

#endif
