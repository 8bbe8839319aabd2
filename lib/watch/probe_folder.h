/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_folder.h - the probes of a host, which are files in OpenNebula's folders: who answers
 * each, this program or the file itself.
 *
 * Source: docs/monitoring.md, "Probes".
 */
#ifndef WATCH_PROBE_FOLDER_H
#define WATCH_PROBE_FOLDER_H

#include "monitord/monitord_set.h"
#include "watch/watch_place.h"

#include <glib.h>

enum probe_kind {
	PROBE_BUILT_IN,		/* OpenNebula's own: answered here */
	PROBE_OTHER,		/* OpenNebula's own, which is not answered here: run */
	PROBE_EDITED,		/* has the name of one that is answered here, but says else: run */
	PROBE_OWN,		/* run */
	PROBE_OFF,		/* not executable: nothing is run, nothing answered */
};

struct probe {
	char *name, *path;
	enum probe_kind kind;
};

/*
 * The probes of set ID below the synced set SET for HYPERVISOR, by name, of struct probe.
 * g_ptr_array_unref(). NULL: there is no such folder.
 */
GPtrArray *probe_folder_list(const char *set, const char *hypervisor, enum monitord_set_id id);

/* The file with the digests of further probes that are OpenNebula's own. The caller frees. */
char *probe_folder_record(const char *set, const char *hypervisor);

#endif
