/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_serve.h - the worker: a process that has the code of all actions loaded and makes a child
 * for each step, which then is that action in all that can be seen of it.
 *
 * The child is the child of the program that started the worker, not of the worker: exit status,
 * signals and the end of a step are that program's business, as if it had started the action. The
 * worker opens nothing, starts no thread and calls no function of libvirt.
 * Source: docs/facts/worker.md.
 */
#ifndef ACTION_WORKER_SERVE_H
#define ACTION_WORKER_SERVE_H

#include "action/action.h"

/* An action that the worker holds. */
struct worker_action {
	const char *name;		/* of its program */
	const char *identity;		/* program_identity() of that */
	const struct action *self;
};

/* All actions; remotes/vmm/worker is linked with it (scripts/worker-table makes it). */
extern const struct worker_action worker_table[];

/* What a child is to do. */
struct worker_step {
	const struct action *self;
	int argc;
	char **argv;
};

/*
 * Serves the orders that come on socket FD (wire/worker_order.h) for the actions of TABLE, whose
 * last row has no name, until FD ends. True in a child, which shall run RET; false with ERROR unset
 * at the end, with ERROR set when this host cannot have a worker.
 */
bool worker_serve(int fd, const struct worker_action *table, struct worker_step *ret,
		  GError **error);

#endif
