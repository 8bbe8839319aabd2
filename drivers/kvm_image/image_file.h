/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_file.h - an image that is made beside its place, and is there when it is whole.
 *
 * Source: docs/facts/images.md 3.
 */
#ifndef KVM_IMAGE_IMAGE_FILE_H
#define KVM_IMAGE_IMAGE_FILE_H

#include "base/error.h"

struct image_file {
	const char *path;	/* borrowed */
	char *part;		/* ".NAME.kvm-image" beside it */
	int fd;			/* of PART, locked; -1: not open */
	char *handle;		/* "/proc/…": PART for our programs, whatever has its name now */
	bool force;
};

/*
 * Whether an image may be made at PATH: nothing is there, or FORCE and a regular file that no
 * other program has open as an image. VMM_ERROR_EXISTS, VMM_ERROR_BUSY, VMM_ERROR_REFUSED.
 */
bool image_file_may_make(const char *path, bool force, GError **error);

/*
 * Makes the empty file PART, for us alone, and locks it: VMM_ERROR_BUSY when another program makes
 * the same image. What a killed one left is removed. image_file_clear() it.
 */
bool image_file_open(struct image_file *file, const char *path, bool force, GError **error);

/*
 * A name for a program that takes no file that is there: what it makes under it is not there now,
 * and image_file_take_data() makes it PART, with its lock. The caller frees.
 */
char *image_file_data(const struct image_file *file);
bool image_file_take_data(struct image_file *file, GError **error);

/* Writes PART to the disk and gives it its name. */
bool image_file_publish(struct image_file *file, GError **error);

/* The same with owner and permissions of the file that it replaces, else those of any new file. */
bool image_file_publish_plain(struct image_file *file, GError **error);

/* Renames file FROM to TO, which is not there; else false, and errno. */
bool image_file_rename_new(const char *from, const char *to);

/* Puts the names of files into ERROR's message where that has handles; false. */
bool image_file_name_handles(GError **error);

/* Gives the file that FROM, a handle, leads to the name TO, too; else false, and errno. */
bool image_file_link(const char *from, const char *to);

/* Removes PART, unless it was published. */
void image_file_clear(struct image_file *file);

/*
 * Removes PART, what a killed run left of image PATH; none is fine. VMM_ERROR_BUSY: another program
 * makes that image now.
 */
bool image_file_remove_part(const char *part, const char *path, GError **error);

/* Removes what killed runs of this user left in DIRECTORY of images called START…. */
void image_file_remove_parts(const char *directory, const char *start);

/* ".NAME.kvm-image" beside PATH. The caller frees. */
char *image_file_part(const char *path);

/* Whether FD is still what PATH names. */
bool image_file_is(int fd, const char *path);

/* Whether files in the directory of PATH can be written past the page cache. */
bool image_file_is_direct(const char *path);

/* Bytes that are free for us in the directory of PATH, or where that would be made. */
bool image_file_room(const char *path, guint64 *ret, GError **error);

#endif
