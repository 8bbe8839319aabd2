/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_identity.h - which file it is, whatever it is called, also after a long time.
 *
 * Source: docs/facts/images.md 4.
 */
#ifndef KVM_IMAGE_FILE_IDENTITY_H
#define KVM_IMAGE_FILE_IDENTITY_H

#include <json-c/json.h>

#include "base/error.h"

/* An inode number is given again to another file: one of the others tells the two apart. */
struct file_identity {
	guint64 inode;		/* 0: none is known */
	gint64 born_ns;		/* 0: the file system does not say */
	gint64 handle;		/* a checksum of its handle; 0: likewise */
};

/* That of file FD; false: errno is set. */
bool file_identity_of(int fd, struct file_identity *ret);

/*
 * Whether NOW, of a file that is there, is what was noted as KNOWN: by the time of birth where both
 * have it, else by the handle. What has neither is known by its inode alone, so it is on a file
 * system that has neither; false where nothing can be compared, as by another kind of mount.
 */
bool file_identity_is(const struct file_identity *known, const struct file_identity *now);

/* Adds it to object TO, as members "inode" and so on behind PREFIX; and reads what was added. */
void file_identity_add(json_object *to, const char *prefix, const struct file_identity *id);
void file_identity_read(json_object *of, const char *prefix, struct file_identity *ret);

#endif
