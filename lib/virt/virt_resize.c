#include "virt/virt_resize.h"

#include "virt/virt_error.h"

bool virt_sizes(virDomain *dom, struct virt_sizes *ret, GError **error)
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

struct size {
	virDomain *dom;
	char *target;
	guint64 value;
	bool waited;		/* the guest was asked, and libvirt waits no longer */
};

static void size_free(void *data)
{
	struct size *s = data;

	virDomainFree(s->dom);
	g_free(s->target);
	g_free(s);
}

static bool vcpus(void *data, GError **error)
{
	struct size *s = data;

	if (virDomainSetVcpusFlags(s->dom, (unsigned)s->value, VIR_DOMAIN_AFFECT_LIVE |
				   VIR_DOMAIN_VCPU_HOTPLUGGABLE) == 0)
		return true;
	s->waited = virt_last_is(VIR_ERR_OPERATION_TIMEOUT);
	virt_fail(error, "%s", "");
	s->waited &= vmm_is(*error, VMM_ERROR_GUEST);
	return false;
}

static bool memory(void *data, GError **error)
{
	struct size *s = data;

	return virDomainSetMemoryFlags(s->dom, s->value, VIR_DOMAIN_AFFECT_LIVE) == 0 ||
	       virt_fail(error, "%s", "");
}

static bool disk(void *data, GError **error)
{
	struct size *s = data;

	return virDomainBlockResize(s->dom, s->target, s->value,
				    VIR_DOMAIN_BLOCK_RESIZE_BYTES) == 0 ||
	       virt_fail(error, "%s", "");
}

static enum virt_call_result set(virDomain *dom, virt_call_func *func, const char *target,
				 guint64 value, unsigned limit_ms, bool *ret_waited, GError **error)
{
	struct size *s = g_new0(struct size, 1);
	enum virt_call_result r;

	virDomainRef(dom);
	s->dom = dom;
	s->target = g_strdup(target);
	s->value = value;
	r = virt_call(func, s, size_free, limit_ms, error);
	if (r == VIRT_CALL_TIMED_OUT)
		return r;
	if (ret_waited)
		*ret_waited = s->waited;
	size_free(s);
	return r;
}

enum virt_call_result virt_set_vcpus(virDomain *dom, unsigned n, unsigned limit_ms,
				     bool *ret_waited, GError **error)
{
	*ret_waited = false;
	return set(dom, vcpus, NULL, n, limit_ms, ret_waited, error);
}

enum virt_call_result virt_set_memory(virDomain *dom, guint64 kib, unsigned limit_ms,
				      GError **error)
{
	return set(dom, memory, NULL, kib, limit_ms, NULL, error);
}

enum virt_call_result virt_set_disk(virDomain *dom, const char *target, guint64 bytes,
				    unsigned limit_ms, GError **error)
{
	return set(dom, disk, target, bytes, limit_ms, NULL, error);
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
