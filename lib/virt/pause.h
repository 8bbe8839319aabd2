/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pause.h - a guest that libvirt stopped for a while, and whose stop may have outlived
 * what it was for: a save or a snapshot in which the daemon was killed.
 *
 * Source: docs/facts/libvirt.md A.
 */
#ifndef VIRT_PAUSE_H
#define VIRT_PAUSE_H

#include "virt/virt_domain.h"

/* Whether it is paused for a save, a snapshot or a migration. */
bool virt_paused_for_job(const struct virt_state *state);

/*
 * Waits until DOM has no such job any more, nor any other call on it from before; a guest that
 * after some seconds stands still for one that nobody does is, with RESUME, resumed. RET is the
 * state then. False: nobody knows it, or it cannot be resumed. Who resumes knows that no
 * migration made another one live.
 */
bool virt_wait_idle(virDomain *dom, bool resume, struct virt_state *ret, GError **error);

#endif
