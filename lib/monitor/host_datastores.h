/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_datastores.h - room in the datastores that a host keeps itself: of SYSTEM_HOST.
 *
 * Source: docs/facts/monitoring.md 8.
 */
#ifndef MONITOR_HOST_DATASTORES_H
#define MONITOR_HOST_DATASTORES_H

#include "monitor/fields.h"

/*
 * Adds the room of directory DIR and of each datastore in it that has a file ".monitor" with a
 * driver's name. May hang with the file system.
 */
void host_datastores_add(Fields *out, const char *dir);

#endif
