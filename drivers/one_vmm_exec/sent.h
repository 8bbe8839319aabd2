/*
 * sent.h - which replies were written to oned, for the next driver: notes in a file that outlive
 * our death by any signal, and need not outlive the machine's.
 *
 * A reply that is in the pipe when we are killed reaches oned, unless oned has died as well.
 * So the notes also say which process read us.
 */
#ifndef ONE_VMM_EXEC_SENT_H
#define ONE_VMM_EXEC_SENT_H

#include <glib.h>
#include <stdbool.h>

typedef struct sent Sent;

/* Reads what an earlier driver noted in PATH. Never NULL: without the file nothing is known. */
Sent *sent_open(const char *path);
void sent_close(Sent *sent);

/* Whether the earlier driver's reply to request SEQ reached the oned that runs now. */
bool sent_arrived(const Sent *sent, guint64 seq);

/* The earlier notes have been used: from here on PATH holds ours. */
void sent_begin(Sent *sent);

/* The reply to SEQ was written, whole. */
void sent_note(Sent *sent, guint64 seq);

/* The driver ends, and nobody has read the reply to SEQ. */
void sent_note_unread(Sent *sent, guint64 seq);

/* Nobody needs the notes any more. */
void sent_forget_all(Sent *sent);

/* The start time of process PID, field 22 of its stat; 0: there is none. */
guint64 sent_start_of(int pid);

#endif
