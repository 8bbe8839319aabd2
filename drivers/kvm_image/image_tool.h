/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_tool.h - runs qemu-img, or another program that makes an image, with limits on its memory
 * and CPU time, and shows how far it is.
 *
 * Source: docs/facts/images.md 3.
 */
#ifndef KVM_IMAGE_IMAGE_TOOL_H
#define KVM_IMAGE_IMAGE_TOOL_H

#include "image_job.h"

struct image_tool {
	const char *program;		/* NULL: qemu-img */
	const char *parameter;		/* of kvmrc, with words for PROGRAM; NULL: none */
	bool changes_metadata;		/* as root, to its end whatever ends us, without limits */
	unsigned timeout_s;		/* 0: none */
	const char *const *words;	/* behind it, NULL-terminated */
	const char *image;		/* for messages */
	bool is_long;			/* it reads or writes a whole image of BYTES */
	guint64 bytes;
	const char *progress;		/* what to show of its -p on a terminal; NULL: nothing */
	const char *grows;		/* a file whose size shows how far it is, not -p */
};

/*
 * False: SIGINT or SIGTERM came while a program ran that had to end. What begins to make IMAGE, or
 * writes its data, asks; what takes it back does not. VMM_ERROR_CANCELLED.
 */
bool image_tool_check_stopped(const char *image, GError **error);

/*
 * Runs it to its end; SIGINT and SIGTERM cancel it. RET_OUT (or NULL): its stdout, which the
 * caller frees. Errors: VMM_ERROR_BUSY when another program has the image open,
 * VMM_ERROR_NO_RESOURCE over a limit, VMM_ERROR_CANCELLED, VMM_ERROR_TIMEOUT, what its words
 * mean (VMM_ERROR_NO_SPACE, VMM_ERROR_NOT_FOUND…), else VMM_ERROR_INTERNAL; all with the last line
 * of its stderr.
 */
bool image_tool_run(const struct image_job *job, const struct image_tool *tool, char **ret_out,
		    GError **error);

/* Gives ERROR the class of what a program says with TEXT, if that is known. */
void image_tool_set_meaning(GError *error, const char *text);

/* Instead: says which command it would be, as a shell takes it. */
void image_tool_say(struct image_job *job, const char *const *words);

#endif
