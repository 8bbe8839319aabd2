/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/domain_call.h"

#include <stdlib.h>

DomainCall *domain_call_new(virDomain *dom, const char *text)
{
	DomainCall *c = g_atomic_rc_box_new0(DomainCall);

	virDomainRef(dom);
	c->dom = dom;
	c->text = g_strdup(text);

	return c;
}

static void domain_call_clear(void *data)
{
	DomainCall *c = data;

	virDomainFree(c->dom);
	g_free(c->text);
	virTypedParamsFree(c->params, c->n_params);
	free(c->answer);
}

void domain_call_unref(DomainCall *c)
{
	g_atomic_rc_box_release_full(c, domain_call_clear);
}

static void unref_data(void *data)
{
	domain_call_unref(data);
}

static bool run_domain_call(void *data, GError **error)
{
	DomainCall *c = data;

	return c->func(c, error);
}

enum virt_call_result domain_call_run(DomainCall *c, domain_call_func *func, unsigned limit_ms,
				  GError **error)
{
	enum virt_call_result r;

	c->func = func;
	r = virt_call(run_domain_call, g_atomic_rc_box_acquire(c), unref_data, limit_ms, error);
	if (r != VIRT_CALL_TIMED_OUT)
		domain_call_unref(c);

	return r;
}
