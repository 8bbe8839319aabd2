/* SPDX-License-Identifier: Apache-2.0 */
/* domain_xml.h - disks in a domain's XML. */
#ifndef VIRT_DOMAIN_XML_H
#define VIRT_DOMAIN_XML_H

#include <libxml/tree.h>

/* The disk at TARGET ("vda") of DOMAIN, its XML; or NULL. */
xmlNode *virt_disk(const xmlNode *domain, const char *target);

/*
 * The path of DISK (may be NULL) if it is a file or block device of this host, or a drive that
 * holds one; otherwise NULL. The caller frees.
 */
char *virt_disk_path(const xmlNode *disk);

#endif
