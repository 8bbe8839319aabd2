/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encryption_rules.h - what a domain with encrypted memory must and must not have, on any host:
 * it would start unencrypted, or not at all.
 *
 * Source: docs/facts/deployment.md 2.29.
 */
#ifndef FIT_ENCRYPTION_RULES_H
#define FIT_ENCRYPTION_RULES_H

#include "xml/xml.h"

/*
 * The type of encryption of DOMAIN as MEMORY_ENCRYPTION names it: SEV, SEV-ES, SEV-SNP, TDX;
 * NULL: none, or one that we do not know. Static.
 */
const char *fit_encryption_type(const xmlNode *domain);

/* Adds to PROBLEMS a text (char *) for each that DOMAIN, which is encrypted by TYPE, has. */
void fit_encryption_check(const xmlNode *domain, const char *type, GPtrArray *problems);

#endif
