/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_exec.h - programs run in a guest by its agent: started, asked about, ended.
 *
 * While a program runs, its process id in the guest is kept in GUEST_DIRECTORY/one-ID, until the
 * monitoring has fetched the result. The domain's metadata has it, too, for the host that a live
 * migration takes the domain to.
 * Source: docs/facts/actions.md 19; monitoring.md 6.
 */
#ifndef VM_GUEST_EXEC_H
#define VM_GUEST_EXEC_H

#include "action/action.h"
#include "base/run_directory.h"

#define GUEST_DIRECTORY RUN_DIRECTORY

struct guest_exec_status {
	bool exited;
	bool lost;		/* it has, and its output is larger than libvirt can pass on */
	int code;		/* its exit status; -1: ended by a signal */
	GString *out, *err;	/* what it wrote; of one that has exited */
};

/* Takes the lock of the host that the monitoring takes, too; until guest_exec_unlock(). */
bool guest_exec_lock(const struct action_ctx *ctx, GError **error);
void guest_exec_unlock(void);

/* The domain that operand 0 names: a VM's id, else as virt_domain(). */
virDomain *guest_exec_domain(const struct action_ctx *ctx, GError **error);

/* Keeps PID of the program that was started in DOM. False: the file cannot be written. */
bool guest_exec_remember(virDomain *dom, gint64 pid, GError **error);

/*
 * Likewise in the domain's metadata alone: exec_cancel and the next exec know of PID, and the
 * monitoring leaves its result to the caller. False: the metadata cannot be written.
 */
bool guest_exec_remember_own(virDomain *dom, gint64 pid, GError **error);

/* The process that was kept, in RET; 0: none. It may have ended. False: that cannot be read. */
bool guest_exec_recall(virDomain *dom, gint64 *ret, GError **error);

/* No program of ours runs in DOM any more. */
void guest_exec_forget(virDomain *dom);

/* Starts ARGV, with INPUT (or NULL) on its stdin. */
bool guest_exec_start(virDomain *dom, const char *const *argv, GBytes *input, gint64 *ret_pid,
		      GError **error);

/*
 * Whether a guest_exec_start() that failed for CAUSE may have started the program, or may still:
 * an agent that hangs executes what it was sent when it continues.
 */
bool guest_exec_may_have_begun(const GError *cause);

/* Status of PID; the agent returns a result once. VMM_ERROR_GUEST: it knows no such process. */
bool guest_exec_ask(virDomain *dom, gint64 pid, struct guest_exec_status *ret, GError **error);

/* The outcome of a program that has exited: DONE for exit status 0. */
enum action_outcome guest_exec_judge(virDomain *dom, const struct guest_exec_status *status,
				     GError **error);

void guest_exec_status_clear(struct guest_exec_status *status);

/*
 * Ends PID, of which the agent says that it runs, and nothing else. DONE: it has ended; what it
 * started itself may go on. FAILED: the guest did not kill it. UNKNOWN: it was killed, and had not
 * ended at UNTIL_US, or the agent says nothing.
 */
enum action_outcome guest_exec_end(virDomain *dom, gint64 pid, gint64 until_us, GError **error);

/*
 * PID, which was started just now, must not run on, as ERROR says. FAILED: it has ended. UNKNOWN:
 * it may run on, and ERROR gets the hint HOW.
 */
enum action_outcome guest_exec_stop(struct action_ctx *ctx, virDomain *dom, gint64 pid,
				    const char *how, GError **error);

/*
 * Waits for PID at most for SECONDS, prints what it wrote, and ends it when the time is over; the
 * lock, which the caller has, is free meanwhile: it is the host's. The outcome is the program's. Of
 * one that could not be ended the monitoring reports the result, whenever that comes.
 */
enum action_outcome guest_exec_wait(struct action_ctx *ctx, virDomain *dom, gint64 pid,
				    guint64 seconds, GError **error);

#endif
