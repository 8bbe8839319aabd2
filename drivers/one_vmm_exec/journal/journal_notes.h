/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_notes.h - what the journal notes beside its file, and when: requests that the file does
 * not have yet, processes, and steps while there is no file (notes.h).
 *
 *   journal_notes_begin()    once, when what an earlier driver left has been read
 *   journal_notes_step()     for each step that begins
 *   journal_notes_steps()    a file has been lost, or there is one again
 *   journal_notes_renew()    the notes have grown large
 */
#ifndef ONE_VMM_EXEC_JOURNAL_NOTES_H
#define ONE_VMM_EXEC_JOURNAL_NOTES_H

#include "journal/journal_state.h"

/* Our notes take the place of the earlier driver's, or follow them while its file is unread. */
void journal_notes_begin(Journal *journal);

/* Nothing is noted of a step that the file can have. */
void journal_notes_step(Journal *journal, const struct row *row);
void journal_notes_steps(Journal *journal);

/* Without room for the new notes the old ones stay. */
void journal_notes_renew(Journal *journal);

#endif
