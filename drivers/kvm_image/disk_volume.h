/* SPDX-License-Identifier: Apache-2.0 */
/* disk_volume.h - a disk of a VM that is a volume: made, recorded, found again, removed. */
#ifndef KVM_IMAGE_DISK_VOLUME_H
#define KVM_IMAGE_DISK_VOLUME_H

#include "disk_make.h"

/*
 * As disk_making_look() for a disk with a volume. Of room for it disk_volume_check_room() asks, for
 * all disks at once.
 */
bool disk_volume_plan(struct disk_making *making, GError **error);

/* Whether the stores have room for MAKINGS, an array of struct disk_making. */
bool disk_volume_check_room(const struct image_job *job, const GArray *makings, GError **error);

/* As disk_making_write(), _record() and _publish(). It is recorded before it is made, too. */
bool disk_volume_write(struct image_job *job, struct disk_making *making, GError **error);
void disk_volume_record(const struct disk_making *making, struct disk_record *record);
bool disk_volume_publish(struct disk_making *making, GError **error);

/* Whether ENTRY is a volume of VM by its name, not another VM's, and its link leads to it. */
bool disk_volume_is_of(const struct disk_entry *entry, const char *vm);

/* What is there of the volume of ENTRY. An error is no answer. */
bool disk_volume_look(const struct image_job *job, const struct disk_entry *entry,
		      enum disk_found *ret, GError **error);

/* The same of a disk that is to be used: an unfinished one, made or half removed, is DISK_GONE. */
bool disk_volume_look_whole(const struct image_job *job, const struct disk_entry *entry,
			    enum disk_found *ret, GError **error);

/* Lets this host use it, or (ON false) no longer, because another host has it now. */
bool disk_volume_activate(const struct image_job *job, const struct disk_entry *entry, bool on,
			  GError **error);

/* Removes it, whole or unfinished. */
bool disk_volume_remove(const struct image_job *job, const struct disk_entry *entry,
			GError **error);

#endif
