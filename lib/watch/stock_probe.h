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

#include "base/error.h"

/*
 * Whether TEXT is the code of OpenNebula's probe NAME ("host/system/cpu.sh"), of a release that is
 * known here, or is in RECORDED (stock_probe_recorded(); or NULL). Comments and empty lines may
 * differ.
 */
bool stock_probe_known(const char *name, const char *text, GHashTable *recorded);

/*
 * The lines "DIGEST  NAME" of file PATH, a set; empty when it is not there. Unref it. A digest is
 * of the code: without comments, empty lines, and blanks at their ends.
 */
GHashTable *stock_probe_recorded(const char *path);

/* Adds the line of file PATH, which is to be known as NAME, to LINES, and prints NAME. */
bool stock_probe_record(const char *path, const char *name, GString *lines, GError **error);

/* Adds LINES to file PATH; what was recorded before stays, as hosts may have either release. */
bool stock_probe_keep(const char *path, const GString *lines, GError **error);

#endif
