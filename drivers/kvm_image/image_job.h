/* SPDX-License-Identifier: Apache-2.0 */
/* image_job.h - one call of kvm-image: what is asked for, and what there is to say. */
#ifndef KVM_IMAGE_IMAGE_JOB_H
#define KVM_IMAGE_IMAGE_JOB_H

#include <json-c/json.h>

#include "base/error.h"
#include "conf/kvmrc.h"
#include "image/image_header.h"
#include "template/attr.h"

struct image_options {
	gboolean help, version, json, dry_run, shrink, force, received, all, seen, running;
	gboolean shared;
	char *format, *from, *size, *backing, *backing_format, *preallocate, *checksum, *kvmrc;
	char *max_size, *disk, *vm;
	char *directory, *datastore;
	char *move, *token, *volumes, *snapshot;
	char **operands;
};

struct image_job {
	const struct image_options *o;
	const char *path;	/* the first operand */
	const char *to;		/* the second; or NULL */
	ConfKvmrc *rc;
	const TmplSet *datastore;	/* whose images they are; NULL: not known; borrowed */
	json_object *result;	/* what --json prints */
	GString *text;		/* what is printed otherwise: lines */
};

/* What an operand names: a path from "/" on. The caller frees. */
char *image_job_path(const char *operand);

/* A line for people, and the member NAME of the result. What is not UTF-8 is replaced in both. */
void image_job_say(struct image_job *job, const char *name, const char *value);

/* The same with a size in bytes, as "1073741824 (1.0 GiB)". */
void image_job_say_size(struct image_job *job, const char *name, guint64 bytes);

/* The same for an image: its path, format and virtual size. */
void image_job_say_image(struct image_job *job, const char *path, const char *format, guint64 size);

/*
 * Whether QEMU may open PATH as FORMAT, as deploy asks it of a disk of a VM whose directory is
 * PATH's; TOOL: qemu-img is to open it, so each backing file must have a declared format.
 */
bool image_job_check(const struct image_job *job, const char *path, const char *format, bool tool,
		     GError **error);

/* The same with a chain that the file TO, which is about to be replaced, must not be of. */
bool image_job_check_replaced(const struct image_job *job, const char *path, const char *format,
			      const char *to, GError **error);

/* The same of the backing file that an image at PATH, which is replaced, is to have. */
bool image_job_check_backing(const struct image_job *job, const char *path, GError **error);

/*
 * The format that PATH, with header H, is opened with: DECLARED, else what the header says, and
 * then it must not have a backing file: a guest could have written that header into a raw disk.
 * Static or borrowed; NULL with ERROR set.
 */
const char *image_job_format(const char *path, const struct image_header *h, const char *declared,
			     GError **error);

/* The virtual size of PATH, in bytes, when it is opened as FORMAT. */
bool image_job_virtual_size(const char *path, const char *format, guint64 *ret, GError **error);

/* "disk.N" of --disk N. VMM_ERROR_USAGE: it is not a number. The caller frees. */
char *image_job_disk(const struct image_job *job, GError **error);

/* SIZE as "20G": a number with K, M, G, T or none for bytes, a multiple of 512. */
bool image_job_size(const char *text, guint64 *ret, GError **error);

/* Whether FORMAT (of --format, or NULL) is one that is written: raw or qcow2. VMM_ERROR_USAGE. */
bool image_job_check_written(const char *format, GError **error);

#endif
