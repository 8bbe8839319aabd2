/* SPDX-License-Identifier: Apache-2.0 */
/* domain_xml.h - disks in a domain's XML. */
#ifndef VIRT_DOMAIN_XML_H
#define VIRT_DOMAIN_XML_H

#include <libxml/tree.h>

/* The disk of DOMAIN, its XML, that is at TARGET ("vda"); NULL. */
xmlNode *virt_disk(const xmlNode *domain, const char *target);

/*
 * The path of DISK (NULL: none) when that is a file or a block device of this host, or a drive
 * with one in it; else NULL: an empty drive may have a source too. The caller frees.
 */
char *virt_disk_path(const xmlNode *disk);

#endif
