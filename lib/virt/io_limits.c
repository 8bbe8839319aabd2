#include "virt/io_limits.h"

#include "virt/virt_error.h"

struct call {
	virDomain *dom;
	enum virt_io_kind what;
	char *device;
	virTypedParameterPtr params;
	int n, max;
};

static void call_free(void *data)
{
	struct call *c = data;

	virDomainFree(c->dom);
	g_free(c->device);
	virTypedParamsFree(c->params, c->n);
	g_free(c);
}

static bool set(void *data, GError **error)
{
	struct call *c = data;
	int rc = c->what == VIRT_IO_DISK
			 ? virDomainSetBlockIoTune(c->dom, c->device, c->params, c->n,
						   VIR_DOMAIN_AFFECT_LIVE)
			 : virDomainSetInterfaceParameters(c->dom, c->device, c->params, c->n,
							   VIR_DOMAIN_AFFECT_LIVE);

	return rc == 0 || virt_fail(error, "%s", "");
}

/* libvirt has 64 bits for a disk's limits, 32 for a NIC's. */
static bool add(struct call *c, const struct virt_limit *l, GError **error)
{
	int rc;

	if (c->what == VIRT_IO_NIC && l->value > G_MAXUINT32)
		return vmm_fail(error, VMM_ERROR_INPUT, "%s: %" G_GUINT64_FORMAT " is too much",
				l->name, l->value);
	rc = c->what == VIRT_IO_DISK
		     ? virTypedParamsAddULLong(&c->params, &c->n, &c->max, l->name, l->value)
		     : virTypedParamsAddUInt(&c->params, &c->n, &c->max, l->name,
					     (unsigned)l->value);
	return rc == 0 || virt_fail(error, "%s", l->name);
}

enum virt_call_result virt_io_limits(virDomain *dom, enum virt_io_kind what, const char *device,
				     const struct virt_limit *limits, size_t n, unsigned limit_ms,
				     GError **error)
{
	struct call *c = g_new0(struct call, 1);
	enum virt_call_result r = VIRT_CALL_OK;

	virDomainRef(dom);
	c->dom = dom;
	c->what = what;
	c->device = g_strdup(device);
	for (size_t i = 0; i < n && r == VIRT_CALL_OK; i++)
		r = add(c, &limits[i], error) ? VIRT_CALL_OK : VIRT_CALL_FAILED;
	if (r == VIRT_CALL_OK)
		r = virt_call(set, c, call_free, limit_ms, error);
	if (r != VIRT_CALL_TIMED_OUT)
		call_free(c);
	return r;
}
