/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage_plan.h - plan for moving a running VM's files to another directory: which to copy before,
 * which QEMU mirrors, which to copy again.
 *
 * Source: docs/facts/actions.md 7, disk classification; pitfalls.md P-16, P-24, P-30.
 */
#ifndef MIGRATE_STORAGE_PLAN_H
#define MIGRATE_STORAGE_PLAN_H

#include <libxml/tree.h>

#include "host/qemu_img.h"

enum disk_way {
	COPY_MIRROR,		/* QEMU mirrors it into an image that we create */
	COPY_BEFORE,		/* read-only: copied before the move */
	COPY_BEFORE_AND_AFTER,	/* QEMU would lose its snapshots: copied before, and what changed */
				/* once the guest is paused */
	COPY_EXTERNAL,		/* a logical volume that exists already: QEMU mirrors it */
};

struct planned_disk {
	char *target;		/* "vda" */
	char *path, *there;	/* now, and after the move */
	bool is_block;
	enum disk_way way;
	struct qemu_image image;
};

typedef struct storage_plan {
	char *from, *to;	/* directories of the VM */
	GPtrArray *disks;	/* of struct planned_disk */
	GPtrArray *others;	/* paths: XML, links, NVRAM, TPM, chains of snapshots */
	GPtrArray *left_out;	/* of those, seen from FROM: images that are copied */
} StoragePlan;

/*
 * Plans the move of the files of DOMAIN (its live XML) in directory FROM to TO. Disks elsewhere are
 * shared, or not the VM's own, and stay. Errors: VMM_ERROR_INPUT when FROM or TO
 * cannot be a VM's directory; those of qemu_img_read().
 */
StoragePlan *storage_plan_new(const struct action_ctx *ctx, const xmlNode *domain, const char *from,
			      const char *to, GError **error);

/* Bytes that the copies will take. */
guint64 storage_plan_bytes(const StoragePlan *s);

/* The command, "qemu-img" and its words, for the image that DISK is copied into. g_strfreev(). */
char **storage_plan_create_argv(const StoragePlan *s, const struct planned_disk *disk);

/* PATH moved from FROM to TO; PATH itself when it is not in FROM. The caller frees. */
char *storage_plan_moved(const StoragePlan *s, const char *path);

/* Copies the others but those left out, if there are any, to TO of HOST (NULL: of this one). */
bool storage_plan_copy(const StoragePlan *s, const struct action_ctx *ctx, const char *host,
		       GError **error);

void storage_plan_free(StoragePlan *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoragePlan, storage_plan_free)

#endif
