/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint_stored.h - whether a checkpoint that is not where save made it was moved to its
 * datastore, by the datastore's own program (datastore_hook.h).
 *
 *   .FILE.storing   that program was started; when FILE is gone it has moved it
 */
#ifndef VM_CHECKPOINT_STORED_H
#define VM_CHECKPOINT_STORED_H

#include "action/action.h"

/* FILE, of the VM with that DEPLOY_ID and id VM_ID, is about to be moved. */
bool checkpoint_stored_begin(const char *file, const char *deploy_id, const char *vm_id,
			     GError **error);

/* Nothing is moved, or what was is used up. Faults are logged. */
void checkpoint_stored_forget(const char *file);

/* Whether FILE of that VM was moved, in the last ten minutes or, if that is known, in AGE_S. */
bool checkpoint_stored_is(const char *file, const char *deploy_id, const char *vm_id,
			  gint64 age_s);

/*
 * The VM of DIRECTORY was started from its disks: logs that a checkpoint of it was moved to its
 * datastore and is not used, if one was.
 */
void checkpoint_stored_warn_unused(const char *directory);

#endif
