/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_images.h - whether the images of a domain's disks may be opened: kvmrc's IMAGE_CHECK.
 *
 * Source: docs/facts/images.md 2.
 */
#ifndef VM_DISK_IMAGES_H
#define VM_DISK_IMAGES_H

#include "action/action.h"
#include "xml/xml.h"

/*
 * Checks each disk of DOMAIN that is a file or block device, with image_check(), and so what its
 * XML names as backing files, its UEFI firmware and its variables. Backing files may
 * lie in the datastores, DIRECTORY (the VM's, or NULL) being in one of them. With IMAGE_CHECK =
 * warn what is wrong is logged. Errors: as image_check(), the disk's target before it.
 */
bool disk_images_check(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		       GError **error);

/*
 * The same for DOM, before another QEMU opens its images: files of a datastore may have been
 * replaced since it was started.
 */
bool disk_images_check_again(const struct action_ctx *ctx, virDomain *dom, const char *directory,
			     GError **error);

/*
 * DISK, if it is declared raw because its file's name says so, has no header of another format.
 * VMM_ERROR_INPUT: it has, so that a guest would see that header, and write over it.
 */
bool disk_image_check_named(const xmlNode *disk, GError **error);

/* The same as disk_images_check() for one <disk>. */
bool disk_image_check(const struct action_ctx *ctx, const xmlNode *disk, const char *directory,
		      GError **error);

#endif
