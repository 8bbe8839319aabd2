/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_call.h - one call of libvirt on a domain, with a time limit. Its arguments and results are
 * one object, which exists as long as the call or its caller needs it.
 *
 *	g_autoptr(DomainCall) c = domain_call_new(dom, "vdb");
 *	enum virt_call_result r = domain_call_run(c, detach, LIMIT_MS, error);
 *
 * After VIRT_CALL_TIMED_OUT the call is still in progress and may still write its results: do not
 * read them.
 */
#ifndef VIRT_DOMAIN_CALL_H
#define VIRT_DOMAIN_CALL_H

#include "virt/timed_call.h"
#include "virt/virt_domain.h"

typedef struct domain_call DomainCall;

/* Makes the call. Runs on a thread of its own. */
typedef bool domain_call_func(DomainCall *c, GError **error);

struct domain_call {
	virDomain *dom;		/* with a reference of its own */
	char *text;		/* XML, an alias, a command…; or NULL */
	guint64 number;		/* a size, flags, a kind */
	const void *fixed;	/* static data, or NULL */
	virTypedParameter *params;
	int n_params, max_params;
	char *answer;		/* of libvirt, by free(); or NULL */
	int code;		/* of libvirt's error, after a failure that asks for it */
	domain_call_func *func;	/* domain_call_run()'s own */
};

/* A call on DOM with TEXT, which may be NULL and is copied. The caller unrefs. */
DomainCall *domain_call_new(virDomain *dom, const char *text);
void domain_call_unref(DomainCall *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainCall, domain_call_unref)

/* Runs FUNC with C and waits at most LIMIT_MS for its end, as virt_call(). */
enum virt_call_result domain_call_run(DomainCall *c, domain_call_func *func, unsigned limit_ms,
				  GError **error);

#endif
