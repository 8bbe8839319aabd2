/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vtpm_note.h - notes beside a VM's files which host has the newest state of its TPM: two links in
 * DIRECTORY/tpm, which move with it.
 *
 *   .host      where the VM was started last, or came to
 *   .host.to   where a move from there goes, from before it begins until its end is known
 *
 * A move takes the state along, so after one whose end nobody noted the state is at .host if that
 * host has any, else at .host.to. The other order would be wrong: a move that failed leaves an
 * empty TPM at its destination. Without .host the newest state is in DIRECTORY/tpm itself.
 */
#ifndef VM_VTPM_NOTE_H
#define VM_VTPM_NOTE_H

#include "action/action.h"

/* What the links say; NULL: there is none. A name is as it stands there: check it. */
struct vtpm_note {
	char *host, *to;
};

/* Reads both links in DIRECTORY/tpm; vtpm_note_clear() RET. */
void vtpm_note_read(const char *directory, struct vtpm_note *ret);
void vtpm_note_clear(struct vtpm_note *note);

/* The path of .host, or of .host.to (IS_TO). The caller frees. */
char *vtpm_note_path(const char *directory, bool is_to);

/* Notes in DIRECTORY, on host AT or here (NULL), that the VM is on HOST and is not moved. */
bool vtpm_note_write(const struct action_ctx *ctx, const char *at, const char *directory,
		     const char *host, GError **error);

/* The same for a start here that may fail, and be undone: .host alone says HOST, or is removed. */
bool vtpm_note_host(const struct action_ctx *ctx, const char *directory, const char *host,
		    GError **error);
void vtpm_note_no_host(const char *directory);

/* Notes in DIRECTORY, here, that a move goes from FROM (NULL: not known) to host TO. */
bool vtpm_note_move(const struct action_ctx *ctx, const char *directory, const char *from,
		    const char *to, GError **error);

/* The move did not take place: .host.to is removed. */
void vtpm_note_stayed(const char *directory);

/* The newest state is in DIRECTORY: both links are removed. */
void vtpm_note_remove(const char *directory);

#endif
