/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/block_job.h"

#include "base/deadline.h"
#include "xml/xml.h"
#include "virt/virt_error.h"

enum { PAUSE_MS = 250 };

/* The first disk with a block job; NULL with ERROR clear when none has one. Caller frees. */
static char *busy_disk(virDomain *dom, GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, error);
	xmlNode *devices = xml_child(xmlDocGetRootElement(doc), "devices");

	for (xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n)) {
		g_autofree char *target = xml_child_attribute(n, "target", "dev");
		virDomainBlockJobInfo info;

		if (target && virDomainGetBlockJobInfo(dom, target, &info, 0) > 0)
			return g_steal_pointer(&target);
	}

	return NULL;
}

bool virt_block_wait(virDomain *dom, unsigned limit_ms, GError **error)
{
	gint64 until_us = deadline_in_ms(limit_ms);

	for (;;) {
		g_autoptr(GError) cause = NULL;
		g_autofree char *disk = busy_disk(dom, &cause);

		if (cause)
			return vmm_pass(error, &cause);
		if (!disk)
			return true;
		if (!deadline_pause(until_us, PAUSE_MS))
			return vmm_fail(error, VMM_ERROR_BUSY, "domain %s: a block job works on "
					"its disk %s", virDomainGetName(dom), disk);
	}
}
