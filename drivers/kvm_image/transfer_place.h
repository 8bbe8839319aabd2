/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer_place.h - where an operand of a transfer action leads.
 *
 * Source: docs/facts/images.md 8.
 */
#ifndef KVM_IMAGE_TRANSFER_PLACE_H
#define KVM_IMAGE_TRANSFER_PLACE_H

#include "base/error.h"

/* HOST:…/DATASTORE/VM, or a disk in it. */
struct transfer_place {
	char *host;
	char *directory;	/* canonical, from / on */
	char *datastore;	/* the name of the directory above: a number */
	char *disk;		/* the number in "disk.N"; NULL: the directory itself */
};

/*
 * Reads OPERAND, which is about VM. VMM_ERROR_INPUT: it is not HOST:PATH, the host cannot be one,
 * or the path is not that of VM's directory, or of a disk in it, in a system datastore.
 * transfer_place_clear() RET, also after a failure.
 */
bool transfer_place_parse(struct transfer_place *ret, const char *operand, const char *vm,
			  GError **error);

/* The host to run kvm-image on; NULL: it is this machine, by its own name. Borrowed. */
const char *transfer_place_host(const struct transfer_place *place);

/* Whether both are one directory, by their names. */
bool transfer_place_is_same(const struct transfer_place *a, const struct transfer_place *b);

/*
 * What follows the host in HOST:PATH, as oned names images: an absolute path, or POOL/IMAGE.
 * VMM_ERROR_INPUT. The caller frees.
 */
char *transfer_place_image(const char *operand, GError **error);

void transfer_place_clear(struct transfer_place *place);

#endif
