/* SPDX-License-Identifier: Apache-2.0 */
/* volume_kind.h - what a kind of volumes does in its own way; what it is for says volume.h. */
#ifndef KVM_IMAGE_VOLUME_KIND_H
#define KVM_IMAGE_VOLUME_KIND_H

#include "volume.h"

/* NAME is the volume's, or its PART. */
struct volume_kind {
	const char *prefix;	/* "lvm:" */
	const char *store;	/* what holds its volumes, for messages */
	bool makes_once;	/* make() tells by VMM_ERROR_EXISTS alone that PART is there */
	bool is_shared;		/* all hosts see its volumes: PART has the name of this host */
	bool (*look)(const struct image_job *job, const struct volume *volume, const char *name,
		     struct volume_state *ret, GError **error);
	bool (*room)(const struct image_job *job, const struct volume *volume, guint64 size,
		     GError **error);
	/* It may set the volume's id and size, too. */
	bool (*make)(const struct image_job *job, struct volume *volume, guint64 size,
		     GError **error);
	bool (*fill)(struct volume *volume, const struct image_copy *copy, GError **error);
	bool (*publish)(const struct image_job *job, struct volume *volume, GError **error);
	bool (*grow)(const struct image_job *job, struct volume *volume, guint64 size,
		     GError **error);
	bool (*remove)(const struct image_job *job, const struct volume *volume, const char *name,
		       GError **error);
	/* NULL: all hosts may use it at any time. */
	bool (*activate)(const struct image_job *job, const struct volume *volume, bool on,
			 GError **error);
	unsigned watch_s;	/* how long a program that died still seems to have one open */
};

extern const struct volume_kind volume_lvm, volume_rbd;

/* The name of this host, as it may stand in a name or a tag. The caller frees. */
char *volume_own_host(void);

#endif
