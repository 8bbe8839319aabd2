/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wanted_disk.h - the disk that a request attaches, beside the one that a domain has at its target:
 * what takes an attach back, or asks what became of it, must not take another disk for that one.
 */
#ifndef VM_WANTED_DISK_H
#define VM_WANTED_DISK_H

#include "vm/device.h"

/*
 * The <disk> of DISK, a vector of V's document, with its link resolved; PATH: its file or block
 * device. Warnings are logged. The caller frees.
 */
xmlDoc *wanted_disk_new(const struct action_ctx *ctx, const DeviceVm *v, const TmplAttr *disk,
			const char *path, GError **error);

/* Whether THERE, a disk of a domain, and WANTED name one source. */
bool wanted_disk_is(const xmlNode *there, const xmlNode *wanted);

enum wanted_disk {
	WANTED_DISK_SAME,
	WANTED_DISK_OTHER,	/* certainly another image */
	WANTED_DISK_UNKNOWN,
};

/* As wanted_disk_is(), and two paths of one file are the same. */
enum wanted_disk wanted_disk_compare(const xmlNode *there, const xmlNode *wanted);

#endif
