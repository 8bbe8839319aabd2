/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_links.h - disks of a domain that is about to start and whose source is a symbolic link.
 *
 * OpenNebula's transfer drivers make ".../disk.N" a link to an image. QEMU shall not follow a link
 * that another action may change while it opens the disk, so the domain gets the link's target.
 * Source: docs/facts/actions.md 1, step 2; deployment.md 3.5.
 */
#ifndef VM_DISK_LINKS_H
#define VM_DISK_LINKS_H

#include <libxml/tree.h>

/*
 * Replaces, in each file-backed disk of DOMAIN, a source ".../disk.N" that is a symbolic link by
 * what the link says, if that file exists. Only one level of link is followed.
 */
void disk_links_resolve(xmlNode *domain);

/* The same for one <disk>. */
void disk_link_resolve(xmlNode *disk);

#endif
