/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_numa.h - the memory nodes of a host: their huge pages, cores and memory.
 *
 * Source: docs/facts/monitoring.md 8.
 */
#ifndef MONITOR_HOST_NUMA_H
#define MONITOR_HOST_NUMA_H

#include "monitor/fields.h"

/* Adds what is free and used: of MONITOR_HOST. ROOT: as in host_usage.h. */
void host_numa_add_usage(Fields *out, const char *root);

/* Adds what there is: of SYSTEM_HOST. */
void host_numa_add(Fields *out, const char *root);

#endif
