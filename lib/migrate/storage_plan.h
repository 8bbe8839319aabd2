/*
 * storage_plan.h - the files of a VM that lie in its own directory, and how each of them
 * comes to another directory while the VM runs.
 *
 * Source: actions.md 7, disk classification; pitfalls.md P-16, P-24, P-30.
 */
#ifndef MIGRATE_STORAGE_PLAN_H
#define MIGRATE_STORAGE_PLAN_H

#include <libxml/tree.h>

#include "host/qemu_img.h"

enum stored_way {
	STORED_COPIED,		/* by QEMU, into an image made before */
	STORED_BROUGHT,		/* read-only: beforehand */
	STORED_BROUGHT_TWICE,	/* QEMU would leave its snapshots behind: beforehand, and what */
				/* changed once the guest stands still */
	STORED_ELSEWHERE,	/* a logical volume, made by others: copied by QEMU */
};

struct stored_disk {
	char *target;		/* "vda" */
	char *path, *there;	/* now, and then */
	bool is_block;
	enum stored_way way;
	struct image image;
};

typedef struct stored {
	char *from, *to;	/* directories of the VM */
	GPtrArray *disks;	/* of struct stored_disk */
	GPtrArray *others;	/* paths: XML, links, NVRAM, TPM, chains of snapshots */
	GPtrArray *left_out;	/* of those, seen from FROM: images that are copied */
} Stored;

/*
 * What of DOMAIN (its live XML) lies in directory FROM, to come to TO. Disks that lie
 * elsewhere are shared, or none of our business. Errors: VMM_ERROR_INPUT when FROM or TO
 * cannot be a VM's directory; those of image_read().
 */
Stored *stored_plan(const struct action_ctx *ctx, const xmlNode *domain, const char *from,
			   const char *to, GError **error);

/* Bytes that the copies will take. */
guint64 stored_bytes(const Stored *s);

/* The command, "qemu-img" and its words, for the image that DISK is copied into. g_strfreev(). */
char **stored_create_words(const Stored *s, const struct stored_disk *disk);

/* PATH moved from FROM to TO; PATH itself when it is not in FROM. The caller frees. */
char *stored_moved(const Stored *s, const char *path);

void stored_free(Stored *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stored, stored_free)

#endif
