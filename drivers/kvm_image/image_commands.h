/* SPDX-License-Identifier: Apache-2.0 */
/* image_commands.h - what kvm-image can be told to do; each is one word of its command line. */
#ifndef KVM_IMAGE_IMAGE_COMMANDS_H
#define KVM_IMAGE_IMAGE_COMMANDS_H

#include "image_job.h"
#include "template/vm.h"

/* What the header says; nothing else is opened. */
bool image_info(struct image_job *job, GError **error);

/* Whether QEMU may open it, as deploy asks. */
bool image_verdict(struct image_job *job, GError **error);

/* A new, empty image, or one on a backing file. */
bool image_create(struct image_job *job, GError **error);

/* Another virtual size, in place. */
bool image_resize(struct image_job *job, GError **error);

/* Removes a regular file that is an image and that nobody has open. */
bool image_remove(struct image_job *job, GError **error);

/* A copy in another format; its backing files, which the policy of deploy allows, become part. */
bool image_convert(struct image_job *job, GError **error);

/* As image_convert() of a file that comes from outside: no backing file at all, a checksum. */
bool image_import(struct image_job *job, GError **error);

/*
 * The file that a snapshot in a Ceph pool is, whose URL the image service gave. The result's
 * "try_http" says after a failure whether the same image is worth trying from elsewhere.
 */
bool image_fetch(struct image_job *job, GError **error);

/* All disks of the VM document in a directory, or none; succeeded if they are there already. */
bool image_prepare(struct image_job *job, GError **error);

/* Removes what image_prepare() made there for that VM, unless a program has a disk of it open. */
bool image_dispose(struct image_job *job, GError **error);

/*
 * As image_dispose(), for disks that were made one by one: all of them, OpenNebula's files and the
 * directory.
 */
bool image_dispose_all(struct image_job *job, const char *directory, const TmplVm *vm,
		       GError **error);

/* Writes a disk of a VM, or a file, to stdout for image_receive(), which makes a file of it. */
bool image_send(struct image_job *job, GError **error);
bool image_receive(struct image_job *job, GError **error);

/*
 * Writes the whole directory of a VM to stdout for image_receive_all(), which makes it in another
 * directory, whole or not at all. What that directory had of an earlier move is replaced.
 */
bool image_send_all(struct image_job *job, GError **error);
bool image_receive_all(struct image_job *job, GError **error);

/* Says how far a move has come here, and which volumes there are. */
bool image_state(struct image_job *job, GError **error);

/* Empties the directory of a VM, of which the destination of the move has all. */
bool image_leave(struct image_job *job, GError **error);

/* Forgets the move by which the directory came here. */
bool image_keep(struct image_job *job, GError **error);

/*
 * Ends a copy of a VM that moves while it runs, made by send --all --running and receive --all.
 * image_adopt() makes the disks that have arrived since the VM's own. image_abandon() removes what
 * was received, if the VM was not moved after all.
 */
bool image_adopt(struct image_job *job, GError **error);
bool image_abandon(struct image_job *job, GError **error);

/* A snapshot of a disk of a VM that is powered off: made, gone back to, deleted. */
bool image_snap_create(struct image_job *job, GError **error);
bool image_snap_revert(struct image_job *job, GError **error);
bool image_snap_delete(struct image_job *job, GError **error);

/* Gives a disk of a VM, whose record is there, another virtual size. */
bool image_grow(struct image_job *job, GError **error);

#endif
