/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_job.h - waits for block jobs on a domain's disks, during which libvirt refuses to save the
 * domain, resize its disks or make a snapshot.
 *
 * Source: docs/facts/libvirt.md I; actions.md 0.5.
 */
#ifndef VIRT_BLOCK_JOB_H
#define VIRT_BLOCK_JOB_H

#include "virt/virt_domain.h"

/*
 * Waits until no disk of DOM has a block job, at most LIMIT_MS. False: VMM_ERROR_BUSY names a disk
 * that still has one; other errors: not known.
 */
bool virt_block_wait(virDomain *dom, unsigned limit_ms, GError **error);

#endif
