/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wild.h - domains that OpenNebula did not make, as it can import them.
 *
 * Source: docs/facts/monitoring.md 5 and 7.
 */
#ifndef MONITOR_WILD_H
#define MONITOR_WILD_H

#include <glib.h>

/* The VM's id when NAME is exactly "one-NUMBER", else -1: a wild one. */
gint64 wild_vm_id(const char *name);

/*
 * The template that imports the domain with that XML; KEY is what names its
 * UUID there. Values are escaped. NULL when the XML is none. The caller frees.
 */
char *wild_template(const char *xml, const char *key);

/* TEXT between double quotes, with backslashes where needed, on one line. The caller frees. */
char *wild_quote(const char *text);

#endif
