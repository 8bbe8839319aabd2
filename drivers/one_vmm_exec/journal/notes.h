/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notes.h - what a driver that is killed must not forget although the disk has not got it yet: the
 * requests that came a moment ago, the processes that run here, and the replies that were written.
 * Notes lie in memory (tmpfs) or in the system's cache: they outlive our death by any signal, and
 * not the machine's.
 *
 * A reply that is in the pipe when we are killed reaches oned, unless oned has died as well. So the
 * notes also say which process read us.
 */
#ifndef ONE_VMM_EXEC_NOTES_H
#define ONE_VMM_EXEC_NOTES_H

#include "journal/store.h"

typedef struct notes Notes;

struct noted_step {
	char *plan;
	guint step;
};

/* Reads what an earlier driver noted in PATH. Never NULL: without the file nothing is known. */
Notes *notes_open(const char *path);
void notes_close(Notes *notes);

/* Whether the earlier driver's reply to request SEQ reached the oned that runs now. */
bool notes_arrived(const Notes *notes, guint64 seq);

/* The earlier driver's requests, of struct row, in the order of arrival. Borrowed. */
const GPtrArray *notes_requests(const Notes *notes);

/* The earlier driver's processes for request SEQ, "PID:SINCE-UNTIL …"; NULL: none. Borrowed. */
const char *notes_processes(const Notes *notes, guint64 seq);

/*
 * The step of request SEQ that an earlier driver had begun while no file could be written; NULL:
 * none. Borrowed.
 */
const struct noted_step *notes_step_of(const Notes *notes, guint64 seq);

/*
 * Of the requests above this number the spare file of the earlier drivers has all that it had
 * time for: the journal's own could not be read when they began. 0: see notes_begin().
 */
guint64 notes_spare_since(const Notes *notes);

/* The earlier notes have been used: from here on PATH holds ours. */
void notes_begin(Notes *notes);

/*
 * The journal's file cannot be read, and so the earlier notes cannot be used yet: ours follow
 * them. LAST: no request of ours has a number up to this.
 */
void notes_continue(Notes *notes, guint64 last);

/* Request ROW came; PAYLOAD is its document in base64. */
void notes_request(Notes *notes, const struct row *row, const char *payload);

/* PROCESS ("PID:START") runs for request SEQ. False: nothing can be noted. */
bool notes_process(Notes *notes, guint64 seq, const char *process);

/*
 * Request SEQ has begun STEP of PLAN, and no file can be written. If that cannot be noted either,
 * the next driver knows by the mode of PATH, which needs no room on a disk, that steps are missing.
 */
void notes_step(Notes *notes, guint64 seq, const char *plan, guint step);

/* The files have all that was noted by notes_step(). */
void notes_steps_kept(Notes *notes);

/* Whether earlier drivers have begun steps of which neither notes nor files know. */
bool notes_miss_steps(const Notes *notes);

/* Whether nothing can be noted, or steps are missing, until notes_renew() makes new ones. */
bool notes_are_lost(const Notes *notes);

/* The reply to SEQ was written, whole. */
void notes_sent(Notes *notes, guint64 seq);

/* DRIVER_CANCEL came for SEQ: the next driver neither runs nor answers it. */
void notes_cancel(Notes *notes, guint64 seq);

/* Whether the earlier driver had DRIVER_CANCEL for request SEQ. */
bool notes_cancelled(const Notes *notes, guint64 seq);

/* The driver ends, and nobody has read the reply to SEQ. */
void notes_unread(Notes *notes, guint64 seq);

/* Whether they have grown so large that it is time to renew them. */
bool notes_are_large(const Notes *notes);

/*
 * Begins new notes beside the old ones: of what was sent, those for which NEEDED(DATA) is true.
 * True: the requests that are not on disk, and the processes, are to be noted again, and then
 * notes_renewed().
 */
bool notes_renew(Notes *notes, bool (*needed)(void *data, guint64 seq), void *data);

/* The new notes take the place of the old ones. */
void notes_renewed(Notes *notes);

/* Nothing is left that the next driver must know: PATH is removed. */
void notes_remove(Notes *notes);

/* The start time of process PID, field 22 of its stat; 0: there is none, or it has ended. */
guint64 notes_start_of(int pid);

/* The time now as notes_start_of() counts it: clock ticks since the machine was started. */
guint64 notes_ticks(void);

#endif
