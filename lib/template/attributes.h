/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attributes.h - the attributes that a defaults file may hold; a VM may hold them too,
 * and some more (vm_attributes.c).
 *
 * Source: docs/facts/deployment.md 1.1.2 to 1.1.6.
 */
#ifndef TEMPLATE_ATTRIBUTES_H
#define TEMPLATE_ATTRIBUTES_H

#include <stddef.h>

/* The name of the I-th; *RET_VECTOR: its vector, NULL for a single. NULL after the last. Static. */
const char *tmpl_attributes_row(size_t i, const char **ret_vector);

#endif
