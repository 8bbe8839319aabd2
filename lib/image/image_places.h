/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_places.h - where the backing files of a VM's images may lie: in the VM's directory, among
 * the images of the datastores, and where the administrator says.
 *
 * Source: docs/facts/images.md 2.
 */
#ifndef IMAGE_IMAGE_PLACES_H
#define IMAGE_IMAGE_PLACES_H

#include "image/image_check.h"

struct image_places {
	GPtrArray *directories, *stores;	/* end with NULL */
	char *vm_id;				/* NULL: unknown */
	char **vmdk_types;
	struct image_policy policy;		/* of all these */
};

/*
 * STORES is where datastores are, DIRECTORY the VM's (NULL: none): "…/ID/VM_ID" makes "…" another
 * place of datastores. MORE directories (or NULL) and VMDK_TYPES are words separated by blanks.
 * image_places_clear() it.
 */
void image_places_init(struct image_places *places, const char *stores, const char *directory,
		       const char *more, const char *vmdk_types);

void image_places_clear(struct image_places *places);

#endif
