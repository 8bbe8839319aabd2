/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_copy.h - one copy of an image in another format, in which its backing files become part.
 *
 * Source: docs/facts/images.md 2 and 3.
 */
#ifndef KVM_IMAGE_IMAGE_COPY_H
#define KVM_IMAGE_IMAGE_COPY_H

#include <sys/stat.h>

#include "image_job.h"

/* All texts are borrowed; paths are absolute. */
struct image_copy {
	struct image_job *job;
	const char *from, *to;
	const char *stands_for;	/* the file elsewhere that FROM is a copy of; NULL: none */
	bool is_import;		/* FROM comes from outside: it has no backing file at all */
	const char *format;	/* of FROM, as declared; NULL: as its header says */
	const char *to_format;	/* raw or qcow2 */
	guint64 size;		/* virtual, in bytes */
	guint64 data;		/* bytes to write, at most */
	struct stat seen;	/* FROM, before its header was read */
};

/*
 * Whether FROM may be copied, from its header and those of its backing files; sets FORMAT, SIZE
 * and SEEN. VMM_ERROR_INPUT: it has another format, or one that is not copied; VMM_ERROR_REFUSED:
 * it leads to files that its VM may not read, or is no regular file.
 */
bool image_copy_look(struct image_copy *copy, GError **error);

/* Sets DATA. VMM_ERROR_NO_SPACE: the file system of TO has less room. */
bool image_copy_measure(struct image_copy *copy, GError **error);

/* A volume that image_copy_to_volume() writes into. */
struct image_target {
	const char *const *words;	/* how qemu-img opens it, NULL-terminated */
	const char *name;		/* as qemu-img is given it */
	bool is_zero;			/* it reads as zeros: holes need not be written */
};

/* As image_copy_run(), into a volume that is there and is large enough. */
bool image_copy_to_volume(const struct image_copy *copy, const struct image_target *target,
			  GError **error);

/*
 * Writes it into PART, a file that is there, and checks that it is whole and that FROM was not
 * changed meanwhile. With --dry-run: says the command.
 */
bool image_copy_run(const struct image_copy *copy, const char *part, GError **error);

#endif
