/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume.h - an image that is not a file: a logical volume of LVM, or an image in a
 * Ceph pool.
 *
 * As a file, it is made under another name ("NAME.kvm-image") and is called NAME when it is whole.
 * A program that has it open keeps others from removing it, and so it protects what is being made;
 * before it is open, a lock of this host does. What another host makes is known by that host's name
 * in a tag (LVM) or in PART itself (Ceph).
 * Source: docs/facts/images.md 6 and 7.
 */
#ifndef KVM_IMAGE_VOLUME_H
#define KVM_IMAGE_VOLUME_H

#include "base/run_directory.h"
#include "image_copy.h"

struct volume {
	const struct volume_kind *kind;
	char *text;		/* "lvm:GROUP/NAME" or "rbd:POOL/NAME" */
	char *store;		/* GROUP or POOL */
	char *parent;		/* POOL/IMAGE@SNAP, of which PART is made as a clone; NULL: none */
	guint64 parent_size;	/* its bytes */
	bool may_protect;	/* it is the snapshot that we make of images */
	char *name;
	char *part;		/* its name while it is made or removed */
	char *id;		/* of PART, once that is made; a new name changes it not */
	guint64 size;		/* of PART: what was asked for, rounded up */
	int fd;			/* of PART; -1: not open */
	int lock[RUN_DIRECTORY_LOCKS];	/* files: on this host nobody else makes or removes it */
	int locks;
	bool is_made;		/* PART is ours: nobody else looks for it */
	bool is_thick;		/* PART has blocks of its own, whatever THIN_POOL says */
	bool is_zero;		/* PART reads as zeros where nothing was written */
};

/* What is there under a name. volume_state_clear() it. */
struct volume_state {
	bool is_there, in_use;
	bool is_ours;		/* kvm-image made it */
	char *id;
	guint64 size;
};

/* Whether OPERAND names a volume, right or wrong: "lvm:…", "rbd:…". */
bool volume_is(const char *operand);

/* Reads OPERAND. VMM_ERROR_USAGE: it names none. volume_clear() RET, also after a failure. */
bool volume_parse(struct volume *ret, const char *operand, GError **error);

/* RET: what is there. An error is no answer. */
bool volume_look(const struct image_job *job, const struct volume *volume,
		 struct volume_state *ret, GError **error);

/* The same of its unfinished form. */
bool volume_look_part(const struct image_job *job, const struct volume *volume,
		      struct volume_state *ret, GError **error);

/* Whether one of SIZE bytes may be made: VMM_ERROR_EXISTS, VMM_ERROR_NO_SPACE. */
bool volume_may_make(const struct image_job *job, const struct volume *volume, guint64 size,
		     GError **error);

/* Whether its store has room for SIZE bytes more: VMM_ERROR_NO_SPACE, VMM_ERROR_NOT_FOUND. */
bool volume_room(const struct image_job *job, const struct volume *volume, guint64 size,
		 GError **error);

/*
 * Makes PART, of SIZE bytes; what a killed run left in its place is removed. VMM_ERROR_BUSY:
 * another program makes the same volume now.
 */
bool volume_begin(const struct image_job *job, struct volume *volume, guint64 size, GError **error);

/* Writes the image into PART, and zeros behind it: a guest sees nothing of former owners. */
bool volume_fill(struct volume *volume, const struct image_copy *copy, GError **error);

/* Writes zeros from byte START of PART to its end. */
bool volume_zero(struct volume *volume, guint64 start, GError **error);

/* Gives PART its name. */
bool volume_publish(const struct image_job *job, struct volume *volume, GError **error);

/* Removes PART, unless it was published. */
void volume_abandon(const struct image_job *job, struct volume *volume);

/* Makes it larger. VMM_ERROR_BUSY: a program has it open. */
bool volume_grow(const struct image_job *job, struct volume *volume, guint64 size, GError **error);

/*
 * Wipes it as VOLUME_CLEAR says, and removes it; one that a killed run began to make or to remove,
 * too. ID: of the volume that the caller has looked at; NULL: there was none, and a volume that has
 * its name by now stays. VMM_ERROR_REFUSED: nothing of it was there, and another volume has its
 * name by now. VMM_ERROR_BUSY: a program has it open, also after the time that this kind of volumes
 * needs to notice a program's death.
 */
bool volume_remove(const struct image_job *job, struct volume *volume, const char *id,
		   GError **error);

/*
 * Makes this host's device of a volume that other hosts see, too, or (ON false) removes that
 * device: one that stays behind would show old data later. VMM_ERROR_BUSY or another class: a
 * program has it open.
 */
bool volume_activate(const struct image_job *job, const struct volume *volume, bool on,
		     GError **error);

/* "/dev/GROUP/PART", or NULL. The caller frees. */
char *volume_part_path(const struct volume *volume);

/* What a link to it leads to: "/dev/GROUP/NAME"; NULL: it is no device. The caller frees. */
char *volume_path(const struct volume *volume);

void volume_state_clear(struct volume_state *state);
void volume_clear(struct volume *volume);

#endif
