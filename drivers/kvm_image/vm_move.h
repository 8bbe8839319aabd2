/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_move.h - the directory of a VM on its way to another host: what belongs to it, and how far it
 * has come.
 *
 * Both sides keep this in ".kvm-image.move.json" beside the disks until the move has ended, and it
 * goes before the files in the stream of send --all. At each moment one side says that it has all:
 *
 *	source      destination     the next run
 *	sending     -, receiving    sends all again; what the destination has is removed first
 *	sending     received        the same, unless the copy was changed meanwhile
 *	sent        received        empties the source
 *	-           received        forgets the move
 *
 * Source: docs/facts/images.md 9.
 */
#ifndef KVM_IMAGE_VM_MOVE_H
#define KVM_IMAGE_VM_MOVE_H

#include <json-c/json.h>

#include "file_identity.h"

enum vm_move_state {
	VM_MOVE_SENDING,	/* a source, which has all */
	VM_MOVE_SENT,		/* a source whose destination has all: it may be emptied */
	VM_MOVE_RECEIVING,	/* a destination, which has a part */
	VM_MOVE_RECEIVED,	/* a destination, which has all */
};

enum vm_item_kind { VM_ITEM_FILE, VM_ITEM_LINK, VM_ITEM_DIRECTORY, VM_ITEM_VOLUME };

/* One thing in the directory. */
struct vm_item {
	enum vm_item_kind kind;
	char *name;		/* below the directory: "disk.0", "tpm/.host" */
	char *link;		/* what a link, or that to a volume, leads to; or NULL */
	char *cache;		/* the name of a base in the cache of its datastore; or NULL */
	bool stays;		/* a volume that both hosts see: it is not copied */
	unsigned mode;
	guint64 size;		/* bytes of a file or a volume */
	struct file_identity is;
	gint64 changed_ns;	/* 0: not known */
};

typedef struct vm_move {
	char *vm;		/* the VM's id */
	char *id;		/* of this move: random */
	char *was;		/* of the move by which the source got it; or NULL */
	char *earlier;		/* of a source: of moves that did not end, with blanks; or NULL */
	char *context;		/* the name of the medium with the context; or NULL */
	char *token;		/* of a destination that has all: a file there; or NULL */
	enum vm_move_state state;
	bool is_running;	/* the VM runs: another program moves its disks */
	guint64 data;		/* bytes that the files take at most */
	GPtrArray *items;	/* of struct vm_item */
	GPtrArray *records;	/* of struct disk_record, as the source has them */
} VmMove;

/* Move ID of VM, with nothing in it yet; both are copied. */
VmMove *vm_move_new(const char *vm, const char *id);
void vm_move_free(VmMove *move);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmMove, vm_move_free)

/* Adds an item of that name, which is returned, borrowed. */
struct vm_item *vm_move_add(VmMove *move, enum vm_item_kind kind, const char *name);

/* The item of that name; NULL: none. Borrowed. */
const struct vm_item *vm_move_find(const VmMove *move, const char *name);

/* All of it as one line of JSON. The caller frees. */
char *vm_move_print(const VmMove *move);

/* What vm_move_print() printed. VMM_ERROR_INPUT: it is not that. */
VmMove *vm_move_parse(const char *text, const char *name, GError **error);

/*
 * The move that is noted in DIRECTORY; RET is NULL when there is none. VMM_ERROR_REFUSED: the note
 * is not one of ours, or another user can write it.
 */
bool vm_move_read(const char *directory, VmMove **ret, GError **error);

/*
 * Whether DIRECTORY may have all of its VM, by what is noted. VMM_ERROR_REFUSED: another place has
 * it, or only a part has come there.
 */
bool vm_move_check_here(const char *directory, GError **error);

/* Notes it there; a power cut does not undo that. */
bool vm_move_write(const VmMove *move, const char *directory, GError **error);

/* Removes the note and all marks from DIRECTORY, which is locked. */
bool vm_move_forget(const char *directory, GError **error);

/* Whether NAME is that of the note or of a mark. */
bool vm_move_is_file(const char *name);

/*
 * Makes the mark of RANDOM in DIRECTORY, and says whether DIRECTORY has it: that of another host
 * that has it is the same one.
 */
bool vm_move_make_mark(const char *directory, const char *random, GError **error);
bool vm_move_has_mark(const char *directory, const char *random, bool *ret, GError **error);

/*
 * Sets size, mode and identity of file ITEM in DIRECTORY. VMM_ERROR_REFUSED: it is no regular
 * file.
 */
bool vm_item_look(struct vm_item *item, const char *directory, GError **error);

/*
 * Whether the files in DIRECTORY are those of MOVE, and were not changed: VMM_ERROR_REFUSED.
 * MAY_BE_GONE: a removal of them may have been killed.
 */
bool vm_move_check_unchanged(const VmMove *move, const char *directory, bool may_be_gone,
			     GError **error);

#endif
