/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_set.h - the set of scripts and programs that hosts get: its files, their contents, and an
 * archive of those that a host lacks.
 *
 * Source: docs/facts/sync.md 1, 5, 6.
 */
#ifndef KVM_SYNC_HOSTS_FILE_SET_H
#define KVM_SYNC_HOSTS_FILE_SET_H

#include "base/error.h"

/* Where a host keeps the manifest of its set, below its directory. */
#define SET_MANIFEST ".vmmexec-manifest"

typedef struct set Set;

/*
 * Reads tree DIR, and OVER (or NULL), whose files replace or join those of DIR. Links are
 * followed. Errors: as errno says.
 */
Set *file_set_read(const char *dir, const char *over, GError **error);
void file_set_free(Set *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Set, file_set_free)

/* "SHA256  PATH" lines, and comments: version, modes. Equal sets have equal ones. Borrowed. */
const char *file_set_manifest(const Set *set);

/*
 * A tar archive of the manifest and the *RET_FILES files that differ from those of HAVE, a manifest
 * or "". The caller unrefs. NULL with ERROR set: a file cannot be read, or has changed.
 */
GBytes *file_set_archive(const Set *set, const char *have, guint *ret_files, GError **error);

/* "debian-12-x86_64": what OS_RELEASE (the text of os-release) and MACHINE are. Caller frees. */
char *file_set_platform(const char *os_release, const char *machine);

#endif
