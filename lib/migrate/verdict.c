/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/verdict.h"

enum migrate_side migrate_side_of(const struct virt_state *state, bool is_source)
{
	if (state->gone)
		return SIDE_ABSENT;

	if (state->state == VIR_DOMAIN_RUNNING)
		return state->reason == VIR_DOMAIN_RUNNING_POSTCOPY ? SIDE_POSTCOPY : SIDE_RUNNING;

	if (state->state != VIR_DOMAIN_PAUSED)
		return SIDE_AWAKE;

	switch (state->reason) {
	case VIR_DOMAIN_PAUSED_MIGRATION:
		return SIDE_MOVING;
	case VIR_DOMAIN_PAUSED_STARTING_UP:
		return is_source ? SIDE_PAUSED : SIDE_MOVING;
	case VIR_DOMAIN_PAUSED_POSTCOPY:
	case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
		return SIDE_POSTCOPY;
	default:
		return SIDE_PAUSED;
	}
}

/* clang-format off */
#define SOURCE	{ MIGRATE_AT_SOURCE, false }
#define DEST	{ MIGRATE_AT_DESTINATION, false }
#define BOTH	{ MIGRATE_AT_BOTH, false }
#define W_BOTH	{ MIGRATE_AT_BOTH, true }
#define NONE	{ MIGRATE_NOWHERE, false }
#define W_SRC	{ MIGRATE_AT_SOURCE, true }
#define W_DEST	{ MIGRATE_AT_DESTINATION, true }
#define W_SPLIT	{ MIGRATE_SPLIT, true }
#define W_ORPH	{ MIGRATE_ORPHAN, true }

/*
 * A row for the source, a column for the destination. W_…: libvirt is still moving it.
 *
 * A destination that never resumed the guest (MOVING) is not a copy: the VM is at its source. A
 * source that is paused for the move (MOVING) has handed over if the destination has a guest.
 * Paused on one side and running on the other: the user has paused one of them before the move;
 * the one that runs is the VM. A destination that is AWAKE may be shutting down: so libvirt 11 has
 * what it ends because its move broke.
 */
static const struct migrate_verdict verdict[SIDES][SIDES] = {
	/* destination     ABSENT  RUNNING  PAUSED   MOVING  POSTCOPY  AWAKE */
	[SIDE_ABSENT]   = { NONE,   DEST,    DEST,    W_ORPH, DEST,     DEST },
	[SIDE_RUNNING]  = { SOURCE, BOTH,    SOURCE,  W_SRC,  W_SPLIT,  W_BOTH },
	[SIDE_PAUSED]   = { SOURCE, DEST,    SOURCE,  W_SRC,  W_SPLIT,  W_BOTH },
	[SIDE_MOVING]   = { W_SRC,  W_DEST,  W_DEST,  W_SRC,  W_SPLIT,  W_DEST },
	[SIDE_POSTCOPY] = { SOURCE, W_SPLIT, W_SPLIT, W_SPLIT, W_SPLIT, W_SPLIT },
	[SIDE_AWAKE]    = { SOURCE, BOTH,    SOURCE,  W_SRC,  W_SPLIT,  W_BOTH },
};
/* clang-format on */

struct migrate_verdict migrate_verdict_of(enum migrate_side source, enum migrate_side dest)
{
	return verdict[source][dest];
}
