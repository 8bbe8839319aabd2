/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_storage.h - how the disks of a datastore are kept: STORAGE, FORCE_RAW_IMAGES, PREALLOCATE,
 * SPARSE, VOLUME_GROUP and THIN_POOL of its template, else of kvmrc.
 *
 * Source: docs/facts/images.md 5.
 */
#ifndef KVM_IMAGE_DISK_STORAGE_H
#define KVM_IMAGE_DISK_STORAGE_H

#include "disk_plan.h"
#include "image_job.h"

/*
 * Makes the disks of PLAN what these settings say: with STORAGE = qcow2 a clone is an overlay on a
 * base that all clones share, with lvm each disk but a CD-ROM is a logical volume, with rbd each is
 * an image in a Ceph pool. VMM_ERROR_CONFIG: a word is not known, two settings contradict, or one
 * contradicts what the document says of a disk.
 */
bool disk_storage_apply(const struct image_job *job, struct disk_plan *plan, GError **error);

#endif
