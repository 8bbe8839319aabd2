/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge.h - the elements of a RAW joined to those that we made, as libvirt joins
 * a second element of that name to the first: what is equal or new joins, at any
 * depth; what says something else is a problem that names both values.
 *
 * Source: libvirt 9.0, measured: domains with such elements twice, defined and printed.
 */
#ifndef DOMAIN_MERGE_H
#define DOMAIN_MERGE_H

#include "domain/builder.h"

/*
 * Joins NODE, a child of RAW, to DOMAIN. With OVERRIDE what contradicts takes the
 * place of ours, attribute by attribute, and each that did is a warning.
 */
void domain_merge(DomainBuild *b, xmlNode *domain, const xmlNode *node, bool override);

#endif
