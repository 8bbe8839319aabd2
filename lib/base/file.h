/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - files that are whole or not there. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"

#include <sys/types.h>

/*
 * Puts LEN bytes at PATH with permissions MODE, through a temporary file
 * beside it, fsync and rename: a reader, and a crash, sees the old file or the
 * new one. A link at PATH is replaced, not followed. On failure nothing is
 * left and the old file stays. Errors: as errno says, naming PATH.
 */
bool file_write(const char *path, const void *data, size_t len, mode_t mode, GError **error);

/* Renames FROM to TO, which it replaces, and sees to it that a power cut does not undo it. */
bool file_rename(const char *from, const char *to, GError **error);

/* Sees to it that a power cut does not undo what was named, renamed or removed in PATH. */
bool file_sync_directory(const char *path, GError **error);

/* Makes directory PATH and its parents (0755 & ~umask); true if it is there. */
bool file_make_directory(const char *path, GError **error);

/* Swaps A and B, files or directories of one file system, in one step. Errors: as errno says. */
bool file_exchange(const char *a, const char *b, GError **error);

/* Writes LEN bytes to descriptor FD, all of them. False: errno says why. */
bool file_write_fd(int fd, const void *data, size_t len);

/* Reads all of descriptor FD, at most MAX bytes (more: VMM_ERROR_INPUT). Caller frees. */
GString *file_read_fd(int fd, size_t max, const char *name, GError **error);

/*
 * Reads file PATH, at most MAX bytes; does not wait for a FIFO's writer. Caller
 * frees. Errors: as errno says, "cannot read PATH: …", or VMM_ERROR_INPUT when it is longer.
 */
GString *file_read(const char *path, size_t max, GError **error);

#endif
