/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_record.h - what kvm-image made in a VM's directory, in a file there: the mark by which it
 * knows its disks again.
 *
 * It is written before the disks get their names, so that the next run can undo what a killed one
 * began. A disk is known by its file's identity: a file that another program put in its place has
 * another one.
 */
#ifndef KVM_IMAGE_DISK_RECORD_H
#define KVM_IMAGE_DISK_RECORD_H

#include <json-c/json.h>

#include "file_identity.h"

struct disk_entry {
	char *name;	/* in the directory */
	char *wish;	/* what it was made for */
	char *link;	/* what it leads to; NULL: it is a regular file */
	char *volume;	/* "lvm:GROUP/NAME", to which LINK leads; NULL: none */
	char *id;	/* of that volume; NULL: its unfinished form alone is ours */
	struct file_identity is;	/* no inode: perhaps it is not there */
	struct file_identity next;	/* of what is about to take its name; no inode: none */
};

struct disk_record {
	char *vm;		/* the VM's id */
	char *disk;		/* "disk.0", which alone it is of; NULL: of all disks at once */
	bool is_whole;		/* all disks are there; else they are being made or removed */
	bool made_directory;	/* the directory is ours, too */
	GPtrArray *entries;	/* of struct disk_entry */
};

/* An empty one of VM, of DISK alone or (NULL) of all. disk_record_free() it. */
struct disk_record *disk_record_new(const char *vm, const char *disk);

/*
 * The record in DIRECTORY of DISK alone, or (NULL) of all disks; RET is NULL when there is none.
 * VMM_ERROR_REFUSED: it is not one of ours, or another user can write it.
 */
bool disk_record_read(const char *directory, const char *disk, struct disk_record **ret,
		      GError **error);

/*
 * Whether NAME is that of a record's file; RET_DISK: the disk that it is of, which the caller
 * frees, or NULL.
 */
bool disk_record_is_file(const char *name, char **ret_disk);

/* As it is written, and what was written as the record of DISK (NULL: of all); NULL: it is none. */
json_object *disk_record_json(const struct disk_record *record);
struct disk_record *disk_record_of_json(json_object *text, const char *disk);

/* Whether NAME is one that we give: never a path that leads elsewhere. */
bool disk_record_is_name(const char *name);

/*
 * Whether file FD was written by this user or root, and by nobody else: its writer could have us
 * remove any file of the directory.
 */
bool disk_record_is_trusted(int fd);

/* Writes it there, for its owner only. */
bool disk_record_write(const struct disk_record *record, const char *directory, GError **error);

/* Removes it from DIRECTORY. */
bool disk_record_remove(const struct disk_record *record, const char *directory, GError **error);

/* Adds regular file FD, which is to be called NAME, or a LINK. */
bool disk_record_add_file(struct disk_record *record, const char *name, const char *wish, int fd,
			  GError **error);
void disk_record_add_link(struct disk_record *record, const char *name, const char *wish,
			  const char *link);

/* Adds a copy of ENTRY, of a volume; one with its name is replaced. */
void disk_record_add_volume(struct disk_record *record, const struct disk_entry *entry);

/*
 * Regular file FD is about to replace NAME, or to be it: until disk_record_replaced() either file
 * is ours.
 */
bool disk_record_replace(struct disk_record *record, const char *name, const char *wish, int fd,
			 GError **error);
void disk_record_replaced(struct disk_record *record, const char *name);

/* NAME is about to be removed: it may be gone from now on. */
void disk_record_forget(struct disk_record *record, const char *name);

/* Takes the entry of NAME away. */
void disk_record_drop(struct disk_record *record, const char *name);

/* The entry called NAME; NULL: none. Borrowed. */
const struct disk_entry *disk_record_find(const struct disk_record *record, const char *name);

enum disk_found { DISK_GONE, DISK_OURS, DISK_BUSY, DISK_OTHER };

/*
 * What lies in DIRECTORY under the name of ENTRY now: nothing, the disk that was made, the same
 * while QEMU has it open, or something else (also when it cannot be looked at). Of a volume it is
 * the link that is looked at: disk_volume.h says the rest.
 */
enum disk_found disk_record_look(const struct disk_entry *entry, const char *directory);

void disk_record_free(struct disk_record *record);

#endif
