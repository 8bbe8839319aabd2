/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/io_limits.h"

#include "virt/domain_call.h"
#include "virt/virt_error.h"

static bool set_limits(DomainCall *c, GError **error)
{
	unsigned flags = VIR_DOMAIN_AFFECT_LIVE;
	int rc;

	if (c->number == VIRT_IO_DISK)
		rc = virDomainSetBlockIoTune(c->dom, c->text, c->params, c->n_params, flags);
	else
		rc = virDomainSetInterfaceParameters(c->dom, c->text, c->params, c->n_params,
						     flags);

	if (rc == 0)
		return true;

	return virt_fail(error, "%s", "");
}

/* libvirt has 64 bits for a disk's limits, 32 for a NIC's. */
static bool add_limit(DomainCall *c, const struct virt_limit *l, GError **error)
{
	int rc;

	if (c->number == VIRT_IO_DISK) {
		rc = virTypedParamsAddULLong(&c->params, &c->n_params, &c->max_params, l->name,
					     l->value);
		if (rc == 0)
			return true;

		return virt_fail(error, "%s", l->name);
	}

	if (l->value > G_MAXUINT32)
		return vmm_fail(error, VMM_ERROR_INPUT, "%s: %" G_GUINT64_FORMAT " is too much",
				l->name, l->value);
	rc = virTypedParamsAddUInt(&c->params, &c->n_params, &c->max_params, l->name,
				   (unsigned)l->value);

	if (rc == 0)
		return true;

	return virt_fail(error, "%s", l->name);
}

enum virt_call_result virt_io_limits(virDomain *dom, const char *device,
				     const struct virt_limits *limits, unsigned limit_ms,
				     GError **error)
{
	g_autoptr(DomainCall) c = domain_call_new(dom, device);

	c->number = limits->kind;
	for (size_t i = 0; i < limits->n; i++)
		if (!add_limit(c, &limits->limit[i], error))
			return VIRT_CALL_FAILED;

	return domain_call_run(c, set_limits, limit_ms, error);
}
