/* SPDX-License-Identifier: Apache-2.0 */
/*
 * made_files.h - what an action makes for a VM in another directory, here or on another host, and
 * takes away again when the VM stays where it was: exactly that, by name, and never what was there.
 *
 * "MadeFiles by us" is certain: mkdir says so when the directory is new, and an image's name is
 * taken with O_EXCL. "Could not ask" is an error, before anything is changed. Source: actions.md 7;
 * pitfalls.md P-24.
 */
#ifndef MIGRATE_MADE_FILES_H
#define MIGRATE_MADE_FILES_H

#include "migrate/storage_plan.h"

typedef struct made_files {
	const struct action_ctx *ctx;
	const char *host;	/* NULL: this one */
	char *dir;
	char *note;		/* DIR/NAME: images of a move that did not end; until it has */
	char *old;		/* what such a note said when we came; NULL: there was none */
	bool is_new;		/* we made DIR: so whatever is brought into it is ours */
	bool noted;		/* the note is there, and ours */
	GPtrArray *images;	/* paths that we took */
	GPtrArray *files, *dirs;	/* brought into a directory that is new; parents first */
} MadeFiles;

/* DIR of HOST (NULL: this host), whose note is called NAME. Nothing is asked yet. */
MadeFiles *made_files_new(const struct action_ctx *ctx, const char *host, const char *dir,
			  const char *name);

/* Makes the directory, and those above it, which stay; or finds it, and reads its note. */
bool made_files_directory(MadeFiles *m, GError **error);

/* Reads the note of a directory that is there into M->old. */
bool made_files_read_note(MadeFiles *m, GError **error);

/*
 * Whether FROM, a directory here, is that very directory, whatever the datastores are said to be:
 * a new file with a random name, made on one side, is looked for by that name on the other, and
 * the other way round. No listing is asked for: NFS answers that from its cache. One: nothing in it
 * counts as made.
 */
bool made_files_is_one(MadeFiles *m, const char *from, bool *ret_one, GError **error);

/*
 * Takes the name PATH for an image of ours. What is there already is replaced when the note names
 * it, or when it is OURS (the caller knows it for certain), else VMM_ERROR_EXISTS.
 */
bool made_files_take(MadeFiles *m, const char *path, bool ours, GError **error);

/* The note's text: TEXT, then the images that were taken. The caller frees with g_free(). */
char *made_files_note(const MadeFiles *m, const char *text);

/* Beforehand: what S will bring there, so that it can be found again. */
void made_files_will_bring(MadeFiles *m, const StoragePlan *s);

/* Whether there is anything to remove. */
bool made_files_any(const MadeFiles *m);

/*
 * Removes what was made: images and brought files by name, directories if they are empty then.
 * The caller has proved that nobody uses them. Faults are logged.
 */
void made_files_undo(MadeFiles *m);

/* The move has ended well: removes the note. */
bool made_files_keep(MadeFiles *m, GError **error);

/*
 * What is left where the VM came from: writes note NAME there, that the images which S had
 * copied are used by nobody any more, so that a move back may replace them. A failure is logged.
 */
void made_files_leave(const StoragePlan *s, const char *name);

void made_files_free(MadeFiles *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MadeFiles, made_files_free)

#endif
