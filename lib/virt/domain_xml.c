#include "virt/domain_xml.h"

#include "xml/xml.h"

xmlNode *virt_disk(const xmlNode *domain, const char *target)
{
	xmlNode *devices = tmpl_xml_child(domain, "devices");

	for (xmlNode *n = tmpl_xml_child(devices, "disk"); n; n = tmpl_xml_next(n))
		if (tmpl_xml_has(tmpl_xml_child(n, "target"), "dev", target))
			return n;
	return NULL;
}

char *virt_disk_path(const xmlNode *disk)
{
	char *file = tmpl_xml_child_attribute(disk, "source", "file");

	return file ? file : tmpl_xml_child_attribute(disk, "source", "dev");
}
