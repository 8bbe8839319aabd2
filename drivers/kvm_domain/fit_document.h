/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fit_document.h - a domain's XML, fitted to a host that is known by documents only.
 *
 * Source: docs/facts/cpu.md 3.
 */
#ifndef FIT_DOCUMENT_H
#define FIT_DOCUMENT_H

#include "fit/fit.h"

/*
 * XML with the changes that fit_domain() makes for IN, whose CPU map is read from directory MAP.
 * The caller frees. Errors: as fit_domain(), fit_cpu_map_read().
 */
char *fit_document(const char *xml, const struct fit_input *in, const char *map, GError **error);

#endif
