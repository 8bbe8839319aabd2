/* SPDX-License-Identifier: Apache-2.0 */
/* qemu_img.h - what qemu-img says of a disk image; QEMU may have it open. */
#ifndef HOST_QEMU_IMG_H
#define HOST_QEMU_IMG_H

#include "action/action.h"

struct qemu_image {
	char *format;			/* "raw", "qcow2"… */
	char *backing, *backing_format;	/* as its header says; or NULL */
	guint64 size;			/* bytes that a guest sees */
	guint64 allocated;		/* bytes that it takes */
	GPtrArray *snapshots;		/* names of those inside it */
};

/* Reads it; the caller clears. */
bool qemu_img_read(const struct action_ctx *ctx, const char *path, struct qemu_image *ret,
		   GError **error);

void qemu_img_clear(struct qemu_image *image);

#endif
