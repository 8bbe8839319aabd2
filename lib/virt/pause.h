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
 * Waits for pending jobs of DOM, and then some seconds if it is paused for one. RET is the state
 * then; still paused for a job: that one no longer exists, and stranded.h says whether DOM may be
 * resumed. False: the state is not known.
 */
bool virt_wait_idle(virDomain *dom, struct virt_state *ret, GError **error);

#endif
