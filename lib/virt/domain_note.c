/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/domain_note.h"

#include <libvirt/virterror.h>
#include <stdlib.h>

#include "virt/virt_error.h"

static char *note_xml(const struct domain_note *note, const char *word)
{
	xmlNode *node = xmlNewNode(NULL, BAD_CAST note->element);
	char *xml;

	xmlNewProp(node, BAD_CAST note->attribute, BAD_CAST word);
	xml = xml_print(node);
	xmlFreeNode(node);

	return xml;
}

bool domain_note_write(virDomain *dom, const struct domain_note *note, const char *word,
		       GError **error)
{
	g_autofree char *xml = word ? note_xml(note, word) : NULL;

	if (virDomainSetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, xml, "vmmexec", note->uri,
				 VIR_DOMAIN_AFFECT_LIVE) == 0)
		return true;

	return virt_fail(error, "cannot write the metadata of domain %s", virDomainGetName(dom));
}

bool domain_note_read(virDomain *dom, const struct domain_note *note, char **ret, GError **error)
{
	char *text = virDomainGetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, note->uri, 0);
	g_autoptr(xmlDoc) doc = NULL;

	*ret = NULL;
	if (!text) {
		if (virt_last_is(VIR_ERR_NO_DOMAIN_METADATA))
			return true;
		return virt_fail(error, "cannot read the metadata of domain %s",
				 virDomainGetName(dom));
	}

	doc = xml_parse(text, strlen(text), "metadata", error);
	free(text);
	if (!doc)
		return false;

	*ret = xml_attribute(xmlDocGetRootElement(doc), note->attribute);
	return true;
}
