/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet.h - which hosts a program of the front-end works on, several at a time.
 */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include "base/error.h"

struct fleet_choice {
	bool all;			/* those that OpenNebula lists and that are not offline */
	const char *cluster;		/* of these, those of this cluster; or NULL */
	char **named;			/* NULL-terminated; or NULL */
};

/*
 * The names of the hosts, each of them safe as an argument of ssh. g_ptr_array_unref(). NULL:
 * VMM_ERROR_USAGE for a bad name or for names beside ALL or CLUSTER, VMM_ERROR_NOT_FOUND for a
 * cluster without a host, VMM_ERROR_INPUT for a bad name in OpenNebula's list, or onehost failed.
 */
GPtrArray *fleet_hosts(const struct fleet_choice *choice, GError **error);

/* Where hosts have the set: oned's SCRIPTS_REMOTE_DIR, else /var/tmp/one. The caller frees. */
char *fleet_remote_dir(void);

typedef struct fleet Fleet;

/* Begins to work on HOST; fleet_ended() must follow, now or later from the loop. */
typedef void fleet_start(void *data, Fleet *fleet, const char *host);

/* Calls START for each of HOSTS, at most PARALLEL at a time; returns when all have ended. */
void fleet_run(const GPtrArray *hosts, guint parallel, fleet_start *start, void *data);

/* Work on one host has ended. */
void fleet_ended(Fleet *fleet);

/* How many have ended. */
guint fleet_count_ended(const Fleet *fleet);

#endif
