/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create.h - starting a domain so that the answer is true: also when it runs
 * already, and when libvirt goes away in the middle.
 *
 * Source: docs/facts/actions.md 1; libvirt.md A and C.
 */
#ifndef VM_CREATE_H
#define VM_CREATE_H

#include <libxml/tree.h>

#include "action/action.h"

/*
 * Looks for an active domain that is the one of XML element DOMAIN: same name,
 * same UUID where given, same system_datastore in the metadata. One that is
 * still starting is waited for. True with RET_DOM, NULL when there is none; the
 * caller frees. False: VMM_ERROR_EXISTS, another one has its name; or unknown.
 */
bool create_find(struct action_ctx *ctx, const xmlNode *domain, virDomain **ret_dom,
		 GError **error);

/* Starts DOMAIN, which prints as XML. The caller frees RET_DOM, set when done. */
enum action_outcome create_domain(struct action_ctx *ctx, const xmlNode *domain, const char *xml,
				  virDomain **ret_dom, GError **error);

#endif
