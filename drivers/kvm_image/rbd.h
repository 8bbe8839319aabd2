/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbd.h - runs rbd and ceph, as the user and with the file of the datastore.
 *
 * Source: docs/facts/images.md 7.
 */
#ifndef KVM_IMAGE_RBD_H
#define KVM_IMAGE_RBD_H

#include "image_job.h"

/*
 * Runs "rbd WORDS…" (NULL-terminated); IMAGE is for messages. A cluster that does not answer ends
 * it after RBD_CONNECT_TIMEOUT: VMM_ERROR_CONNECTION. Other errors: VMM_ERROR_NOT_FOUND,
 * VMM_ERROR_CONFIG for a pool that is not there, VMM_ERROR_PERMISSION, VMM_ERROR_BUSY.
 * IS_LONG: it moves the whole image, which may take any time. RET_OUT: NULL, or its stdout.
 */
bool rbd_run(const struct image_job *job, const char *image, bool is_long,
	     const char *const *words, char **ret_out, GError **error);

/* Protects SNAP, POOL/IMAGE@SNAP, as clones of it need; succeeds if it is protected already. */
bool rbd_protect(const struct image_job *job, const char *snap, GError **error);

/* A snapshot, and the file that is made of it. All borrowed. */
struct rbd_snapshot {
	const char *pool, *image, *snap;
	const char *name;	/* of it, for messages */
	const char *path;	/* which is not there yet */
	guint64 size;		/* that it will have */
};

/* Makes that file; a terminal shows how far it is. */
bool rbd_export(const struct image_job *job, const struct rbd_snapshot *what, GError **error);

/* As rbd_run() with JSON, which the caller puts. */
bool rbd_ask(const struct image_job *job, const char *image, const char *const *words,
	     json_object **ret, GError **error);

/* rbd://CLUSTER/POOL/IMAGE/SNAP, as the image service has it; decoded. */
struct rbd_url {
	char *cluster, *pool, *image, *snap;
};

/* VMM_ERROR_INPUT: URL is no such one. rbd_url_clear() RET, also after a failure. */
bool rbd_url_parse(struct rbd_url *ret, const char *url, GError **error);

/* Whether it is of the cluster that this host uses: VMM_ERROR_NOT_FOUND. IMAGE is for messages. */
bool rbd_url_check(const struct image_job *job, const struct rbd_url *url, const char *image,
		   GError **error);

void rbd_url_clear(struct rbd_url *url);

/* The bytes that SPEC, POOL/IMAGE or POOL/IMAGE@SNAP, has. */
bool rbd_image_size(const struct image_job *job, const char *image, const char *spec,
		    guint64 *ret, GError **error);

/* Bytes that POOL can take. */
bool rbd_room(const struct image_job *job, const char *pool, guint64 *ret, GError **error);

#endif
