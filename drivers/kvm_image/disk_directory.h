/* SPDX-License-Identifier: Apache-2.0 */
/* disk_directory.h - a VM's directory, while disks are made or removed in it. */
#ifndef KVM_IMAGE_DISK_DIRECTORY_H
#define KVM_IMAGE_DISK_DIRECTORY_H

#include "base/error.h"

/* The name of its lock. */
#define DISK_DIRECTORY_LOCK ".kvm-image.lock"

struct disk_directory {
	char *path;	/* absolute */
	int lock;	/* of a file in it, which ends with this process; -1: none */
	bool is_new;	/* it was made here */
};

/* Whether NAME is that of an unfinished file, which goes when the directory is locked. */
bool disk_directory_is_part(const char *name);

/*
 * Locks directory PATH, with MAKE also one that is not there yet (not its parents), and removes
 * the unfinished disks that a killed kvm-image left. VMM_ERROR_BUSY: another one works there;
 * VMM_ERROR_NOT_FOUND. disk_directory_close() it, also after a failure.
 */
bool disk_directory_open(struct disk_directory *directory, const char *path, bool make,
			 GError **error);

/* Unlocks it; with REMOVE, removes it if it is empty then. */
void disk_directory_close(struct disk_directory *directory, bool remove);

#endif
