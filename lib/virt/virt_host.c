/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/virt_host.h"

#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#include "xml/xml.h"

/* libvirt's texts are free()d. */
static char *own(char *text)
{
	char *copy = g_strdup(text);

	if (!text)
		virResetLastError();
	free(text);

	return copy;
}

char *virt_capabilities(virConnect *conn)
{
	return own(virConnectGetCapabilities(conn));
}

char *virt_host_uuid(virConnect *conn)
{
	g_autofree char *text = virt_capabilities(conn);
	g_autoptr(xmlDoc) doc = text ? xml_parse(text, strlen(text), "capabilities", NULL) : NULL;

	if (doc)
		return xml_child_text(xml_child(xmlDocGetRootElement(doc), "host"), "uuid");

	return NULL;
}

char *virt_domain_capabilities(virConnect *conn, const char *type)
{
	return own(virConnectGetDomainCapabilities(conn, NULL, NULL, NULL, type, 0));
}

char *virt_expanded_cpu(virConnect *conn, const char *capabilities)
{
	g_autoptr(xmlDoc) doc = xml_parse(capabilities, strlen(capabilities), "capabilities",
					  NULL);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *cpu = xml_child(xml_child(root, "host"), "cpu");
	g_autofree char *text = cpu ? xml_print(cpu) : NULL;
	const char *cpus[] = { text };

	if (!text)
		return NULL;

	return own(virConnectBaselineCPU(conn, cpus, 1, VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES));
}
