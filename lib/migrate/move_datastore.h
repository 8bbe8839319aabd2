/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move_datastore.h - moves the files of a running VM to another directory of the same
 * host.
 *
 *   1 prepare   copies files that do not change, and creates target images
 *   2 copy      QEMU copies its disks, until all copies are equal
 *   3 metadata  writes the new directory into the domain; up to here all can be undone
 *   4 pivot     QEMU switches to the copies, one disk after the other
 *   5 media     switches CD-ROMs and read-only disks to the new directory; a failure is logged
 *
 * If 4 fails in the middle, nothing is removed: the next call moves the rest. The file of UEFI
 * variables, which QEMU keeps open, gets a hard link in the new directory: then both must be on one
 * file system.
 * Source: docs/facts/actions.md 7, case C; pitfalls.md P-23, P-30.
 */
#ifndef MIGRATE_MOVE_DATASTORE_H
#define MIGRATE_MOVE_DATASTORE_H

#include "action/action.h"
#include "action/report.h"

/* Moves what DOM has in directory FROM to TO. ACTION_FAILED: ERROR says where its disks are. */
enum action_outcome move_datastore(struct action_ctx *ctx, virDomain *dom, const char *from,
				   const char *to, GError **error);

#endif
