/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_place.h - where the journal of this driver is, and that no other driver has it.
 *
 * Several drivers may use one directory (VM_MAD kvm and qemu of one oned). Each has a journal by
 * its name: what it was started as, or --name. It never opens that of another name.
 */
#ifndef ONE_VMM_EXEC_JOURNAL_PLACE_H
#define ONE_VMM_EXEC_JOURNAL_PLACE_H

#include "driver_settings.h"

struct journal_place {
	char *dir;
	char *memory;		/* directory of the locks in memory; NULL: there is none */
	char *journal;		/* the file, on a disk that a power cut spares */
	char *spare;		/* used while JOURNAL cannot be written; NULL: there is none */
	char *notes;		/* see notes.h */
	int lock, memory_lock;	/* descriptors; -1: not held. One of them is */
};

/*
 * Makes the directory and takes the first journal of our name that no other driver holds. A disk
 * that cannot be written now does no harm if there is a directory in memory.
 * False: VMM_ERROR_BUSY, or as errno says. SPARE and NOTES lie in memory (tmpfs) where possible.
 */
bool journal_place_take(struct journal_place *ret, const struct driver_settings *settings,
			GError **error);
void journal_place_clear(struct journal_place *place);

/*
 * When a driver that had this journal last gave a sign of life, in microseconds of Unix time; 0:
 * none is known. To be asked before any of the files is opened.
 */
gint64 journal_place_last_sign(const struct journal_place *place);

/* Gives one. */
void journal_place_sign(const struct journal_place *place);

/*
 * SILENT: no driver was running for long. That is kept in files of its own until all that it
 * concerns is in the journal, as opening the journal is a sign of life.
 */
void journal_place_set_silent(const struct journal_place *place, bool silent);
bool journal_place_is_silent(const struct journal_place *place);

/* Where the notes are that belong to the file JOURNAL. The caller frees. */
char *journal_place_notes(const struct driver_settings *settings, const char *journal);

/* The directory of the journals. The caller frees. */
char *journal_place_dir(const struct driver_settings *settings);

#endif
