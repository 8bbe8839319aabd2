/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deployment.h - the mark by which a domain is known as the one that a certain DEPLOY made.
 *
 * A VM that was deployed anew has the same name and may have the same UUID. So the dispatcher
 * gives each DEPLOY a UUID of its own, in the environment (VMM_DEPLOYMENT): deploy writes it into
 * the domain's metadata, and whatever takes back that DEPLOY compares it there.
 */
#ifndef VM_DEPLOYMENT_H
#define VM_DEPLOYMENT_H

#include "action/action.h"
#include "xml/xml.h"

/* The mark that the environment gives; NULL: none. VMM_ERROR_USAGE: it is no UUID. Static. */
bool deployment_of_environment(const char **ret, GError **error);

/*
 * Puts MARK into DOMAIN, the XML of one that will be made, and makes it its UUID unless it has
 * one. What DOMAIN brings in our namespaces is not ours, and goes.
 */
void deployment_set(xmlNode *domain, const char *mark);

/* Marks DOM, which runs: it is now what the DEPLOY of MARK is about. */
bool deployment_adopt(virDomain *dom, const char *mark, GError **error);

/* The mark of DOM, in RET (the caller frees; NULL: it has none). False: nobody knows. */
bool deployment_read(virDomain *dom, char **ret, GError **error);

/* False with VMM_ERROR_EXISTS when DOM was not made by the DEPLOY of MARK; NULL: any will do. */
bool deployment_check(virDomain *dom, const char *mark, GError **error);

#endif
