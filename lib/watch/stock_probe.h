/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stock_probe.h - which files are OpenNebula's own probes, told by what they say.
 *
 * Source: docs/monitoring.md, "Probes".
 */
#ifndef WATCH_STOCK_PROBE_H
#define WATCH_STOCK_PROBE_H

#include <glib.h>
#include <stdbool.h>

/*
 * Whether TEXT is the code of OpenNebula's probe NAME ("host/system/cpu.sh"), of a release that is
 * known here, or is in RECORDED (stock_probe_recorded(); or NULL). Comments and empty lines may
 * differ.
 */
bool stock_probe_known(const char *name, const char *text, GHashTable *recorded);

/*
 * The digest of the code of TEXT, in hexadecimal: without comments, empty lines, and blanks at
 * their ends. The caller frees.
 */
char *stock_probe_digest(const char *text);

/* The lines "DIGEST  NAME" of file PATH, a set; empty when it is not there. Unref it. */
GHashTable *stock_probe_recorded(const char *path);

#endif
