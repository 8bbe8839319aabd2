/*
 * relocate_datastore.h - the files of a running VM go to another directory of the same
 * host.
 *
 *   1 what does not change is copied, and images are made to copy into
 *   2 QEMU copies its disks, until all copies are equal; up to here all can be undone
 *   3 QEMU goes on with the copies, one disk after the other
 *   4 CD-ROMs and the metadata say the new directory
 *
 * If 3 fails in the middle nothing is removed: the next call moves the rest.
 * Source: actions.md 7, case C; pitfalls.md P-23, P-30.
 */
#ifndef ACTION_RELOCATE_DATASTORE_H
#define ACTION_RELOCATE_DATASTORE_H

#include "action/action.h"
#include "action/report.h"

/* Moves what DOM has in directory FROM to TO. ACTION_FAILED: ERROR says where its disks are. */
enum action_outcome relocate_datastore(struct action_ctx *ctx, virDomain *dom, const char *from,
				       const char *to, GError **error);

#endif
