/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll_format.h - what domains use, in the three forms that OpenNebula 5 reads.
 *
 * Source: docs/facts/monitoring.md 7.
 */
#ifndef MONITOR_POLL_FORMAT_H
#define MONITOR_POLL_FORMAT_H

#include "monitor/stats.h"

/* Adds "STATE=a CPU=1.5 …" and a line's end. What is unknown is left out. */
void poll_format_line(const struct stats *stats, GString *out);

/* Adds "VM_POLL=YES" and a VM=[…] for each; a wild one with a template to import it. */
void poll_format_template(const GPtrArray *list, GString *out);

/* Adds base64(zlib(YAML of a hash of hashes)) and a line's end. */
void poll_format_packed(const GPtrArray *list, GString *out);

#endif
