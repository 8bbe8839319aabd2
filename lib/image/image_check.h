/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_check.h - whether QEMU may open a disk image: its format is the declared one, and it leads
 * to no file that is not an image of a datastore.
 *
 * It is a check of what lies there now: who can write a directory of the chain can change it
 * afterwards.
 * Source: docs/facts/images.md 2.
 */
#ifndef IMAGE_IMAGE_CHECK_H
#define IMAGE_IMAGE_CHECK_H

#include "base/error.h"

/* Lists end with NULL; paths are absolute, links in them are resolved when they are needed. */
struct image_policy {
	const char *const *directories;	/* where backing files may lie */
	const char *const *stores;	/* and: directories of datastores, in their "ID/" */
	const char *vm_id;		/* of "ID/VM_ID/" only that of this VM; NULL: of none */
	const char *const *vmdk_types;	/* create types that a vmdk may have */
	bool says_formats;		/* each image must say which format its backing file has */
	const char *replaced;		/* no image of a chain may be that file; NULL: any may */
};

/*
 * Checks image PATH, whose FORMAT the domain declares. What is declared raw passes unread,
 * whatever a guest wrote into it. The image itself may lie anywhere, its backing files only where
 * the policy says, links resolved. A backing file of undeclared format must be raw.
 * Errors: VMM_ERROR_INPUT when the format is another one; VMM_ERROR_REFUSED for what is not
 * allowed or malformed; as errno says for what cannot be read. All name the file.
 */
bool image_check(const char *path, const char *format, const struct image_policy *policy,
		 GError **error);

/*
 * The same of BACKING, a file of FORMAT, as if IMAGE, which need not be there, named it as its
 * backing file.
 */
bool image_check_backing(const char *image, const char *backing, const char *format,
			 const struct image_policy *policy, GError **error);

#endif
