/* SPDX-License-Identifier: Apache-2.0 */
/*
 * from_oned.h - the domain that a VM document gives, on a host, which knows the VM but not the
 * templates of host and cluster: what those say is read out of the domain that oned wrote.
 *
 * Source: docs/facts/deployment.md 2; docs/differences.md.
 */
#ifndef DOMAIN_FROM_ONED_H
#define DOMAIN_FROM_ONED_H

#include "domain/domain.h"

struct oned_notes {
	GPtrArray *warnings, *changes;	/* of char *, freed by the arrays */
};

/*
 * Builds the domain of VM, with its defaults as level TMPL_CONF if they are known, so that nothing
 * of ONED is lost: what VM does not say is taken from there. Adds to the changes of NOTES what is
 * other than in ONED, and warnings as domain_xml(). VM gets the level that was found, as
 * TMPL_CLUSTER.
 * RET: the domain, which the caller frees; NULL when ONED holds what cannot be explained, named in
 * a warning, so that ONED is to be used as it is. False: as domain_xml().
 */
bool domain_from_oned(TmplVm *vm, const xmlNode *oned, const struct domain_options *options,
		      const struct oned_notes *notes, xmlDoc **ret, GError **error);

#endif
