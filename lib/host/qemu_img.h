/* qemu_img.h - what qemu-img says of a disk image; QEMU may have it open. */
#ifndef HOST_QEMU_IMG_H
#define HOST_QEMU_IMG_H

#include "action/action.h"

struct image {
	char *format;			/* "raw", "qcow2"… */
	char *backing, *backing_format;	/* as its header says; or NULL */
	guint64 size;			/* bytes that a guest sees */
	guint64 allocated;		/* bytes that it takes */
	GPtrArray *snapshots;		/* names of those inside it */
};

/* Reads it; the caller clears. */
bool image_read(const struct action_ctx *ctx, const char *path, struct image *ret, GError **error);

void image_clear(struct image *image);

#endif
