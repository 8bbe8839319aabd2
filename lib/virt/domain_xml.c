/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/domain_xml.h"

#include "xml/xml.h"

xmlNode *virt_disk(const xmlNode *domain, const char *target)
{
	xmlNode *devices = xml_child(domain, "devices");

	for (xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n))
		if (xml_has(xml_child(n, "target"), "dev", target))
			return n;
	return NULL;
}

char *virt_disk_path(const xmlNode *disk)
{
	char *file = xml_child_attribute(disk, "source", "file");

	if (file)
		return file;

	return xml_child_attribute(disk, "source", "dev");
}
