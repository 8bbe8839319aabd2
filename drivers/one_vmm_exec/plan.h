/*
 * plan.h - what each action runs, in order, and what undoes it.
 *
 * To add an action: a table of its steps, a row in plans[], and a row in the
 * time limits of vmm_exec.cfg.
 * Source: protocol.md 5.
 */
#ifndef ONE_VMM_EXEC_PLAN_H
#define ONE_VMM_EXEC_PLAN_H

#include "base/error.h"

enum step_kind {
	STEP_VMM,		/* a script of the hypervisor */
	STEP_VNM,		/* one script for each network driver */
	STEP_TM,		/* the lines of TM_COMMAND, on the front-end */
	STEP_MKDIR,		/* the VM's directory on the host */
	STEP_WRITE,		/* a file in it */
};

enum step_input {
	INPUT_NONE,
	INPUT_REQUEST,		/* the whole document */
	INPUT_DEPLOYMENT,	/* the local deployment file */
	INPUT_NETWORK_VM,	/* the VM as network drivers get it, in base64 */
	INPUT_VM,		/* element VM */
	INPUT_DATASTORE,	/* element DATASTORE */
};

enum step_flags {
	STEP_GOES_ON = 1 << 0,	/* its failure is logged and changes nothing */
	STEP_IS_QUIET = 1 << 1,	/* no LOG lines, and retried with -r: a direct action */
};

struct step {
	enum step_kind kind;
	const char *name;	/* in LOG lines; in upper case the key of -l */
	const char *script;	/* file name; NULL: NAME in lower case */
	const char *args;	/* words: %d deploy id, %i what deploy printed, %f file, %h host */
	enum step_input input;
	const char *undo;	/* plan run when it failed, or NULL */
	const char *undo_unknown; /* and when nobody knows whether it did; NULL: as UNDO */
	unsigned flags;
};

struct plan {
	const char *action;	/* "DEPLOY", or an undo plan in lower case */
	const struct step *steps;
	size_t count;
};

/* NULL when no plan has that name. */
const struct plan *plan_find(const char *action);

/* The key of vmm_exec.cfg that limits STEP of ACTION: "timeout_s.deploy". The caller frees. */
char *plan_timeout_key(const char *action, const struct step *step);

/* "virtualization driver", as in LOG lines. */
const char *plan_kind_name(enum step_kind kind);

#endif
