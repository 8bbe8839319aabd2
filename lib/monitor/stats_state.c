/* SPDX-License-Identifier: Apache-2.0 */
/* The part of stats.h that says what OpenNebula calls the states of libvirt. */
#include "monitor/stats.h"

/* VIR_DOMAIN_PAUSED_API_ERROR, which libvirt has from 9.2 on: it could not let it run again. */
enum { PAUSED_API_ERROR = 14 };

/* What a state is called. */
struct name {
	int state, reason;	/* reason -1: any */
	char letter;		/* to OpenNebula 5 */
	bool moves;
	const char *name;	/* from 5.12 on */
};

static const struct name *state_row(const struct virt_state *state)
{
	static const struct name names[] = {
		{ VIR_DOMAIN_RUNNING,     -1, 'a', false, "RUNNING" },
		{ VIR_DOMAIN_BLOCKED,     -1, 'a', false, "RUNNING" },
		{ VIR_DOMAIN_SHUTDOWN,    -1, 'a', false, "RUNNING" },
		{ VIR_DOMAIN_CRASHED,     -1, 'e', false, "FAILURE" },
		{ VIR_DOMAIN_PMSUSPENDED, -1, 'e', false, "SUSPENDED" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN,         'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER,            'e', false, "SUSPENDED" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR,         'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG,        'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_CRASHED,         'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, 'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, PAUSED_API_ERROR,                  'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION,       'a', true,  "RUNNING" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE,            'a', true,  "RUNNING" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP,     'a', true,  "RUNNING" },
		{ VIR_DOMAIN_PAUSED,      -1, 'a', false, "RUNNING" },
	};
	static const struct name unknown = { 0, -1, '-', false, "UNKNOWN" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (names[i].state != state->state)
			continue;
		if (names[i].reason < 0 || names[i].reason == state->reason)
			return &names[i];
	}

	return &unknown;
}

char stats_letter(const struct virt_state *state, bool *ret_moves)
{
	const struct name *name = state_row(state);

	*ret_moves = name->moves;

	return name->letter;
}

const char *stats_state_name(const struct virt_state *state)
{
	return state_row(state)->name;
}

/*
 * A guest that was paused passes through these, too: it is created or restored so, moved, reverted
 * to a snapshot that was taken of a paused one, or ended. A guest that was restored paused stays
 * "migrating", and one that was reverted so "from snapshot". Source: docs/facts/monitoring.md 3.1.
 */
const struct stats_way *stats_passing(const struct virt_state *state)
{
	static const struct {
		int state, reason;	/* reason -1: any */
		struct stats_way way;
	} rows[] = {
		{ VIR_DOMAIN_SHUTDOWN, -1, { "RUNNING", NULL } },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SHUTTING_DOWN, { "RUNNING", NULL } },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE, { "RUNNING", NULL } },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_DUMP, { "RUNNING", NULL } },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SNAPSHOT, { "RUNNING", NULL } },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, { "RUNNING", NULL } },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, { "UNKNOWN", "SUSPENDED" } },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, { "UNKNOWN", NULL } },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_FROM_SNAPSHOT, { "UNKNOWN", "SUSPENDED" } },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (rows[i].state != state->state)
			continue;
		if (rows[i].reason < 0 || rows[i].reason == state->reason)
			return &rows[i].way;
	}

	return NULL;
}
