/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abort.h - the end of an action that cannot wait: its deadline, SIGTERM,
 * SIGINT or SIGHUP.
 *
 * A call of libvirt may hang for ever with locks held, so nothing can be
 * cleaned up then. What to say is prepared beforehand and said by the signal's
 * handler itself, which then ends the process; that works whatever all threads
 * are waiting for, where a thread with a timer would still need them.
 * Source: docs/facts/libvirt.md A and D.
 */
#ifndef ACTION_ABORT_H
#define ACTION_ABORT_H

#include "action/report.h"

/* From now on ACTION ends after SECONDS, or by a signal; as if nothing had been asked for. */
void abort_start(const char *action, unsigned seconds, bool json);

/*
 * What a sudden end would mean from now on: OUTCOME, and WHAT was going on
 * ("destroying domain one-5"); of ACTION_DONE, what then belongs on stdout.
 */
void abort_outcome(enum action_outcome outcome, const char *what);

/*
 * From now on the first SIGTERM, SIGINT or SIGHUP only makes abort_requested() true,
 * for an action that can undo what it did; the end comes GRACE_S seconds later,
 * or with a second signal. The deadline stays as it is. 0: as before.
 */
void abort_defer(unsigned grace_s);
bool abort_requested(void);

/* No sudden end any more: the action is about to say how it ended. */
void abort_disarm(void);

#endif
