/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abort.h - ends the process without running clean-up: at the action's deadline, or by SIGTERM,
 * SIGINT or SIGHUP.
 *
 * A libvirt call may hang for ever with locks held, so nothing can be cleaned up then. The message
 * is prepared beforehand; the signal handler itself writes it and ends the process. That works
 * whatever the threads are waiting for.
 * Source: docs/facts/libvirt.md A and D.
 */
#ifndef ACTION_ABORT_H
#define ACTION_ABORT_H

#include "action/report.h"

/* From now on a signal, or SECONDS, end ACTION; the outcome is FAILED while it prepares. */
void abort_start(const char *action, unsigned seconds, bool json);

/*
 * What an abort means from now on: OUTCOME, and WHAT was in progress ("destroying domain one-5");
 * of ACTION_DONE, what belongs on stdout.
 */
void abort_outcome(enum action_outcome outcome, const char *what);

/*
 * For an action that can undo what it did: from now on the first SIGTERM, SIGINT or SIGHUP only
 * makes abort_requested() true; GRACE_S seconds later, or at a second signal, the process ends. The
 * deadline does not change. 0: a signal ends the process at once.
 */
void abort_defer(unsigned grace_s);
bool abort_requested(void);

/* Ignores further signals and the deadline: the action is about to report its outcome. */
void abort_disarm(void);

#endif
