/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/deployment.h"

#define NAMESPACES "urn:vmmexec:"

static const struct domain_note deployment = { NAMESPACES "deployment", "deployment", "id" };
/* The DEPLOY that found the domain running. */
static const struct domain_note adopted = { NAMESPACES "adopted", "adopted", "id" };

bool deployment_of_environment(const char **ret, GError **error)
{
	const char *mark = g_getenv("VMM_DEPLOYMENT");

	*ret = mark;
	if (!mark)
		return true;
	if (g_uuid_string_is_valid(mark))
		return true;

	return vmm_fail(error, VMM_ERROR_USAGE, "VMM_DEPLOYMENT: '%s' is not a UUID", mark);
}

static bool is_ours(const xmlNode *node)
{
	const char *href = node->ns ? (const char *)node->ns->href : NULL;

	if (!href)
		return false;

	return g_str_has_prefix(href, NAMESPACES);
}

static void remove_ours(xmlNode *metadata)
{
	xmlNode *next;

	for (xmlNode *n = metadata->children; n; n = next) {
		next = n->next;
		if (n->type != XML_ELEMENT_NODE)
			continue;
		if (!is_ours(n))
			continue;
		xmlUnlinkNode(n);
		xmlFreeNode(n);
	}
}

void deployment_add_note(xmlNode *domain, const struct domain_note *note, const char *word)
{
	xmlNode *metadata = xml_child(domain, "metadata");
	xmlNode *node = xmlNewNode(NULL, BAD_CAST note->element);
	xmlNs *ns = xmlNewNs(node, BAD_CAST note->uri, BAD_CAST "vmmexec");

	xmlSetNs(node, ns);
	xmlNewProp(node, BAD_CAST note->attribute, BAD_CAST word);
	if (!metadata)
		metadata = xmlNewChild(domain, NULL, BAD_CAST "metadata", NULL);
	xmlAddChild(metadata, node);
}

void deployment_set(xmlNode *domain, const char *mark)
{
	xmlNode *metadata = xml_child(domain, "metadata");

	if (metadata)
		remove_ours(metadata);
	if (!mark)
		return;
	deployment_add_note(domain, &deployment, mark);
	if (!xml_child(domain, "uuid"))
		xmlNewTextChild(domain, NULL, BAD_CAST "uuid", BAD_CAST mark);
}

bool deployment_adopt(virDomain *dom, const char *mark, GError **error)
{
	g_autofree char *found = NULL;

	if (!deployment_read(dom, &found, error))
		return false;
	if (!g_strcmp0(found, mark))
		return true;
	if (!domain_note_write(dom, &adopted, mark, error))
		return false;

	return domain_note_write(dom, &deployment, mark, error);
}

bool deployment_read(virDomain *dom, char **ret, GError **error)
{
	return domain_note_read(dom, &deployment, ret, error);
}

bool deployment_check(virDomain *dom, const char *mark, GError **error)
{
	g_autofree char *found = NULL, *finder = NULL;

	if (!mark)
		return true;
	if (!deployment_read(dom, &found, error))
		return false;
	if (!domain_note_read(dom, &adopted, &finder, error))
		return false;
	if (!g_strcmp0(found, mark) && g_strcmp0(finder, mark))
		return true;
	vmm_fail(error, VMM_ERROR_EXISTS, "domain %s was made by another deployment than %s",
		 virDomainGetName(dom), mark);
	vmm_error_set_hint(error, "it is left alone: check what runs there");

	return false;
}
