/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitord_start.h - the document with which OpenNebula starts the monitoring of a host: where to
 * send messages, as which host, how often, and with which key.
 *
 * Source: docs/facts/monitoring.md 1.
 */
#ifndef MONITORD_MONITORD_START_H
#define MONITORD_MONITORD_START_H

#include "monitord/monitord_key.h"
#include "monitord/monitord_set.h"

typedef struct monitord_start {
	char *address, *port;			/* a name or a number each */
	gint64 host_id;
	unsigned period_s[MONITORD_SETS];
	unsigned sync_s;			/* between two complete lists of states */
	MonitordKey *key;			/* NULL: nothing is encrypted */
	char *datastores;			/* DATASTORE_LOCATION; NULL: it has none */
	char *text;				/* the document */
} MonitordStart;

/*
 * Reads XML, all of descriptor FD. The first word of SSH_CLIENT in the environment is meant by the
 * address "auto". Periods that are missing have their defaults. VMM_ERROR_INPUT names what is
 * wrong.
 */
MonitordStart *monitord_start_read(int fd, GError **error);

void monitord_start_free(MonitordStart *start);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MonitordStart, monitord_start_free)

#endif
