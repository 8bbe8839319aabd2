/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_job.h - jobs on a domain's disks, which keep it from being saved, resized or
 * given a snapshot.
 *
 * Source: docs/facts/libvirt.md I; actions.md 0.5.
 */
#ifndef VIRT_BLOCK_JOB_H
#define VIRT_BLOCK_JOB_H

#include "virt/virt_domain.h"

/*
 * Waits until no disk of DOM has a block job, at most LIMIT_MS. False: one still has,
 * VMM_ERROR_BUSY names the disk; or nobody knows.
 */
bool virt_block_wait(virDomain *dom, unsigned limit_ms, GError **error);

#endif
