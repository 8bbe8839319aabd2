/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_header.h - what the first bytes of a disk image say of it, without QEMU.
 *
 * A user, or a guest, chose every byte that is read here.
 * Source: docs/facts/images.md 1.
 */
#ifndef IMAGE_IMAGE_HEADER_H
#define IMAGE_IMAGE_HEADER_H

#include "base/error.h"

struct image_header {
	/* raw, qcow2, qcow, qed, vmdk, vdi, vhdx, luks, iso or gpt; static */
	const char *format;
	const char *also;	/* a second format whose mark is there, or NULL; static */
	guint64 size;		/* virtual size in bytes; 0: not in the header */
	char *backing;		/* the backing file's name, verbatim; NULL: none */
	char *backing_format;	/* as declared; NULL: not declared */
	char *data_file;	/* that holds the data; "": one without a name; NULL: none */
	char *create_type;	/* of a vmdk; NULL: none */
};

/*
 * Reads the header of FD, a regular file or block device; NAME is for messages. What has no known
 * mark is "raw". Reads at most some 64 KiB. Errors: VMM_ERROR_REFUSED for a header that is
 * malformed, or as errno says. RET is set only on success; image_header_clear() it.
 */
bool image_header_read(int fd, const char *name, struct image_header *ret, GError **error);

/*
 * As image_header_read() of file PATH, links followed. Does not open what is neither a regular
 * file nor a block device: VMM_ERROR_REFUSED.
 */
bool image_header_load(const char *path, struct image_header *ret, GError **error);

void image_header_clear(struct image_header *h);

#endif
