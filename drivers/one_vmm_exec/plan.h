/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - what each action runs, in order, and what undoes it.
 *
 * To add an action: a table of its steps, a row in plans[], and a row in the
 * time limits of vmm_exec.cfg.
 * Source: docs/facts/protocol.md 5.
 */
#ifndef ONE_VMM_EXEC_PLAN_H
#define ONE_VMM_EXEC_PLAN_H

#include "base/error.h"

enum step_kind {
	STEP_VMM,		/* a script of the hypervisor */
	STEP_VNM,		/* one script for each network driver */
	STEP_TM,		/* the lines of TM_COMMAND, on the front-end */
	STEP_DS,		/* a script of the datastore's driver, on the front-end */
	STEP_MKDIR,		/* the VM's directory on the host */
	STEP_WRITE,		/* a file in it */
};

enum step_input {
	INPUT_NONE,
	INPUT_REQUEST,		/* the whole document */
	INPUT_DEPLOYMENT,	/* the local deployment file */
	INPUT_NETWORK_VM,	/* the VM as network drivers get it, in base64 */
	INPUT_VM,		/* element VM */
	INPUT_VM_BASE64,
	INPUT_VM_FAILED,	/* element VM with BACKUP_RESULT */
	INPUT_DATASTORE,	/* element DATASTORE */
	INPUT_DATASTORE_DATA,	/* the document of datastore drivers */
};

enum step_flags {
	/* Its failure is logged, and the action continues. */
	STEP_OPTIONAL = 1 << 0,
	/* No LOG lines, keys never lent, retried with -r. */
	STEP_IS_DIRECT = 1 << 1,
	/* Its output is the reply's info. */
	STEP_REPLIES = 1 << 2,
	/* Without output it has failed. */
	STEP_REPLY_REQUIRED = 1 << 3,
	/* If it was certainly not started, there is nothing to undo. */
	STEP_FIRST_TO_UNDO = 1 << 4,
	/* Running it again does no harm: so it may be repeated if its outcome is unknown. */
	STEP_IDEMPOTENT = 1 << 5,
	/* On MIGR_HOST, not on HOST. */
	STEP_ON_TARGET = 1 << 6,
	/* Needs no files of its host: transport "direct" runs it here. */
	STEP_CONNECT_OK = 1 << 7,
	/* Not for network driver elastic. */
	STEP_NO_ELASTIC = 1 << 8,
	/* Its host cannot tell afterwards whether it was done. */
	STEP_NO_TRACE = 1 << 9,
	/* Of the VM's transfer commands, those that undo: TM_COMMAND_ROLLBACK. */
	STEP_ROLLBACK = 1 << 10,
	/* Only if … */
	STEP_IF_TM = 1 << 11,		/* … there is a TM_COMMAND */
	STEP_IF_NIC = 1 << 12,		/* … the network interface is no alias */
	STEP_IF_MOVES = 1 << 13,	/* … MIGR_HOST is another host */
	STEP_IF_DEPLOYED = 1 << 14,	/* … there is a DEPLOY_ID */
	STEP_IF_TARGET = 1 << 15,	/* … there is a MIGR_HOST */
};

/*
 * What must be proved before a step ends or removes something that no request asks for just now: as
 * an undo, as a retry, or resumed by the next driver. The driver's own memory is no proof.
 */
enum step_proof {
	PROOF_NONE,		/* it needs none: it ends and removes nothing */
	PROOF_DEPLOYMENT,	/* the host compares the mark that this DEPLOY gave its domain */
	PROOF_DOMAIN,		/* the host compares UUID and age of the request's domain */
	PROOF_DEVICE,		/* the host compares the device of the request, in that domain */
	PROOF_ABSENT,		/* the host says that the VM does not run there */
	PROOF_TURN,		/* OpenNebula's own script here: no later action of the VM runs */
};

struct step {
	enum step_kind kind;
	const char *name;	/* in LOG lines; in upper case the key of -l */
	const char *script;	/* its file; NULL: NAME in lower case. Not of STEP_TM */
	/* Of STEP_TM, around the name that the line's first word gives; NULL: nothing. */
	const char *prefix, *suffix;
	bool suffix_if_live;	/* SUFFIX is added for a live backup alone */
	/*
	 * Names of step_args.c, separated by blanks; the hypervisor's scripts get the VM's id and
	 * the host behind them, or before them if ID_FIRST.
	 */
	const char *args;
	const char *optional_arg;	/* likewise, last; left out if the request has none */
	bool id_first;
	enum step_input input;
	const char *undo;	/* plan run when it failed, or NULL */
	const char *undo_unknown; /* when its outcome is unknown; "": none, NULL: UNDO */
	const char *later;	/* plan run later if it failed and its action continues, or NULL */
	enum step_proof proof;
	unsigned flags;
};

enum plan_check {
	CHECK_DEPLOYMENT = 1 << 0,	/* the local deployment file can be read */
	CHECK_NIC = 1 << 1,		/* there is a NIC to be attached, with its MAC */
	CHECK_LIVE_SNAPSHOT = 1 << 2,	/* the disk's drivers can do it: LIVE_DISK_SNAPSHOTS */
};

struct plan {
	const char *action;	/* "ATTACHDISK", or an undo plan in lower case */
	const char *key;	/* of -d: "ATTACH_DISK"; NULL for one that undoes */
	const struct step *steps;
	size_t count;
	const char *needs;	/* XPaths that must find something, separated by blanks; or NULL */
	const char *prefix;	/* XPath of a text put before the info of any reply, or NULL */
	unsigned checks;	/* a sum of enum plan_check */
	/* It starts, ends or moves the VM or changes its networks: an older clean-up is void. */
	bool voids_cleanups;
	/* Needs only the texts at the document's head; it is not read further here. */
	bool reads_head_only;
};

/* NULL when no plan has that name. */
const struct plan *plan_find(const char *action);

/*
 * The key of vmm_exec.cfg for STEP in GROUP: "timeout_s.deploy" limits the step, "wait_s.deploy"
 * limits how long to wait for its host if that went away meanwhile. The caller frees.
 */
char *plan_key(const struct step *step, const char *group);

/* The names that -l and -d take, in lower case; each once. The caller unrefs. */
GPtrArray *plan_local_names(void);
GPtrArray *plan_delegate_names(void);

/* Prints all plans, a line a step: plan, step, kind, undo, undo_unknown, later, proof. */
void plan_print(void);

/* "virtualization driver", as in LOG lines. */
const char *plan_kind_name(enum step_kind kind);

/* The file that STEP of a hypervisor or a datastore runs, unless -l names another. Caller frees. */
char *plan_script(const struct step *step);

#endif
