/*
 * reach.h - what a VM's own XML may name of its host. An allow list: a place that
 * libvirt's schema does not close by itself (a word, a number) passes only when
 * its row says that it harms nobody, or the key of its row allows the value.
 *
 * Source: libvirt's schema (places.def, made by scripts/schema-places).
 */
#ifndef DOMAIN_REACH_H
#define DOMAIN_REACH_H

#include "domain/builder.h"

/*
 * Checks NODE and all below it, which is to become a child of the element at
 * PARENT ("domain/devices"); a problem for each value that is not allowed, named
 * "WHAT: /domain/devices/…". Whether the schema knows NODE is not its question.
 */
void domain_reach(DomainBuild *b, const char *what, const char *parent, const xmlNode *node);

#endif
