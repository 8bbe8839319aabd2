/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_contents.h - all that is in the directory of a VM whose disks were made one by one, each thing
 * with its owner: what has none is another's, and nothing is done then.
 */
#ifndef KVM_IMAGE_VM_CONTENTS_H
#define KVM_IMAGE_VM_CONTENTS_H

#include "disk_removal.h"
#include "template/vm.h"
#include "vm_move.h"

#define VM_TPM_STATE "tpm"

struct vm_contents {
	const struct image_job *job;
	const char *path;	/* of the directory */
	const char *vm;		/* the VM's id */
	char *context;		/* the name of the medium with its context; NULL: it has none */
	bool is_move;		/* for messages: it is moved, not removed */
	bool may_run;		/* programs may have the disks open, which alone are looked at */
	bool gives_volumes;	/* and the volumes, which other hosts see, too */
	const struct vm_move *came;	/* a move that came here: its links are the VM's; or NULL */
	GPtrArray *records;	/* of struct disk_record */
	GPtrArray *files;	/* names of what OpenNebula and the actions keep there */
	bool has_tpm_state;	/* VM_TPM_STATE is there, and nothing strange in it */
};

/* What is in directory PATH of VM, all borrowed. vm_contents_clear() it. */
void vm_contents_init(struct vm_contents *contents, const struct image_job *job, const char *path,
		      const char *vm);

/* The name of the medium with the context that the document says; NULL: none. The caller frees. */
char *vm_contents_context(const TmplVm *vm);

/*
 * Looks at all of it. VMM_ERROR_REFUSED: something is not the VM's; VMM_ERROR_BUSY: a program has
 * a disk open.
 */
bool vm_contents_look(struct vm_contents *contents, GError **error);

/* From what vm_contents_look() found takes all but the disks. */
void vm_contents_keep_files(struct vm_contents *contents);

/* Removes what it found, but not the lock and the note of a move, in a directory that is locked. */
bool vm_contents_remove(struct vm_contents *contents, GError **error);

/* Whether NAME, of a thing or of one below VM_TPM_STATE, is one that such a directory may have. */
bool vm_contents_may_have(const char *name, const char *context);

/* Whether NAME, of a file there, is the host's alone or unfinished, and of no use elsewhere. */
bool vm_contents_stays_behind(const char *name);

/* The names in directory PATH, of char *. g_ptr_array_unref() them; NULL: it cannot be read. */
GPtrArray *vm_contents_names(const char *path, GError **error);

void vm_contents_clear(struct vm_contents *contents);

#endif
