/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/virt_resize.h"

#include "virt/domain_call.h"
#include "virt/virt_error.h"

bool virt_sizes_read(virDomain *dom, struct virt_sizes *ret, GError **error)
{
	int now = virDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE);
	int max = now < 0 ? now : virDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE |
							      VIR_DOMAIN_VCPU_MAXIMUM);
	virDomainInfo info;

	if (max < 0 || virDomainGetInfo(dom, &info) < 0)
		return virt_fail(error, "cannot read the size of domain %s",
				 virDomainGetName(dom));
	*ret = (struct virt_sizes){ (unsigned)now, (unsigned)max, info.memory, info.maxMem };
	return true;
}

/* CODE is VIR_ERR_OPERATION_TIMEOUT when the guest was asked, and libvirt waits no longer. */
static bool set_vcpus(DomainCall *c, GError **error)
{
	unsigned flags = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_VCPU_HOTPLUGGABLE;
	bool timed_out;

	if (virDomainSetVcpusFlags(c->dom, (unsigned)c->number, flags) == 0)
		return true;

	timed_out = virt_last_is(VIR_ERR_OPERATION_TIMEOUT);
	virt_fail(error, "%s", "");
	if (timed_out && vmm_is(*error, VMM_ERROR_GUEST))
		c->code = VIR_ERR_OPERATION_TIMEOUT;

	return false;
}

static bool set_memory(DomainCall *c, GError **error)
{
	if (virDomainSetMemoryFlags(c->dom, c->number, VIR_DOMAIN_AFFECT_LIVE) == 0)
		return true;

	return virt_fail(error, "%s", "");
}

static bool set_disk(DomainCall *c, GError **error)
{
	unsigned flags = VIR_DOMAIN_BLOCK_RESIZE_BYTES;

	if (virDomainBlockResize(c->dom, c->text, c->number, flags) == 0)
		return true;

	return virt_fail(error, "%s", "");
}

enum virt_call_result virt_set_vcpus(virDomain *dom, unsigned n, unsigned limit_ms,
				     bool *ret_waited, GError **error)
{
	g_autoptr(DomainCall) c = domain_call_new(dom, NULL);
	enum virt_call_result r;

	c->number = n;
	r = domain_call_run(c, set_vcpus, limit_ms, error);
	*ret_waited = r == VIRT_CALL_FAILED && c->code == VIR_ERR_OPERATION_TIMEOUT;
	return r;
}

enum virt_call_result virt_set_memory(virDomain *dom, guint64 kib, unsigned limit_ms,
				      GError **error)
{
	g_autoptr(DomainCall) c = domain_call_new(dom, NULL);

	c->number = kib;
	return domain_call_run(c, set_memory, limit_ms, error);
}

enum virt_call_result virt_set_disk(virDomain *dom, const char *target, guint64 bytes,
				    unsigned limit_ms, GError **error)
{
	g_autoptr(DomainCall) c = domain_call_new(dom, target);

	c->number = bytes;
	return domain_call_run(c, set_disk, limit_ms, error);
}

bool virt_disk_size(virDomain *dom, const char *target, guint64 *ret, GError **error)
{
	virDomainBlockInfo info;

	if (virDomainGetBlockInfo(dom, target, &info, 0) < 0)
		return virt_fail(error, "cannot read the size of disk %s of domain %s", target,
				 virDomainGetName(dom));
	*ret = info.capacity;
	return true;
}
