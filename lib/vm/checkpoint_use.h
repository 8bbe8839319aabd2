/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint_use.h - makes sure that a checkpoint is restored once: memory that is older than the
 * disks destroys the guest's file systems.
 *
 *   FILE             complete; no guest ran from it
 *   FILE.restoring   a restore has begun: a guest may have run from it
 *   .FILE.spent      which checkpoints of this VM guests ran from: should one be put back (a copy,
 *                    another name, a pool that still has it), it is known again
 *
 * If a restore dies while FILE.restoring exists, a guest may or may not have run. While the domain
 * exists libvirt knows; afterwards the times of the disks do, as a running guest writes to them.
 */
#ifndef VM_CHECKPOINT_USE_H
#define VM_CHECKPOINT_USE_H

#include "action/action.h"
#include "xml/xml.h"

/* FILE.restoring. The caller frees. */
char *checkpoint_use_path(const char *file);

/* Whether FILE.restoring is there. */
bool checkpoint_use_has(const char *file);

/* Whether FILE is another name of FILE.restoring. */
bool checkpoint_use_is_begun(const char *file);

/* FILE becomes FILE.restoring, for good. */
bool checkpoint_use_begin(const char *file, GError **error);

/* No guest ran from it: FILE.restoring becomes FILE again. */
bool checkpoint_use_undo(const char *file, GError **error);

/*
 * A guest runs from it: notes that in .FILE.spent, and removes FILE.restoring and what is known to
 * be the same by the name FILE. Faults are logged.
 */
void checkpoint_use_end(const char *file);

/*
 * The VM of DIRECTORY (or NULL) was seen in STATE, and is ended now: a checkpoint there that a
 * restore had begun to use is used up, if the guest had come up from it.
 */
void checkpoint_use_domain_ended(const char *directory, const struct virt_state *state);

/*
 * The VM of DIRECTORY runs: a checkpoint that lies there unused is older than its disks from now
 * on, which is noted and logged.
 */
void checkpoint_use_started_beside(const char *directory);

/*
 * Whether that is noted of FILE of DOMAIN, for disks that do not tell; of one without disks it does
 * not matter. RET_NOTE: where; the caller frees.
 */
bool checkpoint_use_is_older(const xmlNode *domain, const char *file, char **ret_note);

/* Whether the checkpoint in PATH, FILE or another one, is noted in .FILE.spent. */
bool checkpoint_use_knows(const char *file, const char *path);

/* FILE was made just now: forgets which checkpoints were used before. Faults are logged. */
void checkpoint_use_reset(const char *file);

enum checkpoint_disks {
	CHECKPOINT_DISKS_OLDER,   /* no disk was written after the checkpoint */
	CHECKPOINT_DISKS_NEWER,   /* one was */
	CHECKPOINT_DISKS_UNKNOWN, /* none is in a file, or the times are too close to tell */
};

/*
 * What the disks of DOMAIN, as it will start, say of the checkpoint PATH. RET_DISK, for
 * CHECKPOINT_DISKS_NEWER: "vda (its path)"; the caller frees.
 */
enum checkpoint_disks checkpoint_use_look(const xmlNode *domain, const char *path, char **ret_disk);

#endif
