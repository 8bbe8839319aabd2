/* SPDX-License-Identifier: Apache-2.0 */
/*
 * made_files.h - records what an action creates for a VM in another directory, here or on another
 * host, and removes exactly that, by name, if the VM stays where it was. Files that existed before
 * are never removed.
 *
 * Whether we made a thing is certain: mkdir says whether the directory is new, and images are
 * created with O_EXCL. If the host cannot be asked, that is an error before anything is changed.
 * Source: actions.md 7; pitfalls.md P-24.
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
	bool is_new;		/* we made DIR: so all files copied into it are ours */
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
 * Whether FROM, a directory here, is the same directory, whatever the datastores claim: a new file
 * with a random name, created on one side, is looked up by name on the other, and the other way
 * round. Directories are not listed, as NFS answers that from its cache. If they are one, nothing
 * in it is recorded as made.
 */
bool made_files_is_one(MadeFiles *m, const char *from, bool *ret_one, GError **error);

/*
 * Reserves PATH for an image: until that is written the file has a text by which another run knows
 * whose it is. An existing file is replaced only if it has nothing but that text, if the note names
 * it, or if it is OURS (the caller knows that for certain); otherwise VMM_ERROR_EXISTS.
 */
bool made_files_take(MadeFiles *m, const char *path, bool ours, GError **error);

/* The note's text: TEXT, then the images that were taken. The caller frees with g_free(). */
char *made_files_note(const MadeFiles *m, const char *text);

/* Records, before copying, which files S will copy there. */
void made_files_will_bring(MadeFiles *m, const StoragePlan *s);

/* Whether there is anything to remove. */
bool made_files_any(const MadeFiles *m);

/*
 * Removes what was made: images and copied files by name, directories if they are empty then. The
 * caller has proved that they are not in use. Faults are logged.
 */
void made_files_undo(MadeFiles *m);

/* The move has ended well: removes the note. */
bool made_files_keep(MadeFiles *m, GError **error);

/*
 * In the directory that the VM has left: writes note NAME, which says that the images which S
 * copied are no longer in use, so that a move back may replace them. A failure is logged.
 */
void made_files_leave(const StoragePlan *s, const char *name);

void made_files_free(MadeFiles *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MadeFiles, made_files_free)

#endif
