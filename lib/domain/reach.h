/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.h - the objects of the host that a VM's own XML may name. This is an allow list: a value
 * that libvirt's schema does not restrict to a word or a number is accepted only if its row marks
 * it as harmless or the key of its row allows it.
 *
 * Source: libvirt's schema (places.def, made by scripts/schema-places).
 */
#ifndef DOMAIN_REACH_H
#define DOMAIN_REACH_H

#include "domain/builder.h"

/*
 * Checks NODE and all below it, which is to become a child of the element at
 * PARENT ("domain/devices"); a problem for each value that is not allowed, named
 * "WHAT: /domain/devices/…". It does not check that the schema has NODE: domain_validate() does.
 */
void domain_reach(DomainBuild *b, const char *what, const char *parent, const xmlNode *node);

#endif
