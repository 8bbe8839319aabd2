/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/block_copy.h"

#include <libxml/tree.h>

#include "xml/xml.h"
#include "virt/virt_error.h"

enum { POLL_US = 200000, TELL_US = 1000000, PIVOT_TRIES = 50 };

static char *destination(const struct block_copy *m)
{
	g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
	xmlNode *disk = xmlNewDocNode(doc, NULL, BAD_CAST "disk", NULL), *node;

	xmlDocSetRootElement(doc, disk);
	xmlSetProp(disk, BAD_CAST "type", BAD_CAST (m->is_block ? "block" : "file"));
	node = xmlNewChild(disk, NULL, BAD_CAST "driver", NULL);
	xmlSetProp(node, BAD_CAST "name", BAD_CAST "qemu");
	xmlSetProp(node, BAD_CAST "type", BAD_CAST m->format);
	node = xmlNewChild(disk, NULL, BAD_CAST "source", NULL);
	xmlSetProp(node, BAD_CAST (m->is_block ? "dev" : "file"), BAD_CAST m->path);

	return xml_print(disk);
}

bool block_copy_start(virDomain *dom, const struct block_copy *m, GError **error)
{
	g_autofree char *xml = destination(m);
	unsigned flags = VIR_DOMAIN_BLOCK_COPY_REUSE_EXT |
			 (m->shallow ? VIR_DOMAIN_BLOCK_COPY_SHALLOW : 0) |
			 (virDomainIsPersistent(dom) == 1 ?
			  VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB : 0);

	if (virDomainBlockCopy(dom, m->target, xml, NULL, 0, flags) == 0)
		return true;

	return virt_fail(error, "cannot copy disk %s of domain %s", m->target,
			 virDomainGetName(dom));
}

/* Adds what one copy has done to P; RET_READY when it is equal. */
static bool look(virDomain *dom, const struct block_copy *m, struct virt_progress *p,
		 bool *ret_ready, GError **error)
{
	virDomainBlockJobInfo info = { 0 };
	int r = virDomainGetBlockJobInfo(dom, m->target, &info, 0);

	if (r < 0)
		return virt_fail(error, "cannot ask for the copy of disk %s of domain %s",
				 m->target, virDomainGetName(dom));
	if (r == 0)
		return vmm_fail(error, VMM_ERROR_INTERNAL, "the copy of disk %s of domain %s ended "
				"by itself", m->target, virDomainGetName(dom));
	*ret_ready = info.end && info.cur == info.end;
	p->total_bytes += info.end;
	p->done_bytes += info.cur;
	p->remaining_bytes += info.end - info.cur;

	return true;
}

bool block_copy_wait(virDomain *dom, const struct block_copy *mirrors, guint n,
		     const struct virt_job *hooks, bool *ret_aborted, GError **error)
{
	gint64 begun_us = g_get_monotonic_time(), told_us = begun_us;

	*ret_aborted = false;
	for (;;) {
		gint64 now = g_get_monotonic_time();
		struct virt_progress p = { .elapsed_ms = (now - begun_us) / 1000,
					   .downtime_ms = -1 };
		bool all = true;

		for (guint i = 0; i < n; i++) {
			bool ready = false;

			if (!look(dom, &mirrors[i], &p, &ready, error))
				return false;
			all = all && ready;
		}

		if (all)
			return true;
		if ((hooks->until_us && now >= hooks->until_us) || (hooks->stop && hooks->stop())) {
			*ret_aborted = true;
			return false;
		}

		if (hooks->progress && now - told_us >= TELL_US) {
			told_us = now;
			hooks->progress(hooks->progress_data, &p);
		}

		g_usleep(POLL_US);
	}
}

bool block_copy_pivot(virDomain *dom, const struct block_copy *m, GError **error)
{
	for (int i = 0; i < PIVOT_TRIES; i++) {
		if (virDomainBlockJobAbort(dom, m->target, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT) == 0)
			return true;
		if (!virt_last_is(VIR_ERR_BLOCK_COPY_ACTIVE))	/* not equal again yet */
			break;
		g_usleep(POLL_US);
	}

	return virt_fail(error, "cannot switch to the copy of disk %s of domain %s", m->target,
			 virDomainGetName(dom));
}

bool block_copy_abort(virDomain *dom, const struct block_copy *m, GError **error)
{
	virDomainBlockJobInfo info;

	if (virDomainGetBlockJobInfo(dom, m->target, &info, 0) == 0)
		return true;
	if (virDomainBlockJobAbort(dom, m->target, 0) == 0)
		return true;

	return virt_fail(error, "cannot stop the copy of disk %s of domain %s", m->target,
			 virDomainGetName(dom));
}
