/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer_move.h - the directory of a VM, with all its disks, goes from one host to another, or to
 * or from the front-end.
 *
 * Source: docs/facts/images.md 9.
 */
#ifndef KVM_IMAGE_TRANSFER_MOVE_H
#define KVM_IMAGE_TRANSFER_MOVE_H

#include "transfer_side.h"

/*
 * Moves it; succeeded if it is there already, or if both hosts have the same directory. The source
 * is emptied once the destination has said that it has all. After a failure, or a kill, one of both
 * has all of it, and the same call again continues.
 */
bool transfer_move_run(const struct transfer_sides *sides, GError **error);

/*
 * Around the action that moves a running VM: brings what that does not bring, if the hosts have
 * storage of their own; makes the disks there the VM's and empties the source; or takes back what
 * was brought.
 */
bool transfer_move_before(const struct transfer_sides *sides, GError **error);
bool transfer_move_after(const struct transfer_sides *sides, GError **error);
bool transfer_move_failed(const struct transfer_sides *sides, GError **error);

#endif
