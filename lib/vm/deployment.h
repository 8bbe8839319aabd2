/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deployment.h - the mark that says which DEPLOY made a domain.
 *
 * A VM that is deployed again has the same name and may have the same UUID. So the dispatcher gives
 * each DEPLOY a UUID of its own, in the environment (VMM_DEPLOYMENT): deploy writes it into the
 * domain's metadata, and the undo of that DEPLOY compares it there.
 */
#ifndef VM_DEPLOYMENT_H
#define VM_DEPLOYMENT_H

#include "action/action.h"
#include "virt/domain_note.h"
#include "xml/xml.h"

/* The mark that the environment gives; NULL: none. VMM_ERROR_USAGE: it is no UUID. Static. */
bool deployment_of_environment(const char **ret, GError **error);

/*
 * Puts MARK into the metadata of DOMAIN, the XML of a new domain, and uses it as its UUID unless it
 * has one. Elements of our namespaces that DOMAIN already has are removed.
 */
void deployment_set(xmlNode *domain, const char *mark);

/* Puts WORD as NOTE into the metadata of DOMAIN, which is to start; after deployment_set(). */
void deployment_add_note(xmlNode *domain, const struct domain_note *note, const char *word);

/*
 * Marks DOM, which is running already: from now on it belongs to the DEPLOY of MARK, and no undo of
 * another one ends it. Unless MARK itself has made it, no undo of MARK does either.
 */
bool deployment_adopt(virDomain *dom, const char *mark, GError **error);

/* The mark of DOM, in RET (the caller frees; NULL: it has none). False: it cannot be read. */
bool deployment_read(virDomain *dom, char **ret, GError **error);

/* False with VMM_ERROR_EXISTS when the DEPLOY of MARK has not made DOM; NULL: any will do. */
bool deployment_check(virDomain *dom, const char *mark, GError **error);

#endif
