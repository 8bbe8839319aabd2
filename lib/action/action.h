/* SPDX-License-Identifier: Apache-2.0 */
/*
 * action.h - what every program under remotes/ has in common: main(), options,
 * the connection, its deadline and how it reports its outcome.
 *
 * Source: docs/facts/actions.md 0; docs/architecture.md, "Three outcomes".
 */
#ifndef ACTION_ACTION_H
#define ACTION_ACTION_H

#include "action/report.h"
#include "conf/kvmrc.h"
#include "virt/connect.h"
#include "virt/virt_domain.h"
#include "virt/timed_call.h"

struct action_ctx {
	virConnect *conn;		/* open, unless the action is ACTION_OFFLINE */
	bool reconnected;		/* a connection was lost and replaced */
	bool in_doubt;			/* a call of a lost connection may still be in progress */
	const char *uri;
	const char *const *arg;		/* the operands, NULL-terminated */
	const ConfKvmrc *rc;
	bool dry_run;			/* print with action_print() what would be done */
	bool json;			/* what it prints becomes a member of an object */
	struct json_object *result;	/* other members of that object; or NULL, owned */
	gint64 deadline_us;		/* monotonic time at which abort.h ends the process */
	GString *out;			/* stdout, written when the action is done */
};

struct action {
	const char *name;		/* as installed under remotes/ */
	const char *usage;		/* operands */
	const char *summary;		/* one sentence or two for --help */
	const char *input;		/* what it reads on stdin; NULL: nothing of use by hand */
	const char *example;		/* a call by hand, with "<FILE" for stdin */
	int min_args;			/* more than that are allowed: callers append some */
	int vm_id;			/* the operand with the VM's id; 0: the third */
	unsigned deadline_s;		/* 0: extra_deadline_s + SHUTDOWN_TIMEOUT of kvmrc */
	unsigned extra_deadline_s;
	bool offline;			/* run() connects itself, if at all */
	/* It ends no domain: may use one-VM_ID when the UUID of operand 0 is gone. */
	bool takes_namesake;
	const GOptionEntry *options;	/* its own, or NULL */
	/* What "--sync-time UUID" runs, in a process that outlives the action; an exit status. */
	int (*set_clock)(const char *uri, const char *uuid);
	/* ERROR is set unless the outcome is ACTION_DONE. */
	enum action_outcome (*run)(struct action_ctx *ctx, GError **error);
};

/* Each action file defines this one object; lib/action/action_program.c supplies main(). */
extern const struct action action;

/* Runs SELF as this process's action; call it once. Returns the exit status. */
int action_main(const struct action *self, int argc, char **argv);

/* The action that this process runs; action_main() says which. */
void action_set_self(const struct action *self);
const struct action *action_self(void);

/* Adds to what goes to stdout. */
void action_print(struct action_ctx *ctx, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Writes "LEVEL: action: text" to stderr. LEVEL: INFO, WARN, DEBUG… */
void action_log(const char *level, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Milliseconds until the deadline, at most CAP_MS, at least 1. */
unsigned action_left_ms(const struct action_ctx *ctx, unsigned cap_ms);

/* CAP_MS from now, or RESERVE_MS before the deadline if that is earlier; see base/deadline.h. */
gint64 action_until_us(const struct action_ctx *ctx, gint64 cap_ms, gint64 reserve_ms);

/* What an abort means from now on; see abort.h. */
void action_on_abort(enum action_outcome outcome, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Operand I, counted from 0; NULL when there are fewer. */
const char *action_arg(const struct action_ctx *ctx, int i);

/* The domain that operand 0, or the one with the VM's id, names. As virt_domain(). */
virDomain *action_domain(const struct action_ctx *ctx, GError **error);

/*
 * As action_domain(), and locks the VM until the process ends. VMM_ERROR_BUSY: another action has
 * held the lock for a minute.
 */
virDomain *action_domain_alone(const struct action_ctx *ctx, GError **error);

/*
 * Replaces a connection that was lost, waiting a while for the daemon to come back. Handles made
 * with the old one can be freed, no more. Most want reconcile_domain() instead.
 */
bool action_reconnect(struct action_ctx *ctx, GError **error);

/*
 * For idempotent calls, after result R: true, with DOM on a new connection and CAUSE cleared, if
 * the call must be repeated because the connection was lost. At most once.
 */
bool action_call_repeat(struct action_ctx *ctx, virDomain **dom, enum virt_call_result r,
			GError **cause);

/*
 * The outcome of a call with result R and error CAUSE (taken; NULL unless FAILED). Unless DONE,
 * ERROR is "FORMAT…: cause".
 */
enum action_outcome action_judge(const struct action_ctx *ctx, enum virt_call_result r,
				 GError *cause, GError **error, const char *format, ...)
	G_GNUC_PRINTF(5, 6);

/*
 * All of stdin, at most 64 MiB, base64 decoded when it does not begin with '<'. Empty when
 * stdin is closed, a terminal, or silent for WAIT_MS. The caller frees.
 */
GString *action_stdin(unsigned wait_ms, GError **error);

#endif
