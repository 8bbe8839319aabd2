/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_watch.h - the states of a host's VMs: an event of libvirt has them listed at once, each
 * period proves the list, and what is new is to be sent.
 *
 * Source: docs/monitoring.md, "States".
 */
#ifndef WATCH_STATE_WATCH_H
#define WATCH_STATE_WATCH_H

#include "watch/virt_link.h"
#include "watch/vm_table.h"

/* Called from the main loop. */
struct state_watch_calls {
	/* OK: TEXT is to be sent as STATE_VM, and answered by state_watch_sent(). Else why not. */
	void (*send)(bool ok, const char *text, void *data);
	void (*wild)(void *data);	/* wild domains came or went */
	void (*log)(const char *text, void *data);
};

struct state_watch_place {
	const char *uri;		/* of libvirt */
	const char *memory;		/* file with the VMs that monitord knows */
	gint64 period_us, sync_us;	/* between lists; between complete reports */
};

typedef struct state_watch StateWatch;

/* Begins; never freed. Texts of PLACE are borrowed. The first report is a complete one. */
StateWatch *state_watch_new(const struct state_watch_place *place,
			    const struct vm_table_rules *rules,
			    const struct state_watch_calls *calls, void *data);

/* Whether the last report has arrived: another one is made from a new list when it has not. */
void state_watch_sent(StateWatch *watch, bool arrived);

#endif
