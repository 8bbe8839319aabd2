/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pause.h - domains left paused by an interrupted save, snapshot or migration.
 *
 * Source: docs/facts/libvirt.md A.
 */
#ifndef VIRT_PAUSE_H
#define VIRT_PAUSE_H

#include "virt/virt_domain.h"

/* Whether it is paused for a save, a snapshot or a migration. */
bool virt_paused_for_job(const struct virt_state *state);

/*
 * Waits for pending jobs of DOM. If it is still paused after some seconds for a job that no longer
 * exists, resumes it when RESUME; the caller must have ruled out a live copy on another host. RET
 * is the state then. False: it is not known, or the domain cannot be resumed.
 */
bool virt_wait_idle(virDomain *dom, bool resume, struct virt_state *ret, GError **error);

#endif
